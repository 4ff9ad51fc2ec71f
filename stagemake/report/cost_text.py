"""What a plan would cost, for people: runs, time, disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.plan import Source, Verdict
from stagemake.report.amount import duration, joined, plural, printable, size
from stagemake.report.width import columns_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagemake.model.report import DryRunReport, FileSystem

_INDENT = " " * 7
_WORTH, _WORTH_S = 0.03, 0.1  # of the wall time, and seconds: what is less is no saving
_SHOWN_NAMES = 5


def cost_lines(report: DryRunReport, columns: int) -> Iterator[str]:
    """Yield the lines, none for a plan with nothing to do."""
    least, most = report.runs
    if least != most:
        yield f"runs   {least} for certain, {most} at most"
    if not most and not report.count(Verdict.HIT):
        return
    yield from _time(report, columns)
    yield from _disk(report)
    if report.opaque:
        names = _names(report, report.opaque)
        yield f"{_INDENT}not foreseeable, left out of the sums: {names}"


def _time(report: DryRunReport, columns: int) -> Iterator[str]:
    if report.wall_s is None:
        yield "time   unknown: none of these has run here"
        return
    p50, p90 = duration(report.wall_s.p50), duration(report.wall_s.p90)
    late = "" if p50 == p90 else f"; 9 times in 10 under {p90}"
    yield f"time   ~{p50} with {plural(report.jobs, 'job')}{late}"
    if report.unestimated:
        yield f"{_INDENT}{plural(report.unestimated, 'stage')} without a result here: not in these sums"
    if report.by_kind:
        kinds = sorted(
            {s.estimate.kind for s in report.plan.steps if s.estimate.source is Source.KIND} - {""}
        )
        if kinds:
            shown = ", ".join(map(printable, kinds[:3])) + (", …" if len(kinds) > 3 else "")
            yield f"{_INDENT}* no result here: from others of its kind ({shown})"
    yield from _jobs(report)
    if len(report.critical_path) > 1:
        head = f"{_INDENT}longest chain ~{duration(report.critical_path_s)}: "
        yield head + _chain(report, columns - columns_of(head))


def _jobs(report: DryRunReport) -> Iterator[str]:
    found = saving(report)
    if found is not None:
        count, seconds, is_last = found
        more = ", more would not" if is_last else ""
        yield f"{_INDENT}{plural(count, 'job')} would save {duration(seconds)}{more}"


def saving(report: DryRunReport) -> tuple[int, float, bool] | None:
    """Return with how many jobs a build would be clearly faster, by how many seconds, and whether more add nothing.

    None: more jobs than given would help nothing, as far as was looked at.
    """
    walls = dict(report.other_jobs)
    now_s = walls.get(report.jobs)
    more = {count: seconds for count, seconds in walls.items() if count > report.jobs}
    if now_s is None or not more:
        return None
    best_s = min(more.values())
    if now_s - best_s < max(_WORTH * now_s, _WORTH_S):
        return None
    count = min(count for count, seconds in more.items() if seconds <= best_s * (1 + _WORTH))
    return count, now_s - more[count], count < max(more)


def _chain(report: DryRunReport, room: int) -> str:
    """Return a chain's stages, first to last; of a long one those at both ends."""
    names = [printable(report.plan.pipeline.stages[i].name) for i in report.critical_path]
    whole = " > ".join(names)
    left = len(names) - 2
    if columns_of(whole) <= room or left < 1:
        return whole
    head, tail = [names[0]], names[-1]
    for name in names[1:-1]:
        line = " > ".join([*head, name, f"{left - 1} more", tail])
        if columns_of(line) > room:
            break
        head.append(name)
        left -= 1
    return " > ".join([*head, f"{left} more", tail])


def _disk(report: DryRunReport) -> Iterator[str]:
    write = size(report.write_bytes + report.told_bytes)
    if not report.knows_writes:
        write = "an unknown amount"
    back = size(report.restore_bytes)
    grows = f"; the cache grows by {size(report.new_bytes)}" if report.new_bytes else ""
    yield f"disk   {write} to write, {back} to restore{grows}"
    most = report.write_p90_bytes or 0
    if (
        report.knows_writes
        and size(most + report.told_bytes) != write
        and most > report.write_bytes
    ):
        yield f"{_INDENT}9 times in 10 under {size(most + report.told_bytes)} to write"
    if report.unsized and report.knows_writes:
        yield f"{_INDENT}{plural(report.unsized, 'stage')} without a result here: not in these sums"
    if report.evicted.records:
        gone = report.evicted
        yield f"{_INDENT}then {plural(gone.records, 'result')} of long ago ({size(gone.bytes)}) leave the cache"
    known = [one for one in report.file_systems if one.free_bytes is not None]
    if not known:
        return
    short = [one for one in known if not one.is_enough]
    verdict = "not enough: " if short else "enough: "
    if report.unsized and not short:
        verdict = "enough as far as known: " if report.knows_writes else ""
    if len(report.file_systems) == 1:
        yield f"{_INDENT}{verdict}{size(known[0].free_bytes or 0)} free"
    else:
        yield f"{_INDENT}{verdict}{'; '.join(map(_room, known))}"


def _room(one: FileSystem) -> str:
    return f"{joined(one.places)} {size(one.free_bytes or 0)} free"


def _names(report: DryRunReport, stage_ids: Sequence[int]) -> str:
    names = [printable(report.plan.pipeline.stages[i].name) for i in stage_ids]
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more
