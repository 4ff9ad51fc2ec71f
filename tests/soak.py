"""Lets faults strike for as long as there is time, and says how often the next build was right.

    python tests/soak.py --minutes 30
    python tests/soak.py --classes kill,power-cut --minutes 5 --seed 7
    python tests/soak.py --classes power-cut --seed 1234 --trials 1      # one trial again

A trial does what its number says; numbers count up from the seed. Each class gets the same share of the time.
Not collected by pytest: `story/test_soak.py` runs it for some seconds.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import signal
import sys
import tempfile
import time
from typing import TYPE_CHECKING

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from attrs import define, field
from faults.classes import classes, why_not_confined
from faults.machine import Machine
from faults.project import Wrong

if TYPE_CHECKING:
    from collections.abc import Iterator


@define
class Tally:
    """What came of the trials of one class."""

    name: str
    first: int
    trials: int = 0
    failures: list[int] = field(factory=list)
    wall_s: float = 0.0

    @property
    def bound(self) -> float:
        """How often a trial may fail at most, with 95 % confidence (Clopper and Pearson, one-sided)."""
        return upper_bound(len(self.failures), self.trials)

    def line(self) -> str:
        """Return a row of the table."""
        return (
            f"{self.name:<14} {self.trials:>7} {len(self.failures):>8}   < {self.bound:8.3%}"
            f"   {self.first}..{self.first + max(0, self.trials - 1)}"
        )


def upper_bound(failures: int, trials: int) -> float:
    """Return the rate that `failures` in `trials` rule out with 95 % confidence; without any about 3 / trials."""
    if failures >= trials:
        return 1.0
    low, high = failures / trials, 1.0
    for _ in range(60):  # the rate at which so few failures come once in twenty times
        middle = (low + high) / 2
        if _at_most(failures, trials, middle) > 0.05:
            low = middle
        else:
            high = middle
    return high


def _at_most(failures: int, trials: int, rate: float) -> float:
    logs = (
        math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        + k * math.log(rate) + (trials - k) * math.log1p(-rate)
        for k in range(failures + 1)
    )  # fmt: skip
    return sum(map(math.exp, logs)) if rate > 0 else 1.0


def turns(names: list[str], until_s: float, most: int) -> Iterator[str]:
    """Yield whose turn it is: the class that has had the least time."""
    spent = dict.fromkeys(names, 0.0)
    count = dict.fromkeys(names, 0)
    while time.monotonic() < until_s:
        open_ones = [name for name in names if count[name] < most]
        if not open_ones:
            return
        name = min(open_ones, key=lambda one: spent[one])
        began_s = time.monotonic()
        yield name
        spent[name] += time.monotonic() - began_s
        count[name] += 1


def main(argv: list[str] | None = None) -> int:
    """Run trials and print a table; status 1 if one failed."""
    given = read(argv)
    names = given.classes.split(",") if given.classes else []
    tallies: dict[str, Tally] = {}
    with (
        tempfile.TemporaryDirectory(prefix="soak-", dir=given.directory) as base,
        Machine(os.path.realpath(base)) as machine,
    ):
        os.mkdir(machine.root)
        known = classes(machine)
        if unknown := set(names) - known.keys():
            print(f"no such class: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
            return 2
        names = names or list(known)
        if "full-disk" in names and (why := why_not_confined()):
            print(f"full-disk is left out: {why}")
            names.remove("full-disk")
        made = {name: known[name]() for name in names}
        tallies = {name: Tally(name, given.seed) for name in names}
        print(f"seed {given.seed}, {platform.platform()}, Python {platform.python_version()}")
        until_s = time.monotonic() + given.minutes * 60
        try:
            for name in turns(names, until_s, given.trials or sys.maxsize):
                tally = tallies[name]
                number = tally.first + tally.trials
                began_s = time.monotonic()
                tally.trials += 1
                try:
                    made[name].trial(number)
                except Wrong as error:
                    tally.failures.append(number)
                    again = f"python tests/soak.py --classes {name} --seed {number} --trials 1"
                    print(f"WRONG {name} {number}: {error}\nagain: {again}\n", flush=True)
                tally.wall_s += time.monotonic() - began_s
        except KeyboardInterrupt:
            print("interrupted")
    print_table(tallies, given.json)
    return 1 if any(tally.failures for tally in tallies.values()) else 0


def print_table(tallies: dict[str, Tally], path: str) -> None:
    """Print what came of it, and write it to a file if there is a path."""
    print(f"{'class':<14} {'trials':>7} {'failures':>8}   {'95 % bound':>10}   numbers")
    for tally in tallies.values():
        if tally.trials:
            print(tally.line())
    if path:
        found = [
            {"class": one.name, "seed": one.first, "trials": one.trials, "failures": one.failures,
             "bound": one.bound, "wall_s": one.wall_s}
            for one in tallies.values()
        ]  # fmt: skip
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(found, stream, indent=1)


def read(argv: list[str] | None) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="how long in all (default: 10)")
    parser.add_argument("--classes", default="", help="names, by commas (default: all)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6) * 1000)
    parser.add_argument("--trials", type=int, default=0, help="how many of each class at most")
    parser.add_argument("--directory", default=None, help="where to work: which file system")
    parser.add_argument(
        "--json", default="", metavar="FILE", help="write the figures there as well"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # INT is ignored where a shell put it in the background
        signal.signal(number, signal.default_int_handler)
    sys.exit(main())
