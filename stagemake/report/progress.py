"""Where a build stands: what runs since when, how much is done. Kept from events, for whoever shows it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from stagemake.model.event import PlanReady, StageSettled, StageStarted
from stagemake.model.plan import Verdict
from stagemake.model.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.model.event import Event
    from stagemake.model.plan import Interval


@frozen
class Running:
    """A stage whose action is under way."""

    name: str
    began_s: float  # by the clock of `Progress`
    expected_s: Interval | None = None  # None: nothing is known
    description: str = ""


@define
class Progress:
    """One build, as far as it has come. Starts anew with each plan."""

    now_s: Callable[[], float] = time.monotonic
    began_s: float = 0.0
    total: int = 0
    done: int = 0  # settled, fresh ones included
    hits: int = 0  # restored from the cache
    failed: int = 0
    running: dict[str, Running] = field(factory=dict)  # by name, oldest first
    _expected_s: dict[str, Interval] = field(factory=dict)

    def handle(self, event: Event) -> None:
        """Take in an event. Cost: O(1), for a plan O(stages)."""
        if isinstance(event, PlanReady):
            self._begin(event)
        elif isinstance(event, StageStarted):
            name = event.name
            self.running.pop(name, None)  # a retry runs since now
            self.running[name] = Running(
                name, self.now_s(), self._expected_s.get(name), event.description
            )
        elif isinstance(event, StageSettled):
            self.running.pop(event.result.name, None)
            self.done, self.total = event.done, event.total
            self.hits += event.result.outcome is Outcome.RESTORED
            self.failed += event.result.outcome is Outcome.FAILED

    def _begin(self, event: PlanReady) -> None:
        steps, stages = event.plan.steps, event.plan.pipeline.stages
        self.began_s = self.now_s()
        left_out = event.plan.pipeline.left_out  # fresh, and known to be
        self.total = len(steps) + left_out
        self.done = left_out + sum(step.verdict is Verdict.FRESH for step in steps)
        self.hits = self.failed = 0
        self.running.clear()
        self._expected_s = {
            stages[step.stage_id].name: step.estimate.duration_s
            for step in steps
            if step.verdict is not Verdict.FRESH and step.estimate.duration_s is not None
        }
