"""Each moment counts once, for the innermost timed call; a name that is timed is there."""

from __future__ import annotations

import importlib
import subprocess
import sys

from stagemake.throughput.points import POINTS
from stagemake.throughput.stopwatch import Stopwatch


class Crank:
    """A clock turned by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_a_timed_call_inside_takes_is_not_the_outer_ones() -> None:
    crank = Crank()
    watch = Stopwatch(crank)

    def work(seconds: float) -> None:
        crank.now += seconds

    hashing = watch.timed("hash", work)

    def outer() -> str:
        work(1)
        hashing(5)
        hashing(2)
        work(0.5)
        return "done"

    assert watch.timed("store", outer)() == "done"
    assert watch.seconds() == {"hash": 7, "store": 1.5}


def test_a_call_that_raises_counts_and_leaves_nothing_open() -> None:
    crank = Crank()
    watch = Stopwatch(crank)

    def fail() -> None:
        crank.now += 3
        raise KeyError("x")

    def outer() -> None:
        try:
            watch.timed("hash", fail)()
        except KeyError:
            crank.now += 1

    watch.timed("store", outer)()

    assert watch.seconds() == {"hash": 3, "store": 1}


def test_seconds_measured_otherwise_are_not_this_threads() -> None:
    watch = Stopwatch(Crank())

    watch.add("spawn", 2)
    watch.timed("spawn", lambda: None)()

    assert (watch.seconds(), watch.own_seconds()) == ({"spawn": 2}, {"spawn": 0})


def test_every_name_that_is_timed_is_there_and_named_once() -> None:
    names = [name for group in POINTS.values() for name in group]

    for name in names:
        module, _, inner = name.partition(":")
        found = importlib.import_module(module)
        for part in inner.split("."):
            found = getattr(found, part)
        assert callable(found), name
    assert len(names) == len(set(names))


def test_nothing_is_timed_where_nobody_measures() -> None:
    code = "import stagemake.executing, sys; print([m for m in sys.modules if 'throughput' in m])"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == "[]\n"
