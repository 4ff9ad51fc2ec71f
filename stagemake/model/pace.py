"""What the tool itself takes around the stages, as measured in past builds. Pure.

Each cost has a shape (so much a stage, so much a byte) that holds on any machine, and a factor that past builds
of this project give it. Without past builds the factor is 1.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from attrs import fields, frozen

from stagemake.model.fit import HALF_LIFE, MAD
from stagemake.model.quantile import weighted_quantile
from stagemake.model.valued import Valued

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# In seconds, on a machine of 2020 with a local disk.
_BEFORE_S, _PER_STAGE_S, _PER_BUSY_S = 0.08, 15e-6, 100e-6
_AFTER_S, _AFTER_PER_RUN_S = 0.015, 30e-6
_LAUNCH_S = 0.0015
_GAP_S = 0.002
_SETTLE_S, _SETTLE_PER_BYTE_S = 0.0005, 1 / 600e6
_RESTORE_S, _RESTORE_PER_BYTE_S = 0.001, 1 / 400e6
_CHECK_S = 0.0005
_LEAST_LOAD, _MOST_LOAD = 0.03, 0.5
_LOAD_PRIOR, _AROUND_PRIOR, _PRIOR_BUILDS = 0.06, 0.12, 2.0


@frozen(eq=False, repr=False)
class BuildCosts(Valued):
    """What one build measured of itself. Seconds are of the tool, which does one thing at a time."""

    started_s: int  # unix seconds
    stages: int  # in the plan
    busy: int  # not fresh
    before_s: float  # planning, supervisor, opening the cache
    after_s: float  # saving, closing
    launched: int
    launch_s: float  # judging again, clearing outputs, starting
    gap_s: float  # a median: from the order to start until the action began
    settled: int
    settled_bytes: int
    settle_s: float  # looking at outputs, storing them
    restored: int
    restored_bytes: int
    restore_s: float
    checked: int  # cut off
    check_s: float
    counted_bytes: (
        int  # by how much the cache should have grown, as counted by contents and records
    )
    grown_bytes: int  # and by how much it did; -1: not measured
    load_log: float  # by how much all stages together took longer than predicted, as a logarithm
    load_noise: float  # variance of that by the stages' own spread


COLUMNS = tuple(each.name for each in fields(BuildCosts))


@frozen(eq=False, repr=False)
class Pace(Valued):
    """What to expect of the tool in the next build, seconds."""

    builds: int = 0
    before: float = 1.0  # factors
    after: float = 1.0
    launch: float = 1.0
    gap: float = 1.0
    settle: float = 1.0
    restore: float = 1.0
    check: float = 1.0
    growth: float = 1.0  # what the cache really grows by, by what is counted
    around_sigma: float = (
        _AROUND_PRIOR  # of the logarithm of what comes before and after the stages
    )
    load_sigma: float = _LOAD_PRIOR  # of the logarithm of what all stages of a build have in common

    def before_s(self, stages: int, busy: int) -> float:
        """Return what comes before the first stage: planning, starting up."""
        return self.before * _before(stages, busy)

    def after_s(self, runs: float) -> float:
        """Return what comes after the last stage."""
        return self.after * (_AFTER_S + _AFTER_PER_RUN_S * runs)

    @property
    def launch_s(self) -> float:
        """What the tool is busy with when it starts a stage."""
        return self.launch * _LAUNCH_S

    @property
    def gap_s(self) -> float:
        """What passes until the action begins."""
        return self.gap * _GAP_S

    @property
    def check_s(self) -> float:
        """What it takes to see that a stage is cut off."""
        return self.check * _CHECK_S

    def settle_s(self, size_bytes: float) -> float:
        """Return what the tool is busy with when a stage of these outputs has run."""
        return self.settle * (_SETTLE_S + _SETTLE_PER_BYTE_S * size_bytes)

    def restore_s(self, size_bytes: float) -> float:
        """Return what it takes to look up and restore outputs of this size."""
        return self.restore * (_RESTORE_S + _RESTORE_PER_BYTE_S * size_bytes)


def _before(stages: int, busy: int) -> float:
    return _BEFORE_S + _PER_STAGE_S * stages + _PER_BUSY_S * busy


def pace_of(builds: Sequence[BuildCosts]) -> Pace:
    """Return the pace by past builds, newest first; there may be none."""
    if not builds:
        return Pace()

    def factor(
        took_s: Callable[[BuildCosts], float],
        shape_s: Callable[[BuildCosts], float],
        count: Callable[[BuildCosts], int],
    ) -> float:
        ratios, weights = [], []
        for age, build in enumerate(builds):
            if count(build):
                ratios.append(took_s(build) / shape_s(build))
                weights.append(0.5 ** (age / HALF_LIFE) * min(count(build), 100))
        return weighted_quantile(ratios, weights, 0.5) if ratios else 1.0

    return Pace(
        builds=len(builds),
        before=factor(lambda b: b.before_s, lambda b: _before(b.stages, b.busy), lambda _: 1),
        after=factor(
            lambda b: b.after_s, lambda b: _AFTER_S + _AFTER_PER_RUN_S * b.settled, lambda _: 1
        ),
        launch=factor(lambda b: b.launch_s, lambda b: b.launched * _LAUNCH_S, lambda b: b.launched),
        gap=factor(lambda b: b.gap_s, lambda _: _GAP_S, lambda b: b.launched),
        settle=factor(
            lambda b: b.settle_s,
            lambda b: b.settled * _SETTLE_S + b.settled_bytes * _SETTLE_PER_BYTE_S,
            lambda b: b.settled,
        ),
        restore=factor(
            lambda b: b.restore_s,
            lambda b: b.restored * _RESTORE_S + b.restored_bytes * _RESTORE_PER_BYTE_S,
            lambda b: b.restored,
        ),
        check=factor(lambda b: b.check_s, lambda b: b.checked * _CHECK_S, lambda b: b.checked),
        growth=factor(
            lambda b: b.grown_bytes,
            lambda b: b.counted_bytes,
            lambda b: b.settled if b.counted_bytes > 0 and b.grown_bytes > 0 else 0,
        ),
        around_sigma=_around_sigma(builds),
        load_sigma=_load_sigma(builds),
    )


def _around_sigma(builds: Sequence[BuildCosts]) -> float:
    """Return the spread of the tool's own part, by that before the stages."""
    logs = [log(max(b.before_s, 1e-4) / _before(b.stages, b.busy)) for b in builds]
    weights = [0.5 ** (age / (2 * HALF_LIFE)) for age in range(len(logs))]
    middle = weighted_quantile(logs, weights, 0.5)
    off = weighted_quantile([abs(one - middle) for one in logs], weights, 0.5) * MAD
    count = min(len(logs), 10)
    total = _PRIOR_BUILDS * _AROUND_PRIOR**2 + count * off**2
    return float(min((total / (_PRIOR_BUILDS + count)) ** 0.5, _MOST_LOAD))


def _load_sigma(builds: Sequence[BuildCosts]) -> float:
    """Return the spread of what all stages of a build have in common, without the stages' own."""
    total, weight = _PRIOR_BUILDS * _LOAD_PRIOR**2, _PRIOR_BUILDS
    for age, build in enumerate(builds):
        if build.settled and build.load_noise:
            share = 0.5 ** (age / (2 * HALF_LIFE))
            off = min(abs(build.load_log), 2 * _MOST_LOAD)
            total += share * max(off**2 - build.load_noise, 0.0)
            weight += share
    return float(min(max((total / weight) ** 0.5, _LEAST_LOAD), _MOST_LOAD))
