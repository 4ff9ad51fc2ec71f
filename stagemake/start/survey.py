"""What lies in a directory, as far as a first Stagefile cares: files of the user's, in a fixed order."""

from __future__ import annotations

import os
import stat

from attrs import frozen

_MADE = (
    "build",
    "dist",
    "node_modules",
    "__pycache__",
    "site-packages",
    "target",
    "_build",
    "venv",
)
_MOST_FILES = 50_000


@frozen
class Survey:
    """The files below `root`, by path relative to it, sorted."""

    root: str
    files: tuple[str, ...]
    skipped: tuple[str, ...] = ()  # why some are missing, one line each

    def named(self, *names: str) -> str:
        """Return the first of these that lies in the root itself; empty for none."""
        return next((name for name in names if name in self.files), "")

    def ending(self, *suffixes: str) -> tuple[str, ...]:
        """Return the files with one of these endings."""
        return tuple(path for path in self.files if path.endswith(suffixes))

    def text(self, path: str) -> str:
        """Return a file's text, what is no UTF-8 replaced; empty when it can't be read."""
        try:
            with open(os.path.join(self.root, path), "rb") as stream:
                return stream.read().decode("utf-8", "replace")
        except OSError:
            return ""


def survey(root: str) -> Survey:
    """Look through a directory: no hidden ones, no links to directories, nothing that tools make there.

    Cost: one listing a directory; stops at 50 000 files and says so.
    """
    files: list[str] = []
    skipped: list[str] = []
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            names = sorted(os.listdir(os.path.join(root, folder)))
        except OSError as error:
            skipped.append(f"`{folder}` can't be read: {error.strerror}")
            continue
        if "pyvenv.cfg" in names and folder:
            continue
        for name in names:
            path = folder + name
            if name[0] == ".":
                continue
            if not _is_plain(name):
                skipped.append(f"{path!r}: a name that is not printable UTF-8")
                continue
            try:
                mode = os.lstat(os.path.join(root, path)).st_mode
            except OSError:
                continue
            if stat.S_ISDIR(mode) and name not in _MADE and not name.endswith(".egg-info"):
                waiting.append(f"{path}/")
            elif stat.S_ISREG(mode) or (stat.S_ISLNK(mode) and os.path.isfile(f"{root}/{path}")):
                files.append(path)
        if len(files) > _MOST_FILES:
            skipped.append(f"more than {_MOST_FILES} files: the rest was not looked at")
            break
    return Survey(root, tuple(sorted(files)), tuple(skipped))


def _is_plain(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return name.isprintable()
