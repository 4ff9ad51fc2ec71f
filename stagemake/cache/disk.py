"""Opens the store on disk: whole, anew in place of a damaged one, or not at all with the reason why."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from stagemake.cache import raw_disk
from stagemake.cache.database import ERRORS, Database, is_damage_at_opening
from stagemake.cache.fault import describe
from stagemake.cache.settings import refuses_double_quotes
from stagemake.cache.store import DiskStore

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DiskStore", "open_store"]

DEFAULT_BUDGET_BYTES = 10 << 30
DEFAULT_MAX_AGE_S = 90 * 86400.0
LOCK_TIMEOUT_S = 5.0


def open_store(
    directory: str,
    *,
    budget_bytes: int = DEFAULT_BUDGET_BYTES,
    max_age_s: float = DEFAULT_MAX_AGE_S,
    clock: Callable[[], float] = time.time,
    timeout_s: float = LOCK_TIMEOUT_S,
) -> tuple[DiskStore | None, str]:
    """Open the cache in `directory`, made where missing, or say in one line why it can't be used.

    A damaged cache is renamed to `<directory>.corrupt-<n>` and an empty one takes its place; then both a store
    and a text come back. Otherwise exactly one of the two is there (None, or an empty text).

    Args:
        directory: Taken literally once absolute; `$` and `~` mean themselves.
        budget_bytes: What collecting aims at by default.
        max_age_s: Seconds unused after which collecting removes a record.
        clock: Seconds since the epoch; may jump.
        timeout_s: How long to wait for another process's write lock.
    """
    directory = os.path.abspath(directory)
    note = ""
    try:
        try:
            database = Database(directory, timeout_s=timeout_s)
        except ERRORS as error:
            if not is_damage_at_opening(error):
                raise
            note = f"damaged ({describe(error)}), set aside as {raw_disk.move_aside(directory)}"
            database = Database(directory, timeout_s=timeout_s)
    except (*ERRORS, ValueError) as error:  # ValueError: a NUL in the path
        if refuses_double_quotes():
            return (
                None,
                "this Python's SQLite refuses double-quoted strings (DQS=0), use Python 3.12 or later",
            )
        return None, f"{note}; {describe(error)}" if note else describe(error)
    store = DiskStore(database, budget_bytes=budget_bytes, max_age_s=max_age_s, clock=clock)
    return store, note
