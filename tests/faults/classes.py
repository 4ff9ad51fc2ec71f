"""Fault classes: each has numbered trials, and a trial does the same whenever its number is given.

Tests run a few of each; `soak.py` runs as many as there is time for.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Protocol

from attrs import define, field
from faults import damage
from faults.beside import Beside
from faults.lost import leave
from faults.machine import HOME, TESTS, Done, Fault, Machine, killed_after
from faults.project import (
    MINE,
    Expected,
    MadeOfRaced,
    Wrong,
    check_right,
    check_said,
    outputs_of,
    write,
    write_project,
    write_raced,
)
from faults.scenario import SCENARIOS, Stage, built, edited, emptied, reset
from oracle.driver import InProcess
from oracle.effect import Difference
from oracle.run import STEPS, run_history

from stagemake.cli.signals import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ERRORS = ("EIO", "ENOSPC on", "EACCES", "EROFS on", "ENOSPC", "EIO on")
"""A change that fails once, and a disk that stays full, broken or read-only from then on."""

PATIENCE_S = 60.0
"""In which whatever a killed tool had started has to have ended; on an idle machine it takes milliseconds."""


class FaultClass(Protocol):
    """Trials of one kind."""

    name: str

    def trial(self, number: int) -> None:
        """Carry out one trial; the same number does the same, as far as processes can.

        Raises:
            Wrong: Something that has to be true is not.
        """


@define
class Strikes:
    """Every change of the disk, in every scenario, fails or is the last one: all of them in turn."""

    name: str
    machine: Machine
    kinds: tuple[str, ...]
    scenarios: tuple[str, ...] = tuple(SCENARIOS)
    _stages: dict[str, Stage] = field(factory=dict)
    _points: dict[str, int] = field(factory=dict)
    _expected: Expected | None = None

    def stage(self, scenario: str) -> Stage:
        """Return a scenario, ready to be taken up again and again."""
        if self._expected is None:
            self._expected = Expected(self.machine)
        if scenario not in self._stages:
            self._stages[scenario] = Stage(self.machine, scenario, self._expected)
        return self._stages[scenario]

    def points(self, scenario: str) -> int:
        """Return how many changes a scenario makes when nothing strikes."""
        if scenario not in self._points:
            stage = self.stage(scenario)
            stage.begin()
            self._points[scenario] = len(self.machine.run(*stage.scenario.argv).points)
        return self._points[scenario]

    def count(self) -> int:
        """Return how many different trials there are."""
        return len(self.kinds) * sum(map(self.points, self.scenarios))

    def trial(self, number: int) -> None:
        """Let the fault of this number strike; beyond `count` they come again, with more at once."""
        number %= self.count()
        for scenario in self.scenarios:
            here = len(self.kinds) * self.points(scenario)
            if number < here:
                at, kind = divmod(number, len(self.kinds))
                self.stage(scenario).trial(Fault(self.kinds[kind], at))
                return
            number -= here


@define
class CrashTwice:
    """A crash, and another one in the build that comes after it."""

    machine: Machine
    name: str = "crash-twice"
    _single: Strikes | None = None

    def trial(self, number: int) -> None:
        """Let two builds of a random scenario die at random changes."""
        rnd = random.Random(number)
        single = self._single = self._single or Strikes("crash", self.machine, ("crash",))
        stage = single.stage(rnd.choice(list(SCENARIOS)))
        stage.begin()
        first = rnd.randrange(single.points(stage.name))
        self.machine.run(*stage.scenario.argv, fault=Fault("crash", first))
        second = rnd.randrange(90)
        done = self.machine.run("build", fault=Fault("crash", second))
        stage.scenario.repair(self.machine)
        what = f"{stage.name}, crashes at {first} and at {second}\n{done.err}"
        check_right(self.machine, stage.expected, what, mine=stage.scenario.mine)


@define
class PowerCut:
    """The machine stops: of what was not synced any part is there after it, and it has booted anew."""

    machine: Machine
    name: str = "power-cut"
    _single: Strikes | None = None

    def trial(self, number: int) -> None:
        """Cut the power at a random change of a random scenario, and leave a random state of the disk."""
        rnd = random.Random(number)
        machine = self.machine
        single = self._single = self._single or Strikes("crash", machine, ("crash",))
        stage = single.stage(rnd.choice(list(SCENARIOS)))
        points = single.points(stage.name)
        stage.begin()
        recorded = f"{machine.base}/recorded"
        if os.path.exists(recorded):
            os.unlink(recorded)
        at = rnd.randrange(points)
        machine.run(*stage.scenario.argv, fault=Fault("crash", at, recorded_at=recorded))
        if not os.path.exists(recorded):  # it had come to its end before
            return
        leave(recorded, [machine.root, machine.cache], rnd)
        for name in OWN_SURE:  # what the user wrote was there long before
            source = f"{machine.base}/kept-{stage.name}/p/{name}"
            if os.path.isdir(source):
                shutil.rmtree(f"{machine.root}/{name}", ignore_errors=True)
                shutil.copytree(source, f"{machine.root}/{name}", symlinks=True)
            elif os.path.exists(source):
                shutil.copy2(source, f"{machine.root}/{name}")
        stage.scenario.repair(machine)
        machine.boot = f"boot-{number}"
        try:
            what = f"power cut {number}: {stage.name} at {at}"
            check_right(machine, stage.expected, what, mine=stage.scenario.mine, but=READ)
        finally:
            machine.boot = ""


OWN_SURE = ("Stagefile", "src")
READ = frozenset(("out/scanned.d",))
"""A depfile that had been read and removed: a power cut may bring it back, and nobody reads it."""


@define
class Kill:
    """SIGKILL at a random moment of a build, sometimes of two."""

    machine: Machine
    name: str = "kill"
    spawns: bool = False  # a process of its own, interpreter start included, as a user starts it
    _expected: Expected | None = None

    def trial(self, number: int) -> None:
        """Kill a build of a random beginning."""
        rnd = random.Random(number)
        machine = self.machine
        expected = self._expected = self._expected or Expected(machine)
        reset(machine)
        mine = {"first": 0, "edit": 2, "restore": 1}
        beginning = rnd.choice(list(mine))
        if beginning == "first":
            write_project(machine.root, function=rnd.random() < 0.3)
        else:
            (edited if beginning == "edit" else emptied)(machine)
        jobs = f"-j{rnd.choice([1, 2, 4])}"
        for _ in range(rnd.choice([1, 1, 2])):
            after_s = rnd.random() * (0.9 if self.spawns else 0.45)
            if self.spawns:
                spawned_and_killed(machine, after_s, "build", jobs)
            else:
                machine.run("build", jobs, fault=killed_after(after_s))
        check_no_survivor(machine.root, f"kill {number}")
        check_right(machine, expected, f"kill {number}: {beginning}", mine=mine[beginning])


def spawned_and_killed(machine: Machine, after_s: float, *argv: str) -> None:
    """Start a command line as a user does, and kill it."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "stagemake", *argv],
        cwd=machine.root, env=machine.variables(),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def check_no_survivor(root: str, what: str, patience_s: float = PATIENCE_S) -> None:
    """Check that no process works in the project any more, soon after the tool was killed."""
    until_s = time.monotonic() + patience_s
    while found := working_in(root):
        if time.monotonic() > until_s:
            raise Wrong(f"{what}: these live on: {found}")
        time.sleep(0.005)


def working_in(root: str) -> list[str]:
    """Return the processes whose working directory is the project, by number and name."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/cwd") == root:
                with open(f"/proc/{pid}/comm", encoding="utf-8") as stream:
                    found.append(f"{pid} {stream.read().strip()}")
        except OSError:
            continue
    return found


@define
class CacheDamage:
    """Bytes of the cache are not what they were: nothing wrong may come back."""

    machine: Machine
    name: str = "cache-damage"
    _expected: Expected | None = None

    def trial(self, number: int) -> None:
        """Damage some of the cache's files, then have everything brought back from it."""
        rnd = random.Random(number)
        machine = self.machine
        expected = self._expected = self._expected or Expected(machine)
        kept = f"{machine.base}/kept-cache-damage"
        if not os.path.exists(kept):
            reset(machine)
            emptied(machine)
            os.makedirs(kept)
            for path in (machine.root, machine.cache):
                shutil.copytree(path, f"{kept}/{os.path.basename(path)}", symlinks=True)
        reset(machine)
        for path in (machine.root, machine.cache):
            shutil.rmtree(path, ignore_errors=True)
            shutil.copytree(f"{kept}/{os.path.basename(path)}", path, symlinks=True)
            os.chmod(path, 0o700)
        done = []
        for _ in range(rnd.choice([1, 1, 2, 5])):
            paths = damage.files_of(machine.cache)
            if len(paths) > 1 and rnd.random() < 0.1:
                done.append("swap")
                damage.swap(paths, rnd)
            elif paths:
                how, path = rnd.choice(list(damage.ONE)), rnd.choice(paths)
                done.append(f"{how} of {os.path.relpath(path, machine.cache)}")
                damage.ONE[how](path, rnd)
        what = f"cache damage {number}: {', '.join(done)}"
        check_quiet(machine, what, rnd.choice([("cache", "stats"), ("build", "-n"), ("doctor",)]))
        check_right(machine, expected, what, mine=1)
        if rnd.random() < 0.3:
            check_quiet(machine, what, ("cache", "verify"), ("cache", "gc", "--max-size", "0"))


def check_quiet(machine: Machine, what: str, *commands: tuple[str, ...]) -> None:
    """Check that commands end in order."""
    for argv in commands:
        check_said(machine.run(*argv), f"{what}, {' '.join(argv)}")


@define
class StateDamage:
    """What lies in `.stagemake` is not what it was: truncated, flipped, exchanged, older, of another kind."""

    machine: Machine
    name: str = "state-damage"
    _expected: Expected | None = None
    _files: tuple[str, ...] = ()

    def prepare(self) -> None:
        """Make a project with a past once; keep it and an earlier state."""
        machine, kept = self.machine, f"{self.machine.base}/kept-state-damage"
        if os.path.exists(kept):
            return
        reset(machine)
        write_project(machine.root, function=True, gone=True)
        assert machine.run("build").status == 0
        shutil.copytree(f"{machine.root}/.stagemake", f"{kept}/old")
        write_project(machine.root, function=True)
        write(machine.root, "src/a", "changed\n")
        journal = f"{machine.root}/.stagemake/Stagefile/journal"
        for at in range(20, 90):  # as far as it takes to leave a journal with something in it
            machine.run("build", fault=Fault("crash", at))
            if os.path.exists(journal) and os.path.getsize(journal) > 200:
                break
        shutil.copy2(journal, f"{kept}/journal")
        assert machine.run("build").status == 0
        os.utime(f"{machine.root}/src/b", ns=(10**18, 10**18))
        assert machine.run("build").status == 0  # leaves `touched`
        shutil.copytree(machine.root, f"{kept}/p", symlinks=True)

    def trial(self, number: int) -> None:
        """Damage some of the state's files; sometimes the user edits as well."""
        rnd = random.Random(number)
        machine, kept = self.machine, f"{self.machine.base}/kept-state-damage"
        expected = self._expected = self._expected or Expected(machine)
        self.prepare()
        shutil.rmtree(machine.root)
        shutil.copytree(f"{kept}/p", machine.root, symlinks=True)
        state = f"{machine.root}/.stagemake"
        if rnd.random() < 0.3:
            shutil.copy2(f"{kept}/journal", f"{state}/Stagefile/journal")
        if rnd.random() < 0.5:
            write(machine.root, "src/a", f"edited {number}\n")
        what = f"state damage {number}: " + ", ".join(self._damage(state, f"{kept}/old", rnd))
        asked = [("build", "-n"), ("list",), ("history",), ("why", "upper"), ("doctor",)]
        check_quiet(machine, what, rnd.choice(asked))
        check_right(machine, expected, what)

    def _damage(self, state: str, old: str, rnd: random.Random) -> list[str]:
        done = []
        if rnd.random() < 0.15:
            damage.older(state, old, rnd)
            done.append("older files")
        for _ in range(rnd.choice([1, 1, 1, 2, 4])):
            paths = damage.files_of(state)
            if len(paths) > 1 and rnd.random() < 0.1:
                damage.swap(paths, rnd)
                done.append("swap")
            elif paths:
                how, path = rnd.choice(list(damage.ONE)), rnd.choice(paths)
                if how == "dangling" and path == f"{state}/lock":
                    continue  # a link is refused there: what may be somebody's lock is not removed
                damage.ONE[how](path, rnd)
                done.append(f"{how} of {os.path.relpath(path, state)}")
        return done


@define
class Together:
    """Several command lines at once, on one project or on one cache."""

    machine: Machine
    name: str = "together"
    most: int = 8
    _expected: Expected | None = None

    def trial(self, number: int) -> None:
        """Start up to eight command lines at the same moment; one of them may be killed."""
        rnd = random.Random(number)
        machine = self.machine
        expected = self._expected = self._expected or Expected(machine)
        reset(machine)
        roots = [machine.root]
        if rnd.random() < 0.5:
            roots += [f"{machine.base}/other-{i}" for i in range(1, self.most)]
        for root in roots:
            shutil.rmtree(root, ignore_errors=True)
            write_project(root)
            write(root, "src/a", f"{rnd.randrange(3)}\n")
        others = [
            ("build",),
            ("build",),
            ("build", "-B"),
            ("build", "-n"),
            ("list",),
            ("cache", "stats"),
        ]
        if len(roots) > 1:
            others.append(("cache", "gc", "--max-size", "0"))
        wanted = [
            (("build",) if len(roots) > 1 and i < 4 else rnd.choice(others), roots[i % len(roots)])
            for i in range(rnd.choice([2, 4, self.most]))
        ]
        fault = killed_after(rnd.random() * 0.6) if rnd.random() < 0.3 else Fault()
        what = f"together {number}"
        for argv_root, done in zip(wanted, machine.run_all(wanted, fault), strict=True):
            check_said(done, f"{what}: {argv_root}")
            is_killed = done.status == -9
            if done.status != 0 and not is_killed:
                raise Wrong(f"{what}: {argv_root} ended with {done.status}\n{done.err}")
        for argv, root in wanted[1:]:
            if argv[0] == "build" and "-n" not in argv and outputs_of(root) != expected.of(root):
                raise Wrong(f"{what}: {root} is not as a clean build gives it")
        check_right(machine, expected, what)
        check_quiet(machine, what, ("cache", "verify"))


@define
class Signals:
    """INT, TERM or HUP at random moments, once or more often, to builds with a stage that ignores all of them."""

    machine: Machine
    name: str = "signals"
    _expected: Expected | None = None

    def trial(self, number: int) -> None:
        """Ask a build to end, some times over."""
        rnd = random.Random(number)
        machine = self.machine
        expected = self._expected = self._expected or Expected(machine)
        reset(machine)
        write_project(machine.root, function=rnd.random() < 0.3, stubborn=True)
        signums = [rnd.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)) for _ in range(3)]
        fault = Fault(
            signals=tuple(
                (rnd.random() * 0.4, each) for each in signums[: rnd.choice((1, 2, 2, 3))]
            )
        )
        done = machine.run("build", f"-j{rnd.choice((1, 4))}", fault=fault)
        what = f"signals {number}: {fault.signals}"
        sent = [signum for _, signum in fault.signals]
        may_be = {
            0,
            # Of several that are pending, as while a busy machine forks, the lowest number comes first.
            *(128 + signum for signum in sent if signum <= sent[0]),
            *(-signum for signum in sent),  # by itself: before and after the build
        }
        if done.status not in may_be or "Traceback" in done.err:
            raise Wrong(f"{what}: status {done.status}, not one of {sorted(may_be)}\n{done.err}")
        is_cut_short = done.status < 0 or len(sent) > PATIENCE
        check_no_survivor(machine.root, what, patience_s=PATIENCE_S if is_cut_short else 0.0)
        check_right(machine, expected, what)


@define
class Changes:
    """An input is edited while the stage that reads it runs: before or after it has, or there and back again."""

    machine: Machine
    name: str = "changes"

    def trial(self, number: int) -> None:
        """Edit some inputs while stages run; what is recorded must not be taken for what they made of the files now."""
        rnd = random.Random(number)
        machine = self.machine
        race = f"{machine.base}/race"
        if rnd.random() < 0.3 or not os.path.exists(f"{machine.root}/src/in"):
            reset(machine)
            write_raced(machine.root)
            if rnd.random() < 0.5:
                machine.run("build")
        shutil.rmtree(race, ignore_errors=True)
        os.mkdir(race)
        paths = rnd.sample(("src/a", "src/in/1", "src/in/2", "src/h.inc"), rnd.choice((1, 1, 2)))
        for path in paths:  # so that its stage runs
            write(machine.root, path, f"edit {number} of {path}\n")
        moment = rnd.choice(("before", "after", "back"))
        words = {each: raced_words(paths, each, moment, rnd) for each in ("before", "after")}
        for each, text in words.items():
            write(race, each, text)
        done = machine.run("build", f"-j{rnd.choice((1, 3))}")
        what = f"changes {number}: {moment}, {paths}"
        check_said(done, what)
        shutil.rmtree(race)
        check_right(machine, MadeOfRaced(), what, but=READ)


def raced_words(paths: list[str], where: str, moment: str, rnd: random.Random) -> str:
    """Return what the shell does to inputs before or after they are read; some of it keeps size and time."""
    words = []
    for path in paths:
        keep = f"touch -r {path} ../race/time; " if rnd.random() < 0.5 else ""
        put = f"; touch -r ../race/time {path}" if keep else ""
        edit = (
            f"{keep}sed -i s/e/E/ {path}{put}"
            if rnd.random() < 0.5
            else f"{keep}echo x > {path}{put}"
        )
        if moment == "back":
            saved = f"../race/{os.path.basename(path)}.saved"
            there, back = (
                f"cp -p {path} {saved}; {edit}",
                f"test -e {saved} && cp -p {saved} {path}",
            )
            words.append(there if where == "before" else back)
        elif moment == where:
            words.append(edit)
    return "\n".join([*words, "true", ""])


@define
class Histories:
    """Random histories of the oracle, all acts or some."""

    name: str
    only: tuple[str, ...] = ()

    def trial(self, number: int) -> None:
        """Run the history of this seed; each of its builds is compared with what is right, and with its dry run."""
        try:
            run_history(number, STEPS, InProcess(), only=self.only, clean_share=0.12)
        except Difference as error:
            raise Wrong(str(error)) from None


@define
class Confined:
    """Real file systems that are full, out of inodes or read-only, in a name space of the trial's own."""

    machine: Machine
    name: str = "full-disk"

    def trial(self, number: int) -> None:
        """Run one trial of `faults.confined`."""
        self.trials([number])

    def trials(self, numbers: Iterable[int]) -> None:
        """Run some, in one name space: each has file systems of its own."""
        done = subprocess.run(
            [*NAMESPACE, sys.executable, "-P", "-m", "faults.confined", self.machine.base, *map(str, numbers)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join((HOME, TESTS))},
            capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Wrong(done.stdout + done.stderr)


NAMESPACE = ("unshare", "-rm")


def why_not_confined() -> str:
    """Return why file systems can't be mounted here; empty where they can."""
    try:
        done = subprocess.run(
            [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        return "there is no unshare(1)"
    return done.stderr.strip() if done.returncode else ""


def classes(machine: Machine) -> dict[str, Callable[[], FaultClass]]:
    """Return what makes each class, by name."""
    return {
        "histories": lambda: Histories("histories"),
        "races": lambda: Histories("races", ("race", "race", "edit")),
        "kill": lambda: Kill(machine),
        "kill-started": lambda: Kill(machine, "kill-started", spawns=True),
        "error": lambda: Strikes("error", machine, ERRORS),
        "crash": lambda: Strikes("crash", machine, ("crash",)),
        "crash-twice": lambda: CrashTwice(machine),
        "power-cut": lambda: PowerCut(machine),
        "cache-damage": lambda: CacheDamage(machine),
        "state-damage": lambda: StateDamage(machine),
        "together": lambda: Together(machine),
        "beside": lambda: Beside(machine),
        "signals": lambda: Signals(machine),
        "changes": lambda: Changes(machine),
        "full-disk": lambda: Confined(machine),
    }


__all__ = [
    "MINE",
    "Confined",
    "Done",
    "FaultClass",
    "Wrong",
    "built",
    "classes",
    "why_not_confined",
]
