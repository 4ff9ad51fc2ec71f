"""The rule of collecting: which records stay, and which contents no record names. Reads only; never removes.

Asked by the collector, and by a dry run that wants to know what the collector would do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from stagemake.cache import envelope, rows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from stagemake.cache.reader import ReadOnlyStore
    from stagemake.cache.rows import Place

    References = Callable[[bytes], Iterable[str]]

UNNAMED_AGE_S = 3600.0  # a build under way puts contents before the record that names them
_LOW_WATER = 0.9  # of the budget: else every build would have to collect again


@frozen
class Item:
    """One record or content."""

    place: Place
    used_s: float
    size: int
    names: tuple[str, ...] = ()  # digests a record refers to


def keep(
    records: Sequence[Item],
    blobs: Mapping[str, Item],
    *,
    budget: int,
    oldest_s: float,
    pins: Collection[str],
    reserve: int = 0,
) -> list[Item]:
    """Return the records to keep, pinned ones first, then from the last used on.

    Args:
        records: All.
        blobs: All contents, by digest.
        budget: Bytes.
        oldest_s: What was used before goes.
        pins: Keys that stay.
        reserve: Bytes that are about to be added, and used later than all of these.
    """
    whole = [item for item in records if all(name in blobs for name in item.names)]
    everything = reserve + sum(item.size for item in whole) + sum(
        blobs[name].size for name in {name for item in whole for name in item.names}
    )  # fmt: skip
    limit = budget if everything <= budget else int(budget * _LOW_WATER)
    skip = len(envelope.RECORD_PREFIX)
    pinned = [item for item in whole if item.place.key[skip:] in pins]
    others = [item for item in whole if item.place.key[skip:] not in pins]
    others.sort(key=lambda item: (-item.used_s, item.place.key))
    kept: list[Item] = []
    counted: set[str] = set()
    total = reserve
    for index, item in enumerate([*pinned, *others]):
        fresh = set(item.names) - counted
        total += item.size + sum(blobs[name].size for name in fresh)
        if index >= len(pinned) and (total > limit or item.used_s < oldest_s):
            break
        counted |= fresh
        kept.append(item)
    return kept


def unnamed(
    records: Sequence[Item],
    kept: Sequence[Item],
    blobs: Mapping[str, Item],
    *,
    budget: int,
    now_s: float,
    pins: Collection[str],
) -> list[Item]:
    """Return the contents to remove: those that none of the `kept` records names, unless they are new."""
    named = {name for item in records for name in item.names}
    live = {name for item in kept for name in item.names}
    return [
        item
        for digest, item in blobs.items()
        if digest not in live
        and digest not in pins
        and (digest in named or budget == 0 or item.used_s < now_s - UNNAMED_AGE_S)
    ]


def records_of(
    connection: sqlite3.Connection, directory: str, references: References
) -> tuple[list[Item], list[Place]]:
    """Return all records, and the places of those that are damaged. Cost: reads each.

    Raises:
        sqlite3.Error: The database can't be read.
    """
    items: list[Item] = []
    damaged: list[Place] = []
    for place, used_s, size in rows.scan_all(connection, envelope.RECORD_PREFIX):
        whole = rows.find(connection, place.key)
        body = None if whole is None else rows.record_body(directory, whole)
        try:
            names = None if body is None else tuple(references(body))
        except Exception:
            names = None  # written by another version, or not by us
        if names is None:
            damaged.append(place)
        else:
            items.append(Item(place, used_s, size, names))
    return items, damaged


def blobs_of(connection: sqlite3.Connection) -> dict[str, Item]:
    """Return all contents by digest.

    Raises:
        sqlite3.Error: The database can't be read.
    """
    return {
        place.key.removeprefix(envelope.BLOB_PREFIX): Item(place, used_s, size)
        for place, used_s, size in rows.scan_all(connection, envelope.BLOB_PREFIX)
    }


def foresee(
    reader: ReadOnlyStore,
    references: References,
    *,
    budget: int,
    max_age_s: float,
    now_s: float,
    used_keys: Collection[str],
    new_bytes: int,
) -> tuple[int, int]:
    """Return how many records, and bytes in all, collecting would remove after a build; 0, 0 if it would not.

    Args:
        reader: Of the cache as it is before the build.
        references: From a record's body to the digests it needs.
        budget: Bytes.
        max_age_s: What is unused for longer goes.
        now_s: Unix seconds.
        used_keys: Records that the build will use.
        new_bytes: What the build will add.

    Cost: O(1) while the cache stays within its budget; else reads all records.
    """
    if reader.volume_bytes() + new_bytes <= budget:
        return 0, 0
    return foresee_collecting(
        reader, references, budget=budget, max_age_s=max_age_s, now_s=now_s,
        used_keys=used_keys, new_bytes=new_bytes,
    )  # fmt: skip


def foresee_collecting(
    reader: ReadOnlyStore,
    references: References,
    *,
    budget: int,
    max_age_s: float,
    now_s: float,
    used_keys: Collection[str] = (),
    new_bytes: int = 0,
) -> tuple[int, int]:
    """Return how many records, and bytes in all, collecting would remove, due or not. As `foresee` otherwise.

    Value files that no row names are not looked for. Cost: reads all records.

    Raises:
        sqlite3.Error: The database can't be read.
    """
    if reader.connection is None:
        return 0, 0
    found, damaged = records_of(reader.connection, reader.directory, references)
    used = {envelope.RECORD_PREFIX + key for key in used_keys}
    records = [evolve(one, used_s=now_s) if one.place.key in used else one for one in found]
    blobs = blobs_of(reader.connection)
    kept = keep(
        records, blobs, budget=budget, oldest_s=now_s - max_age_s, pins=(), reserve=new_bytes
    )
    gone = unnamed(records, kept, blobs, budget=budget, now_s=now_s, pins=())
    kept_keys = {item.place.key for item in kept}
    lost = [item for item in records if item.place.key not in kept_keys]
    freed = sum(item.size for item in (*lost, *gone)) + sum(place.size for place in damaged)
    return len(lost), freed
