"""A file that a command was told to write: replaced as a whole, never a Stagefile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stagemake import durable
from stagemake.model.error import UsageError

if TYPE_CHECKING:
    from stagemake.manager import StageManager


def replace_file(path: str, data: bytes, manager: StageManager | None, shown: str) -> None:
    """Replace a file, or what a link leads to, as a whole.

    Args:
        path: Absolute.
        data: What it is to hold.
        manager: Knows which files are part of the Stagefile; None: it could not be read.
        shown: The path as it was typed.

    Raises:
        UsageError: It is a directory, a device, part of the Stagefile, or in a directory that isn't there.
    """
    if os.path.isdir(path):
        raise UsageError(f"`{shown}` is a directory", hint="name a file in it")
    if os.path.exists(path) and not os.path.isfile(path):
        raise UsageError(f"`{shown}` is no regular file", hint="`-o -` writes to stdout")
    path = os.path.realpath(path)  # a rename would replace the link itself: think of /dev/stdout
    if not os.path.isdir(os.path.dirname(path)):
        raise UsageError(f"there is no directory to write `{shown}` in")
    if manager is not None and any(path in each.texts for each in manager.project.evaluations):
        raise UsageError(f"`{shown}` is a Stagefile or a module of it", hint="name another file")
    durable.write_atomic(path, data)
