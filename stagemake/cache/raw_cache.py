"""diskcache, reduced to bytes: no pickle in either direction, no path but the one given, one connection a process.

What is stored remains a database that stock diskcache opens and checks cleanly.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import diskcache

from stagemake.cache import raw_disk
from stagemake.cache.envelope import is_key, is_value_name
from stagemake.cache.rows import (
    DATABASE_NAME,
    INLINE_BYTES,
    MODE_FILE,
    MODE_INLINE,
    DamagedError,
    Place,
    connect,
    read_value,
)
from stagemake.cache.settings import OWN_SETTINGS, set_pragmas

if TYPE_CHECKING:
    import sqlite3

_MOST_BYTES = 1 << 26  # of a value read in one piece; larger ones are streamed


class RawDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache has no types
    """Turns keys and values into columns: namespaced hex keys, plain bytes, checked file names."""

    def __init__(
        self, directory: str, min_file_size: int = INLINE_BYTES, **_foreign: object
    ) -> None:
        super().__init__(directory, min_file_size=min_file_size)

    def put(self, key: object) -> tuple[str, bool]:
        """Return the columns of a key.

        Raises:
            TypeError: It isn't `namespace:hex`; stock diskcache would pickle it.
        """
        if not is_key(key):
            raise TypeError("a cache key is `namespace:hex`")
        return str(key), True

    def get(self, key: object, raw: object) -> str:
        """Return the key of a row.

        Raises:
            DamagedError: It isn't one of ours; stock diskcache would unpickle it.
        """
        if not raw or not is_key(key):
            raise DamagedError("refused key")
        return str(key)

    def store(
        self, value: object, read: object, key: object = None
    ) -> tuple[int, int, str | None, bytes | None]:
        """Return the columns of a value, written to a file when it is large.

        Raises:
            TypeError: It isn't bytes; stock diskcache would pickle it.
        """
        del key
        if read or type(value) is not bytes:
            raise TypeError("a cached value is bytes")
        if len(value) < self.min_file_size:
            return 0, MODE_INLINE, None, value
        name, _ = self.filename()
        raw_disk.write_value(self._directory, name, value)
        return len(value), MODE_FILE, name, None

    def fetch(self, mode: object, filename: object, value: object, read: object) -> bytes:
        """Return the bytes of a row.

        Raises:
            DamagedError: The row has a form that we don't write; a pickle is one.
        """
        if mode == MODE_INLINE and filename is None and type(value) is bytes:
            return value
        if read or mode != MODE_FILE or not is_value_name(filename):
            raise DamagedError("refused row")
        path = os.path.join(self._directory, str(filename))
        place = Place(0, "", MODE_FILE, os.lstat(path).st_size, str(filename), None)
        data = read_value(self._directory, place, _MOST_BYTES)
        if data is None:
            raise DamagedError("too large to read in one piece")
        return data

    def remove(self, file_path: object) -> None:
        """Remove a value file; a name that isn't one is left alone."""
        if is_value_name(file_path):
            raw_disk.remove_value(self._directory, str(file_path))


class RawCache(diskcache.Cache):  # type: ignore[misc]  # diskcache has no types
    """A diskcache at exactly `directory`, an existing absolute path, that obeys no stored setting.

    Not safe for threads by itself: all of a process share one connection, under the store's lock.
    """

    def __init__(self, directory: str, *, timeout_s: float) -> None:
        self._own_directory = directory
        self._own_timeout_s = timeout_s
        self._connection: sqlite3.Connection | None = None
        try:
            # diskcache expands `$` and `~` in what it is given, so it is given neither.
            super().__init__(os.sep, timeout=timeout_s, disk=RawDisk, **OWN_SETTINGS)
        except BaseException:
            self.close()
            raise
        self._disk = RawDisk(directory)

    @property
    def _directory(self) -> str:
        return self._own_directory

    @_directory.setter
    def _directory(self, value: str) -> None:
        """Ignore what diskcache made of the path, and a planted `_directory` setting."""

    @property
    def _con(self) -> sqlite3.Connection:
        if self._connection is None:
            path = os.path.join(self._own_directory, DATABASE_NAME)
            self._connection = connect(path, timeout_s=self._own_timeout_s)
            set_pragmas(self._connection, timeout_s=self._own_timeout_s)
        return self._connection

    def close(self) -> None:
        """Close the connection; the next use opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def forget(self) -> sqlite3.Connection | None:
        """Let go of the connection after a fork: it belongs to the parent. Keep what is returned."""
        connection, self._connection = self._connection, None
        return connection
