"""Short actions that are given to the runner before there is room for them, so that it need not wait for the tool."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.runner.port import LinesUp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.execute.workshop import Workshop
    from stagemake.model.stage import Stage
    from stagemake.plan.agenda import Agenda
    from stagemake.runner.port import Completion, Work

WORTH_S = 0.25  # what waits may take all together; longer actions don't notice the tool
_MOST = 64  # with 16 a cold build took a tenth more: the tool hears of half of them together, its code stays in caches
_LEAST = 4  # fewer are not worth it
_TRIED = 16  # actions that show whether they are short
_SHARE = 1 / 8  # of the newest action in their mean duration


@define(eq=False, repr=False)
class Ahead:
    """The line before the runner as the tool knows it: it has not heard of each start yet. One a build.

    The runner goes by the same rule: when an action ends, the first in line starts.
    """

    _runner: LinesUp | None  # None: nothing is lined up in this build
    _jobs: int
    _stops_at_failure: bool
    _line: deque[int] = field(factory=deque)  # stage ids
    _since_s: dict[int, float] = field(factory=dict)  # when they got in, by stage id
    _ended: int = 0
    _mean_s: float = 0.0
    _has_failed: bool = False  # an action, where that stops the line: nothing more leaves it
    _is_used: bool = False  # something has been lined up
    _is_withdrawn: bool = False  # for good: nothing more gets in

    @classmethod
    def of(cls, shop: Workshop, stages: Sequence[Stage], agenda: Agenda) -> Ahead:
        """Return the empty line of a build; nothing gets into it where one stage is not as good as any other."""
        runner: LinesUp | None = None
        if isinstance(shop.runner, LinesUp):
            runner = shop.runner
        if (
            not agenda.is_plain
            or not shop.hooks.is_empty
            or shop.watching is not None
            or any(stage.retries for stage in stages)
        ):
            runner = None
        return cls(runner, shop.jobs, not shop.request.keep_going)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._line

    @property
    def has_place(self) -> bool:
        """Whether one more may wait."""
        if self._runner is None or self._has_failed or self._is_withdrawn:
            return False
        return len(self._line) < self._depth

    @property
    def _depth(self) -> int:
        if self._ended < _TRIED:
            return 0
        count = int(WORTH_S * self._jobs / max(self._mean_s, 1e-6))
        return min(count, max(_MOST, self._jobs)) if count >= _LEAST else 0

    def line_up(self, work: Work, running: int, now_s: float) -> None:
        """Have an action wait until fewer run than now."""
        assert self._runner is not None, "asked for by `has_place`"
        self._is_used = True
        self._line.append(work.stage_id)
        self._since_s[work.stage_id] = now_s
        # Half of what is there, which may be less than there is place for: where few stages are ready,
        # the end of each would be told by itself.
        low = len(self._line) // 2
        self._runner.line_up(work, running, low, stops_at_failure=self._stops_at_failure)

    def note_end(self, completion: Completion) -> bool:
        """Take in that an action has ended; return whether it was still waiting here."""
        if completion.started_s:
            self._ended += 1
            share = _SHARE if self._ended > _TRIED else 1 / self._ended
            self._mean_s += share * (completion.wall_s - self._mean_s)
        if completion.stage_id not in self._line:
            return False
        self._line.remove(completion.stage_id)
        del self._since_s[completion.stage_id]
        return True

    def next(self, completion: Completion) -> tuple[int, float] | None:
        """Return the stage that the runner has started when this action ended, and when; None for none."""
        if not completion.started_s:  # the runner's process has died, or could not be made
            return None
        if completion.exit_code and self._stops_at_failure:
            self._has_failed = True
        if not self._line or self._has_failed:
            return None
        # What was lined up while the news of this end was on its way began only then.
        stage_id = self._line.popleft()
        ended_s = completion.started_s + completion.wall_s
        return stage_id, max(ended_s, self._since_s.pop(stage_id))

    def withdraw(self) -> None:
        """Have nothing get in any more; completions tell of all that waits, or has begun meanwhile.

        What seems to have begun may be waiting: a failure that we had not heard of stopped the line before it got in.
        """
        if self._runner is not None and self._is_used and not self._is_withdrawn:
            self._runner.withdraw()
        self._is_withdrawn = True
