"""A dry run for people: what would happen, why, and what it would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.plan import Reason, Source, Verdict
from stagemake.report.amount import duration, printable, size
from stagemake.report.cost_text import cost_lines
from stagemake.report.style import VERDICT_COLOURS, Style
from stagemake.report.table import rest
from stagemake.report.terminal import reason_text
from stagemake.report.width import columns_of, cut, room_for_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.model.plan import Estimate, Step
    from stagemake.model.report import Conflict, DryRunReport

MOST_STAGES = 40
"""How many stages are listed, and `MOST_CONFLICTS` conflicts of a kind, without `verbose`."""
MOST_CONFLICTS = 5

_MEANINGS = {
    Verdict.FRESH: "nothing to do",
    Verdict.HIT: "restored from the cache",
    Verdict.MISS: "run",
    Verdict.MAYBE: "run only if what they wait for changes",
}
_LEAST_REASON = 24  # columns: a reason is not cut below


def plan_text(
    report: DryRunReport,
    style: Style = Style(),  # noqa: B008 - frozen
    *,
    verbose: bool = False,
    columns: int = 0,
) -> str:
    """Return the report as text that ends with a newline.

    Args:
        report: What to show.
        style: Colours.
        verbose: List everything, fresh stages too.
        columns: Cut reasons so that lines fit; 0: whatever their length.
    """
    return "\n".join(_lines(report, style, verbose=verbose, columns=columns)) + "\n"


def _lines(report: DryRunReport, style: Style, *, verbose: bool, columns: int) -> Iterator[str]:
    plan = report.plan
    if report.assumed:
        from stagemake.report.what_if_text import assumed_lines  # noqa: PLC0415 - gate, what-if only

        yield from assumed_lines(report.assumed, 0 if verbose else columns)
        yield ""
    if plan.is_done and not report.conflicts and not verbose:
        is_empty = not (plan.steps or plan.pipeline.left_out)
        yield "stagemake: no stages to build" if is_empty else "stagemake: up to date"
        return
    wanted = [step for step in plan.steps if verbose or step.verdict is not Verdict.FRESH]
    shown = wanted if verbose else wanted[:MOST_STAGES]
    names = {step.stage_id: printable(plan.pipeline.stages[step.stage_id].name) for step in shown}
    longest = max((columns_of(name) for name in names.values()), default=0)
    width = min(longest, room_for_names(columns, 40))
    for step in shown:
        yield _step_line(report, step, names[step.stage_id], width, style, columns)
    if len(shown) < len(wanted):
        yield from rest(len(wanted) - len(shown), "stage", "-v lists all")
    orphans = plan.orphans if verbose else plan.orphans[:MOST_STAGES]
    for path in orphans:
        yield f"{style.paint('remove', 'yellow')}  {printable(path)}  (no stage makes it any more)"
    if len(orphans) < len(plan.orphans):
        yield from rest(len(plan.orphans) - len(orphans), "file", "-v lists all")
    if shown or plan.orphans:
        yield ""
    for verdict in Verdict:
        count = report.count(verdict)
        if count:
            word = style.paint(f"{verdict.value:<5}", VERDICT_COLOURS[verdict.value])
            yield f"{word}  {count:>6}  {_MEANINGS[verdict]}"
    yield from cost_lines(report, columns or 80)
    yield from _conflict_lines(report.conflicts, verbose=verbose)


def _step_line(  # noqa: PLR0917 - one line's parts
    report: DryRunReport, step: Step, name: str, width: int, style: Style, columns: int
) -> str:
    cost, mark = "", " "
    if step.verdict is Verdict.HIT and step.cached is not None:
        cost = size(step.cached.output_bytes)
    elif step.may_run:
        cost = _estimate_text(step.estimate)
        mark = "*" if step.estimate.source is Source.KIND else " "
    why = _why(report, step)
    head = f"{step.verdict.value:<5}  {name}{' ' * (width - columns_of(name))}  {cost:>8}{mark} "
    if columns:
        why = cut(why, max(columns - columns_of(head), _LEAST_REASON))
    verdict = style.paint(f"{step.verdict.value:<5}", VERDICT_COLOURS[step.verdict.value])
    return f"{verdict}{head[5:]}{style.paint(why, 'dim')}".rstrip()


def _why(report: DryRunReport, step: Step) -> str:
    chance = report.chances.get(step.stage_id)
    if (
        chance is not None
        and chance.decider >= 0
        and step.reason is not Reason.INPUT_MISSING  # of that the chance says nothing
    ):
        past = report.plan.steps[chance.decider].estimate
        if past.compared:
            name = printable(report.plan.pipeline.stages[chance.decider].name)
            if past.compared == 1:
                return f"{name} {'changed' if past.changed else 'kept'} its output in its last run"
            return f"{name} changed its output in {past.changed} of its last {past.compared} runs"
    return reason_text(step.reason.code, step.subject)


def _estimate_text(estimate: Estimate) -> str:
    return "?" if estimate.duration_s is None else f"~{duration(estimate.duration_s.p50)}"


def _conflict_lines(conflicts: tuple[Conflict, ...], *, verbose: bool) -> Iterator[str]:
    if conflicts:
        yield ""
        yield "look at this first:"
    kinds = {conflict.kind: None for conflict in conflicts}
    for kind in kinds:
        alike = [conflict for conflict in conflicts if conflict.kind is kind]
        shown = alike if verbose else alike[:MOST_CONFLICTS]
        for conflict in shown:
            yield from _conflict(conflict)
        if len(shown) < len(alike):
            yield f"  and {len(alike) - len(shown)} more like the last: -v lists all"


def _conflict(conflict: Conflict) -> Iterator[str]:
    about, who = conflict.path or conflict.stages[0], ""
    if conflict.stages and conflict.path:
        more = f" and {len(conflict.stages) - 3} more" if len(conflict.stages) > 3 else ""
        who = f" ({', '.join(map(printable, conflict.stages[:3]))}{more})"
    yield f"  `{printable(about)}`: {conflict.kind.value}{who}"
    if conflict.hint:
        yield f"      {printable(conflict.hint)}"
