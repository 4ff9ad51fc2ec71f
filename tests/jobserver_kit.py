"""Jobs that note when they run, and how many did so at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

JOB = "echo + >> {log}; sleep 0.1; echo - >> {log}"
"""What a job does, in one shell: lines this short are appended whole."""

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


def ninja() -> str:
    """Return the ninja of the `ninja` distribution, which has a jobserver client; skip without one."""
    found = os.path.join(sysconfig.get_path("scripts"), "ninja")
    if not os.path.exists(found):
        pytest.skip("there is no ninja of 1.13 or later")
    return found


def job(project: Project) -> str:
    return JOB.format(log=project.root / "log")


def most_at_once(project: Project) -> int:
    """Return how many jobs ran at the same time at most; none may be left running."""
    running = most = 0
    for line in project.read("log").splitlines():
        running += 1 if line == "+" else -1
        most = max(most, running)
    assert running == 0, "a job has not ended"
    return most


def count(project: Project) -> int:
    """Return how many jobs ran."""
    return project.read("log").count("+")


def makefile(project: Project, name: str, jobs: int) -> None:
    """Write a Makefile whose `all` runs so many jobs."""
    targets = " ".join(f"job{number}" for number in range(jobs))
    project.write(name, f"all: {targets}\n{targets}:\n\t@{job(project)}\n")


def ninja_file(project: Project, name: str, jobs: int) -> None:
    """Write a build.ninja of so many jobs."""
    rule = f"rule job\n  command = {job(project)}\n"
    project.write(name, rule + "".join(f"build out{number}: job\n" for number in range(jobs)))


def make(project: Project, *arguments: str, limit_s: float = 60.0) -> str:
    """Run make as users do; return what it printed. It has to end well."""
    done = subprocess.run(
        ["make", *arguments],
        cwd=project.root, env={**project.process_environment(), "PYTHON": sys.executable},
        capture_output=True, text=True, check=False, timeout=limit_s,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
