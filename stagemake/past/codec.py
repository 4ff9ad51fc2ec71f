"""A past build as lines of JSON, each behind its checksum: what is not whole is dropped, never misread (`decode`).

The first line begins a build, each further one is a stage that settled, the last one ends it.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from stagemake.model.difference import plain
from stagemake.model.json_text import writer
from stagemake.model.result import Outcome
from stagemake.past.ending import Ending

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagemake.model.plan import Interval
    from stagemake.model.repeat import Divergence
    from stagemake.model.result import BuildOutcome, StageResult

FORMAT = 1
"""Raised when older versions could misread what newer ones write; they then leave such a build out."""

BEGIN, STAGE, END = "build", "stage", "end"
_TEXT = writer(sort_keys=False)
_LONGEST_PROBLEM = 1000  # characters
_LONGEST_LOG = 8 << 10  # bytes of one stream


class NewerFormat(ValueError):
    """A build was noted by a newer version."""


def line_of(data: dict[str, Any]) -> bytes:
    """Return one record as a line."""
    text = _TEXT(data).encode("ascii")
    return b"%08x %b\n" % (zlib.crc32(text), text)


def begin_of(  # noqa: PLR0917 - what a build begins with
    started_s: float,
    targets: Sequence[str],
    jobs: int,
    version: str,
    forecast_s: Interval | None,
    roster: str,
) -> dict[str, Any]:
    """Return the record that begins a build."""
    return {
        "kind": BEGIN,
        "format": FORMAT,
        "started_s": round(started_s, 3),
        "targets": list(targets),
        "jobs": jobs,
        "stagemake": version,
        "forecast_s": interval_object(forecast_s),
        "roster": roster,
    }


def stage_of(result: StageResult, expected_s: Interval | None) -> dict[str, Any]:
    """Return the record of a stage that settled."""
    did_run = result.exit_code is not None
    return {
        "kind": STAGE,
        "name": result.name,
        "outcome": result.outcome.value,
        "reason": result.reason,
        "subject": result.subject,
        "key": result.key,
        "wall_s": round(result.wall_s, 6) if did_run or result.wall_s else None,
        "cpu_s": round(result.cpu_s, 6) if did_run else None,
        "exit_code": result.exit_code,
        "output_bytes": result.output_bytes,
        "changed": result.changed,
        "expected_s": interval_object(expected_s),
        "why": plain(result.differences),
        "diverged": _diverged(result.divergence),
        "at_s": round(result.started_s, 6) if did_run or result.wall_s else None,
        "peak_rss_bytes": result.peak_rss_bytes or None,
        "problem": result.problem[:_LONGEST_PROBLEM],
        "log": _end_of(result.stdout, result.stderr) if result.outcome is Outcome.FAILED else "",
    }


def _end_of(*texts: bytes) -> str:
    """Return the end of each text, one after the other."""
    return "\n".join(
        text[-_LONGEST_LOG:].decode("utf-8", "replace").removesuffix("\n") for text in texts if text
    )


def _diverged(found: Divergence | None) -> list[str] | None:
    return None if found is None else [found.output, found.how]


def end_of(outcome: BuildOutcome, counts: dict[str, int]) -> dict[str, Any]:
    """Return the record that ends a build."""
    ending = Ending.DONE if outcome.ok else Ending.FAILED
    if outcome.interrupted_by:
        ending = Ending.INTERRUPTED
    use = outcome.cache
    return {
        "kind": END,
        "ending": ending.value,
        "wall_s": round(outcome.wall_s, 6),
        "counts": counts,
        "cache": [use.hits, use.misses, use.bytes_read, use.bytes_written],
    }


def interval_object(interval: Interval | None) -> dict[str, float] | None:
    """Return an interval as JSON has it."""
    return (
        None if interval is None else {"p50": round(interval.p50, 6), "p90": round(interval.p90, 6)}
    )


def has_ended(data: bytes) -> bool:
    """Return whether a build's file ends with the word of its end. Cost: one record, however many there are."""
    last = next(records(data.rstrip(b"\n").rpartition(b"\n")[2]), None)
    return last is not None and last.get("kind") == END


def records(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield records up to the first that is not whole."""
    for line in data.split(b"\n"):
        checksum, _, text = line.partition(b" ")
        try:
            if int(checksum, 16) != zlib.crc32(text):
                return
            record = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(record, dict):
            return
        yield record
