"""How long a plan takes, by doing as the scheduler does, with the scheduler's own agenda and no clock.

The tool does one thing at a time: starting a stage, settling one, restoring one takes its time, while actions
run beside it. A plan is gone through several times under different circumstances: see `draws`.
"""

from __future__ import annotations

from heapq import nlargest
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.plan import Verdict
from stagemake.model.valued import Valued
from stagemake.plan.agenda import Agenda
from stagemake.plan.cost import weights
from stagemake.plan.crowd import Alone, Crowd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagemake.model.pace import Pace
    from stagemake.model.plan import Chance, Estimate, Plan
    from stagemake.plan.agenda import Limits
    from stagemake.plan.crowd import Running

_ABOUT_ONE = 0.15  # what keeps one processor busy is measured as a little more or less


@frozen(eq=False, repr=False)
class Tool(Valued):
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
                running.beside(now_s)
                running.start(now_s + gap_s, seconds, stage_id)
                agenda.take(stage_id)
        if settled >= 0:  # the machine was kept busy; now for what came of the last one
            now_s += settle_s[settled]
            running.beside(now_s)
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
