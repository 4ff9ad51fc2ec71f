"""Lines of a Makefile, as text."""

from __future__ import annotations

import re


def plain_path(path: str) -> str:
    """Return a path as make compares it: without `./` in front."""
    while path.startswith("./") and len(path) > 2:
        path = path[2:].lstrip("/")
    return path


def without_comment(line: str) -> str:
    r"""Return a line up to its `#`, with `\#` made plain."""
    hit = re.search(r"(?<!\\)#", line)
    return (line[: hit.start()] if hit else line).replace("\\#", "#").strip()


def is_one_reference(line: str) -> bool:
    """Whether a line is `$(…)` and nothing else."""
    level = 0
    for at, character in enumerate(line):
        level += (character == "(") - (character == ")")
        if character == ")" and level == 0:
            return at + 1 == len(line)
    return False


def shortened(line: str) -> str:
    """Return a line as messages show it."""
    return line if len(line) <= 60 else f"{line[:57]}..."
