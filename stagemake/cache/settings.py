"""The settings under which the database is opened, and what must be true of it before diskcache sees it.

diskcache obeys rows of its Settings table: a planted one moves the cache elsewhere or becomes a PRAGMA. So unknown
rows are removed first, and all known ones are overwritten by ours.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from stagemake.cache.rows import INLINE_BYTES, connect

OWN_SETTINGS: dict[str, Any] = {  # Any: numbers and text, as diskcache wants them
    "statistics": 0,
    "tag_index": 0,
    "eviction_policy": "none",
    "size_limit": 1 << 62,
    "cull_limit": 0,
    "sqlite_auto_vacuum": 2,  # incremental: space is given back when collecting, not at each delete
    "sqlite_cache_size": 1 << 13,
    "sqlite_journal_mode": "wal",
    "sqlite_mmap_size": 0,  # a mapped file that another process truncates is a SIGBUS
    "sqlite_synchronous": 1,  # NORMAL: a power cut loses the last entries, not the database
    "disk_min_file_size": INLINE_BYTES,
    "disk_pickle_protocol": 0,  # stock diskcache wants the row; nothing of ours reads it
}
_METADATA = ("count", "size", "hits", "misses")

_GIVES_SPACE_BACK = f"PRAGMA auto_vacuum = {OWN_SETTINGS['sqlite_auto_vacuum']}"
PRAGMAS = (
    _GIVES_SPACE_BACK,  # before a new file has any page
    f"PRAGMA journal_mode = {OWN_SETTINGS['sqlite_journal_mode']}",
    f"PRAGMA synchronous = {OWN_SETTINGS['sqlite_synchronous']}",
    f"PRAGMA cache_size = {OWN_SETTINGS['sqlite_cache_size']}",
    f"PRAGMA mmap_size = {OWN_SETTINGS['sqlite_mmap_size']}",
    "PRAGMA wal_autocheckpoint = 4000",  # pages: each checkpoint syncs, so fewer than by default
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)

_RETRY_S = 1e-3


def set_pragmas(connection: sqlite3.Connection, *, timeout_s: float) -> None:
    """Set `PRAGMAS`, again and again for `timeout_s` where another process holds a lock.

    SQLite doesn't wait by itself when a new database changes to a write-ahead log: a wait for another process
    that changes it, too, could last for ever. One of them fails at once, and has to begin anew.

    Raises:
        sqlite3.Error: The database is locked for longer, or damaged.
    """
    until_s = time.monotonic() + timeout_s
    for pragma in PRAGMAS:
        while True:
            try:
                connection.execute(pragma).fetchall()
                break
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > until_s:
                    raise
            time.sleep(_RETRY_S)


def wipe_foreign_settings(path: str, *, timeout_s: float) -> None:
    """Take the write lock once and remove every row of Settings that isn't known.

    Also the probe for a held lock: diskcache itself would wait a minute for it at opening.

    Raises:
        sqlite3.Error: The database is locked, damaged or can't be written.
    """
    connection = connect(path, timeout_s=timeout_s)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        # The lock writes the first page of a new file: after that it would be too late.
        connection.execute(_GIVES_SPACE_BACK)
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _has_table(connection, "Settings"):
                _wipe(connection)
        finally:
            if connection.in_transaction:
                connection.execute("COMMIT")
    finally:
        connection.close()


def _has_table(connection: sqlite3.Connection, name: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (name,)).fetchone() is not None


def _wipe(connection: sqlite3.Connection) -> None:
    known = {*OWN_SETTINGS, *_METADATA}
    for rowid, key, value in connection.execute(
        "SELECT rowid, key, value FROM Settings"
    ).fetchall():
        # The counts are kept up by triggers; anything but a number there is foreign too.
        if key not in known or (key in _METADATA and type(value) is not int):
            connection.execute("DELETE FROM Settings WHERE rowid = ?", (rowid,))


def is_busy(error: BaseException) -> bool:
    """Tell whether another process's lock was in the way."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def check_schema(connection: sqlite3.Connection) -> None:
    """Raise `sqlite3.OperationalError` unless the table has diskcache's columns."""
    connection.execute(
        "SELECT rowid, key, raw, store_time, expire_time, access_time, access_count, tag, size,"
        " mode, filename, value FROM Cache LIMIT 1"
    ).fetchall()


def refuses_double_quotes() -> bool:
    """Tell whether this SQLite was built to refuse the strings that diskcache writes (DQS=0)."""
    connection = connect(":memory:", timeout_s=0)
    try:
        connection.execute('SELECT "text"')
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()
    return False
