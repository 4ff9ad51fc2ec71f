"""A command line that is still being typed, as shells read it: words, and the quotes around the last one."""

from __future__ import annotations

_BLANK = " \t\n"
_PLAIN = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=@%+,-"
)  # and whatever is not ASCII


LastWord = tuple[str, str, str]
"""The word at the cursor: as typed, as the program would get it, and the quote that is still open, or nothing.

Plain, as TAB waits for what is imported here.
"""


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
    return tuple(words), (raw, "".join(text), quote)


def escaped(text: str, quote: str) -> str:
    """Return `text` as it is typed inside an open `quote`, or outside of any."""
    if quote == "'":
        return text.replace("'", "'\\''")
    if quote == '"':
        return "".join([f"\\{char}" if char in '\\"$`' else char for char in text])
    # A tilde is special only at the beginning, where it may be meant.
    head, rest = ("~", text[1:]) if text.startswith("~/") else ("", text)
    if _PLAIN.issuperset(rest):  # nearly always
        return head + rest
    return head + "".join(
        [char if char in _PLAIN or char >= "\x80" else f"\\{char}" for char in rest]
    )
