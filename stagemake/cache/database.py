"""Writes to the cache's database in whole transactions. Raises; the store above turns that into misses."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

import diskcache

from stagemake.cache import raw_disk, rows
from stagemake.cache.claim import Claim
from stagemake.cache.envelope import is_value_name
from stagemake.cache.raw_cache import RawCache, RawDisk
from stagemake.cache.rows import LATEST_BELIEVED_S, Place, volume_bytes
from stagemake.cache.settings import check_schema, refuses_double_quotes, wipe_foreign_settings
from stagemake.durable import reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

ERRORS = (OSError, sqlite3.Error, diskcache.Timeout)
"""What any method here may raise."""

_DAMAGED_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TICK_S = 1e-3

_UPSERT = (
    "INSERT INTO Cache (key, raw, store_time, expire_time, access_time, access_count, tag,"
    " size, mode, filename, value) VALUES (?, 1, ?, NULL, ?, 0, NULL, ?, ?, ?, ?)"
    " ON CONFLICT (key, raw) DO UPDATE SET store_time = excluded.store_time, expire_time = NULL,"
    " access_time = excluded.access_time, size = excluded.size, mode = excluded.mode,"
    " filename = excluded.filename, value = excluded.value"
)


class Database:
    """The open database of the cache at `directory`, for one thread at a time."""

    def __init__(self, directory: str, *, timeout_s: float, claim: Claim | None = None) -> None:
        """Open it, made anew where missing.

        Args:
            directory: Absolute.
            timeout_s: How long to wait for another process's write lock.
            claim: On the directory; released by `close`, and not where this raises. None: it is claimed.

        Raises:
            OSError: The directory isn't private or can't be made.
            sqlite3.Error: The database is damaged, locked or unusable.
        """
        self.directory = directory
        self._foreign: list[sqlite3.Connection | None] = []
        self._closed = False
        self._claim = claim or Claim(directory)
        try:
            self._open(timeout_s)
        except BaseException:
            if claim is None:
                self._claim.release()
            raise

    def _open(self, timeout_s: float) -> None:
        path = os.path.join(self.directory, rows.DATABASE_NAME)
        raw_disk.make_database_file(path)
        reach("commit", path)
        wipe_foreign_settings(path, timeout_s=timeout_s)
        self._cache = RawCache(self.directory, timeout_s=timeout_s)
        try:
            check_schema(self.connection)
            # Times of use are looked up at each batch and walked when collecting.
            self.connection.execute(
                "CREATE INDEX IF NOT EXISTS Cache_access_time ON Cache (access_time)"
            )
        except BaseException:
            self._closed = True
            self._cache.close()
            raise

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of this process.

        Raises:
            sqlite3.ProgrammingError: `close` was called.
        """
        if self._closed:
            raise sqlite3.ProgrammingError("the cache is closed")
        connection: sqlite3.Connection = self._cache._con  # noqa: SLF001 - diskcache offers no other way
        return connection

    @property
    def disk(self) -> RawDisk:
        """What turns values into columns and files."""
        disk: RawDisk = self._cache.disk
        return disk

    def close(self) -> None:
        """Close the connection. May be called twice."""
        self._closed = True
        self._cache.close()
        self._claim.release()

    def set_aside(self) -> None:
        """Close the connection to a damaged database, and rename the directory if nobody else has it open.

        Else the last one that has does it, or the next one that opens it.

        Raises:
            OSError: It can't be renamed.
        """
        self._closed = True
        self._cache.close()
        try:
            if self._claim.take_alone(0) and self._claim.is_current():
                raw_disk.move_aside(self.directory)
        finally:
            self._claim.release()

    def after_fork(self) -> None:
        """Leave the connection to the parent. It must not even be closed here: its locks are shared."""
        self._foreign.append(self._cache.forget())
        self._claim.after_fork()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock; commit at the end, roll back on any exception."""
        connection = self.connection
        try:
            with self._cache.transact():
                yield connection
                reach("commit", os.path.join(self.directory, rows.DATABASE_NAME))
        finally:
            # diskcache loses track when COMMIT itself fails, or on ^C between two of its lines.
            self._cache._txn_id = None  # noqa: SLF001
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def write(
        self, entries: Sequence[Place], touched: Iterable[str], clock: Callable[[], float]
    ) -> None:
        """Insert or replace `entries` and mark `touched` keys as used, all or nothing."""
        with self.transaction() as connection:
            now = self.time_of_use(clock)
            replaced = self._value_files([entry.key for entry in entries])
            connection.executemany(
                "UPDATE Cache SET access_time = ? WHERE key = ? AND raw = 1",
                ((now, key) for key in touched),
            )
            connection.executemany(
                _UPSERT,
                ((e.key, now, now, e.size, e.mode, e.filename, e.value) for e in entries),
            )
        # An entry written a second time has the file it had.
        for name in replaced - {entry.filename for entry in entries}:
            raw_disk.remove_value(self.directory, name)

    def time_of_use(self, clock: Callable[[], float]) -> float:
        """Return seconds later than any use so far: a clock set back must not age what is new."""
        query = "SELECT max(access_time) FROM Cache WHERE access_time < ?"
        (latest,) = self.connection.execute(query, (LATEST_BELIEVED_S,)).fetchone()
        return clock() if not isinstance(latest, float) else max(clock(), latest + _TICK_S)

    def _value_files(self, keys: Sequence[str]) -> set[str]:
        found = rows.select(self.connection, "filename", keys)
        return {name for (name,) in found if isinstance(name, str)}

    def delete(self, places: Iterable[Place]) -> tuple[int, int]:
        """Delete rows that still hold what `places` say, and their files; return rows and bytes."""
        gone: list[Place] = []
        with self.transaction() as connection:
            for place in places:
                if place.filename is None or is_value_name(place.filename):
                    same = "DELETE FROM Cache WHERE rowid = ? AND filename IS ?"
                    cursor = connection.execute(same, (place.rowid, place.filename))
                else:  # what was read of a foreign name need not be what stands there
                    same = "DELETE FROM Cache WHERE rowid = ? AND key = ?"
                    cursor = connection.execute(same, (place.rowid, place.key))
                if cursor.rowcount == 1:
                    gone.append(place)
        freed = 0
        for place in gone:
            freed += raw_disk.remove_value(self.directory, place.filename)
            freed += place.size if place.mode == rows.MODE_INLINE else 0
        return len(gone), freed

    def value_files(self) -> set[str]:
        """Return the names of all value files that rows name. Cost: reads every row's header."""
        query = "SELECT filename FROM Cache WHERE filename IS NOT NULL"
        return {name for (name,) in self.connection.execute(query) if isinstance(name, str)}

    def volume_bytes(self) -> int:
        """Return what the cache takes: database pages in use and value files. Cost: O(1)."""
        return volume_bytes(self.connection)


def is_damage(error: BaseException) -> bool:
    """Tell whether an error means that the database file is broken."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, sqlite3.DatabaseError) and code in _DAMAGED_CODES


def is_damage_at_opening(error: BaseException) -> bool:
    """Like `is_damage`; a schema that isn't diskcache's counts too."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if isinstance(error, sqlite3.OperationalError) and code == sqlite3.SQLITE_ERROR:
        return not refuses_double_quotes()
    return is_damage(error)
