"""A hook that knows how far a build is: for a progress bar, a status line, a page."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.event import PlanReady, StageSettled
from stagemake.model.result import Outcome
from stagemake.model.seed import StageHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.model.context import StageContext
    from stagemake.model.event import Event

_EXECUTED = {Outcome.RAN, Outcome.FAILED, Outcome.CANCELLED}


@frozen
class State:
    """How far a build is."""

    done: int  # executed stages that have ended, well or not
    failed: int  # those of them that failed
    running: tuple[str, ...]  # in order of their start
    total: int | None  # how many will be executed, at most; None: not known

    def __str__(self) -> str:
        of = "" if self.total is None else f"/{self.total}"
        now = f" {', '.join(self.running)}" if self.running else ""
        failed = f", {self.failed} failed" if self.failed else ""
        return f"[{self.done}{of}{failed}]{now}"


def _print(state: State) -> None:
    sys.stderr.write(f"{state}\n")


class Progress(StageHook):
    """Shows the state whenever it changes. Register it before and after stages.

    With `manager.events.subscribe(progress.on_event)` it also knows the total, and starts anew with
    each build. It goes down when a stage turns out not to need a run.

    Args:
        show: Takes the state; called in the thread that builds. Default: prints a line to stderr.
    """

    name = "progress"

    def __init__(self, show: Callable[[State], object] = _print) -> None:
        self._show = show
        self._done = self._failed = 0
        self._running: dict[str, None] = {}
        self._expected: set[str] | None = None

    @property
    def state(self) -> State:
        """How far the build is now."""
        total = None if self._expected is None else max(len(self._expected), self._done)
        return State(self._done, self._failed, tuple(self._running), total)

    def before_stage(self, stage_name: str, context: StageContext) -> None:  # noqa: ARG002 - a hook's shape
        """Show that a stage has started."""
        self._running[stage_name] = None
        self._show(self.state)

    def after_stage(self, stage_name: str, context: StageContext) -> None:
        """Show that a stage has ended."""
        self._running.pop(stage_name, None)
        self._done += 1
        self._failed += context.results[stage_name].outcome is Outcome.FAILED
        self._show(self.state)

    def on_event(self, event: Event) -> None:
        """Learn how many stages there are, and which of them need no run after all."""
        if isinstance(event, PlanReady):
            stages = event.plan.pipeline.stages
            self._done = self._failed = 0
            self._running.clear()
            self._expected = {
                str(stages[step.stage_id].name) for step in event.plan.steps if step.may_run
            }
        elif isinstance(event, StageSettled) and self._expected is not None:
            name = event.result.name
            if event.result.outcome not in _EXECUTED and name in self._expected:
                self._expected.discard(name)
                self._show(self.state)
            elif event.result.outcome is Outcome.FAILED and name in self._running:
                self._running.pop(name)  # a later pre hook kept it from running
                self._show(self.state)
