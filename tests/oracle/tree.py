"""What is on disk, for comparing: results by what counts for users, everything by what counts for a dry run."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Entry = tuple[str, str | bytes, bool]
"""("file", bytes, executable), ("link", text, False), ("directory", "", False) or ("special", …)."""

Listing = dict[str, tuple[object, ...]]
"""By path: mode, size, times, inode, contents. Equal means that nothing was touched."""


def entry_at(full: str) -> Entry | None:
    """Return what is at an absolute path, links not followed; None for nothing."""
    try:
        status = os.lstat(full)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(status.st_mode):
        return ("link", os.readlink(full), False)
    if stat.S_ISDIR(status.st_mode):
        return ("directory", "", False)
    if not stat.S_ISREG(status.st_mode):
        return ("special", oct(status.st_mode), False)
    with open(full, "rb") as stream:
        return ("file", stream.read(), bool(status.st_mode & 0o100))


def remove(full: str) -> None:
    """Remove whatever is there, if anything."""
    if os.path.isdir(full) and not os.path.islink(full):
        shutil.rmtree(full)
    elif os.path.lexists(full):
        os.unlink(full)


def copy_to(target: str, source: str, names: Iterable[str]) -> None:
    """Copy some of what is in a directory, and nothing else, to a new one."""
    os.makedirs(target)
    for name in names:
        full = f"{source}/{name}"
        if os.path.isdir(full):
            shutil.copytree(full, f"{target}/{name}", symlinks=True)
        elif os.path.exists(full):
            shutil.copy2(full, f"{target}/{name}")


def walk(root: str, leave_out: Iterable[str] = ()) -> Iterator[str]:
    """Yield every path below `root`, relative to it; `leave_out` are names at the top."""
    skipped = set(leave_out)
    todo = [""]
    while todo:
        folder = todo.pop()
        for name in os.listdir(f"{root}/{folder}"):
            if not folder and name in skipped:
                continue
            path = f"{folder}/{name}" if folder else name
            yield path
            full = f"{root}/{path}"
            if os.path.isdir(full) and not os.path.islink(full):
                todo.append(path)


def results(root: str, leave_out: Iterable[str]) -> dict[str, Entry]:
    """Return what is below `root` by path, but for what the user owns."""
    found = {}
    for path in walk(root, leave_out):
        entry = entry_at(f"{root}/{path}")
        if entry is not None:
            found[path] = entry
    return found


def listing(*roots: str) -> Listing:
    """Return everything below some directories that a change would show in; access times don't count."""
    found: Listing = {}
    for root in roots:
        if not os.path.isdir(root):
            continue
        for path in ("", *walk(root)):
            full = f"{root}/{path}" if path else root
            status = os.lstat(full)
            content: object = None
            times: tuple[int, ...]
            if stat.S_ISREG(status.st_mode):
                with open(full, "rb") as stream:
                    content = hashlib.blake2b(stream.read()).digest()
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(full)
            times = (status.st_mtime_ns, status.st_ctime_ns)
            if path.endswith(("-wal", "-shm")):
                # Run by root, sqlite sets the owner of these to what it is: no byte, but the ctime.
                times = times[:1]
            found[full] = (status.st_mode, status.st_size, *times, status.st_ino, content)
    return found


def changes(before: Listing, after: Listing) -> list[str]:
    """Return paths that differ between two listings."""
    paths = sorted({*before, *after})
    return [path for path in paths if before.get(path) != after.get(path)]


def holds_text(root: str, text: str) -> bool:
    """Whether some file below `root` holds a text."""
    wanted = text.encode()
    for path in walk(root):
        entry = entry_at(f"{root}/{path}")
        if entry is not None and entry[0] == "file" and wanted in entry[1]:
            return True
    return False
