"""Notes a build while it runs, so that a killed one leaves what it had finished. Told by events."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from attrs import define, field

import stagemake
from stagemake import durable
from stagemake.model.event import BuildFinished, PlanReady, StageSettled, StageStarted
from stagemake.model.result import Outcome
from stagemake.past.codec import begin_of, end_of, line_of, stage_of
from stagemake.past.shelf import MOST_BYTES_A_BUILD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stagemake.model.event import Event
    from stagemake.model.plan import Interval
    from stagemake.model.result import BuildOutcome, StageResult
    from stagemake.past.shelf import Shelf


_MOST_WAITING = 64  # lines that a kill may lose: of what can be brought back again, which no estimate is made from


@define(eq=False, repr=False)
class Recorder:
    """Writes one build to a shelf. Trouble ends the recording, never the build; `problem` says what it was."""

    shelf: Shelf
    targets: Sequence[str]
    forecast_s: Interval | None
    wall_clock_s: Callable[[], float] = time.time
    problem: str = ""
    _fd: int = -1
    _path: str = ""
    _written_bytes: int = 0
    _expected_s: dict[str, Interval] = field(factory=dict)
    _told: set[str] = field(factory=set)
    _waiting: list[bytes] = field(factory=list)  # lines of what came from the cache

    def handle(self, event: Event) -> None:
        """Note an event. Cost: one write of some hundred bytes for each stage that settles, fewer for restored ones."""
        try:
            if isinstance(event, PlanReady):
                self._begin(event)
            elif isinstance(event, StageSettled):
                self._stage(event.result)
            elif isinstance(event, BuildFinished):
                self._end(event.outcome)
            elif isinstance(event, StageStarted):  # which may take an hour
                self._write()
        except OSError as error:
            self.problem = self.problem or (error.strerror or str(error)).lower()
            self.close()

    def _begin(self, event: PlanReady) -> None:
        durable.make_dirs(self.shelf.directory, 0o700)
        self.shelf.trim()
        stages, steps = event.plan.pipeline.stages, event.plan.steps
        for stage, step in zip(stages, steps, strict=True):
            if step.estimate.duration_s is not None:
                self._expected_s[stage.name] = step.estimate.duration_s
        roster = self.shelf.note_names(event.plan.pipeline.names)
        started_s = self.wall_clock_s()
        _, self._fd, self._path = self.shelf.begin(
            begin_of(
                started_s, self.targets, event.jobs, stagemake.__version__, self.forecast_s, roster
            )
        )

    def _stage(self, result: StageResult) -> None:
        if self._fd < 0 or self._written_bytes > MOST_BYTES_A_BUILD:
            return
        ran = result.outcome is Outcome.RAN
        line = line_of(stage_of(result, self._expected_s.get(result.name) if ran else None))
        self._told.add(result.name)
        self._written_bytes += len(line)
        self._waiting.append(line)
        if result.outcome is not Outcome.RESTORED or len(self._waiting) >= _MOST_WAITING:
            self._write()

    def _write(self, *more: bytes) -> None:
        data = b"".join((*self._waiting, *more))
        self._waiting.clear()
        if data:
            durable.append(self._fd, data, self._path)

    def _end(self, outcome: BuildOutcome) -> None:
        if self._fd < 0:
            return
        for result in outcome.results:  # what was blocked or never came to its turn
            if result.outcome is not Outcome.FRESH and result.name not in self._told:
                self._stage(result)
        counts = {each.value: outcome.count(each) for each in Outcome}
        self._write(line_of(end_of(outcome, counts)))
        self.close()

    def close(self) -> None:
        """Let go of the file; what was noted stays."""
        if self._fd >= 0:
            try:
                self._write()
            except OSError:  # as much of it as there is
                pass
            finally:
                os.close(self._fd)
                self._fd = -1
