"""What a store has accepted and not yet written."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stagemake.cache.rows import Place

_MOST_ENTRIES = 1000  # batches of 200 cost half as much again per entry
_MOST_BYTES = 8 << 20
_MOST_S = 2.0  # so that a kill loses little of a slow build


class Batch:
    """Entries by key in the order they were put, and keys that were used. One owner: its store."""

    def __init__(self) -> None:
        self.entries: dict[str, Place] = {}
        self.touched: dict[str, None] = {}
        self._bytes = 0
        self._since_s = 0.0

    def __bool__(self) -> bool:
        return bool(self.entries or self.touched)

    def add(self, place: Place) -> Place | None:
        """Add an entry; return the one of the same key that it replaces."""
        if not self.entries:
            self._since_s = time.monotonic()
        old = self.remove(place.key)
        self.entries[place.key] = place
        self._bytes += len(place.value or b"")
        return old

    def remove(self, key: str) -> Place | None:
        """Take an entry out and return it, None when there is none."""
        old = self.entries.pop(key, None)
        if old is not None:
            self._bytes -= len(old.value or b"")
        return old

    def is_full(self) -> bool:
        """Tell whether it is time to write: many entries, many bytes, or waiting for long; never without an entry."""
        return bool(self.entries) and (
            len(self.entries) >= _MOST_ENTRIES
            or self._bytes >= _MOST_BYTES
            or time.monotonic() - self._since_s > _MOST_S
        )

    def clear(self) -> None:
        """Forget everything."""
        self.entries.clear()
        self.touched.clear()
        self._bytes = 0
