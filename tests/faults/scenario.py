"""What is going on when a fault strikes: a state of the project, and a command line."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from attrs import frozen
from faults.project import MINE, Expected, check_right, check_said, write, write_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.machine import Done, Fault, Machine


@frozen
class Scenario:
    """How things are before, what is typed, and what the user does before the build that has to be right."""

    prepare: Callable[[Machine], None]
    argv: tuple[str, ...] = ("build", "-j1")
    mine: int = 0  # files of the user's among outputs
    repair: Callable[[Machine], None] = lambda machine: None


def built(machine: Machine, **kinds: bool) -> None:
    """Have a project built."""
    write_project(machine.root, **kinds)
    done = machine.run("build")
    assert done.status == 0, done.err


def edited(machine: Machine) -> None:
    """Have a project built, then sources, the Stagefile and outputs edited."""
    built(machine, gone=True)
    write_project(machine.root)
    write(machine.root, "src/a", "another one\n")
    write(machine.root, "src/2.txt", "more\n")
    write(machine.root, "out/joined", f"{MINE} edited\n")
    write(machine.root, "out/tree/in/extra", f"{MINE} added\n")
    os.unlink(f"{machine.root}/deep/er/large")


def emptied(machine: Machine) -> None:
    """Have everything in the cache and nothing else, and a file of the user's where an output belongs."""
    built(machine)
    for name in ("out", "deep", ".stagemake"):
        shutil.rmtree(f"{machine.root}/{name}")
    write(machine.root, "out/up", f"{MINE} in the way\n")


def to_clean(machine: Machine) -> None:
    """Have a project built and an output edited."""
    built(machine)
    write(machine.root, "out/up", f"{MINE} edited\n")


def to_fail(machine: Machine) -> None:
    """Have a stage that will fail when it has written."""
    built(machine, failing=True)
    write(machine.root, "src/b", "bad\n")


def mended(machine: Machine) -> None:
    """Mend what made a stage fail."""
    write(machine.root, "src/b", "good again\n")


def to_collect(machine: Machine) -> None:
    """Have a project built and its outputs gone."""
    built(machine)
    shutil.rmtree(f"{machine.root}/out")


def moved(machine: Machine) -> None:
    """Have inputs and an output with another time and the same contents."""
    built(machine)
    for path in ("src/a", "src/b", "out/joined"):
        os.utime(f"{machine.root}/{path}", ns=(10**18, 10**18))


SCENARIOS = {
    "first": Scenario(lambda machine: write_project(machine.root)),
    "edit": Scenario(edited, mine=2),
    "restore": Scenario(emptied, mine=1),
    "clean": Scenario(to_clean, ("clean",), mine=1),
    "fail": Scenario(to_fail, ("build", "-j1", "-k"), repair=mended),
    "collect": Scenario(to_collect, ("cache", "gc", "--max-size", "0")),
    "moved": Scenario(moved),
    "function": Scenario(lambda machine: write_project(machine.root, function=True)),
    "verify": Scenario(built, ("cache", "verify")),
}


class Stage:
    """One machine with a scenario's beginning kept, to be taken up again for each trial."""

    def __init__(self, machine: Machine, name: str, expected: Expected) -> None:
        self.machine = machine
        self.name = name
        self.scenario = SCENARIOS[name]
        self.expected = expected
        self._kept = f"{machine.base}/kept-{name}"
        if not os.path.exists(self._kept):
            reset(machine)
            self.scenario.prepare(machine)
            for path in (machine.root, machine.cache):
                if os.path.exists(path):
                    shutil.copytree(path, f"{self._kept}/{os.path.basename(path)}", symlinks=True)

    def begin(self) -> None:
        """Put everything back to the beginning."""
        reset(self.machine)
        for path in (self.machine.root, self.machine.cache):
            kept = f"{self._kept}/{os.path.basename(path)}"
            if os.path.exists(kept):
                shutil.rmtree(path, ignore_errors=True)
                shutil.copytree(kept, path, symlinks=True)
                os.chmod(path, 0o700)

    def trial(self, fault: Fault) -> Done:
        """Let one fault strike, and check everything that has to be true after it.

        Raises:
            Wrong: Something isn't.
        """
        self.begin()
        done = self.machine.run(*self.scenario.argv, fault=fault)
        what = f"{self.name}, {fault.kind} at {fault.at} ({''.join(done.points[fault.at : fault.at + 1])})"
        check_said(done, what)
        self.scenario.repair(self.machine)
        check_right(self.machine, self.expected, what, mine=self.scenario.mine)
        return done


def reset(machine: Machine) -> None:
    """Have an empty project and no cache."""
    for path in (machine.root, machine.cache, f"{machine.base}/home"):
        shutil.rmtree(path, ignore_errors=True)
    for path in (machine.root, f"{machine.base}/home"):
        os.makedirs(path)
