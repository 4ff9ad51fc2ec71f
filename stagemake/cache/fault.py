"""What went wrong with a cache, counted: the build goes on, and the tool can say it once."""

from __future__ import annotations

import os
from enum import StrEnum


class FaultKind(StrEnum):
    """What the cache could not do."""

    DAMAGED = "damaged"  # stored bytes are not what was stored; dropped, counted as a miss
    READ = "read"
    WRITE = "write"
    CHANGED = "changed"  # a file was not what its digest announced when it was to be stored


class Faults:
    """Counts by kind, and the first message of each. One owner: its store."""

    def __init__(self) -> None:
        self.counts: dict[FaultKind, int] = {}
        self.first: dict[FaultKind, str] = {}

    def __len__(self) -> int:
        return sum(self.counts.values())

    def add(self, kind: FaultKind, what: str | BaseException) -> None:
        """Count one fault; keep its text when it is the first of its kind."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if kind not in self.first:
            self.first[kind] = what if isinstance(what, str) else describe(what)


def describe(error: BaseException) -> str:
    """Return one line for an error. Looks through diskcache's `Timeout`, which hides its cause."""
    if not isinstance(error, OSError) and not str(error) and error.__context__ is not None:
        error = error.__context__
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        if error.filename:
            text += f": `{os.fsdecode(error.filename)}`"
    elif type(error).__module__ == "sqlite3":  # its classes' names tell nobody anything
        text = f"{error}: `cache.db`"
    elif type(error).__module__.startswith("stagemake."):  # nor ours
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return text.replace("\n", " ")[:300]
