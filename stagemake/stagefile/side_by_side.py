"""Two strings without a comma between them, which Python reads as one: looked for where an argument is missing."""

from __future__ import annotations

import io
import linecache
import tokenize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traceback import FrameSummary

_BETWEEN = frozenset({tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT})
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
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.STRING:
                if before:
                    return _shown(before), _shown(token.string)
                before = token.string
            elif token.type not in _BETWEEN:
                before = ""
    except (tokenize.TokenError, SyntaxError):  # a piece of a statement need not be whole
        pass
    return None


def _shown(literal: str) -> str:
    line = " ".join(literal.split())
    return f"`{line if len(line) <= _LONGEST else line[: _LONGEST - 3] + '...'}`"
