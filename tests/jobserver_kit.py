"""Jobs that note when they run, and how many did so at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from typing import TYPE_CHECKING

import pytest

from stagemake.jobserver.auth import knows_fifo

if TYPE_CHECKING:
    from project import Project

JOB = "echo + >> {log}; sleep 0.1; echo - >> {log}"
"""What a job does, in one shell: lines this short are appended whole."""

MEETING = "echo + >> {log}; while [ $(grep -c + {log}) -lt {others} ]; do sleep 0.01; done; echo - >> {log}"
"""The same, but none ends before so many have begun."""

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


def ninja() -> str:
    """Return the ninja of the `ninja` distribution, which has a jobserver client; skip without one."""
    found = os.path.join(sysconfig.get_path("scripts"), "ninja")
    if not os.path.exists(found):
        pytest.skip("there is no ninja of 1.13 or later")
    return found


BUILD_SCRIPT = """\
use std::io::Write;

fn note(sign: &str) {
    let log = std::env::var("JOB_LOG").unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(log).unwrap();
    file.write_all(sign.as_bytes()).unwrap();
}

fn main() {
    note("+\\n");
    // Longer than the others take to be compiled: without tokens they would overlap.
    std::thread::sleep(std::time::Duration::from_millis(1000));
    note("-\\n");
}
"""
"""What a crate does before it is compiled; cargo takes a token for it as for a compiler."""


def cargo(project: Project, crates: int) -> str:
    """Write so many crates, and one that needs all of them; return the command that builds it, or skip.

    Its -j8 is what cargo would do for itself; it takes no notice of that where there is a jobserver.
    """
    found = shutil.which("cargo")
    if found is None or subprocess.run([found, "-V"], check=False, capture_output=True).returncode:
        pytest.skip("there is no cargo: too large to be installed for this")
    package = '[package]\nname = "{0}"\nversion = "0.1.0"\nedition = "2021"\n'.format
    names = [f"crate{number}" for number in range(crates)]
    for name in names:
        project.write(f"{name}/Cargo.toml", package(name)).write(f"{name}/src/lib.rs")
        project.write(f"{name}/build.rs", BUILD_SCRIPT)
    needs = "".join(f'{name} = {{ path = "../{name}" }}\n' for name in names)
    project.write("all/Cargo.toml", f"{package('all')}[dependencies]\n{needs}")
    project.write("all/src/main.rs", "fn main() {}\n")
    homes = {
        name: os.environ.get(name, os.path.expanduser(f"~/.{name.lower().partition('_')[0]}"))
        for name in ("RUSTUP_HOME", "CARGO_HOME")
    }
    words = " ".join(f"{name}='{value}'" for name, value in homes.items())
    log = project.root / "log"
    return f"{words} JOB_LOG={log} {found} build -q -j8 --offline --manifest-path all/Cargo.toml"


def has_fifos() -> bool:
    """Whether the `make` here is 4.4 or later, which tells of a FIFO."""
    return knows_fifo(os.environ["PATH"])


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


def meeting(project: Project, others: int) -> str:
    return MEETING.format(log=project.root / "log", others=others)


def makefile(project: Project, name: str, jobs: int, what: str = "") -> None:
    """Write a Makefile whose `all` runs so many jobs."""
    targets = " ".join(f"job{number}" for number in range(jobs))
    recipe = (what or job(project)).replace("$", "$$")
    project.write(name, f"all: {targets}\n{targets}:\n\t@{recipe}\n")


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
