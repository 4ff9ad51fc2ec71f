"""Keeps the cache within its budget: what was used last stays longest, contents live as long as records name them.

Every step leaves a cache that is right: records go before their contents, rows before their files.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.cache import envelope, raw_disk, rows
from stagemake.cache.database import ERRORS
from stagemake.cache.fault import FaultKind
from stagemake.cache.keep import blobs_of, keep, records_of, unnamed
from stagemake.cache.orphan import sweep
from stagemake.cache.volume import volume_bytes

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Sequence

    from stagemake.cache.rows import Place
    from stagemake.cache.store import DiskStore

    References = Callable[[bytes], Iterable[str]]

ORPHAN_AGE_S = 86400.0
_BATCH = 200
_PAGES_AT_ONCE = 4000  # 16 MiB, as much as is checkpointed together


@frozen
class Collected:
    """What a collection removed and what it left."""

    records: int = 0
    blobs: int = 0
    orphans: int = 0  # value files that no row names
    freed_bytes: int = 0
    kept_records: int = 0
    kept_blobs: int = 0
    kept_bytes: int = 0


@frozen
class Verified:
    """What re-reading everything found."""

    entries: int = 0
    bytes: int = 0
    damaged: int = 0  # removed


def is_due(store: DiskStore) -> bool:
    """Tell whether the cache is over its budget. Cost: as `volume_bytes`."""
    return volume_bytes(store) > store.budget_bytes


def collect(
    store: DiskStore,
    references: References,
    *,
    pins: Collection[str] = frozenset(),
    budget_bytes: int | None = None,
    max_age_s: float | None = None,
) -> Collected:
    """Remove records unused for too long or beyond the budget, then contents that no record names.

    Args:
        store: Flushed first. Trouble ends the collection early and is among its faults.
        references: From a record's body to the digests it needs; what it raises makes the record damaged.
        pins: Keys and digests that stay whatever the budget says.
        budget_bytes: Instead of the store's; 0 removes all but the pins.
        max_age_s: Instead of the store's.

    Cost: O(entries), reads all records.
    """
    budget = store.budget_bytes if budget_bytes is None else budget_bytes
    max_age = store.max_age_s if max_age_s is None else max_age_s
    store.flush()
    with store.lock():
        try:
            now = store.database.time_of_use(store.clock)
            records, damaged = records_of(store.database.connection, store.directory, references)
            blobs = blobs_of(store.database.connection)
            kept = keep(records, blobs, budget=budget, oldest_s=now - max_age, pins=pins)
            doomed = unnamed(records, kept, blobs, budget=budget, now_s=now, pins=pins)
            kept_keys = {item.place.key for item in kept}
            gone = [item for item in records if item.place.key not in kept_keys]
            record_count, freed = _remove(store, [*(i.place for i in gone), *damaged])
            blob_count, more = _remove(store, [item.place for item in doomed])
            _remove_foreign(store)
            orphans, swept = sweep(store, older_than_s=ORPHAN_AGE_S)
            _shrink(store)
        except ERRORS as error:
            store.note(FaultKind.WRITE, error)
            return Collected()
    left = len(blobs) - len(doomed)
    size = (
        sum(i.size for i in kept)
        + sum(i.size for i in blobs.values())
        - sum(i.size for i in doomed)
    )
    return Collected(record_count, blob_count, orphans, freed + more + swept, len(kept), left, size)


def _remove(store: DiskStore, places: Sequence[Place]) -> tuple[int, int]:
    count = freed = 0
    for start in range(0, len(places), _BATCH):
        done, size = store.database.delete(places[start : start + _BATCH])
        count += done
        freed += size
    return count, freed


def _remove_foreign(store: DiskStore) -> None:
    """Remove rows that no store wrote; nothing of them is read."""
    with store.database.transaction() as connection:
        connection.execute(
            "DELETE FROM Cache WHERE raw IS NOT 1 OR typeof(key) != 'text' OR mode NOT IN (1, 2)"
            " OR NOT ((length(key) = 36 AND key GLOB 'act:[0-9a-f]*')"
            " OR (length(key) = 37 AND key GLOB 'blob:[0-9a-f]*'))"
        )


def _shrink(store: DiskStore) -> None:
    """Give free pages back to the disk, where the database was made so that it can; some at once, as others may wait."""
    connection = store.database.connection
    free, before = _free_pages(connection), None
    while free and (before is None or free < before):
        # `execute` would free one page of them.
        connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
        free, before = _free_pages(connection), free
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _free_pages(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("PRAGMA freelist_count").fetchone()
    return int(count)


def verify(store: DiskStore, progress: Callable[[int], None] = lambda _done: None) -> Verified:
    """Re-read every record and content; remove what is damaged.

    Args:
        store: Flushed first.
        progress: Called after each entry with how many are done.

    Cost: reads everything.
    """
    store.flush()
    entries = size_bytes = damaged = 0
    try:
        for prefix in (envelope.RECORD_PREFIX, envelope.BLOB_PREFIX):
            for place, _used_s, size in rows.scan_all(store.database.connection, prefix):
                with store.lock():
                    if not _is_intact(store, place):
                        damaged += 1
                        store.database.delete([place])
                entries += 1
                size_bytes += size
                progress(entries)
    except ERRORS as error:
        store.note(FaultKind.READ, error)
    return Verified(entries, size_bytes, damaged)


def _is_intact(store: DiskStore, place: Place) -> bool:
    whole = rows.find(store.database.connection, place.key)
    if whole is None:
        return True  # removed meanwhile
    if place.key.startswith(envelope.RECORD_PREFIX):
        return rows.record_body(store.directory, whole) is not None
    try:
        if whole.mode == rows.MODE_INLINE:
            return rows.read_content(store.directory, whole, rows.INLINE_BYTES) is not None
        fd = rows.open_value(store.directory, whole)
        try:
            digest = raw_disk.digest_open(fd)[1]
        finally:
            os.close(fd)
    except OSError:
        return False
    return envelope.BLOB_PREFIX + digest == place.key


def clear(store: DiskStore) -> Collected:
    """Remove every entry, every value file and what was set aside as damaged."""
    store.flush()
    with store.lock():
        try:
            with store.database.transaction() as connection:
                count = connection.execute("DELETE FROM Cache").rowcount
            orphans, freed = sweep(store, older_than_s=-ORPHAN_AGE_S)
            _shrink(store)
            raw_disk.remove_set_aside(store.directory)
        except ERRORS as error:
            store.note(FaultKind.WRITE, error)
            return Collected()
    return Collected(records=count, orphans=orphans, freed_bytes=freed)
