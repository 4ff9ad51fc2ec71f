"""Ask the entry of the command line whether there is nothing to do, as the installed script asks it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from project import Project

_ASK = "import sys; from stagemake import door; print(door.answer(sys.argv[1:]))"


def answer(project: Project, *arguments: str, cwd: str = "", before: str = "") -> int | None:
    """Return what the entry answers by itself; None when it leaves the answer to the command line.

    `before` is code that runs first, one line.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"{before}\n{_ASK}", *arguments],
        cwd=project.root / cwd,
        env=project.process_environment(),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    word = done.stdout.splitlines()[-1]
    return None if word == "None" else int(word)


def build(project: Project, *arguments: str, cwd: str = "") -> subprocess.CompletedProcess[str]:
    """Run the installed script's own function in a process of its own."""
    return subprocess.run(
        [sys.executable, "-P", "-c", "from stagemake.door import script; script()", *arguments],
        cwd=project.root / cwd,
        env=project.process_environment(),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
