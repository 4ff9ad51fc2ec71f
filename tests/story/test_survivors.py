"""Whatever ends the tool, nothing that it started lives on: each way of running something by each way of ending.

`reaper.py` adopts orphans, so a survivor is seen wherever it has gone to. What is started has a shell that
waits, a child of it, a daemon in a session of its own that ignores TERM, and one by double fork that has
dropped the environment as well.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from attrs import frozen

from stagemake.observe import landlock, seccomp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

REAPER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "reaper.py")
FAMILY = (
    "(setsid sh -c 'trap \"\" TERM HUP INT; exec sleep 1000' &);"
    " (env -i setsid /bin/sh -c '(trap \"\" TERM; exec sleep 1000) &' &); sleep 1000 & wait"
)
SLEEPS = 3
STUBBORN = f"trap '' TERM; {FAMILY}; wait"
TOLD = """\
command("one", 'eval "$FAMILY"; cp in {outputs}', inputs=["in"], outputs=["out/one"], pass_env=["FAMILY"])
"""
HELD = TOLD.replace("pass_env=", "timeout=2, pass_env=")  # by then all that it starts is there
CALLED = """\
import os, subprocess, time

@stage(inputs=["in"], outputs=["out/one"], pass_env=["FAMILY"])
def one(context):
    if os.environ["FAMILY"]:
        subprocess.Popen(["sh", "-c", os.environ["FAMILY"]])
        time.sleep(1000)
    context.outputs[0].write_text("1")
"""
WATCHED = """\
command("one", "cp in {outputs}", inputs=["in"], outputs=["out/one"])
command("server", 'eval "$FAMILY"', inputs=["out/one"], service=True, pass_env=["FAMILY"])
"""
CAPTURED = """\
import os
from stagemake import capture

value = capture(["sh", "-c", os.environ["FAMILY"]], env=["FAMILY"]) if os.environ["FAMILY"] else ""
command("one", "cp in {outputs}", inputs=["in"], outputs=["out/one"])
"""

INT, TERM, HUP, KILL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
STATUS = {INT: 130, TERM: 143, HUP: 129, KILL: 137}  # as a shell tells it


@frozen
class Way:
    """How something comes to run."""

    stagefile: str
    argv: tuple[str, ...]
    children: int = 1  # of the tool, meanwhile: supervisors
    sleeps: int = SLEEPS
    is_built_before: bool = False
    needs: str = ""  # why not here; empty: it can be tried


NO_SECCOMP, NO_LANDLOCK = seccomp.problem(), "" if landlock.version() else "no Landlock"
WAYS = {
    "command": Way(TOLD, ("build",)),
    "function": Way(CALLED, ("build",)),
    "watched command": Way(TOLD, ("build", "--check"), needs=NO_SECCOMP),
    "watched function": Way(CALLED, ("build", "--check"), needs=NO_SECCOMP),
    "traced": Way(TOLD, ("trace", "one"), needs=NO_SECCOMP),
    "sandbox": Way(TOLD, ("build", "--sandbox"), needs=NO_LANDLOCK),
    "verify": Way(TOLD, ("verify",), is_built_before=True),
    "bench": Way(TOLD, ("bench", "--work", "../bench")),
    "service": Way(WATCHED, ("watch", "--poll", "1"), is_built_before=True),
    "stage of a watch": Way(TOLD, ("watch", "--poll", "1")),
    "exec": Way(TOLD.replace("$FAMILY", ""), ("watch", "--poll", "1", "--exec", FAMILY)),
    "capture": Way(CAPTURED, ("build",)),
}
CORE = {("command", TERM), ("function", KILL)}
BRIEF = {"watched function", "traced", "stage of a watch", "exec", "capture"}
"""Ways for which an end in order and a sudden one have to do: the others have tried INT and HUP."""

CELLS = [
    pytest.param(
        way, number, id=f"{way}-{number.name}",
        marks=[*([] if (way, number) in CORE else [pytest.mark.slow]),
               *([pytest.mark.skip(reason=WAYS[way].needs)] if WAYS[way].needs else [])],
    )
    for way in WAYS
    for number in STATUS
    if way not in BRIEF or number in {TERM, KILL}
]  # fmt: skip

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")


class Reaper:
    """Starts command lines and says what they left."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", REAPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )  # fmt: skip

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(
        self,
        *argv: str,
        signals: tuple[int, ...] = (),
        sleeps: int = SLEEPS,
        family: str = FAMILY,
        patience_s: float = 0.0,
    ) -> dict[str, object]:
        """Run until so many sleep, send signals, wait for the end; what lives on after the patience is told."""
        project = self._project
        asked = {
            "argv": [sys.executable, "-m", "stagemake", *argv],
            "cwd": str(project.root),
            "env": {**project.process_environment(), "FAMILY": family},
            "log": str(project.base / "log"),
            "signals": [int(each) for each in signals],
            "pause_s": 0.1 if len(signals) > 1 else 0.0,
            "sleeps": sleeps,
            "patience_s": patience_s,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        found: dict[str, object] = json.loads(self._process.stdout.readline())
        if (status := found["status"]) and isinstance(status, int) and status < 0:
            found["status"] = 128 - status
        return found

    def said(self) -> str:
        """Return what the last one printed."""
        return (self._project.base / "log").read_text()


@pytest.fixture
def reaper(project: Project) -> Iterator[Reaper]:
    found = Reaper(project)
    project.write("in", "1\n")
    (project.base / "bench").mkdir()
    yield found
    found.close()


@pytest.mark.parametrize(("name", "number"), CELLS)
def test_nothing_lives_on(
    project: Project, reaper: Reaper, name: str, number: signal.Signals
) -> None:
    way = WAYS[name]
    project.stagefile(way.stagefile)
    if way.is_built_before:
        project.env["FAMILY"] = ""
        project.build().exited(0)

    # A signal is answered in order: all is over when the tool is. A killed one can't wait for anybody.
    found = reaper.run(
        *way.argv, signals=(number,), sleeps=way.sleeps, patience_s=60.0 if number == KILL else 0.0
    )

    assert found == {
        "status": STATUS[number], "is_up": True, "is_ended": True, "left": [], "children": way.children,
    }, reaper.said()  # fmt: skip


@pytest.mark.parametrize("name", ["command", pytest.param("sandbox", marks=pytest.mark.slow)])
def test_nothing_lives_on_after_a_timeout(project: Project, reaper: Reaper, name: str) -> None:
    way = WAYS[name]
    if way.needs:
        pytest.skip(way.needs)
    project.stagefile(HELD)

    found = reaper.run(*way.argv, sleeps=way.sleeps)

    assert found == {
        "status": 1, "is_up": True, "is_ended": True, "left": [], "children": way.children,
    }, reaper.said()  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("number", [INT, TERM, HUP])
def test_asked_twice_what_ignores_the_first_is_ended_and_the_status_is_the_same(
    project: Project, reaper: Reaper, number: signal.Signals
) -> None:
    project.stagefile(TOLD)

    found = reaper.run("build", signals=(number, number), family=STUBBORN)

    assert (found["status"], found["left"]) == (STATUS[number], []), reaper.said()
