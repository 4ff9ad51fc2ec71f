"""The circumstances under which a plan is gone through, and what median and ninth decile follow from them.

Each of these *draws* has seconds for every stage that runs in it:

- what all stages have in common (the load of the machine), at even steps of its distribution;
- what is a stage's own, at the same steps, in another order for each stage (Latin hypercube sampling: McKay,
  Beckman and Conover 1979), so that a handful of draws shows how far chances add up or cancel out;
- runs far out, as many as usual, at stages drawn from a fixed seed;
- whether each run changes its outputs, in the same way: a cut-off in a draw cuts all that hangs on it at once.
  An edit that shows in one stage shows in others, a comment in none: most of that chance is common to all stages.

Nothing is random between two calls: the same plan gives the same figures.
"""

from __future__ import annotations

import functools
import random
from math import comb, erf, exp, sqrt
from typing import TYPE_CHECKING, Any

from stagemake.model.plan import P90, Interval, Verdict
from stagemake.plan.chance import changes_p

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagemake.model.plan import Chance, Plan, Step

DRAWS = 9
"""How often a plan is gone through; `FEW_DRAWS` beyond `MANY_STAGES`, where chances even out by themselves."""
FEW_DRAWS = 3
MANY_STAGES = 1500

_NO_RUN = -1.0
_TOGETHER = 0.9  # of the variance: how far what an edit does to one stage goes for the others
# The middles of nine and of three equal parts of the normal distribution. Many that vary on their own add up
# right if their steps have a variance of 1; for what all have in common the ninth decile has to come out right.
_STEPS = {
    9: (-1.711, -1.039, -0.633, -0.303, 0.0, 0.303, 0.633, 1.039, 1.711),
    3: (-1.2247, 0.0, 1.2247),
}
_LOAD_STEPS = {
    9: (-1.492, -0.967, -0.589, -0.282, 0.0, 0.282, 0.589, 0.967, 1.492),
    3: (-1.2247, 0.0, 1.2247),
}
_EVEN_STEPS = {  # quantiles of the normal distribution, for chances
    9: (-1.593, -0.967, -0.589, -0.282, 0.0, 0.282, 0.589, 0.967, 1.593),
    3: (-0.967, 0.0, 0.967),
}


def draws(
    plan: Plan, chances: Mapping[int, Chance], load_sigma: float, tail: tuple[float, float]
) -> list[list[float]]:
    """Return the seconds of each stage's action under several circumstances, as `simulate` takes them.

    Args:
        plan: With its estimates.
        chances: Of the maybes.
        load_sigma: Standard deviation of the logarithm of what all have in common.
        tail: The share of runs far out, and by how much, as a logarithm.
    """
    running = [s for s in plan.steps if s.verdict is Verdict.MISS or s.verdict is Verdict.MAYBE]
    count = DRAWS if len(running) <= MANY_STAGES else FEW_DRAWS
    steps, load_steps = _STEPS[count], _LOAD_STEPS[count]
    orders, state = _orders(count)
    rnd = random.Random(5)  # noqa: S311 - as below
    rnd.setstate(state)
    own = [[steps[place] for place in order] for order in orders]
    load = [exp(load_sigma * load_steps[place]) for place in orders[0]]
    found = [[_NO_RUN] * len(plan.steps) for _ in range(count)]
    for index, step in enumerate(running):
        stage_id, estimate = step.stage_id, step.estimate
        duration = estimate.duration_s
        seconds, sigma = (0.0, 0.0) if duration is None else (duration.p50, estimate.sigma)
        places = own[(index * 31 + 7) % 97]
        for column, place, factor in zip(found, places, load, strict=True):
            column[stage_id] = seconds * factor * exp(sigma * place)
    for column, share in zip(found, orders[1], strict=True):
        _put_far_out(column, running_ids=[s.stage_id for s in running], tail=tail,
                     level=(share + 0.5) / count, rnd=rnd)  # fmt: skip
    if chances:
        _cut_off(running, chances, found, orders)
    return found


@functools.cache
def _orders(count: int) -> tuple[tuple[tuple[int, ...], ...], tuple[Any, ...]]:
    """Return in which orders stages go through the steps, and where chance stands then.

    Cost: 6 ms, once in a process for each of the two counts.
    """
    rnd = random.Random(5)  # noqa: S311 - a fixed seed is the point
    orders = tuple([tuple(rnd.sample(range(count), count)) for _ in range(97)])
    return orders, rnd.getstate()


def _put_far_out(
    column: list[float], *, running_ids: Sequence[int], tail: tuple[float, float], level: float,
    rnd: random.Random,
) -> None:  # fmt: skip
    """Make some runs take longer by the usual amount: as many as a Poisson distribution has at `level`."""
    mean = len(running_ids) * tail[0]
    if mean <= 0:
        return
    if mean > 30:
        count = round(mean)
    else:
        count, term = 0, exp(-mean)
        total = term
        while total < level and count < len(running_ids):
            count += 1
            term *= mean / count
            total += term
    for stage_id in rnd.sample(running_ids, min(count, len(running_ids))):
        column[stage_id] *= exp(tail[1])


def _cut_off(
    running: Sequence[Step],
    chances: Mapping[int, Chance],
    columns: Sequence[list[float]],
    orders: Sequence[Sequence[int]],
) -> None:
    """Take out of each draw the maybes that are cut off in it."""
    levels = _levels_of(orders)
    rows = [
        (
            step.stage_id,
            chances[step.stage_id].deciders if step.verdict is Verdict.MAYBE else (),
            levels[(step.stage_id * 17 + 3) % 97],
            changes_p(step),
        )
        for step in running
    ]
    for number, column in enumerate(columns):
        changed: set[int] = set()
        for stage_id, deciders, level, p in rows:
            if deciders and changed.isdisjoint(deciders):
                column[stage_id] = _NO_RUN
            elif level[number] < p:
                changed.add(stage_id)


def _levels_of(orders: Sequence[Sequence[int]]) -> list[list[float]]:
    """Return levels between 0 and 1 for each order of draws: one part of them common, one its own."""
    steps = _EVEN_STEPS[len(orders[0])]
    common = [sqrt(_TOGETHER) * steps[place] for place in orders[2]]
    own = sqrt(1.0 - _TOGETHER)
    return [
        [
            0.5 + 0.5 * erf((shared + own * steps[place]) / sqrt(2.0))
            for shared, place in zip(common, order, strict=True)
        ]
        for order in orders
    ]


def interval_of(walls: Sequence[float], overhead_s: float, sigma: float = 0.0) -> Interval:
    """Return median and ninth decile of the wall time from the draws and the tool's part around them.

    Args:
        walls: Of the draws.
        overhead_s: What comes before and after.
        sigma: Standard deviation of the logarithm of that.
    """
    spread = overhead_s * sigma
    ordered = sorted(walls)
    count = len(ordered)
    p50 = _middle(ordered)
    if count >= DRAWS:
        p90 = _at(ordered, 0.9)
    else:
        mean = sum(ordered) / count
        p90 = p50 + P90 * (sum((one - mean) ** 2 for one in ordered) / (count - 1)) ** 0.5
    late = (max(p90 - p50, 0.0) ** 2 + (P90 * spread) ** 2) ** 0.5
    return Interval(p50 + overhead_s, p50 + overhead_s + late)


def _middle(ordered: Sequence[float]) -> float:
    """Return the median of what these are drawn from: all of them, each by how likely it is that one (Harrell, Davis 1982).

    Where it is as likely as not that much is cut off, the middle draw alone would say all or nothing.
    """
    count = len(ordered)
    if count != DRAWS:
        return _at(ordered, 0.5)
    return sum(weight * one for weight, one in zip(_MIDDLE, ordered, strict=True))


def _up_to(share: float) -> float:
    """Return how likely at least half of `DRAWS` are below a share of what they are drawn from."""
    return sum(
        comb(DRAWS, below) * share**below * (1 - share) ** (DRAWS - below)
        for below in range(DRAWS // 2 + 1, DRAWS + 1)
    )


_MIDDLE = tuple(_up_to((place + 1) / DRAWS) - _up_to(place / DRAWS) for place in range(DRAWS))


def _at(ordered: Sequence[float], share: float) -> float:
    """Return a quantile: the k-th of n values stands for the share (k - 1/2) / n."""
    place = min(max(share * len(ordered) - 0.5, 0.0), len(ordered) - 1.0)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
