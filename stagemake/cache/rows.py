"""Reads rows and value files of the database, trusting none of them. For the store, the reader and the collector.

A row is ours when its key, its mode and its file name have the only forms that we write; all others don't exist.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import sys
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.cache import envelope, raw_disk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

DATABASE_NAME = "cache.db"
INLINE_BYTES = 1 << 15  # values below live in the database, others in files: diskcache's own limit
MODE_INLINE = 1  # diskcache's MODE_RAW; modes 3 (text) and 4 (pickle) are never read
MODE_FILE = 2  # diskcache's MODE_BINARY
MOST_RECORD_BYTES = 1 << 26

_KEYS_PER_QUERY = 500  # SQLite before 3.32 takes 999 parameters
_MOST_INLINE_BYTES = INLINE_BYTES + 256

Record = tuple[str, bytes]


_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/")
_NOT_OURS = (errno.ENOENT, errno.ELOOP, errno.EINVAL, errno.ENOTDIR, errno.ENXIO)


class DamagedError(OSError):
    """A row or file isn't what we would have written. diskcache takes any OSError for "gone"."""


@frozen(slots=False)  # made twice as fast; several for every stage
class Place:
    """Where a stored value lives, enough to remove exactly that row."""

    rowid: int
    key: str
    mode: int
    size: int  # bytes of the file; 0 for an inline value
    filename: str | None
    value: bytes | None


def connect(path: str, *, timeout_s: float, uri: bool = False) -> sqlite3.Connection:
    """Open a connection in autocommit mode that survives hostile text and odd builds of SQLite."""
    connection = sqlite3.connect(
        path, timeout=timeout_s, isolation_level=None, check_same_thread=False, uri=uri
    )
    connection.text_factory = _text
    if sys.version_info >= (3, 12):
        # diskcache quotes strings with ": some distributions build SQLite to refuse that.
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DQS_DML, True)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DQS_DDL, True)
    return connection


def read_only_uri(path: str, options: str) -> str:
    """Return the SQLite URI of a file, whatever bytes its name has."""
    # As `urllib.parse.quote` has it, which takes 4 ms to import.
    quoted = [chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in os.fsencode(path)]
    return f"file:{''.join(quoted)}?{options}"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")  # one bad name must not hide the rows read beside it


def select(
    connection: sqlite3.Connection, columns: str, keys: Sequence[str]
) -> Iterator[tuple[object, ...]]:
    """Yield `columns` of the rows with one of the namespaced `keys`, in no order.

    Raises:
        sqlite3.Error: The database can't be read.
    """
    ordered = sorted(keys)  # neighbours in the index: a tenth faster
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        chunk = ordered[start : start + _KEYS_PER_QUERY]
        marks = ",".join("?" * len(chunk))
        yield from connection.execute(
            f"SELECT {columns} FROM Cache WHERE raw = 1 AND key IN ({marks})",  # noqa: S608 - constants and marks only
            chunk,
        )


LATEST_BELIEVED_S = 1e11  # a planted time beyond would stop the clock
_BATCH = 200
_SCAN = (
    "SELECT rowid, key, access_time, mode, size, filename, length(value) FROM Cache"
    " WHERE raw = 1 AND key > ? AND key < ? ORDER BY key LIMIT ?"
)


def scan_all(connection: sqlite3.Connection, prefix: str) -> Iterator[tuple[Place, float, int]]:
    """Yield place (without value), time of use and size of all rows of a namespace, by key.

    Rows may be removed meanwhile.

    Raises:
        sqlite3.Error: The database can't be read.
    """
    after = prefix
    while chunk := scan(connection, after, prefix + "g", _BATCH):
        yield from chunk
        after = chunk[-1][0].key


def scan(
    connection: sqlite3.Connection, after: str, before: str, most: int
) -> list[tuple[Place, float, int]]:
    """Return place (without value), time of use and size of up to `most` rows between two keys."""
    found = []
    for row in connection.execute(_SCAN, (after, before, most)):
        rowid, key, used, mode, size, filename, length = row
        name = filename if isinstance(filename, str) else None
        size = size if mode == MODE_FILE else length
        place = Place(rowid, key, mode if isinstance(mode, int) else -1, size or 0, name, None)
        # A time that can't be is taken for the oldest.
        used_s = used if isinstance(used, float) and used < LATEST_BELIEVED_S else 0.0
        found.append((place, used_s, size if isinstance(size, int) else 0))
    return found


def volume_bytes(connection: sqlite3.Connection) -> int:
    """Return what the cache takes: database pages in use and value files. Cost: O(1).

    Raises:
        sqlite3.Error: The database can't be read.
    """
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    row = connection.execute("SELECT value FROM Settings WHERE key = 'size'").fetchone()
    return int((pages - free) * page_size + (row[0] if row and isinstance(row[0], int) else 0))


_PLACE_COLUMNS = (
    "rowid, key, mode, size, filename,"
    f" CASE WHEN mode = 1 AND length(value) <= {_MOST_INLINE_BYTES} THEN value END"
)


def find(connection: sqlite3.Connection, key: str) -> Place | None:
    """Return the place of one value, unchecked; None when there is no row.

    Raises:
        sqlite3.Error: The database can't be read.
    """
    for row in select(connection, _PLACE_COLUMNS, (key,)):
        return _place(row)
    return None


def find_inline(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Place]:
    """Return the places, unchecked, of those values that lie in the database itself, by key.

    Raises:
        sqlite3.Error: The database can't be read.
    """
    found = map(_place, select(connection, _PLACE_COLUMNS, keys))
    return {place.key: place for place in found if place.value is not None}


def find_records(
    connection: sqlite3.Connection, directory: str, keys: Sequence[str]
) -> tuple[dict[str, bytes], list[Place]]:
    """Return the intact records by bare key, and the places of damaged ones.

    Raises:
        sqlite3.Error: The database can't be read.
    """
    found: dict[str, bytes] = {}
    damaged: list[Place] = []
    wanted = [envelope.RECORD_PREFIX + key for key in keys if envelope.is_digest(key)]
    skip = len(envelope.RECORD_PREFIX)
    for row in select(connection, _PLACE_COLUMNS, wanted):
        key, mode, filename, value = row[1], row[2], row[4], row[5]
        if mode == MODE_INLINE and filename is None and type(value) is bytes:
            body = envelope.unseal(str(key), value)  # the common case, without a Place
        else:
            body = record_body(directory, _place(row))
        if body is None:
            damaged.append(_place(row))
        else:
            found[str(key)[skip:]] = body
    return found, damaged


def record_body(directory: str, place: Place) -> bytes | None:
    """Return a record's body if it is intact."""
    try:
        sealed = read_value(directory, place, MOST_RECORD_BYTES)
    except OSError:
        return None
    return None if sealed is None else envelope.unseal(place.key, sealed)


def _place(row: Sequence[object]) -> Place:
    rowid, key, mode, size, filename, value = row
    # Foreign types become values that no check accepts.
    return Place(
        rowid if isinstance(rowid, int) else -1,
        key if isinstance(key, str) else "",
        mode if isinstance(mode, int) else -1,
        size if isinstance(size, int) else -1,
        filename if isinstance(filename, str) else None if filename is None else "?",
        value if isinstance(value, bytes) else None,
    )


def find_absent(connection: sqlite3.Connection, directory: str, digests: Iterable[str]) -> set[str]:
    """Return which contents aren't stored, by row and by the size of the value file.

    Raises:
        sqlite3.Error: The database can't be read.
    """
    absent = set(digests)
    wanted = [envelope.BLOB_PREFIX + digest for digest in absent if envelope.is_digest(digest)]
    skip = len(envelope.BLOB_PREFIX)
    columns = "key, mode, size, filename, typeof(value)"
    for key, mode, size, filename, kind in select(connection, columns, wanted):
        if mode == MODE_INLINE:
            there = filename is None and kind == "blob"
        else:
            there = mode == MODE_FILE and _has_file(directory, filename, size)
        if there:
            absent.discard(str(key)[skip:])
    return absent


def _has_file(directory: str, filename: object, size: object) -> bool:
    if not envelope.is_value_name(filename):
        return False
    try:
        status = os.lstat(os.path.join(directory, str(filename)))
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == size


def open_value(directory: str, place: Place) -> int:
    """Open the value file of `place`; its size is checked, its content isn't.

    Raises:
        DamagedError: The row or the file has a form that we don't write.
        OSError: The file can't be opened.
    """
    if place.mode != MODE_FILE or not envelope.is_value_name(place.filename):
        raise DamagedError("refused row")
    assert place.filename is not None, "is_value_name says so"
    try:
        fd = raw_disk.open_regular(os.path.join(directory, place.filename))
    except OSError as error:
        if error.errno in _NOT_OURS:
            raise DamagedError("value file is gone or of another kind") from error
        raise  # no descriptors left, an unreadable sector: says nothing about the row
    if os.fstat(fd).st_size != place.size:
        os.close(fd)
        raise DamagedError("value file has another size than its row")
    return fd


def read_value(directory: str, place: Place, limit_bytes: int) -> bytes | None:
    """Return a value's bytes, unverified; None when they are more than the limit.

    Raises:
        DamagedError: The row or the file has a form that we don't write.
        OSError: The file can't be read.
    """
    if place.mode == MODE_INLINE and place.filename is None:
        if place.value is None:
            raise DamagedError("inline value is missing or of another type")
        return place.value if len(place.value) <= limit_bytes else None
    fd = open_value(directory, place)
    try:
        if place.size > limit_bytes:
            return None
        return raw_disk.read_all(fd, place.size)
    finally:
        os.close(fd)


def read_content(directory: str, place: Place, limit_bytes: int) -> bytes | None:
    """Return a verified content; None when it is more than the limit.

    Raises:
        DamagedError: It isn't the content of its digest.
        OSError: It can't be read.
    """
    data = read_value(directory, place, limit_bytes)
    if data is not None and envelope.BLOB_PREFIX + envelope.digest_of(data) != place.key:
        raise DamagedError("content has another digest than its key")
    return data
