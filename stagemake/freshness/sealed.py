"""Plain values as bytes behind a header and a checksum: how state is kept. Whatever isn't whole is absent.

The checksum finds damage. It is no signature: who can write the file can write another one, and is its owner.
"""

from __future__ import annotations

import marshal
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any  # whatever marshal takes

_DAMAGE = (ValueError, EOFError, TypeError, MemoryError)  # what marshal makes of what isn't its own


def sealed(value: Any, header: bytes) -> bytes:
    """Return a value of plain types behind its header."""
    body = marshal.dumps(value)
    return b"".join((header, zlib.crc32(body).to_bytes(4, "little"), body))


def checksum_of(data: bytes, header: bytes) -> int:
    """Return the checksum that `sealed` put behind the header."""
    return int.from_bytes(data[len(header) : len(header) + 4], "little")


def unsealed(data: bytes, header: bytes) -> Any | None:  # Any: what was sealed
    """Return the value in `data`; None unless it has this header and its checksum."""
    if not data.startswith(header):
        return None
    return checked(memoryview(data)[len(header) + 4 :], checksum_of(data, header))


def checked(body: memoryview, checksum: int) -> Any:  # as above
    """Return the value in `body`; None unless it has this checksum."""
    # A flipped bit could make a digest another valid one: 2 ms at 10 000 stages to be sure.
    if zlib.crc32(body) != checksum:
        return None
    try:
        return marshal.loads(body)
    except _DAMAGE:
        return None
