"""Directories that stay open from one restore to the next, so that a thousand files in one need not find it each time."""

from __future__ import annotations

import os

from stagemake.durable.held import Held, hold

_MOST_OPEN = 64  # while nobody works in them


class Holding:
    """The directories below a root in which outputs were made. `close` it; used by one thread.

    What is given out is where its path leads at that moment, also if somebody has moved or replaced it since the
    last time, and stays open until `trim`.

    Args:
        root: The project's directory, absolute.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._held: dict[str, tuple[Held, tuple[int, int]]] = {}  # with its device and inode

    def directory(self, path: str) -> tuple[Held, list[str]]:
        """Return what `hold` does, without opening again what is open. Errors as there.

        Cost: one look at the path if it was asked for before.
        """
        known = self._held.get(path)
        if known is not None:
            held, identity = known
            if _identity_at(held.path) == identity:
                return held, []
            del self._held[path]
            held.close()
        held, made = hold(self.root, path)
        status = os.fstat(held.fd)
        self._held[path] = held, (status.st_dev, status.st_ino)
        return held, made

    def trim(self) -> None:
        """Let go of all where there are many: nobody works in any of them now."""
        if len(self._held) > _MOST_OPEN:
            self.close()

    def close(self) -> None:
        """Let go of all; they are found again if they are asked for."""
        for held, _ in self._held.values():
            held.close()
        self._held.clear()


def _identity_at(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
