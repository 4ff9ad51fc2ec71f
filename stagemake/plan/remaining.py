"""How long a build will still take: the forecast, corrected as stages finish. Told by events, asked by a reporter.

What is left is the longer of the longest chain of open stages and their work shared among the jobs, scaled so that
at the start it is what a simulation says. What has run corrects it: if that took half as long again as foreseen, so
will the rest. Stages that nothing is known of count like those of them that have ended in this build.
"""

from __future__ import annotations

import bisect
import heapq
import time
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.model.event import PlanReady, StageSettled, StageStarted
from stagemake.model.pace import Pace
from stagemake.model.plan import Verdict
from stagemake.plan.agenda import Limits
from stagemake.plan.chain import priorities
from stagemake.plan.chance import chances
from stagemake.plan.crowd import processor_count
from stagemake.plan.simulate import Course, expected_s, tool_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.model.event import Event
    from stagemake.model.plan import Plan

_PLENTY = 1 << 50
_ENOUGH_ENDED = 5  # stages of no history, before they speak for the others
_TRUST = 0.1  # of all work: so much is taken to have run as foreseen from the start
_LEAST_RATIO, _MOST_RATIO = 0.3, 5.0
_OVERDUE = 0.1  # what runs longer than foreseen will take at least this share of what it took


@define
class Remaining:
    """The rest of one build. Nothing is known before the plan is ready."""

    now_s: Callable[[], float] = time.monotonic
    _jobs: int = 1
    _expected_s: list[float] = field(factory=list)  # by stage; 0 where nothing is known
    _sure_s: list[float] = field(factory=list)  # the same if the stage runs for certain
    _below_s: list[float] = field(factory=list)  # by stage: with all that hangs on it
    _longest: list[tuple[float, int]] = field(
        factory=list
    )  # a heap of the above, of what has not begun
    _begun: set[int] = field(factory=set)  # running or settled
    _open: dict[str, int] = field(factory=dict)  # stages that have not settled, ids by name
    _unknown: set[int] = field(factory=set)  # those of them without estimate
    _ended_s: list[float] = field(factory=list)  # of stages without estimate, ascending
    _running: dict[int, float] = field(factory=dict)  # when it began
    _work_s: float = 0.0  # of all open stages
    _foreseen_s: float = 0.0  # of what has run and was foreseen
    _took_s: float = 0.0  # and what it took
    _scale: float = 1.0  # at the start, from what the model says to what a simulation says
    _all_work_s: float = 0.0

    def handle(self, event: Event) -> None:
        """Take in an event. Cost: O(log stages), for the plan one simulation."""
        if isinstance(event, PlanReady):
            self._begin(event.plan, event.jobs)
        elif isinstance(event, StageStarted):
            stage_id = self._open.get(event.name)
            if stage_id is not None:
                self._running[stage_id] = self.now_s()
                self._begun.add(stage_id)
        elif isinstance(event, StageSettled) and event.result.name in self._open:
            did_run = event.result.exit_code is not None
            self._settle(event.result.name, event.result.wall_s if did_run else None)

    def _begin(self, plan: Plan, jobs: int) -> None:
        self._jobs = jobs
        tool = tool_of(plan, Pace())
        odds = chances(plan)
        expected = expected_s(plan, odds)
        names = plan.pipeline.stages
        for step in plan.steps:
            if step.verdict is Verdict.FRESH:
                continue
            self._open[names[step.stage_id].name] = step.stage_id
            if step.verdict is Verdict.HIT:
                expected[step.stage_id] = tool.idle_s[step.stage_id]
            elif step.estimate.duration_s is None:
                self._unknown.add(step.stage_id)
        self._expected_s = expected
        self._sure_s = [
            s.estimate.duration_s.p50 if s.estimate.duration_s else 0.0 for s in plan.steps
        ]
        self._below_s = priorities(plan.pipeline.upstream, expected)
        self._longest = [(-self._below_s[i], i) for i in self._open.values()]
        heapq.heapify(self._longest)
        self._work_s = self._all_work_s = sum(expected[i] for i in self._open.values())
        bound_s = self._model_s(self.now_s())
        if bound_s > 0:
            pools = {stage.pool: _PLENTY for stage in names if stage.pool}
            course = Course.of(plan, Limits(jobs, _PLENTY, pools), tool, processor_count())
            self._scale = max(course.wall_s(expected) / bound_s, 1.0)

    def _settle(self, name: str, took_s: float | None) -> None:
        """Take a stage out; `took_s` is None when nothing ran."""
        stage_id = self._open.pop(name)
        self._running.pop(stage_id, None)
        self._begun.add(stage_id)
        expected_s = self._expected_s[stage_id]
        self._work_s = max(self._work_s - expected_s, 0.0) if self._open else 0.0
        if stage_id in self._unknown:
            self._unknown.discard(stage_id)
            if took_s is not None:
                bisect.insort(self._ended_s, took_s)
        elif took_s is not None:
            self._foreseen_s += self._sure_s[stage_id]
            self._took_s += took_s

    def _model_s(self, now_s: float) -> float:
        """Return what the estimates alone say of what is left."""
        if not self._open:
            return 0.0
        while self._longest and self._longest[0][1] in self._begun:
            heapq.heappop(self._longest)
        work_s = self._work_s
        chain_s = -self._longest[0][0] if self._longest else 0.0
        for stage_id, began_s in self._running.items():
            expected_s, passed_s = self._expected_s[stage_id], max(now_s - began_s, 0.0)
            left_s = max(expected_s - passed_s, passed_s * _OVERDUE)
            work_s += left_s - expected_s
            chain_s = max(chain_s, left_s + self._below_s[stage_id] - expected_s)
        share = self._work_s / self._all_work_s if self._all_work_s else 0.0
        scale = 1.0 + (self._scale - 1.0) * share
        return max(chain_s, work_s / self._jobs, 0.0) * scale

    def left_s(self) -> float | None:
        """Return the seconds that the build still takes; None while too little is known. 0 at its end."""
        if not self._open:
            return 0.0
        now_s = self.now_s()
        unknown_s = 0.0
        if self._unknown:
            if len(self._ended_s) < _ENOUGH_ENDED:
                return None
            typical_s = self._ended_s[len(self._ended_s) // 2]
            unknown_s = len(self._unknown) * typical_s / self._jobs
        trusted_s = self._all_work_s * _TRUST
        foreseen_s = self._foreseen_s + trusted_s
        ratio = (self._took_s + trusted_s) / foreseen_s if foreseen_s > 0 else 1.0
        ratio = min(max(ratio, _LEAST_RATIO), _MOST_RATIO)
        return self._model_s(now_s) * ratio + unknown_s
