"""How much room results take in the cache: contents, records, and what the database needs around them. Pure.

Approximate; each build measures by how much it is off, and the next forecast is scaled by that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagemake.freshness import snapshot as columns
from stagemake.model.entry import content_of

if TYPE_CHECKING:
    from stagemake.freshness.snapshot import Trace

_INLINE_BYTES = 1 << 15  # larger contents are files of their own
_ROW_BYTES = 350  # of a row and its places in the indexes
_PAGE_BYTES = 4096  # contents beyond a page take whole ones
_RECORD_BYTES, _PER_OUTPUT_BYTES = 1300, 130  # of the record and the hint of a result


def stored_bytes(size_bytes: int) -> int:
    """Return the room that one content takes."""
    if size_bytes >= _INLINE_BYTES or size_bytes < _PAGE_BYTES * 7 // 8:
        return size_bytes + _ROW_BYTES
    return -(-size_bytes // _PAGE_BYTES) * _PAGE_BYTES + _ROW_BYTES


def record_bytes(outputs: int) -> int:
    """Return the room that the records of a result of so many files take."""
    return _RECORD_BYTES + _PER_OUTPUT_BYTES * outputs


def contents_of(trace: Trace) -> dict[str, int]:
    """Return the contents that a stage made when it last ran: sizes in bytes by digest."""
    entries: list[Any] = [
        *trace[columns.OUTPUTS],
        *(entry for _, entry in trace[columns.MANIFEST]),
    ]  # Any: text
    return dict(found for found in map(content_of, entries) if found is not None)
