"""The cache as reading commands see it: changes no byte, creates nothing, never opens diskcache.

Where no WAL stands, the database is opened as immutable; else read-only, with the WAL's index read-only too.
"""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.cache import envelope, raw_disk, rows
from stagemake.cache.fault import FaultKind, Faults
from stagemake.model.valued import Valued

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TIMEOUT_S = 5.0


@frozen(eq=False, repr=False)
class Stats(Valued):
    """What a cache holds."""

    records: int = 0
    record_bytes: int = 0
    blobs: int = 0
    blob_bytes: int = 0
    foreign: int = 0  # rows that aren't ours; collecting removes them

    @property
    def entries(self) -> int:
        """Records and contents together."""
        return self.records + self.blobs

    @property
    def bytes(self) -> int:
        """Their bytes together, without what the database needs around them."""
        return self.record_bytes + self.blob_bytes


class ReadOnlyStore:
    """A view of the cache in one directory; everything is a miss where there is none. Not for threads.

    What another process writes later may or may not be seen. `close` it.
    """

    def __init__(self, directory: str) -> None:
        self.directory = os.path.abspath(directory)
        self.faults = Faults()
        self.connection: sqlite3.Connection | None = None
        try:
            raw_disk.check_private(self.directory)
            self.connection = _open(os.path.join(self.directory, rows.DATABASE_NAME))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, sqlite3.Error) as error:
            self.faults.add(FaultKind.READ, error)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it that could be found. Cost: one row."""
        if self.connection is None:
            return True
        try:
            return self.connection.execute("SELECT 1 FROM Cache LIMIT 1").fetchone() is None
        except sqlite3.Error as error:
            self.faults.add(FaultKind.READ, error)
            return False

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the intact records among `keys`; see `port.RecordSource`."""
        if self.connection is None:
            return {}
        try:
            found, damaged = rows.find_records(self.connection, self.directory, keys)
        except (OSError, sqlite3.Error) as error:
            self.faults.add(FaultKind.READ, error)
            return {}
        for _ in damaged:
            self.faults.add(FaultKind.DAMAGED, "record is damaged")
        return found

    def missing(self, digests: Iterable[str]) -> set[str]:
        """Return which contents aren't there; see `port.ContentSource`."""
        wanted = set(digests)
        if self.connection is None:
            return wanted
        try:
            return rows.find_absent(self.connection, self.directory, wanted)
        except (OSError, sqlite3.Error) as error:
            self.faults.add(FaultKind.READ, error)
            return wanted

    def read(self, digest: str, limit_bytes: int) -> bytes | None:
        """Return a verified content; see `port.ContentSource`."""
        if self.connection is None or not envelope.is_digest(digest):
            return None
        try:
            place = rows.find(self.connection, envelope.BLOB_PREFIX + digest)
            return None if place is None else rows.read_content(self.directory, place, limit_bytes)
        except rows.DamagedError as error:
            self.faults.add(FaultKind.DAMAGED, error)
        except (OSError, sqlite3.Error) as error:
            self.faults.add(FaultKind.READ, error)
        return None

    def stats(self) -> Stats:
        """Return counts and bytes. Cost: reads every row's header."""
        if self.connection is None:
            return Stats()
        try:
            records, record_bytes = self._count(envelope.RECORD_PREFIX)
            blobs, blob_bytes = self._count(envelope.BLOB_PREFIX)
            (rows_in_all,) = self.connection.execute("SELECT count(*) FROM Cache").fetchone()
        except sqlite3.Error as error:
            self.faults.add(FaultKind.READ, error)
            return Stats()
        foreign = rows_in_all - records - blobs
        return Stats(records, record_bytes, blobs, blob_bytes, foreign)

    def volume_bytes(self) -> int:
        """Return what the cache takes, as the collector counts; 0 where it can't be read. Cost: O(1)."""
        if self.connection is None:
            return 0
        try:
            return rows.volume_bytes(self.connection)
        except sqlite3.Error as error:
            self.faults.add(FaultKind.READ, error)
            return 0

    def _count(self, prefix: str) -> tuple[int, int]:
        assert self.connection is not None, "stats checks it"
        query = (
            "SELECT count(*), coalesce(sum(CASE WHEN mode = 1 THEN length(value) ELSE size END), 0)"
            " FROM Cache WHERE raw = 1 AND mode IN (1, 2) AND key > ? AND key < ?"
        )
        count, size = self.connection.execute(query, (prefix, prefix + "g")).fetchone()
        return int(count), int(size)

    def close(self) -> None:
        """Release the database. May be called twice."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


def _open(path: str) -> sqlite3.Connection:
    os.close(raw_disk.open_regular(path))  # FileNotFoundError: no cache yet
    # An index that is missing beside a WAL would have to be created: then only what is in the main file counts.
    # Whatever is inconsistent about that is a miss, since all values are verified.
    if os.path.exists(f"{path}-wal") and os.path.exists(f"{path}-shm"):
        uri = rows.read_only_uri(path, "mode=ro&readonly_shm=1")
    else:
        uri = rows.read_only_uri(path, "immutable=1")
    connection = rows.connect(uri, timeout_s=_TIMEOUT_S, uri=True)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA mmap_size = 0").fetchall()
        connection.execute("SELECT 1 FROM Cache LIMIT 1").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection
