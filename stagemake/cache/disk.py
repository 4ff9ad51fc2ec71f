"""Opens the store on disk: whole, anew in place of a damaged one, or not at all with the reason why."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from stagemake.cache import raw_disk
from stagemake.cache.claim import Claim
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
    and a text come back. Otherwise exactly one of the two is there (None, or an empty text), also when
    another process has replaced it in between.

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
            found, note = _opened_anew(directory, describe(error), timeout_s)
            if found is None:
                return None, note
            database = found
    except (*ERRORS, ValueError) as error:  # ValueError: a NUL in the path
        if refuses_double_quotes():
            return (
                None,
                "this Python's SQLite refuses double-quoted strings (DQS=0), use Python 3.12 or later",
            )
        return None, describe(error)
    store = DiskStore(database, budget_bytes=budget_bytes, max_age_s=max_age_s, clock=clock)
    return store, note


def _opened_anew(directory: str, why: str, timeout_s: float) -> tuple[Database | None, str]:
    """Return a database in place of a damaged one, and what there is to say: None while others have that one open.

    Raises:
        OSError: The directory can't be renamed, or the new one can't be made.
        sqlite3.Error: The new one can't be used either.
    """
    claim, note, is_kept = Claim(directory), "", False
    try:
        if not claim.take_alone(timeout_s):
            return None, f"damaged ({why}), and other processes have it open"
        if claim.is_current():
            try:  # again, now that nobody else can be the reason
                database = Database(directory, timeout_s=timeout_s, claim=claim)
            except ERRORS as error:
                if not is_damage_at_opening(error):
                    raise
                note = f"damaged ({why}), set aside as {raw_disk.move_aside(directory)}"
            else:
                claim.share()
                is_kept = True
                return database, ""
    finally:
        if not is_kept:
            claim.release()
    return Database(directory, timeout_s=timeout_s), note
