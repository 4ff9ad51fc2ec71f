"""A dry run for people: what would happen, why, and what it would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.plan import Verdict
from stagemake.report.amount import duration, plural, printable, size
from stagemake.report.style import Style
from stagemake.report.terminal import reason_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.model.plan import Estimate, Interval, Step
    from stagemake.model.report import DryRunReport

_COLOURS = {
    Verdict.FRESH: "dim",
    Verdict.HIT: "blue",
    Verdict.MISS: "green",
    Verdict.MAYBE: "yellow",
}
_MEANINGS = {
    Verdict.FRESH: "nothing to do",
    Verdict.HIT: "restored from the cache",
    Verdict.MISS: "run",
    Verdict.MAYBE: "run only if what they wait for changes",
}


def plan_text(report: DryRunReport, style: Style = Style(), *, verbose: bool = False) -> str:  # noqa: B008 - frozen
    """Return the report as text that ends with a newline; fresh stages are listed when `verbose`."""
    return "\n".join(_lines(report, style, verbose=verbose)) + "\n"


def _lines(report: DryRunReport, style: Style, *, verbose: bool) -> Iterator[str]:
    plan = report.plan
    if plan.is_done and not report.conflicts and not verbose:
        yield "stagemake: up to date"
        return
    shown = [step for step in plan.steps if verbose or step.verdict is not Verdict.FRESH]
    names = {step.stage_id: printable(plan.pipeline.stages[step.stage_id].name) for step in shown}
    width = min(max((len(name) for name in names.values()), default=0), 40)
    for step in shown:
        yield _step_line(step, names[step.stage_id], width, style)
    for path in plan.orphans:
        yield f"{style.paint('remove', 'yellow')}  {printable(path)}  (no stage makes it any more)"
    if shown or plan.orphans:
        yield ""
    yield from _totals(report, style)
    if report.conflicts:
        yield ""
        yield "look at this first:"
        for conflict in report.conflicts:
            who = f" ({', '.join(map(printable, conflict.stages[:3]))})" if conflict.stages else ""
            hint = f"; {printable(conflict.hint)}" if conflict.hint else ""
            yield f"  `{printable(conflict.path)}`: {conflict.kind.value}{who}{hint}"


def _step_line(step: Step, name: str, width: int, style: Style) -> str:
    verdict = style.paint(f"{step.verdict.value:<5}", _COLOURS[step.verdict])
    cost = ""
    if step.verdict is Verdict.HIT and step.cached is not None:
        cost = size(step.cached.output_bytes)
    elif step.verdict in {Verdict.MISS, Verdict.MAYBE}:
        cost = _estimate_text(step.estimate)
    why = style.paint(reason_text(step.reason.code, step.subject), "dim")
    return f"{verdict}  {name:<{width}}  {cost:>8}  {why}".rstrip()


def _estimate_text(estimate: Estimate) -> str:
    return "?" if estimate.duration_s is None else f"~{duration(estimate.duration_s.p50)}"


def _totals(report: DryRunReport, style: Style) -> Iterator[str]:
    for verdict in Verdict:
        count = report.count(verdict)
        if count:
            word = style.paint(f"{verdict.value:<5}", _COLOURS[verdict])
            yield f"{word}  {count:>6}  {_MEANINGS[verdict]}"
    busy = report.count(Verdict.MISS) + report.count(Verdict.MAYBE)
    if busy or report.count(Verdict.HIT):
        if busy and report.unestimated == busy and not report.count(Verdict.HIT):
            yield "time   unknown: none of these has run here"
        else:
            jobs = plural(report.jobs, "job")
            yield f"time   {_time(report.wall_s)}, at most, with {jobs}"
        if 0 < report.unestimated < busy or (report.unestimated and report.count(Verdict.HIT)):
            yield f"       {plural(report.unestimated, 'stage')} never run here: not in these sums"
        new, back = size(report.new_bytes), size(report.restore_bytes)
        yield f"disk   {new} to make, {back} to restore; {size(report.free_bytes)} free"
    if report.opaque:
        names = ", ".join(printable(report.plan.pipeline.stages[i].name) for i in report.opaque[:5])
        yield f"       not foreseeable, left out of the sums: {names}"


def _time(interval: Interval) -> str:
    if duration(interval.p50) == duration(interval.p90):
        return f"~{duration(interval.p50)}"
    return f"~{duration(interval.p50)} (up to {duration(interval.p90)})"
