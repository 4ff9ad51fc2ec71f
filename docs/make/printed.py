"""What a screen says, without what differs from run to run: for comparing what pages show with what is printed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TIME = r"(?:\d+ h \d\d m|\d+ m \d\d s|\d+(?:\.\d+)? m?s)\b"
_SIZE = r"\b\d+(?:\.\d+)? (?:[KMGT]i)?B\b"
_VARYING = (
    (re.compile(rf"{_TIME}(?: \(up to {_TIME}\))?"), "<time>"),
    (re.compile(_SIZE), "<size>"),
    (re.compile(r"\b[0-9a-f]{12}\b|\b[0-9a-f]{32}\b"), "<digest>"),
    (re.compile(r"\d+ jobs?\b"), "<n> jobs"),
    (re.compile(r"; 9 times in 10 under <time>"), ""),  # left out where it says the same
    (re.compile(r"(longest chain ~<time>): .*"), r"\1: <chain>"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "<clock>"),
    (re.compile(r"\b\d+(?:\.\d+)?(?:ms|s|m)(?= )"), "<time>"),  # in the columns of `history`
    (re.compile(r"(?<=<time>) +(?:yes|no) "), " <kept> "),
    (re.compile(r"^\[ *\d+/"), "[<n>/"),
    (re.compile(r" +"), " "),  # columns are as wide as what is in them
)
# Lines that only builds of half a second or more have, and those that more jobs would help.
_SOMETIMES = re.compile(r"stagemake: forecast | +\d+ jobs? would save ")
_STAGE_LINE = re.compile(r"^\[<n>/|^(?:fresh|hit|miss|maybe) \S")


def normal(text: str) -> list[str]:
    """Return lines without what differs from run to run; stage lines come first, sorted."""
    lines: list[str] = []
    for line in text.splitlines():
        if _SOMETIMES.match(line):
            continue
        for pattern, shown in _VARYING:
            line = pattern.sub(shown, line)  # noqa: PLW2901 - one after the other
        lines.append(line.rstrip())
    ended = sorted(line for line in lines if _STAGE_LINE.match(line))
    return ended + [line for line in lines if not _STAGE_LINE.match(line)]


def matches(expected: Iterable[str], printed: Iterable[str]) -> bool:
    """Whether normal lines are as expected, where a line `...` stands for any."""
    expected = list(expected)
    if "..." not in expected:
        return expected == list(printed)
    # With lines left out, stage lines can't be compared as a whole: each must be there.
    pattern = "".join(
        ".*" if line == "..." else re.escape(line) + "\n" for line in _others(expected)
    )
    rest = list(printed)
    for line in expected:
        if _STAGE_LINE.match(line):
            if line not in rest:
                return False
            rest.remove(line)
    text = "".join(f"{line}\n" for line in _others(rest))
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def says(shown: str, printed: str) -> bool:
    """Whether a page that shows `shown` tells what was printed."""
    return matches(normal(shown), normal(printed))


def _others(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if not _STAGE_LINE.match(line)]
