"""A terminal whose screen can be looked at: what a person sees, not what was written."""

from __future__ import annotations

import re
import termios
import time
from typing import TYPE_CHECKING

import pyte
from attrs import define, field
from terminal_kit import DEADLINE_S, Terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from project import Project


@define
class Screen(Terminal):
    """A terminal with cursor addressing. Start it with `term="xterm"` and the size that `shown` is made with."""

    columns: int = 80
    lines: int = 24
    sizes: list[tuple[int, int, int]] = field(factory=list)
    """Bytes that had come, columns and lines from then on; the first size included."""
    _drawn: int = 0
    _screen: pyte.Screen = field(init=False)
    _stream: pyte.ByteStream = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._screen = pyte.Screen(self.columns, self.lines)
        self._stream = pyte.ByteStream(self._screen)

    @classmethod
    def open(
        cls, project: Project, *arguments: str, shell: str = "", columns: int = 80, lines: int = 24
    ) -> Screen:
        """Start stagemake, or a shell, in a terminal of this size."""
        found = cls.start(
            project, *arguments, shell=shell, term="xterm", columns=columns, lines=lines
        )
        found.columns, found.lines = columns, lines
        found._screen.resize(lines, columns)
        found.sizes.append((0, columns, lines))
        return found

    def shown(self) -> list[str]:
        """Return the lines on the screen by now, without blanks at their ends, up to the last that is not empty.

        A picture of which a part has arrived is not on it, as on terminals that know synchronized updates.
        """
        end = len(self.raw)
        if self._status is None and (begun := self.raw.rfind(_BEGIN)) > self.raw.rfind(_END):
            end = max(begun, self._drawn)
        self._stream.feed(self.raw[self._drawn : end])
        self._drawn = end
        return trimmed(self._screen.display)

    def cursor(self) -> tuple[int, int, bool]:
        """Return line and column of the cursor, and whether it is hidden."""
        self.shown()
        cursor = self._screen.cursor
        return cursor.y, cursor.x, cursor.hidden

    def until(self, is_so: Callable[[list[str]], object]) -> list[str]:
        """Wait for a screen of which something is true; return it."""
        end_s = time.monotonic() + DEADLINE_S
        while not is_so(shown := self.shown()):
            assert self._read(end_s - time.monotonic()), "\n".join(["never seen:", *shown])
        return shown

    def until_line(self, text: str) -> list[str]:
        """Wait until a line of the screen holds `text`."""
        return self.until(lambda shown: any(text in line for line in shown))

    def resize(self, columns: int, lines: int) -> None:
        """Give the window another size."""
        self.shown()
        self.columns, self.lines = columns, lines
        self._screen.resize(lines, columns)
        self.sizes.append((self._drawn, columns, lines))
        termios.tcsetwinsize(self.fd, (lines, columns))

    def pictures(self) -> list[list[list[str]]]:
        """Return for each size what the screen showed after each write: a list of screens.

        A write is what stands between the marks of a synchronized update, or up to the next one.
        """
        screen = pyte.Screen(self.columns, self.lines)
        stream = pyte.ByteStream(screen)
        shown = []
        ends = [begin for begin, _, _ in self.sizes[1:]] + [len(self.raw)]
        for (begin, columns, lines), end in zip(self.sizes, ends, strict=True):
            screen.resize(lines, columns)
            shown.append([trimmed(screen.display)])
            for written in _WRITE.findall(self.raw[begin:end]):
                stream.feed(written)
                shown[-1].append(trimmed(screen.display))
        return shown


_BEGIN, _END = b"\x1b[?2026h", b"\x1b[?2026l"
_WRITE = re.compile(rb"\x1b\[\?2026h.*?(?:\x1b\[\?2026l|\Z)|.+?(?=\x1b\[\?2026h|\Z)", re.DOTALL)


def trimmed(lines: list[str]) -> list[str]:
    """Return lines without blanks at their ends, up to the last that is not empty."""
    found = [line.rstrip() for line in lines]
    while found and not found[-1]:
        found.pop()
    return found
