"""Which Stagefile a command is about: the nearest one. Asked on the path of every no-op."""

from __future__ import annotations

import os

NAMES = ("Stagefile", "Stagefile.py")


def nearest_stagefile(start: str) -> tuple[str, str]:
    """Return the nearest Stagefile from `start` upwards, and the last directory looked at; both absolute.

    The first is empty when there is none. The walk ends at the first directory that another user owns
    (root's excepted, who could read and change everything anyway): whoever owns a directory above
    could plant a Stagefile there.
    """
    directory = os.path.abspath(start)
    while True:
        for name in NAMES:
            path = os.path.join(directory, name)
            if os.path.isfile(path):
                return path, directory
        parent = os.path.dirname(directory)
        if parent == directory or os.stat(parent).st_uid not in {os.getuid(), 0}:
            return "", directory
        directory = parent
