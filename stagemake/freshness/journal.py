"""Results appended while a build runs, so that a killed one loses no finished work.

One record is one write: length, checksum, marshal. A torn or damaged tail is dropped, never misread.
After a build of few stages among many it stays beside the snapshot, which is not written anew for them.
"""

from __future__ import annotations

import marshal
import zlib

from stagemake.freshness.regular import read_regular
from stagemake.freshness.snapshot import FORMAT, are_inside, boot_id, is_trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN, SETTLE, FORGET, LOOK, KEPT = "begin", "settle", "forget", "look", "kept"
"""Kinds of records: ("begin", stage, outputs), ("settle", stage, trace), ("forget", stage), ("look", path, signature,
entry) of a file; and ("kept", ""): a build is over, and what comes before is on the disk."""

MOST_KEPT_BYTES = 1 << 18
"""Of a journal that stays: some 300 stages, which take 3 ms to read. Then the snapshot is written anew."""

_HEADER_RECORD = "stagemake journal"


def header() -> bytes:
    """Return the first record of a journal: what has to match before the rest is believed."""
    return encoded((_HEADER_RECORD, FORMAT, boot_id()))


def encoded(record: tuple) -> bytes:  # type: ignore[type-arg]  # any marshallable tuple
    """Return one record as bytes."""
    body = marshal.dumps(record)
    return len(body).to_bytes(4, "little") + zlib.crc32(body).to_bytes(4, "little") + body


def _is_well_formed(record: object) -> bool:
    """Return whether this is one of the kinds of records."""
    if type(record) is not tuple or len(record) < 2 or type(record[1]) is not str:
        return False
    kind, more = record[0], record[2:]
    if kind == SETTLE:
        return len(more) == 1 and is_trace(more[0])
    if kind == LOOK:
        return len(more) == 2 and type(more[0]) is tuple and type(more[1]) is str
    if kind == KEPT:
        return record == (KEPT, "")
    return (kind == BEGIN and len(more) == 1 and are_inside(more[0])) or (
        kind == FORGET and not more
    )


def read(path: str) -> Iterator[tuple]:  # type: ignore[type-arg]  # records as above
    """Yield the records of the journal at `path` up to the first that isn't whole.

    Nothing is yielded when the journal is absent or of another format. After a reboot only what was written
    before a build was over is, without what files held: the rest may not have reached the disk.
    """
    try:
        data = read_regular(path, follows=False)
    except OSError:
        return
    found, _ = _records(data)
    if not found or found[0][:2] != (_HEADER_RECORD, FORMAT):
        return
    if found[0] != (_HEADER_RECORD, FORMAT, boot_id()):
        is_kept = [record[0] == KEPT for record in found]
        end = len(found) - is_kept[::-1].index(True) if True in is_kept else 0
        found = [record for record in found[:end] if record[0] != LOOK]
    yield from found[1:]


def read_kept(path: str) -> list[tuple] | None:  # type: ignore[type-arg]  # as above
    """Return the records of a journal that can be gone on with; none where there is no journal.

    Returns:
        None: it is of a build that was not over, of another boot or format, damaged, or long enough.
    """
    try:
        data = read_regular(path, MOST_KEPT_BYTES, follows=False)
    except FileNotFoundError:
        return []
    except OSError:
        return None
    found, end = _records(data)
    is_good = (
        end == len(data)
        and found[:1] == [(_HEADER_RECORD, FORMAT, boot_id())]
        and found[-1][0] == KEPT
    )
    return found[1:] if is_good else None


def _records(data: bytes) -> tuple[list[tuple], int]:  # type: ignore[type-arg]  # as above, the header first
    """Return what is whole at the beginning of `data`, and where that ends."""
    start = 0
    found: list[tuple] = []  # type: ignore[type-arg]  # as above
    while start + 8 <= len(data):
        length = int.from_bytes(data[start : start + 4], "little")
        body = data[start + 8 : start + 8 + length]
        checksum = int.from_bytes(data[start + 4 : start + 8], "little")
        if len(body) != length or zlib.crc32(body) != checksum:
            break
        try:
            record = marshal.loads(body)
        except (ValueError, EOFError, TypeError, MemoryError):
            break
        if type(record) is not tuple or (found and not _is_well_formed(record)):
            break
        found.append(record)
        start += 8 + length
    return found, start
