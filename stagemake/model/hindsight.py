"""What past builds say of the forecasts they had: how far they reached, and what passes before a build. Pure.

A simulation knows how stages and the tool vary, not what else there is. How far a build came from its median is
counted in steps to the ninth decile that the simulation had given, both as logarithms. Nine in ten past builds
stayed within some number of these steps, and so, it is taken, will the next one (conformal prediction: Vovk,
Gammerman and Shafer 2005). The median is left as it is: on recorded builds no correction of it paid.
"""

from __future__ import annotations

import enum
from math import exp, log
from typing import TYPE_CHECKING

from attrs import fields, frozen

from stagemake.model.plan import Interval
from stagemake.model.quantile import weighted_quantile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HALF_LIFE = 10.0  # builds
_OPENING_HALF_LIFE = 4.0
_LEAST_STEP = 0.1  # of the logarithm: what is not simulated
_SHARE = 0.92  # for nine in ten of the next ones, as those looked at are few
_LEAST_REACH, _MOST_REACH = 0.2, 2.5
_LEAST_PRIOR, _ENOUGH = 3.0, 12.0  # builds: the prior makes up for what there are less than enough
# What builds would show if the simulation had it right: steps, and of how many in a hundred.
_PRIOR = ((-1.28, 10), (-0.7, 15), (-0.3, 15), (0.0, 20), (0.3, 15), (0.7, 15), (1.28, 10))


class Opening(enum.IntEnum):
    """What passes between the start and the build proper. The numbers are in the history."""

    EVALUATED = 0  # Python, and the Stagefile
    RECALLED = 1  # Python; what the Stagefile declared is known from before
    EMBEDDED = 2  # nothing: another program asks, and waits from then on


_USUALLY_S = {Opening.EVALUATED: 0.25, Opening.RECALLED: 0.15, Opening.EMBEDDED: 0.0}
"""On a machine of 2020."""


@frozen
class Foretold:
    """A build that was done: what the simulation had said, before any correction, and what it took. Seconds."""

    opening: int  # see `Opening`
    outside_s: float  # of `wall_s`, before the build proper
    p50_s: float  # 0: some stage was not known
    p90_s: float
    wall_s: float


FORETOLD_COLUMNS = tuple(each.name for each in fields(Foretold))


@frozen
class Hindsight:
    """What past builds say of the next one's forecast."""

    reach: float  # steps from the median within which the next build stays, nine times in ten
    opening_s: Mapping[int, float]  # what passes before a build, by `Opening`

    def corrected(self, simulated: Interval) -> Interval:
        """Return an interval that reaches as far as past builds did."""
        if simulated.p50 <= 0:
            return simulated
        step = _step(simulated.p50, simulated.p90)
        return Interval(simulated.p50, simulated.p50 * exp(self.reach * step))


def hindsight_of(builds: Sequence[Foretold]) -> Hindsight:
    """Return what builds say, newest first; there may be none.

    Any one of them moves the reach by little: what counts is how many stayed within, not how far one went.
    """
    steps, weights = [], []
    for age, build in enumerate(builds):
        if build.p50_s > 0 and build.p90_s > 0 and build.wall_s > 0:
            step = log(build.wall_s / build.p50_s) / _step(build.p50_s, build.p90_s)
            steps.append(min(step, _MOST_REACH))
            weights.append(0.5 ** (age / _HALF_LIFE))
    prior = max(_LEAST_PRIOR, _ENOUGH - sum(weights))
    steps += [step for step, _ in _PRIOR]
    weights += [prior * share / 100 for _, share in _PRIOR]
    return Hindsight(
        max(weighted_quantile(steps, weights, _SHARE), _LEAST_REACH),
        {one: _opening_s(builds, one) for one in Opening},
    )


def _opening_s(builds: Sequence[Foretold], opening: Opening) -> float:
    times_s = [build.outside_s for build in builds if build.opening == opening]
    if not times_s:
        return _USUALLY_S[opening]
    weights = [0.5 ** (age / _OPENING_HALF_LIFE) for age in range(len(times_s))]
    return weighted_quantile(times_s, weights, 0.5)


def _step(p50_s: float, p90_s: float) -> float:
    """Return how far the simulation's ninth decile is from its median, with what it can't know."""
    return float((log(max(p90_s / p50_s, 1.0)) ** 2 + _LEAST_STEP**2) ** 0.5)
