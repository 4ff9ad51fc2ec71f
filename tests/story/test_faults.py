"""Faults of the disk and of processes: whatever strikes, the next build is like a clean one and nothing is lost.

A part of all trials each time: always the same ones, and some that nobody has seen before, whose numbers are
in the failure. `soak.py` runs as many as there is time for; docs/reliability.md has the figures.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from faults.classes import ERRORS, Confined, Strikes, Together, classes, why_not_confined
from faults.machine import Machine
from faults.scenario import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.classes import FaultClass

pytestmark = pytest.mark.slow

WHOLE = ("first", "edit", "restore")
"""Scenarios whose every change of the disk is struck in each run; of the others one in `STRIDE`."""

STRIDE = 13
PARTS = 2  # so that workers share the longest

FRESH = int(os.environ.get("STAGEMAKE_SEED", random.SystemRandom().randrange(10**6, 10**9)))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Return a place for all tests here: what each begins with is made once."""
    base = os.path.realpath(tmp_path_factory.mktemp("m"))
    os.mkdir(f"{base}/p")
    with Machine(base) as found:
        yield found


def run(which: FaultClass, fixed: range, fresh: int) -> None:
    """Run trials that are always the same, and some new ones."""
    new = FRESH + fixed.start * 1000  # parts of one class have other ones
    for number in (*fixed, *range(new, new + fresh)):
        which.trial(number)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("scenario", WHOLE)
def test_a_build_after_a_crash_at_each_change_of_the_disk_is_right(
    machine: Machine, scenario: str, part: int
) -> None:
    strikes = Strikes("crash", machine, ("crash",), (scenario,))

    for number in range(part, strikes.count(), PARTS):
        strikes.trial(number)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("scenario", WHOLE)
def test_a_build_after_each_change_of_the_disk_has_failed_is_right(
    machine: Machine, scenario: str, part: int
) -> None:
    strikes = Strikes("error", machine, ERRORS, (scenario,))

    for at in range(part, strikes.points(scenario), PARTS):  # another kind of error each time
        strikes.trial(at * len(ERRORS) + (FRESH + at // PARTS) % len(ERRORS))


@pytest.mark.parametrize("scenario", sorted(SCENARIOS.keys() - set(WHOLE)))
def test_a_build_after_a_crash_or_an_error_at_some_changes_of_the_disk_is_right(
    machine: Machine, scenario: str
) -> None:
    crashes = Strikes("crash", machine, ("crash",), (scenario,))
    errors = Strikes("error", machine, ERRORS, (scenario,))

    for number in range(FRESH % STRIDE, crashes.count(), STRIDE):
        crashes.trial(number)
    for number in range(FRESH % STRIDE, errors.count(), STRIDE * len(ERRORS) - 1):
        errors.trial(number)


@pytest.mark.parametrize(
    ("name", "fixed", "fresh"),
    [
        *[("kill", range(part, 140, PARTS), 5) for part in range(PARTS)],
        ("kill-started", range(2), 3),
        ("crash-twice", range(5), 5),
        *[("power-cut", range(part, 160, PARTS), 20) for part in range(PARTS)],
        ("cache-damage", range(20), 10),
        ("state-damage", range(20), 10),
        *[("changes", range(part, 180, PARTS), 10) for part in range(PARTS)],
        *[("signals", range(part, 50, PARTS), 5) for part in range(PARTS)],
        ("together", range(5), 3),
        ("two", range(25), 7),
        *[("beside", range(part, 32, PARTS), 4) for part in range(PARTS)],
        ("races", range(1), 1),
    ],
)
def test_the_build_after_it_is_right(machine: Machine, name: str, fixed: range, fresh: int) -> None:
    made = Together(machine, most=2) if name == "two" else classes(machine)[name]()

    run(made, fixed, fresh)


@pytest.mark.skipif(bool(why_not_confined()), reason=why_not_confined() or "it can be done")
def test_full_disks_and_read_only_ones_cost_no_more_than_a_build(machine: Machine) -> None:
    Confined(machine).trials([*range(10), *range(FRESH, FRESH + 2)])
