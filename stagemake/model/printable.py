"""Text from outside that is shown to people: names of files above all, which may hold anything."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return text that can't drive a terminal: control characters and surrogates as `\xNN`."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
