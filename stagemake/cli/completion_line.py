"""A command line that is still being typed, as shells read it: words, and the quotes around the last one."""

from __future__ import annotations

import re

from attrs import frozen

_BLANK = " \t\n"
_PLAIN = re.compile(r"[^A-Za-z0-9_./:=@%+,\-\x80-\U0010ffff]")


@frozen
class LastWord:
    """The word at the cursor."""

    raw: str  # as typed
    text: str  # as the program would get it
    quote: str  # the quote that is still open, `'` or `"`; else empty


def split_line(line: str) -> tuple[tuple[str, ...], LastWord]:
    """Return the finished words of a line up to the cursor, and the last one, which may be empty.

    Quotes and backslashes mean what they do in sh; nothing is expanded.
    """
    words: list[str] = []
    text: list[str] = []
    quote = ""
    start: int | None = None  # of the word that is being read
    at = 0
    while at < len(line):
        char = line[at]
        if start is None and (quote or char not in _BLANK):
            start = at
        if quote == "'":
            quote, char = ("", "") if char == "'" else (quote, char)
        elif char == "\\":
            at += 1
            char = line[at : at + 1]
            if quote and char not in '"\\$`':  # inside "" other backslashes stay
                char = f"\\{char}"
        elif quote:
            quote, char = ("", "") if char == quote else (quote, char)
        elif char in "'\"":
            quote, char = char, ""
        elif char in _BLANK:
            if start is not None:
                words.append("".join(text))
            text, start, char = [], None, ""
        text.append(char)
        at += 1
    raw = "" if start is None else line[start:]
    return tuple(words), LastWord(raw, "".join(text), quote)


def escaped(text: str, quote: str) -> str:
    """Return `text` as it is typed inside an open `quote`, or outside of any."""
    if quote == "'":
        return text.replace("'", "'\\''")
    if quote == '"':
        return re.sub(r'([\\"$`])', r"\\\1", text)
    # A tilde is special only at the beginning, where it may be meant.
    head, rest = ("~", text[1:]) if text.startswith("~/") else ("", text)
    return head + _PLAIN.sub(lambda found: f"\\{found[0]}", rest)
