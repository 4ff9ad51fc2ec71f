"""How many columns of a terminal a text takes."""

from __future__ import annotations

import unicodedata


def columns_of(text: str) -> int:
    """Return how wide a terminal shows printable text: East Asian wide characters count twice."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def cut(text: str, columns: int) -> str:
    """Shorten text to `columns`, with `...` at its end if anything is missing."""
    if columns_of(text) <= columns:
        return text
    kept = text[: columns - 3]
    while columns_of(kept) > columns - 3:
        kept = kept[:-1]
    return kept.rstrip() + "..."


def room_for_names(columns: int, least: int) -> int:
    """Return how wide a column of names may be: `least`, and half of what a terminal has over 80 columns."""
    return least + max(columns - 80, 0) // 2


def folded(head: str, text: str, columns: int, *, indent: int = 4) -> str:
    """Return `head` and `text`, broken between words where a terminal's line ends.

    Args:
        head: What stands in front, without colour.
        text: What follows; words that are longer than a line are left whole.
        columns: Of the terminal; 0: nothing is broken.
        indent: Spaces in front of the lines that follow the first.
    """
    if not 0 < columns < columns_of(head) + columns_of(text):
        return head + text
    lines, line = [], head
    for at, word in enumerate(text.split(" ")):
        longer = f"{line} {word}" if at else line + word
        if at and columns_of(longer) > columns:
            lines.append(line)
            longer = " " * indent + word
        line = longer
    return "\n".join([*lines, line])
