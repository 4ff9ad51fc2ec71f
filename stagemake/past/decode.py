"""Reads a past build from what `codec` wrote; asked by the shelf, when past builds are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagemake.model.difference import from_plain
from stagemake.model.plan import Interval
from stagemake.model.repeat import Divergence
from stagemake.model.result import CacheUse
from stagemake.past.build import PastBuild, PastStage
from stagemake.past.codec import BEGIN, END, FORMAT, STAGE, NewerFormat, records
from stagemake.past.ending import Ending

if TYPE_CHECKING:
    from collections.abc import Iterable


def decode(number: int, data: bytes, *, is_running: bool) -> PastBuild | None:
    """Return the build in a file's bytes; None when not even its beginning is there.

    Args:
        number: The build's.
        data: All of the file, or what there is of it.
        is_running: Whether it may still go on, if nothing says that it ended.

    Raises:
        NewerFormat: A newer version noted it.
    """
    lines = records(data)
    begin = next(lines, None)
    if begin is None or begin.get("kind") != BEGIN:
        return None
    if begin.get("format") != FORMAT:
        raise NewerFormat(number)
    stages: list[PastStage] = []
    end: dict[str, Any] = {}
    try:
        for record in lines:
            if record.get("kind") == STAGE:
                stages.append(_stage(record))
            elif record.get("kind") == END:
                end = record
        unfinished = Ending.RUNNING if is_running else Ending.KILLED
        return PastBuild(
            number=number,
            started_s=float(begin["started_s"]),
            targets=tuple(map(str, begin["targets"])),
            jobs=int(begin["jobs"]),
            version=str(begin["stagemake"]),
            ending=Ending(end["ending"]) if end else unfinished,
            forecast_s=_interval(begin["forecast_s"]),
            wall_s=float(end["wall_s"]) if end else None,
            counts=_counts(end["counts"]) if end else _counted(stages),
            stages=tuple(stages),
            roster=str(begin["roster"]),
            cache=_cache(end.get("cache")),
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None


def _stage(record: dict[str, Any]) -> PastStage:
    return PastStage(
        name=str(record["name"]),
        outcome=str(record["outcome"]),
        reason=str(record["reason"]),
        subject=str(record["subject"]),
        key=None if record["key"] is None else str(record["key"]),
        wall_s=None if record["wall_s"] is None else float(record["wall_s"]),
        cpu_s=None if record["cpu_s"] is None else float(record["cpu_s"]),
        exit_code=None if record["exit_code"] is None else int(record["exit_code"]),
        output_bytes=None if record["output_bytes"] is None else int(record["output_bytes"]),
        changed=record.get("changed") is True,  # the first versions did not note it
        expected_s=_interval(record["expected_s"]),
        differences=from_plain(record["why"]),
        diverged=_divergence(record.get("diverged")),
        started_s=_number(record.get("at_s")),
        peak_rss_bytes=None
        if (peak := _number(record.get("peak_rss_bytes"))) is None
        else int(peak),
        problem=str(record.get("problem") or ""),
        log=str(record.get("log") or ""),
    )


def _number(data: Any) -> float | None:  # Any: as read; None: from before it was noted
    return None if data is None else float(data)


def _cache(data: Any) -> CacheUse | None:  # Any: as above
    if not isinstance(data, list) or len(data) != 4:
        return None
    return CacheUse(*map(int, data))


def _divergence(data: Any) -> Divergence | None:  # Any: as read
    if not isinstance(data, list) or len(data) != 2:
        return None  # none, or from before it was noted
    return Divergence(str(data[0]), str(data[1]))


def _interval(data: Any) -> Interval | None:  # Any: as read
    return None if data is None else Interval(float(data["p50"]), float(data["p90"]))


def _counts(data: Any) -> dict[str, int]:  # Any: as read
    return {str(code): int(count) for code, count in data.items()}


def _counted(stages: Iterable[PastStage]) -> dict[str, int]:
    found: dict[str, int] = {}
    for stage in stages:
        found[stage.outcome] = found.get(stage.outcome, 0) + 1
    return found
