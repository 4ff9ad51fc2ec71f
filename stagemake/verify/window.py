"""Where two contents differ first, shown: the line of a text, or some bytes. Pure but for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.printable import printable
from stagemake.model.verification import Mismatch, MismatchKind
from stagemake.past.texts import is_text

if TYPE_CHECKING:
    from collections.abc import Callable

_SHOWN_BYTES = 16
_BEFORE_BYTES = 4
_SHOWN_CHARACTERS = 60
_BEFORE_CHARACTERS = 20
_HEX_WIDTH = 3 * _SHOWN_BYTES - 1


def first_difference(old: bytes, new: bytes) -> int | None:
    """Return the offset of the first byte that differs; the length of the shorter one where it is a prefix.

    None when they are equal. Cost: O(log n) comparisons of slices.
    """
    if old == new:
        return None
    low, high = 0, min(len(old), len(new))
    while low < high:  # the longest common prefix: equal up to `low`, different within `high`
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def content_mismatch(
    path: str, old: bytes, new: bytes, hidden: Callable[[str], str]
) -> Mismatch | None:
    """Return where two contents differ first; None when they don't. `hidden` takes secrets out of a text."""
    offset = first_difference(old, new)
    if offset is None:
        return None
    if is_text(old) and is_text(new):
        line = old.count(b"\n", 0, offset) + 1
        start = old.rfind(b"\n", 0, offset) + 1
        shown = [_line(data, start, offset, hidden) for data in (old, new)]
        how = f"line {line}, byte {offset}"
        return Mismatch(path, MismatchKind.CONTENT, how, offset, line, *shown)
    shown = [hidden(_bytes(data, offset)) for data in (old, new)]
    how = f"byte {offset} (0x{offset:x})"
    if len(old) != len(new):
        how += f", {len(old)} B recorded, {len(new)} B now"
    return Mismatch(path, MismatchKind.CONTENT, how, offset, None, *shown)


def _line(data: bytes, start: int, offset: int, hidden: Callable[[str], str]) -> str:
    """Return the line of a text that begins at `start`, cut round `offset`."""
    end = data.find(b"\n", start)
    whole = data[start:] if end < 0 else data[start:end]
    if start >= len(data):
        return "(ends before)"
    text = hidden(printable(whole.decode("utf-8")))
    column = len(data[start:offset].decode("utf-8", "ignore"))
    first = max(column - _BEFORE_CHARACTERS, 0) if len(text) > _SHOWN_CHARACTERS else 0
    cut = text[first : first + _SHOWN_CHARACTERS]
    return f"{'...' if first else ''}{cut}{'...' if first + len(cut) < len(text) else ''}"


def _bytes(data: bytes, offset: int) -> str:
    """Return some bytes round `offset` as hex and text."""
    start = max(offset - _BEFORE_BYTES, 0)
    shown = data[start : start + _SHOWN_BYTES]
    if offset >= len(data):
        return f"{shown.hex(' ')} (ends)".strip()
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in shown)
    return f"{shown.hex(' '):<{_HEX_WIDTH}}  {text}"
