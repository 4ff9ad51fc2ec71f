"""Faults of the disk and of processes: whatever strikes, the next build is like a clean one and nothing is lost.

A part of all trials each time: always the same ones, and some that nobody has seen before, whose numbers are
in the failure. `soak.py` runs as many as there is time for; docs/reliability.md has the figures.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from faults.classes import ERRORS, Confined, Strikes, classes, why_not_confined
from faults.machine import Machine
from faults.scenario import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.classes import FaultClass

pytestmark = pytest.mark.slow

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
    for number in (*fixed, *range(FRESH, FRESH + fresh)):
        which.trial(number)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_build_after_a_crash_at_any_change_of_the_disk_is_right(
    machine: Machine, scenario: str
) -> None:
    strikes = Strikes("crash", machine, ("crash",), (scenario,))
    count = strikes.count()

    for number in range(FRESH % STRIDE, count, STRIDE):
        strikes.trial(number)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_build_after_any_change_of_the_disk_has_failed_is_right(
    machine: Machine, scenario: str
) -> None:
    strikes = Strikes("error", machine, ERRORS, (scenario,))
    count, step = strikes.count(), STRIDE * len(ERRORS) - 1  # another kind of error each time

    for number in range(FRESH % step, count, step):
        strikes.trial(number)


STRIDE = 13
"""Of the changes of the disk every thirteenth, beginning with another one each time."""


@pytest.mark.parametrize(
    ("name", "fixed", "fresh"),
    [
        ("kill", 8, 8),
        ("kill-started", 1, 2),
        ("crash-twice", 2, 3),
        ("power-cut", 10, 10),
        ("cache-damage", 8, 6),
        ("state-damage", 8, 6),
        ("together", 3, 3),
        ("races", 1, 1),
    ],
)
def test_the_build_after_it_is_right(machine: Machine, name: str, fixed: int, fresh: int) -> None:
    run(classes(machine)[name](), range(fixed), fresh)


@pytest.mark.skipif(bool(why_not_confined()), reason=why_not_confined() or "it can be done")
def test_full_disks_and_read_only_ones_cost_no_more_than_a_build(machine: Machine) -> None:
    run(Confined(machine), range(5), 2)
