"""Actions that wait in the supervisor for one before them to end: between two of them nobody waits for the tool."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.valued import Valued

if TYPE_CHECKING:
    from stagemake.runner.port import Completion, Work


@frozen(eq=False, repr=False)
class LineRules(Valued):
    """What the tool says with each action that it lines up."""

    room: int  # actions that may run side by side
    low: int  # while more than this wait, the tool is not told of each that ends
    stops_at_failure: bool


class Line:
    """First in, first out. After a failure nothing more leaves it, where the tool said so, until it is emptied."""

    def __init__(self) -> None:
        self._waiting: deque[Work] = deque()
        self._rules = LineRules(0, 0, stops_at_failure=False)
        self._more = 0  # room since
        self._has_failed = False  # an action, since the line was emptied

    @property
    def is_long(self) -> bool:
        """Whether enough waits to go on without the tool for a while."""
        return len(self._waiting) > self._rules.low and not self._is_stopped

    @property
    def _is_stopped(self) -> bool:
        return self._has_failed and self._rules.stops_at_failure

    def add(self, work: Work, rules: LineRules) -> None:
        """Have an action wait; the newest rules hold for all."""
        self._waiting.append(work)
        self._rules = rules
        self._more = 0

    def note_start(self) -> None:
        """Take in that the tool has had one more started at once: it counts that with what may run."""
        self._more += 1

    def next(self, running: int) -> Work | None:
        """Return what starts now beside so many that run, which does not wait any more; None for nothing."""
        if self._is_stopped or not self._waiting or running >= self._rules.room + self._more:
            return None
        return self._waiting.popleft()

    def note_end(self, completion: Completion) -> None:
        """Take in how an action ended."""
        if completion.exit_code:
            self._has_failed = True

    def empty(self) -> list[int]:
        """Have nothing wait any more; return the stage ids of what did, in order."""
        left = [work.stage_id for work in self._waiting]
        self._waiting.clear()
        self._has_failed = False
        return left
