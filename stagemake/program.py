"""Where the program is that a name stands for. Asked for the identity of commands, and by Stagefiles."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def resolve_program(
    name: str,
    path_variable: str,
    root: str,
    memo: MutableMapping[tuple[str, str], str | None] | None = None,
    *,
    cwd: str = "",
) -> str | None:
    """Return the project path of the program a name stands for; None when there is none.

    Args:
        name: As written in a command; with a slash in it, relative to the root.
        path_variable: The PATH that the command will run with; relative parts count from `cwd`.
        root: The project's directory, absolute.
        memo: Filled with what was found, for the next call; the caller's, for one build and one `cwd`.
        cwd: Where the command will run, relative to the root. Not for names with a slash.

    Returns:
        Relative to the root when it lies below it, else absolute; links aren't resolved.
    """
    known = (name, path_variable)
    if memo is not None and known in memo:
        return memo[known]
    places = [""] if "/" in name else [os.path.join(cwd, one) for one in path_variable.split(":")]
    found = None
    for place in places:
        full = os.path.normpath(os.path.join(root, place, name))
        if _is_program(full):
            prefix = root.rstrip("/") + "/"
            found = full.removeprefix(prefix)
            break
    if memo is not None:
        memo[known] = found
    return found


def _is_program(full: str) -> bool:
    """Whether there is a file that may be executed."""
    try:
        return stat.S_ISREG(os.stat(full).st_mode) and os.access(full, os.X_OK)
    except (OSError, ValueError):
        return False
