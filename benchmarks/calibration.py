"""What forecasts were worth: shares below p50 and p90, median errors, and the floor that noise sets to them. Pure."""

from __future__ import annotations

import statistics
from math import comb
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

FIRST_JUDGED = 3
"""Builds are numbered from 1, the cold one; before this one there is too little history."""
LONG_S = 2.0
"""Median errors are taken over builds that took longer than this, and over all."""


@frozen
class Trial:
    """One build, with what the dry run just before it had said."""

    project: str
    jobs: int
    number: int  # of the build in its tree, from 1
    repeat: int  # the same build from the same prior state, in a tree of its own
    edit: str
    p50_s: float | None  # None: some stage had never run, or nothing was to be done
    p90_s: float | None
    took_s: float  # as the build itself says, from the start of the command
    process_s: float  # from the start of the program to its end
    said_bytes: int | None  # to be written and restored; None: said to be unknown
    done_bytes: int  # written and restored
    verdict_errors: tuple[str, ...]
    least_runs: int
    most_runs: int
    runs: int
    has_maybes: bool = False  # whether some stage was a maybe, so that amounts are by chance

    @property
    def case(self) -> tuple[str, int, int]:
        """What repeats have in common."""
        return (self.project, self.jobs, self.number)

    @property
    def is_in_range(self) -> bool:
        """Whether as many stages ran as were said to, at least and at most."""
        return self.least_runs <= self.runs <= self.most_runs


@frozen
class Share:
    """How many of how many, and what a perfect forecast would be expected to reach."""

    count: int
    total: int
    low: float  # nine times in ten, a perfect forecast's share lies between these
    high: float


@frozen
class Error:
    """A median error as a share of what came, and that of the median of the other repeats."""

    median: float | None  # None: nothing to judge
    floor: float | None
    total: int


@frozen
class Score:
    """One row of the tables."""

    trials: int
    verdict_errors: int
    out_of_range: int
    below_p50: Share
    below_p90: Share
    long_error: Error  # of p50, builds above LONG_S
    error: Error  # of p50, all builds
    disk_error: Error  # of bytes written and restored, builds that wrote or restored anything


def score(trials: Sequence[Trial], look_up: Sequence[Trial] = ()) -> Score:
    """Return what these forecasts were worth.

    Args:
        trials: What is judged.
        look_up: Where repeats are found, if not among `trials`.
    """
    late = [trial for trial in trials if trial.number >= FIRST_JUDGED]
    timed = [trial for trial in late if trial.p50_s is not None and trial.took_s > 0]
    sized = [trial for trial in late if trial.done_bytes > 0 and trial.said_bytes is not None]
    others = _Repeats(look_up or trials)
    return Score(
        trials=len(trials),
        verdict_errors=sum(len(trial.verdict_errors) for trial in trials),
        out_of_range=sum(not trial.is_in_range for trial in trials),
        below_p50=_share([trial.took_s <= (trial.p50_s or 0.0) for trial in timed], 0.5),
        below_p90=_share([trial.took_s <= (trial.p90_s or 0.0) for trial in timed], 0.9),
        long_error=_time_error([one for one in timed if one.took_s > LONG_S], others),
        error=_time_error(timed, others),
        disk_error=_disk_error(sized, others),
    )


def _time_error(trials: Sequence[Trial], others: _Repeats) -> Error:
    errors = [abs(one.took_s - (one.p50_s or 0.0)) / one.took_s for one in trials]
    return Error(middle(errors), others.floor(trials, lambda one: one.took_s), len(trials))


def _disk_error(trials: Sequence[Trial], others: _Repeats) -> Error:
    errors = [
        abs(one.done_bytes - one.said_bytes) / one.done_bytes
        for one in trials
        if one.said_bytes is not None
    ]
    return Error(middle(errors), others.floor(trials, lambda one: one.done_bytes), len(trials))


class _Repeats:
    """Finds the other repeats of a build."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        self._by_case: dict[tuple[str, int, int], list[Trial]] = {}
        for trial in trials:
            self._by_case.setdefault(trial.case, []).append(trial)

    def floor(self, trials: Iterable[Trial], value: Callable[[Trial], float]) -> float | None:
        """Return the median error of saying the median of a build's other repeats; None without any."""
        errors = []
        for trial in trials:
            others = [value(one) for one in self._by_case[trial.case] if one.repeat != trial.repeat]
            if others:
                errors.append(abs(value(trial) - statistics.median(others)) / value(trial))
        return middle(errors)


def middle(values: Sequence[float]) -> float | None:
    """Return the median; None of nothing."""
    return statistics.median(values) if values else None


def _share(inside: Sequence[bool], wanted: float) -> Share:
    low, high = expected_range(len(inside), wanted)
    return Share(sum(inside), len(inside), low, high)


def expected_range(total: int, share: float) -> tuple[float, float]:
    """Return between which shares of `total` independent builds nine in ten perfect forecasts end up.

    From the 5 % to the 95 % quantile of the binomial distribution; 0, 1 for no builds.
    """
    if not total:
        return (0.0, 1.0)
    passed, low, high = 0.0, None, total
    for count in range(total + 1):
        passed += comb(total, count) * share**count * (1 - share) ** (total - count)
        if low is None and passed >= 0.05:
            low = count
        if passed >= 0.95:
            high = count
            break
    return ((low or 0) / total, high / total)
