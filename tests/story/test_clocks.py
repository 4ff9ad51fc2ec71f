"""The clock is set back while a build runs: nothing is taken for older than it is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from stagemake.stagefile import audit
from stagemake.stagefile.recorder import Recorder

if TYPE_CHECKING:
    from project import Project

# An hour ahead until `back` is there; the file system's clock is right all the time.
AHEAD = """
import os, sys, time
real = time.time_ns
time.time_ns = lambda: real() + (0 if os.path.exists("back") else 3600 * 10**9)
time.time = lambda: time.time_ns() / 1e9
import runpy
sys.argv[1:] = ["build"]
runpy.run_module("stagemake", run_name="__main__", alter_sys=True)
"""


def build(project: Project, *how: str) -> str:
    """Build by a process of its own; return what it said."""
    environ = {**os.environ, "STAGEMAKE_CACHE_DIR": str(project.cache)}
    done = subprocess.run(
        [sys.executable, *how],
        cwd=project.root, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("edited", ["Stagefile", "helper.py"])
def test_what_is_edited_after_the_clock_was_set_back_is_read_by_the_next_build(
    project: Project, edited: str
) -> None:
    project.write("helper.py", "WORD = 'one'\n")
    project.stagefile(f"""
        from helper import WORD
        command("edit", "echo 1 > back; sed -i s/one/two/ {edited}; echo > edited", outputs=["edited"])
        command("say", f"echo {{WORD}} one > said", outputs=["said"], after=["edit"])
    """)

    build(project, "-c", AHEAD)
    build(project, "-m", "stagemake", "build")

    assert project.read("said") == ("one two\n" if edited == "Stagefile" else "two one\n")


def test_what_was_imported_before_anybody_listened_is_not_trusted_after_the_clock_was_set_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("helper.py", "WORD = 'one'\n")
    file = str(project.root / "helper.py")
    hour_ns = 3600 * 10**9
    real = time.time_ns
    monkeypatch.setattr(audit, "_installed", [((), real() + hour_ns)])  # it began by a clock ahead
    monkeypatch.setattr(audit, "_listening", [True])  # else this process would for good
    monkeypatch.setattr(audit, "_BEGUN_NS", (real() + hour_ns, time.monotonic_ns()))
    recorder = Recorder(str(project.root), loaded=sys.modules)
    monkeypatch.setattr(time, "time_ns", lambda: real() + hour_ns)
    recorder._note_late(file)
    assert not recorder.is_late  # by that clock the file is old

    monkeypatch.setattr(time, "time_ns", real)
    project.write("other.py", "WORD = 'two'\n")  # whatever is written now has an early time
    recorder._note_late(str(project.root / "other.py"))

    assert recorder.is_late


WAYS = {
    "written with the old time put back": "cp -p a kept; printf two > a; touch -r kept a",
    "a copy that keeps times": "printf two > b; touch -r a b; cp -p b a",
    "another file of that name, size and time": "printf two > b; touch -r a b; mv b a",
    "unpacked by tar": "mkdir t; printf two > t/a; touch -r a t/a; tar -C t -cf t.tar a; tar -xf t.tar",
    "a time in the far future": "touch -d 2090-01-01 a; touch -r a kept; printf two > a; touch -r kept a",
    "a time long ago": "printf two > a; touch -d 1980-01-01 a",
}


@pytest.mark.slow
@pytest.mark.parametrize("time", ["2001-01-01", "2090-01-01"])
@pytest.mark.parametrize("way", WAYS)
def test_an_edit_of_equal_size_and_time_is_noticed(project: Project, way: str, time: str) -> None:
    project.stagefile("command('copy', 'cp a out', inputs=['a'], outputs=['out'])\n").write(
        "a", "one"
    )
    subprocess.run(["touch", "-d", time, "a"], cwd=project.root, check=True)
    build(project, "-m", "stagemake", "build")
    assert build(project, "-m", "stagemake", "build") == "stagemake: up to date\n"

    subprocess.run(["sh", "-ec", WAYS[way]], cwd=project.root, check=True)
    build(project, "-m", "stagemake", "build")

    assert project.read("out") == "two"
