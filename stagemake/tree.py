"""What lies in a directory. Asked when directories are digested, compared and scanned."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from stagemake.durable import TEMP_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

STATE_NAME = ".stagemake"
"""The name of our own directory; it is no part of any tree."""


class SpecialFile(OSError):
    """A FIFO, socket or device where a file, link or directory is needed."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EINVAL, "neither a file nor a directory nor a symbolic link", path)


def unreadable_path(error: OSError, root: str) -> str:
    """Return which path an error is about, from the root where it is below; empty if it does not say."""
    path = os.fsdecode(error.filename) if error.filename else ""
    return path.removeprefix(f"{root}/")


def why_unreadable(error: OSError, root: str) -> str:
    """Return in a clause why something that a stage reads can't be read."""
    why = error.strerror or str(error)
    path = unreadable_path(error, root)
    if not path:
        return f"what it reads can't be read: {why.lower()}"
    if isinstance(error, SpecialFile):
        return f"its input `{path}` is {why}"
    return f"its input `{path}` can't be read: {why.lower()}"


def is_ours(name: str) -> bool:
    """Whether a name in a directory is our state or something unfinished of ours."""
    return name == STATE_NAME or name.startswith(TEMP_PREFIX)


def walk(top: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the relative path and status of all that is in a directory, links not followed.

    In no particular order, but directories before what is in them; `top` itself and our own files
    are left out. Each directory is statted before it is listed. What vanishes meanwhile is left out.

    Raises:
        SpecialFile: There is a FIFO, socket or device.
        OSError: A directory can't be read.

    Cost: one system call an entry.
    """
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        try:
            with os.scandir(f"{top}/{prefix}") as found:
                children = [child for child in found if not is_ours(child.name)]
        except FileNotFoundError:
            if not prefix:
                raise
            continue
        for child in children:
            try:
                status = child.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            relative = prefix + child.name
            mode = status.st_mode
            if stat.S_ISDIR(mode):
                waiting.append(f"{relative}/")
            elif not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
                raise SpecialFile(f"{top}/{relative}")
            yield relative, status
