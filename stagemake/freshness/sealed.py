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
    return b"".join(in_parts(value, header))


def in_parts(value: Any, header: bytes) -> tuple[bytes, bytes]:
    """Return the same in two parts: joining them would take the memory of the second once more."""
    body = marshal.dumps(value)
    return header + zlib.crc32(body).to_bytes(4, "little"), body


def checksum_of(data: bytes, header: bytes) -> int:
    """Return the checksum that `sealed` put behind the header."""
    return int.from_bytes(data[len(header) : len(header) + 4], "little")


def unsealed(data: bytes, header: bytes) -> Any | None:  # Any: what was sealed
    """Return the value in `data`; None unless it has this header and its checksum."""
    body = memoryview(data)[len(header) + 4 :]
    # A flipped bit could make a digest another valid one: 2 ms at 10 000 stages to be sure.
    if not data.startswith(header) or zlib.crc32(body) != checksum_of(data, header):
        return None
    try:
        return marshal.loads(body)
    except _DAMAGE:
        return None
