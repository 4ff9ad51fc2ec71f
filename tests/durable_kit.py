"""A directory to change by `stagemake.durable`, and what can be seen of it afterwards."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from stagemake import durable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def filled(root: Path) -> str:
    """Put a file, a big one, a link and a directory with something in it into an empty directory; return its path."""
    (root / "file").write_bytes(b"old")
    (root / "big").write_bytes(b"0123456789" * 20_000)
    (root / "dir/empty").mkdir(parents=True)
    (root / "dir/in").write_bytes(b"in")
    (root / "link").symlink_to("file")
    return str(root)


def tree(at: str) -> dict[str, tuple[object, ...]]:
    """Return what lies below a directory: kind and mode, bytes or text of the link."""
    found: dict[str, tuple[object, ...]] = {}
    for place, directories, files in os.walk(at):
        for name in (*directories, *files):
            full = f"{place}/{name}"
            mode = os.lstat(full).st_mode
            holds: object = None
            if stat.S_ISLNK(mode):
                holds = os.readlink(full)
            elif stat.S_ISREG(mode):
                with open(full, "rb") as stream:
                    holds = stream.read()
            found[os.path.relpath(full, at)] = (mode, holds)
    return found


def opened() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/dev/fd"))


def in_held(at: str, change: Callable[[durable.Held], object]) -> None:
    """Change what is in `dir` by holding it."""
    held, made = durable.hold(at, "dir")
    try:
        assert (held.path, made) == (f"{at}/dir", [])
        change(held)
    finally:
        held.close()
