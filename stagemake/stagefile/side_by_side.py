"""Two strings without a comma between them, which Python reads as one: looked for where an argument is missing."""

from __future__ import annotations

import io
import linecache
import tokenize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from traceback import FrameSummary

_BETWEEN = frozenset({tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT})
_FSTRING_START: int = getattr(tokenize, "FSTRING_START", -1)  # from 3.12 on
_FSTRING_END: int = getattr(tokenize, "FSTRING_END", -1)
_LONGEST = 30  # characters of a string that are shown


def hint_on_missing_argument(error: TypeError, frame: FrameSummary) -> str:
    """Return where a comma may be missing in a call that lacks an argument; empty for another mistake."""
    if "required positional argument" not in str(error) or not frame.lineno:
        return ""
    last = getattr(frame, "end_lineno", None) or frame.lineno
    lines = [linecache.getline(frame.filename, at) for at in range(frame.lineno, last + 1)]
    pair = side_by_side("".join(lines))
    if pair is None:
        return ""
    return f"Python reads two strings side by side as one: is a comma missing between {pair[0]} and {pair[1]}?"


def side_by_side(code: str) -> tuple[str, str] | None:
    """Return the first two string literals with nothing but white space between them, as written; None without such."""
    before = ""
    try:
        for kind, text in _tokens(code):
            if kind == tokenize.STRING:
                if before:
                    return _shown(before), _shown(text)
                before = text
            elif kind not in _BETWEEN:
                before = ""
    except (tokenize.TokenError, SyntaxError):  # a piece of a statement need not be whole
        pass
    return None


def _tokens(code: str) -> Iterator[tuple[int, str]]:
    """Yield kind and text of each token; an f-string is one, as before 3.12."""
    lines, depth, begin = code.splitlines(keepends=True), 0, (1, 0)
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == _FSTRING_START:
            begin = begin if depth else token.start
            depth += 1
        elif token.type == _FSTRING_END:
            depth -= 1
            if not depth:
                yield tokenize.STRING, _between(lines, begin, token.end)
        elif not depth:
            yield token.type, token.string


def _between(lines: Sequence[str], begin: tuple[int, int], end: tuple[int, int]) -> str:
    within = list(lines[begin[0] - 1 : end[0]])
    within[-1] = within[-1][: end[1]]
    within[0] = within[0][begin[1] :]
    return "".join(within)


def _shown(literal: str) -> str:
    line = " ".join(literal.split())
    return f"`{line if len(line) <= _LONGEST else line[: _LONGEST - 3] + '...'}`"
