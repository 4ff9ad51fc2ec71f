"""Names of what is unfinished."""

from __future__ import annotations

import os

TEMP_PREFIX = ".stagemake-tmp-"
"""How the name of everything unfinished begins; leftovers of a crash are found by it."""


def temp_name() -> str:
    """Return a name that nothing else uses."""
    return f"{TEMP_PREFIX}{os.getpid()}-{os.urandom(6).hex()}"


def temp_path(directory: str) -> str:
    """Return a path inside `directory` (empty: the working directory) that nothing else uses."""
    return f"{directory}/{temp_name()}" if directory else temp_name()
