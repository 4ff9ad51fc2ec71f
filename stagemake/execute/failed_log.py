"""What failed stages printed, as it came, kept in files until they run again: the screen shows the end of it only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from xxhash import xxh3_128_hexdigest

from stagemake import durable

if TYPE_CHECKING:
    from stagemake.model.result import StageResult

MOST_LOGS = 100  # of a project; the oldest goes first
_LONGEST_NAME_BYTES = 250  # of a file; beyond, a stage's name can't be one
_END = ".log"


def file_name_of(stage: str, end: str = "") -> str:
    """Return a stage's name, with `end`, as one that a file can have."""
    name = stage.replace("/", "_")
    if name in {".", ".."} or len(os.fsencode(name)) > _LONGEST_NAME_BYTES - len(end):
        name = f"{name[:20].strip('.')}…{xxh3_128_hexdigest(os.fsencode(name))}"
    return name + end


class FailedLogs:
    """The logs of one project's failed stages.

    Args:
        root: The project's.
        directory: Where they are, absolute, below the root; made when needed.
    """

    def __init__(self, root: str, directory: str) -> None:
        self._root = root
        self._directory = directory
        try:
            self._names = set(os.listdir(directory))
        except OSError:
            self._names = set()
        self._told: dict[str, int] = {}  # of this build, with their order: people were sent there

    def drop(self, stage: str) -> None:
        """Forget a stage's log: it runs again. Cost: nothing where there is none."""
        name = file_name_of(stage, _END)
        if name in self._names:
            self._names.discard(name)
            durable.remove(f"{self._directory}/{name}")

    def keep(self, result: StageResult) -> str:
        """Write a result's log, stdout first; return where, from the root; empty for nothing printed, or no room."""
        if not result.stdout and not result.stderr:
            return ""
        name = file_name_of(result.name, _END)
        path = f"{self._directory}/{name}"
        try:
            durable.make_dirs(self._directory, 0o700)
            self._make_room()
            durable.write_atomic(path, result.stdout + result.stderr, 0o600)
        except OSError:  # it is shown all the same
            return ""
        self._names.add(name)
        self._told[name] = len(self._told) + 1
        return os.path.relpath(path, self._root)

    def _make_room(self) -> None:
        """Remove the oldest; this build's own go last, in their order: the clock may have been set back."""
        if len(self._names) < MOST_LOGS:
            return
        found = []
        for name in self._names:
            try:
                time_ns = os.stat(f"{self._directory}/{name}").st_mtime_ns
                found.append((self._told.get(name, 0), time_ns, name))
            except OSError:
                continue
        found.sort()
        for _, _, name in found[: len(found) - MOST_LOGS + 1]:
            durable.remove(f"{self._directory}/{name}")
            self._names.discard(name)
