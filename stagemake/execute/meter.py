"""What a build measures of itself, so that the next forecast knows what the tool takes around the stages."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.execute.crowding import Ran, stretches
from stagemake.model.pace import BuildCosts
from stagemake.model.plan import Source, Verdict
from stagemake.model.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagemake.model.plan import Plan
    from stagemake.model.result import StageResult
    from stagemake.runner.port import Completion

_LEAST_S = 0.02  # shorter actions say nothing of the machine's load
_FARTHEST = 1.0  # of the logarithm: beyond, it is that stage's own matter


@define(eq=False, repr=False)
class Meter:
    """Seconds and counts of one build so far; the tool does one thing at a time."""

    launched: int = 0
    launch_s: float = 0.0
    settled: int = 0
    settled_bytes: int = 0
    settle_s: float = 0.0
    restored: int = 0
    restored_bytes: int = 0
    restore_s: float = 0.0
    checked: int = 0
    check_s: float = 0.0
    gaps_s: list[float] = field(factory=list)  # from the order to start until the action began
    _line_up_s: float = 0.0
    _ordered_s: dict[int, float] = field(factory=dict)
    _ran: list[Ran] = field(factory=list)

    def note_launch(
        self, stage_id: int, result: StageResult | None, began_s: float, now_s: float
    ) -> None:
        """Take in what a launch took, and what came of it; None: an action was started."""
        if result is None:
            self._ordered_s[stage_id] = now_s
            self.launched += 1
            self.launch_s += now_s - began_s
        else:
            self._note_settled_at_once(result, now_s - began_s)

    def note_lined_up(self, result: StageResult | None, began_s: float, now_s: float) -> None:
        """Take in the same of a stage that does not wait for an order to begin.

        It is not counted as launched: nothing is at its outputs, nothing to compare or to clear away, so that it
        takes a third of what it takes to run a stage again. A cold build would tell too little of the next one.
        """
        if result is None:
            self._line_up_s += now_s - began_s
        else:
            self._note_settled_at_once(result, now_s - began_s)

    def _note_settled_at_once(self, result: StageResult, took_s: float) -> None:
        if result.outcome is Outcome.RESTORED:
            self.restored += 1
            self.restore_s += took_s
            self.restored_bytes += result.output_bytes or 0
        elif result.outcome is Outcome.CUT_OFF:
            self.checked += 1
            self.check_s += took_s

    def note_end(self, completion: Completion) -> None:
        """Take in when an action began, on the same clock, and what it took."""
        started_s = completion.started_s
        gap_s = started_s - self._ordered_s.pop(completion.stage_id, started_s)
        if started_s and gap_s > 0:
            self.gaps_s.append(gap_s)
        if started_s:
            self._ran.append(
                Ran(completion.stage_id, started_s, completion.wall_s, completion.cpu_s)
            )

    def stretches(self, processors: int) -> dict[int, float]:
        """Return by which factor actions took longer than alone, by stage id; see `crowding`."""
        tool_s = self.launch_s + self._line_up_s + self.settle_s + sum(self.gaps_s)
        return stretches(self._ran, processors, tool_s)

    def note_settled(self, result: StageResult | None, took_s: float) -> None:
        """Take in what it took to see what came of an action."""
        if result is not None and result.outcome is Outcome.RAN:
            self.settled += 1
            self.settle_s += took_s
            self.settled_bytes += result.output_bytes or 0

    def costs(
        self, plan: Plan, results: Sequence[StageResult], *, started_s: int, before_s: float,
        after_s: float, counted_bytes: int = 0, grown_bytes: int = -1,
        stretch: Mapping[int, float] | None = None,
    ) -> BuildCosts:  # fmt: skip
        """Return all of it as one row of the history."""
        load_log, load_noise = load_of(plan, results, stretch or {})
        gaps_s = sorted(self.gaps_s)
        return BuildCosts(
            started_s=started_s,
            stages=len(plan.steps) + plan.pipeline.left_out,
            busy=sum(1 for step in plan.steps if step.verdict is not Verdict.FRESH),
            before_s=before_s,
            after_s=after_s,
            launched=self.launched,
            launch_s=self.launch_s,
            gap_s=gaps_s[len(gaps_s) // 2] if gaps_s else 0.0,
            settled=self.settled,
            settled_bytes=self.settled_bytes,
            settle_s=self.settle_s,
            restored=self.restored,
            restored_bytes=self.restored_bytes,
            restore_s=self.restore_s,
            checked=self.checked,
            check_s=self.check_s,
            counted_bytes=counted_bytes,
            grown_bytes=grown_bytes,
            load_log=load_log,
            load_noise=load_noise,
        )


def load_of(
    plan: Plan, results: Sequence[StageResult], stretch: Mapping[int, float] | None = None
) -> tuple[float, float]:
    """Return by how much the actions together took longer than predicted, and the variance of that.

    What they took longer than alone is left out on both sides.
    As logarithms; the variance is what the stages' own spread would give without a common cause. 0, 0 where
    no action was predicted from its own history.
    """
    total_s = off = noise = 0.0
    for step, result in zip(plan.steps, results, strict=True):
        duration = step.estimate.duration_s
        if result.outcome is not Outcome.RAN or duration is None or duration.p50 < _LEAST_S:
            continue
        if step.estimate.source is Source.HISTORY and result.wall_s > 0:
            total_s += duration.p50
            crowded = (stretch or {}).get(step.stage_id, 1.0) / step.estimate.stretch
            ratio = log(result.wall_s / duration.p50 / crowded)
            off += duration.p50 * min(max(ratio, -_FARTHEST), _FARTHEST)
            noise += (duration.p50 * step.estimate.sigma) ** 2
    return (off / total_s, noise / total_s**2) if total_s else (0.0, 0.0)
