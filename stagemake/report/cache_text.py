"""What a cache holds and what it was worth, as text and as JSON. For `cache stats`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen

from stagemake.report.amount import duration, plural, printable, size
from stagemake.report.style import Style
from stagemake.report.table import middle, rest, table
from stagemake.report.width import room_for_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.past.cache_use import CacheWorth, StageUse

_PLAIN = Style()
_SHOWN = 10
_NAME_WIDTH = 30


@frozen
class CacheState:
    """One cache, and what one project had of it."""

    path: str
    records: int
    blobs: int
    size_bytes: int
    limit_bytes: int
    gc: (
        tuple[int, int] | None
    )  # records and bytes that collecting would remove; None: it can't be read
    worth: CacheWorth | None  # None: there is no project here


def cache_object(state: CacheState) -> dict[str, Any]:
    """Return what `cache stats --json` prints."""
    worth = state.worth
    return {
        "schema": 1,
        "path": state.path,
        "records": state.records,
        "blobs": state.blobs,
        "bytes": state.size_bytes,
        "limit_bytes": state.limit_bytes,
        "gc": None if state.gc is None else {"records": state.gc[0], "bytes": state.gc[1]},
        "project": None
        if worth is None
        else {
            "builds": worth.builds,
            "hits": worth.hits,
            "runs": worth.runs,
            "saved_s": worth.saved_s,
            "unknown_hits": worth.unknown_hits,
            "bytes_read": worth.bytes_read,
            "bytes_written": worth.bytes_written,
            "stages": [asdict(each) for each in worth.stages],
        },
    }


def cache_lines(
    state: CacheState, *, shows_all: bool, style: Style = _PLAIN, columns: int = 0
) -> Iterator[str]:
    """Yield what `cache stats` prints; of the stages the ten that cost or saved most, or all."""
    yield f"path     {printable(state.path)}"
    yield f"records  {state.records}"
    yield f"blobs    {state.blobs}"
    yield f"size     {size(state.size_bytes)} of {size(state.limit_bytes)}"
    if state.gc is not None:
        yield f"gc       would remove {_removed(*state.gc)}"
    if state.worth is not None and state.worth.stages:
        yield ""
        yield from _worth_lines(state.worth, None if shows_all else _SHOWN, style, columns)


def _removed(records: int, size_bytes: int) -> str:
    if records:
        return f"{plural(records, 'record')}, {size(size_bytes)} in all"
    return f"{size(size_bytes)} that no record needs" if size_bytes else "nothing"


def _worth_lines(worth: CacheWorth, most: int | None, style: Style, columns: int) -> Iterator[str]:
    yield (
        f"project  {plural(worth.builds, 'build')}: {plural(worth.runs, 'run')},"
        f" {plural(worth.hits, 'hit')}"
    )
    if worth.hits:
        known = duration(worth.saved_s) if worth.hits > worth.unknown_hits else "?"
        unknown = (
            f"; not known for {plural(worth.unknown_hits, 'hit')}" if worth.unknown_hits else ""
        )
        yield f"saved    {known}{unknown}"
    yield f"moved    {size(worth.bytes_written)} written, {size(worth.bytes_read)} read"
    yield ""
    shown = worth.stages[:most]
    width = room_for_names(columns, _NAME_WIDTH)
    rows = [
        ("stage", "runs", "took", "hits", "saved", "output"),
        *(_row(each, width) for each in shown),
    ]
    yield from table(rows, right=range(1, 6), style=style)
    yield from rest(len(worth.stages) - len(shown), "stage", "stagemake cache stats --all")


def _row(each: StageUse, width: int) -> tuple[str, ...]:
    return (
        middle(printable(each.name), width),
        str(each.runs),
        duration(each.spent_s) if each.runs else "",
        str(each.hits),
        "" if not each.hits else "?" if each.saved_s is None else duration(each.saved_s),
        "" if each.output_bytes is None else size(each.output_bytes),
    )
