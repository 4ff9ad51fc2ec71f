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
