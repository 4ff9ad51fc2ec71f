"""How many actions wait before the runner, and how many of their ends it tells together."""

from __future__ import annotations

import pytest
from attrs import define, field

from stagemake.execute.ahead import WORTH_S, Ahead
from stagemake.runner.port import Completion, Work

JOBS = 2
TRIED = 16  # short actions, after which the line is used


@define
class Listening:
    """A runner that notes from which length of the line on it is to tell of each end."""

    lows: list[int] = field(factory=list)

    def line_up(self, work: Work, room: int, low: int, *, stops_at_failure: bool) -> None:
        """Take in an action."""
        del work, room, stops_at_failure
        self.lows.append(low)

    def withdraw(self) -> None:
        """Nothing is to be withdrawn."""


def _after(duration_s: float) -> tuple[Ahead, Listening]:
    runner = Listening()
    ahead = Ahead(runner, JOBS, stops_at_failure=True)
    for _ in range(TRIED):
        ahead.note_end(Completion(-1, 0, started_s=1.0, wall_s=duration_s))
    return ahead, runner


def _filled(ahead: Ahead, ready: int) -> int:
    count = 0
    while count < ready and ahead.has_place:
        ahead.line_up(Work(count, {}), JOBS, now_s=0.0)
        count += 1
    return count


@pytest.mark.parametrize(
    ("duration_s", "waiting"), [(0.001, 64), (0.01, 50), (0.1, 5), (0.2, 0), (10.0, 0)]
)
def test_what_waits_takes_a_quarter_of_a_second_or_is_64_actions(
    duration_s: float, waiting: int
) -> None:
    ahead, _ = _after(duration_s)

    count = _filled(ahead, 1000)

    assert waiting == count
    assert count * duration_s <= WORTH_S * JOBS


@pytest.mark.parametrize("ready", [1, 5, 31, 64])
def test_ends_are_told_together_until_half_of_what_waited_has_begun(ready: int) -> None:
    ahead, runner = _after(0.001)

    _filled(ahead, ready)

    assert runner.lows[-1] == ready // 2
