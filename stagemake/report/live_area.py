"""Lines at the bottom of a terminal that are drawn again and again, while others scroll by above them.

The cursor rests at the beginning of the first of them. A terminal that changes its size wraps, joins or drops lines
as it likes, and keeps the cursor at its character: what is to be drawn over begins there, however many lines it
takes by then. Nobody has to count. The cursor is never hidden, so there is nothing to give back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

# Terminals that know it show all between as one picture; others ignore it.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_ERASE = "\r\x1b[J"  # from here to the end of the screen
_PLAIN = "\x1b[0m"
# A window may be made narrower while a picture is on its way there: its lines are cut then, not wrapped.
_CUT, _WRAP = "\x1b[?7l", "\x1b[?7h"


class Area:
    """The lines, and the stream that they are on. Each call writes once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown: tuple[str, ...] = ()

    def show(self, above: str, lines: Sequence[str]) -> None:
        """Print `above`, whole lines or nothing, and below it the lines in place of those there are now."""
        if not above and self._shown == tuple(lines):
            return
        body = above
        if "\x1b" in above:
            body += _PLAIN  # a stage's last colour is not for us
        text = "\n".join(lines)
        up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        body += f"{_CUT}{text}\r{up}{_WRAP}"
        self._put(f"{_BEGIN}{_ERASE if self._shown else ''}{body}{_END}")
        self._shown = tuple(lines)

    def clear(self, above: str = "") -> None:
        """Take the lines away, and print `above` where they were."""
        text = f"{_ERASE}{above}" if self._shown else above
        self._shown = ()
        if text:
            self._put(text)

    def forget(self) -> None:
        """Have everything drawn again: the screen is not as it was."""
        self._shown = self._shown and ("",)

    def _put(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
