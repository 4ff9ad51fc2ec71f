"""Two to eight command lines let go at one moment, in every situation that more than one of them makes or mends.

Each must end as documented and say nothing that isn't so; then every project is as a clean build gives it, the next
build is answered by the entry, and a build from nothing takes everything from the cache.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
from typing import TYPE_CHECKING

import formats_kit
from attrs import define, frozen
from faults import damage
from faults.machine import Fault, Wanted, killed_after
from faults.project import (
    Expected,
    Wrong,
    outputs_of,
    walk_all,
    write,
    write_project,
)
from faults.scenario import reset

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.machine import Done, Machine

COUNTS = (2, 4, 8)

BUILD = ("build",)
LOOKING = (
    ("build", "-n"), ("build", "-n", "--json"), ("build", "-q"), ("list",), ("list", "--json"), ("history",), ("why", "join"),
    ("graph",), ("doctor",), ("cache", "stats"), ("cache", "path"), ("completion", "bash", "--", "stagemake", ""),
)  # fmt: skip
WRITING = (BUILD, ("build", "-B"), ("build", "--json"), ("build", "--no-wait"), ("build", "-j4"))
KEEPING = (("cache", "gc", "--max-size", "0"), ("cache", "gc"), ("cache", "verify"))

ALSO = {
    ("build", "-q"): {1},
    ("build", "--no-wait"): {75},
    ("doctor",): {1},
}
"""What else than 0 a command may end with."""


@frozen
class Situation:
    """What lies there, and who comes at one moment."""

    prepare: Callable[[Machine, random.Random, int], list[Wanted]]
    may_say: str = ""  # a pattern of what a cache may be said to be
    is_lossy: bool = False  # whether some results may be missing from the cache afterwards
    is_built: bool = (
        True  # whether each project that a build has ended well in is as a clean one gives it
    )
    is_known: bool = True  # and the entry knows
    strikes: Callable[[random.Random], Fault] = lambda rnd: Fault()
    also: frozenset[int] = frozenset()  # statuses


def projects(machine: Machine, count: int, **kinds: bool) -> list[str]:
    """Write `count` equal projects, the machine's own first; return their roots."""
    roots = [machine.root, *(f"{machine.base}/other-{i}" for i in range(1, count))]
    for root in roots:
        shutil.rmtree(root, ignore_errors=True)
        write_project(root, **kinds)
    return roots


def dawdling(rnd: random.Random, argv: tuple[str, ...], root: str) -> Wanted:
    """Return a command line that pauses here and there."""
    return Wanted(argv, root, dawdles=rnd.randrange(1, 1 << 30) if rnd.random() < 0.8 else 0)


def never_built(machine: Machine, rnd: random.Random, count: int) -> list[Wanted]:
    """One project that was never built, and no cache."""
    projects(machine, 1, function=rnd.random() < 0.3)
    return [dawdling(rnd, BUILD, machine.root) for _ in range(count)]


def new_cache(machine: Machine, rnd: random.Random, count: int) -> list[Wanted]:
    """One built project, whose outputs and cache are gone."""
    projects(machine, 1, function=rnd.random() < 0.3)
    machine.run(*BUILD)
    for path in (machine.cache, f"{machine.root}/out"):
        shutil.rmtree(path)
    return [dawdling(rnd, rnd.choice(WRITING), machine.root) for _ in range(count)]


def many_projects(machine: Machine, rnd: random.Random, count: int) -> list[Wanted]:
    """As many projects as command lines, on one new cache."""
    return [
        dawdling(rnd, BUILD, root) for root in projects(machine, count, function=rnd.random() < 0.2)
    ]


def damaged_cache(machine: Machine, rnd: random.Random, count: int) -> list[Wanted]:
    """A cache whose database is no longer one, and projects that all find that out."""
    roots = projects(machine, count if rnd.random() < 0.7 else 1)
    machine.run(*BUILD)
    shutil.rmtree(f"{machine.root}/out")
    damage.of_database(f"{machine.cache}/cache.db", rnd)
    return [dawdling(rnd, BUILD, roots[i % len(roots)]) for i in range(count)]


def older_formats(machine: Machine, rnd: random.Random, count: int) -> list[Wanted]:
    """State and cache as an earlier version left them."""
    roots = projects(machine, count if rnd.random() < 0.5 else 1)
    older = rnd.choice(formats_kit.NAMES)
    formats_kit.lay_cache(older, machine.cache)
    for root in roots:
        if rnd.random() < 0.8:
            formats_kit.lay_state(older, root)
    return [dawdling(rnd, BUILD, roots[i % len(roots)]) for i in range(count)]


def foreign_cache(machine: Machine, rnd: random.Random, count: int) -> list[Wanted]:
    """A cache that stock diskcache made, or one without a write-ahead log."""
    roots = projects(machine, count)
    os.mkdir(machine.cache, 0o700)
    if rnd.random() < 0.5:
        import diskcache

        with diskcache.Cache(
            machine.cache, sqlite_journal_mode=rnd.choice(("wal", "delete"))
        ) as stock:
            stock["a"] = ("pickled",)
            stock.set("b", b"x" * 40000)
    else:
        machine.run(*BUILD)
        other = sqlite3.connect(f"{machine.cache}/cache.db")
        other.execute("PRAGMA journal_mode = DELETE")
        other.close()
    return [dawdling(rnd, BUILD, root) for root in roots]


def collected(machine: Machine, rnd: random.Random, count: int) -> list[Wanted]:
    """A cache that is emptied, collected and read while projects are built and restored from it."""
    roots = projects(machine, max(2, count // 2))
    for root in roots[: rnd.randrange(3)]:
        machine.run(*BUILD, cwd=root)
        if rnd.random() < 0.7:
            shutil.rmtree(f"{root}/out")
    keeping = (*KEEPING, ("cache", "clear", "--yes"))
    return [
        dawdling(rnd, BUILD if i < len(roots) else rnd.choice(keeping), roots[i % len(roots)])
        for i in range(len(roots) + max(1, count // 2))
    ]


def looked_at(machine: Machine, rnd: random.Random, count: int) -> list[Wanted]:
    """One project that is built while others look at it."""
    projects(machine, 1, function=rnd.random() < 0.3)
    if rnd.random() < 0.6:
        machine.run(*BUILD)
        write(machine.root, "src/a", f"{rnd.random()}\n")
    return [
        dawdling(rnd, BUILD if i == 0 else rnd.choice((*LOOKING, *LOOKING, *WRITING)), machine.root)
        for i in range(count)
    ]


def cleaned(machine: Machine, rnd: random.Random, count: int) -> list[Wanted]:
    """One project that is built and cleaned."""
    projects(machine, 1)
    if rnd.random() < 0.6:
        machine.run(*BUILD)
    argvs = (BUILD, ("build", "-j4"), ("clean",), ("clean", "-n"), ("clean", "join"))
    first = dawdling(rnd, BUILD, machine.root)
    return [first, *(dawdling(rnd, rnd.choice(argvs), machine.root) for _ in range(count - 1))]


def killed(machine: Machine, rnd: random.Random, count: int) -> list[Wanted]:
    """Builds that wait for one that is killed."""
    roots = projects(machine, rnd.choice((1, 2)), function=rnd.random() < 0.3)
    if rnd.random() < 0.3:
        machine.run(*BUILD)
        shutil.rmtree(f"{machine.root}/out")
    return [dawdling(rnd, BUILD, roots[i % len(roots)]) for i in range(count)]


def killing(rnd: random.Random) -> Fault:
    """Return a SIGKILL at a moment of a build."""
    return killed_after(rnd.random() * 0.5)


def asking(rnd: random.Random) -> Fault:
    """Return a signal that asks to end, at a moment of a build."""
    return Fault(signals=((rnd.random() * 0.5, rnd.choice((signal.SIGINT, signal.SIGTERM))),))


def without_state(machine: Machine, rnd: random.Random, count: int) -> list[Wanted]:
    """Somebody removes the state while one builds and others wait or begin."""
    projects(machine, 1, function=rnd.random() < 0.3)
    if rnd.random() < 0.5:
        machine.run(*BUILD)
        write(machine.root, "src/a", f"{rnd.random()}\n")
    remover = Wanted(
        (), machine.root, removes=f"{machine.root}/.stagemake", after_s=rnd.random() * 0.4
    )
    return [*(dawdling(rnd, BUILD, machine.root) for _ in range(count)), remover]


def without_cache(machine: Machine, rnd: random.Random, count: int) -> list[Wanted]:
    """Somebody removes the cache while projects are built and restored from it."""
    roots = projects(machine, count)
    if rnd.random() < 0.5:
        machine.run(*BUILD)
        shutil.rmtree(f"{machine.root}/out")
    remover = Wanted((), machine.root, removes=machine.cache, after_s=rnd.random() * 0.4)
    return [*(dawdling(rnd, BUILD, root) for root in roots), remover]


SITUATIONS = {
    "never built": Situation(never_built),
    "new cache": Situation(new_cache, is_lossy=True),  # what is fresh is not put there again
    "many projects": Situation(many_projects),
    "damaged cache": Situation(
        damaged_cache, r"damaged \(.*\), set aside as .*\.corrupt-1$", is_lossy=True
    ),
    "older formats": Situation(
        older_formats, is_known=False
    ),  # outputs of other stages were left over
    "foreign cache": Situation(foreign_cache),
    "collected": Situation(collected, is_lossy=True),
    "looked at": Situation(looked_at),
    "cleaned": Situation(cleaned, is_built=False),
    "killed": Situation(killed, strikes=killing, is_lossy=True),
    "asked to end": Situation(
        killed, strikes=asking, is_lossy=True, also=frozenset((130, 143, -2, -15))
    ),
    # A build that finds its state gone while it writes there ends with an error that says so.
    "without state": Situation(without_state, is_known=False, also=frozenset((1,))),
    "without cache": Situation(without_cache, ".", is_lossy=True),
}


@define
class Beside:
    """Trials of the situations in turn, or of some."""

    machine: Machine
    name: str = "beside"
    situations: tuple[str, ...] = tuple(SITUATIONS)
    _expected: Expected | None = None

    def trial(self, number: int) -> None:
        """Let two, four or eight go."""
        name = self.situations[number % len(self.situations)]
        situation, rnd, machine = SITUATIONS[name], random.Random(number), self.machine
        expected = self._expected = self._expected or Expected(machine)
        reset(machine)
        for other in os.listdir(machine.base):
            if other.startswith("cache."):
                shutil.rmtree(f"{machine.base}/{other}")
        wanted = situation.prepare(
            machine, rnd, COUNTS[number // len(self.situations) % len(COUNTS)]
        )
        found = machine.run_beside(wanted, situation.strikes(rnd))
        what = f"beside {number}, {name}"
        said = "".join(
            f"\n--- {one.argv or one.removes} in {one.cwd}: {done.status}\n{done.err}"
            for one, done in zip(wanted, found, strict=True)
        )
        try:
            for one, done in zip(wanted, found, strict=True):
                if one.argv:
                    self._check(situation, one, done, what)
            roots = dict.fromkeys(
                one.cwd
                for one, done in zip(wanted, found, strict=True)
                if one.argv[:1] == BUILD
                and done.status == 0
                and "-n" not in one.argv
                and "-q" not in one.argv
            )
            for root in roots:
                self._check_next(situation, root, expected, what)
            self._check_from_cache(situation, expected, what)
        except Wrong as error:
            raise Wrong(f"{error}{said}") from None

    def _check(self, situation: Situation, one: Wanted, done: Done, what: str) -> None:
        for line in done.err.splitlines():
            if "cache:" in line and not re.search(situation.may_say or "$^", line):
                raise Wrong(f"{what}: said `{line}`")
        for word in ("Traceback", "BUG:", "Error:", "Exception"):
            if word in done.err:
                raise Wrong(f"{what}: said {word}")
        may = {0, *ALSO.get(one.argv, ()), *situation.also}
        if situation.strikes is killing:
            may.add(-9)
        if done.status not in may:
            raise Wrong(f"{what}: {one.argv} ended with {done.status}: {done.out}")
        if (
            situation is SITUATIONS["without state"]
            and done.status == 1
            and ": `.stagemake" not in done.err
        ):
            raise Wrong(f"{what}: {one.argv} failed, and not for its state")
        if "--json" in one.argv and done.status == 0:
            json.loads(done.out)

    def _check_next(self, situation: Situation, root: str, expected: Expected, what: str) -> None:
        """Check that what is there is right and that nothing is to be done, which the entry knows."""
        if situation.is_built and outputs_of(root) != expected.of(root):
            raise Wrong(f"{what}: {root} is not as a clean build gives it")
        done = self.machine.run(*BUILD, cwd=root)
        if situation.is_built and situation.is_known and not done.at_door:
            raise Wrong(f"{what}: the next build is not answered by the entry: {done.err}")
        if done.status != 0 or outputs_of(root) != expected.of(root):
            raise Wrong(f"{what}: the next build is not like a clean one\n{done.err}")
        done = self.machine.run(*BUILD, cwd=root)
        if not done.at_door:
            raise Wrong(
                f"{what}: the build after the next one is not answered by the entry: {done.err}"
            )
        if temps := [path for path in walk_all(root) if ".stagemake-tmp-" in path]:
            raise Wrong(f"{what}: unfinished files are left: {temps}")

    def _check_from_cache(self, situation: Situation, expected: Expected, what: str) -> None:
        """Check that everything comes back from the cache: into another directory, whose files are the same."""
        machine = self.machine
        other = f"{machine.base}/again"
        for turn in range(2):
            shutil.rmtree(other, ignore_errors=True)
            shutil.copytree(f"{machine.root}/src", f"{other}/src")
            shutil.copy(f"{machine.root}/Stagefile", other)
            done = machine.run("build", "--json", cwd=other)
            if done.status != 0 or outputs_of(other) != expected.of(other):
                raise Wrong(f"{what}: a build from the cache is not like a clean one\n{done.err}")
            ran = json.loads(done.out)["outcomes"]["ran"]
            if ran and (turn or not situation.is_lossy):
                raise Wrong(f"{what}: {ran} stages did not come from the cache\n{done.err}")
            if "cache:" in done.err:
                raise Wrong(f"{what}: the cache is not well\n{done.err}")
            if not ran:
                break
        if machine.run("cache", "verify").status != 0:
            raise Wrong(f"{what}: the cache is damaged")
