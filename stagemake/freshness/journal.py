"""Results appended while a build runs, so that a killed one loses no finished work.

One record is one write: length, checksum, marshal. A torn or damaged tail is dropped, never misread.
"""

from __future__ import annotations

import marshal
import zlib

from stagemake.freshness.regular import read_regular
from stagemake.freshness.snapshot import FORMAT, are_inside, boot_id, is_trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN, SETTLE, FORGET = "begin", "settle", "forget"
"""Kinds of records: ("begin", stage, outputs), ("settle", stage, trace), ("forget", stage)."""


def header() -> bytes:
    """Return the first record of a journal: what has to match before the rest is believed."""
    return encoded(("stagemake journal", FORMAT, boot_id()))


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
    return (kind == BEGIN and len(more) == 1 and are_inside(more[0])) or (
        kind == FORGET and not more
    )


def read(path: str) -> Iterator[tuple]:  # type: ignore[type-arg]  # records as above
    """Yield the records of the journal at `path` up to the first that isn't whole.

    Nothing is yielded when the journal is absent, of another format or from before a reboot: what
    was written then may not have reached the disk.
    """
    try:
        data = read_regular(path, follows=False)
    except OSError:
        return
    start, first = 0, True
    while start + 8 <= len(data):
        length = int.from_bytes(data[start : start + 4], "little")
        body = data[start + 8 : start + 8 + length]
        checksum = int.from_bytes(data[start + 4 : start + 8], "little")
        if len(body) != length or zlib.crc32(body) != checksum:
            return
        try:
            record = marshal.loads(body)
        except (ValueError, EOFError, TypeError, MemoryError):
            return
        if first:
            if record != ("stagemake journal", FORMAT, boot_id()):
                return
            first = False
        elif not _is_well_formed(record):
            return
        else:
            yield record
        start += 8 + length
