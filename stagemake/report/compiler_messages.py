"""Messages with a file and a line, found in what compilers, linters and tests print. Text only, no disk."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator


@frozen
class Message:
    """One message about one place."""

    path: str  # as printed
    line: int  # 1-based
    column: int  # 1-based; 0: not said
    level: str  # "error" or "warning"; empty: not said
    text: str


_LEVEL = r"(?:(?P<level>fatal error|error|warning)(?: [A-Z]+\d+)?: *)?"
_PATH = r"(?=[^:(]*[^\d\W])[^\s:()'\"][^:()'\"]*"  # not a time of day
# gcc, clang, mypy, ruff, flake8, go: `a.c:3:5: error: text`, `a.py:3: text`
_COLONS = re.compile(
    rf"(?P<path>{_PATH}):(?P<line>\d+)(?::(?P<column>\d+))?: *{_LEVEL}(?P<text>\S.*)"
)
# tsc, MSVC: `a.ts(3,5): error TS2322: text`
_BRACKETS = re.compile(
    rf"(?P<path>{_PATH})\((?P<line>\d+)(?:,(?P<column>\d+))?\) *: *{_LEVEL}(?P<text>\S.*)"
)
_FRAME = re.compile(r'  File "(?P<path>[^"]+)", line (?P<line>\d+)')
_TRACEBACK = "Traceback (most recent call last):"
_LONGEST_LINE = 2000


def messages(text: str) -> Iterator[Message]:
    """Give the messages in a text, in order; a traceback gives one, at each of its frames, innermost first.

    Args:
        text: What was printed, without colours and control characters.
    """
    frames: list[re.Match[str]] | None = None
    for line in text.splitlines():
        if line.strip() == _TRACEBACK:
            frames = []
        elif frames is not None:
            frame = _FRAME.match(line)
            if frame:
                frames.append(frame)
            elif line and not line[0].isspace():  # what was raised
                for found in reversed(frames):
                    yield Message(found["path"], int(found["line"]), 0, "error", line)
                frames = None
        elif len(line) <= _LONGEST_LINE:
            found_line = _COLONS.fullmatch(line.strip()) or _BRACKETS.fullmatch(line.strip())
            if found_line and not found_line["text"].startswith("note:"):
                yield _message(found_line)


def _message(found: re.Match[str]) -> Message:
    level = (found["level"] or "").removeprefix("fatal ")
    return Message(
        found["path"], int(found["line"]), int(found["column"] or 0), level, found["text"]
    )
