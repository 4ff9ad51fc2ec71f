"""Blocks of a Makefile that are not translated: where one ends, and what is assigned and made in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stagemake.start.make_functions import UntranslatableError
from stagemake.start.make_values import Expansion

if TYPE_CHECKING:
    from stagemake.start.make_values import Values

ASSIGNMENT = re.compile(
    r"(?P<words>(?:(?:export|override|private|unexport)[ \t]+)*)(?P<name>[^\s:#=?+!]+)[ \t]*"
    r"(?P<operator>\?=|\+=|!=|:::?=|::?=|=)[ \t]*(?P<value>.*)\Z",
    re.DOTALL,
)


def block_at(
    lines: list[str], start: int, openers: tuple[str, ...], closer: str, *, in_rule: bool
) -> list[str]:
    """Return the lines of the block that begins at `start`, its end included.

    Args:
        lines: Of the Makefile.
        start: Where it begins.
        openers: The words that begin a block within it.
        closer: The word that ends one.
        in_rule: Whether a line that begins with a tab there is one of a recipe. Elsewhere it is like any line.
    """
    level = 0
    for at in range(start, len(lines)):
        line = lines[at]
        words = line.replace("(", " (").split()
        is_recipe = in_rule and line.startswith("\t")
        word = words[0] if words and not is_recipe else ""
        level += (word in openers) - (word == closer)
        if level == 0:
            return lines[start : at + 1]
        if closer == "endif" and word and word not in (*openers, closer, "else"):
            in_rule = ":" in line and not ASSIGNMENT.match(line.strip())
    return lines[start:]


def names_of(line: str, values: Values) -> list[str]:
    """Return the targets of a rule's line; none where they can't be known."""
    try:
        return Expansion(values).expand(line.partition(":")[0]).split()
    except UntranslatableError:
        return []
