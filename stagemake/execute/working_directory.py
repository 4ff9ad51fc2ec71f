"""Can an action run in the directory that its stage asks for?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.model.stage import Stage


def problem_with_cwd(stage: Stage, root: str, to_be_made: Iterable[str] = ()) -> str:
    """Return why the action of `stage` can't run where it should, one line; empty when it can.

    Args:
        stage: The stage.
        root: The project's directory, absolute.
        to_be_made: Paths whose parent directories are going to be there in time.
    """
    cwd = stage.cwd
    if not cwd:
        return ""
    if cwd != os.path.normpath(cwd) or cwd[0] == "/" or cwd.split("/")[0] in {".", ".."}:
        return f"its working directory `{cwd}` is no canonical path below the root"  # of a program
    full = f"{root}/{cwd}"
    # Behind a link `..` leads elsewhere than paths say: all that is passed on would be wrong.
    real = os.path.realpath(full)
    if real != full:
        name = real.removeprefix(f"{root}/")
        return f"its working directory `{cwd}` is reached through a link; name `{name}` itself"
    if os.path.isdir(full):
        return ""
    if os.path.exists(full):
        return f"its working directory `{cwd}` is no directory"
    if any(path.startswith(f"{cwd}/") for path in to_be_made):
        return ""
    return f"its working directory `{cwd}` is not there; if a stage makes it, name that in after"
