"""What a cache takes. Apart from what makes it less, which few builds need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.cache.database import ERRORS
from stagemake.cache.fault import FaultKind

if TYPE_CHECKING:
    from stagemake.cache.store import DiskStore


def volume_bytes(store: DiskStore) -> int:
    """Return what the cache takes, what is queued included; -1 where it can't be read. Cost: O(1) after a flush."""
    store.flush()
    with store.lock():
        try:
            return store.database.volume_bytes()
        except ERRORS as error:
            store.note(FaultKind.READ, error)
            return -1
