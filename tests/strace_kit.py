"""System calls of a build, counted with strace, for tests of what it asks of the system."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from noop_kit import build

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

STAGEFILE = """\
for leaf in glob("in/*.txt"):
    command(f"copy.{leaf.stem}", "cat {inputs} > {outputs}", inputs=[leaf], outputs=[f"out/{leaf.stem}.txt"])
"""
CALL = re.compile(r"^\d+ +(\w+)\((.*)$")
NAME = re.compile(r'"((?:[^"\\]|\\.)*)"')
STATS = ("stat", "lstat", "newfstatat", "statx", "fstatat64", "stat64", "lstat64")
STARTS = ("clone", "clone3", "fork", "vfork")
Calls = list[tuple[str, str]]  # name of the system call, its arguments as strace writes them


def find_strace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the program; skip where there is none, or where it may not look."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed; .ci/run installs it")
    trial = tmp_path_factory.mktemp("strace") / "trace"
    done = subprocess.run(
        [found, "-o", trial, "true"], capture_output=True, timeout=60, check=False
    )
    if done.returncode:
        pytest.skip("strace may not trace here")
    return found


def built(project: Project, stage_count: int) -> Project:
    """Return a project of so many stages that has nothing to do and knows it."""
    project.stagefile(STAGEFILE)
    for number in range(stage_count):
        project.write(f"in/{number:03d}.txt", "text")
    assert build(project).returncode == 0
    assert build(project).stderr == "stagemake: up to date\n"
    return project


def traced(strace: str, project: Project, program: str, *arguments: str) -> Calls:
    """Return the system calls of a Python program in the order they were made."""
    trace: Path = project.base / "trace"
    done = subprocess.run(
        [strace, "-f", "-s", "4096", "-o", trace, sys.executable, "-P", "-c", program, *arguments],
        cwd=project.root,
        env=project.process_environment(),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [
        (found[1], found[2]) for found in map(CALL.match, trace.read_text().splitlines()) if found
    ]


def noop(strace: str, project: Project, *arguments: str) -> Calls:
    """Return the system calls of the installed script's own function."""
    return traced(strace, project, "from stagemake.door import script; script()", *arguments)
