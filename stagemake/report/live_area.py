"""Lines at the bottom of a terminal that are drawn again and again, while others scroll by above them.

The cursor rests at the beginning of the first of them. A terminal that changes its size wraps, joins or drops lines
as it likes, and keeps the cursor at its character: what is to be drawn over begins there, however many lines it
takes by then. Nobody has to count. The cursor is never hidden, so there is nothing to give back.

A picture that only takes the place of the last one is written over it, nothing erased first: whatever part of it a
terminal has shown so far, a line that stays is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

# Terminals that know it show all between as one picture; others ignore it.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_ERASE = "\r\x1b[J"  # from here to the end of the screen
_REST_OF_LINE, _REST = "\x1b[K", "\x1b[J"
_PLAIN = "\x1b[0m"
# A window may be made narrower while a picture is on its way there: its lines are cut then, not wrapped.
_CUT, _WRAP = "\x1b[?7l", "\x1b[?7h"


class Area:
    """The lines, and the stream that they are on. Each call writes once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown: tuple[str, ...] = ()
        self._is_known = True  # each line is in one row, as it was drawn

    def show(self, above: str, lines: Sequence[str]) -> None:
        """Print `above`, whole lines or nothing, and below it the lines in place of those there are now."""
        if not above and self._is_known and self._shown == tuple(lines):
            return
        begin = ""
        if self._shown:
            begin = _ERASE if above or not self._is_known else "\r"
        if "\x1b" in above:
            above += _PLAIN  # a stage's last colour is not for us
        text = f"{_REST_OF_LINE}\n".join(lines)
        up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        self._put(f"{_BEGIN}{begin}{above}{_CUT}{text}{_REST}\r{up}{_WRAP}{_END}")
        self._shown = tuple(lines)
        self._is_known = True

    def clear(self, above: str = "") -> None:
        """Take the lines away, and print `above` where they were."""
        text = f"{_ERASE}{above}" if self._shown else above
        self._shown = ()
        if text:
            self._put(text)

    def forget(self) -> None:
        """Have everything drawn again: the screen is not as it was."""
        self._is_known = False

    def _put(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
