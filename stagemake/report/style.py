"""Colour, or none: decided once, by flag, variables and terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

# How what came of a stage is painted, wherever it is told; by the code of its outcome, or the word for it.
OUTCOME_COLOURS = {
    "ran": "green",
    "restored": "blue",
    "cut_off": "dim",
    "fresh": "dim",
    "failed": "red",
    "blocked": "yellow",
    "cancelled": "yellow",
    "interrupted": "yellow",
    "not run": "yellow",
}
# How what would come of a stage is painted; by its verdict.
VERDICT_COLOURS = {"fresh": "dim", "hit": "blue", "miss": "green", "maybe": "yellow"}
_CODES = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "dim": "2", "bold": "1"}


class Style(NamedTuple):
    """Paints text when `is_on`. Made without attrs, which takes 25 ms that `--help` has no other use for."""

    is_on: bool = False

    def paint(self, text: str, colour: str) -> str:
        """Return `text` in one of red, green, yellow, blue, dim, bold."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.is_on and text else text


def style_for(choice: str, environ: Mapping[str, str], *, is_terminal: bool) -> Style:
    """Return the style for a stream.

    In order: `--color always|never`, NO_COLOR, FORCE_COLOR or CLICOLOR_FORCE, TERM=dumb, terminal.
    """
    if choice in {"always", "never"}:
        return Style(choice == "always")
    if environ.get("NO_COLOR"):
        return Style(is_on=False)
    if environ.get("FORCE_COLOR") or environ.get("CLICOLOR_FORCE", "0") not in {"", "0"}:
        return Style(is_on=True)
    return Style(is_terminal and environ.get("TERM") != "dumb")
