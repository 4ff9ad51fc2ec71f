"""How long a plan takes, by doing as the scheduler does, with the scheduler's own agenda and no clock.

The tool does one thing at a time: starting a stage, settling one, restoring one takes its time, while actions
run beside it. A plan is gone through several times under different circumstances, its *draws*:

- what all stages have in common (the load of the machine), at even steps of its distribution;
- what is a stage's own, at the same steps, in another order for each stage (Latin hypercube sampling: McKay,
  Beckman and Conover 1979), so that a handful of draws shows how far chances add up or cancel out;
- runs far out, as many as usual, at stages drawn from a fixed seed;
- whether each run changes its outputs, in the same way: a cut-off in a draw cuts all that hangs on it at once.

Nothing is random between two calls: the same plan gives the same figures.
"""

from __future__ import annotations

import random
from heapq import nlargest
from math import exp
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.plan import P90, Interval, Verdict
from stagemake.plan.agenda import Agenda
from stagemake.plan.chance import changes_p
from stagemake.plan.cost import weights
from stagemake.plan.crowd import Alone, Crowd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagemake.model.pace import Pace
    from stagemake.model.plan import Chance, Estimate, Plan, Step
    from stagemake.plan.agenda import Limits
    from stagemake.plan.crowd import Running

DRAWS = 9
"""How often a plan is gone through; `FEW_DRAWS` beyond `MANY_STAGES`, where chances even out by themselves."""
FEW_DRAWS = 3
MANY_STAGES = 1500

_NO_RUN = -1.0
_ABOUT_ONE = 0.15  # what keeps one processor busy is measured as a little more or less
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


@frozen
class Tool:
    """What the tool is busy with, by stage, and what it takes to start any. Seconds."""

    launch_s: float
    gap_s: float  # from the start to the action's beginning, while the tool is free
    idle_s: Sequence[float]  # restoring, or seeing that nothing has to be done; by stage
    settle_s: Sequence[float]  # by stage


def tool_of(plan: Plan, pace: Pace) -> Tool:
    """Return the tool's part of a plan. Cost: O(stages)."""
    count = len(plan.steps)
    idle_s, settle_s = [pace.check_s] * count, [0.0] * count
    for step in plan.steps:
        if step.verdict is Verdict.HIT and step.cached is not None:
            idle_s[step.stage_id] = pace.restore_s(step.cached.output_bytes)
        elif step.verdict is not Verdict.FRESH:
            settle_s[step.stage_id] = pace.settle_s(step.estimate.output_bytes or 0)
    return Tool(pace.launch_s, pace.gap_s, idle_s, settle_s)


@frozen
class Course:
    """A plan on its way: to be gone through again and again."""

    limits: Limits
    tool: Tool
    _start: Agenda
    _processors: int
    _demand: Sequence[float]  # by stage: how many processors its action keeps busy alone
    _stretch: Sequence[float]  # by stage: how much longer than alone its duration is; empty: none

    @classmethod
    def of(cls, plan: Plan, limits: Limits, tool: Tool, processors: int = 1 << 10) -> Course:
        """Return the course of a plan with these limits, on so many processors."""
        passed = [step.stage_id for step in plan.steps if step.verdict is Verdict.FRESH]
        demand = [
            0.0 if step.verdict is Verdict.FRESH else _demand_of(step.estimate)
            for step in plan.steps
        ]
        stretch = [step.estimate.stretch for step in plan.steps]
        agenda = Agenda.of(plan.pipeline, limits, weights(plan), passed)
        if max(stretch, default=1.0) == 1.0:
            stretch = []
        return cls(limits, tool, agenda, processors, demand, stretch)

    def wall_s(self, action_s: Sequence[float], jobs: int = 0) -> float:
        """Return the seconds it takes, with another `-j` if given; see `simulate`."""
        start = self._start.with_jobs(jobs) if jobs else self._start.copy()
        jobs = jobs or self.limits.jobs
        if self._stretch:
            action_s = [
                seconds / stretch if seconds > 0 else seconds
                for seconds, stretch in zip(action_s, self._stretch, strict=True)
            ]
        running: Running = Alone()
        if jobs > self._processors and sum(nlargest(jobs, self._demand)) > self._processors:
            running = Crowd(self._demand, self._processors)
        return simulate(start, action_s, self.tool, running)


def _demand_of(estimate: Estimate) -> float:
    demand = estimate.cpu_share * estimate.stretch
    return 1.0 if abs(demand - 1.0) <= _ABOUT_ONE else demand


def simulate(
    agenda: Agenda, action_s: Sequence[float], tool: Tool, running: Running | None = None
) -> float:
    """Return the seconds from the first start to the last result.

    Args:
        agenda: At the start of the build; used up.
        action_s: By stage; below 0: nothing runs, it is restored or cut off.
        tool: The tool's part.
        running: How actions go on beside each other; by default as each would alone.

    Cost: some 4 µs for each stage that isn't fresh.
    """
    now_s, running = 0.0, running or Alone()
    launch_s, gap_s, idle_s, settle_s = tool.launch_s, tool.gap_s, tool.idle_s, tool.settle_s
    settled = -1
    while True:
        while (stage_id := agenda.next()) is not None:
            seconds = action_s[stage_id]
            if seconds < 0:
                now_s += idle_s[stage_id]
                agenda.settle(stage_id)
            else:
                now_s += launch_s
                running.start(now_s + gap_s, seconds, stage_id)
                agenda.take(stage_id)
        if settled >= 0:  # the machine was kept busy; now for what came of the last one
            now_s += settle_s[settled]
            agenda.settle(settled)
            settled = -1
            continue
        ended = running.first_end()
        if ended is None:
            return now_s
        end_s, settled = ended
        now_s = max(now_s, end_s)
        agenda.give_back(settled)


def expected_s(plan: Plan, chances: Mapping[int, Chance]) -> list[float]:
    """Return the seconds of each stage's action, a maybe's by its chance; 0 where nothing runs or is known."""
    found = [0.0] * len(plan.steps)
    for step in plan.steps:
        duration = step.estimate.duration_s
        if duration is None:
            continue
        if step.verdict is Verdict.MISS:
            found[step.stage_id] = duration.p50
        elif step.verdict is Verdict.MAYBE:
            found[step.stage_id] = duration.p50 * chances[step.stage_id].runs_p
    return found


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
    rnd = random.Random(5)  # noqa: S311 - a fixed seed is the point
    orders = [rnd.sample(range(count), count) for _ in range(97)]
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
    count = len(columns)
    levels = [[(place + 0.5) / count for place in order] for order in orders]
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
    if count >= DRAWS:
        p50, p90 = _at(ordered, 0.5), _at(ordered, 0.9)
    else:
        p50 = _at(ordered, 0.5)
        mean = sum(ordered) / count
        p90 = p50 + P90 * (sum((one - mean) ** 2 for one in ordered) / (count - 1)) ** 0.5
    late = ((p90 - p50) ** 2 + (P90 * spread) ** 2) ** 0.5
    return Interval(p50 + overhead_s, p50 + overhead_s + late)


def _at(ordered: Sequence[float], share: float) -> float:
    """Return a quantile: the k-th of n values stands for the share (k - 1/2) / n."""
    place = min(max(share * len(ordered) - 0.5, 0.0), len(ordered) - 1.0)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
