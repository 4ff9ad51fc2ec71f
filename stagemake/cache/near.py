"""Small contents that are read from the database before they are asked for, many at a time. For the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.cache import rows
from stagemake.cache.envelope import BLOB_PREFIX

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from stagemake.cache.rows import Place

_AT_ONCE = 64  # a place has less than 33 KiB, so 2 MiB at most wait


class Near:
    """What was read and not asked for yet, and what comes after it. One owner: its store, under its lock.

    A guess: contents may be asked for in any order, and others too. Nothing that was read is verified.
    """

    def __init__(self) -> None:
        self._digests: tuple[str, ...] = ()
        self._at = 0
        self._places: dict[str, Place] = {}

    def expect(self, digests: Iterable[str]) -> None:
        """Note which contents will be asked for, in this order as far as is known."""
        self._digests, self._at = tuple(digests), 0

    def find(self, connection: sqlite3.Connection, digest: str) -> Place | None:
        """Return the place of a content, unchecked; None when there is no row.

        Raises:
            sqlite3.Error: The database can't be read.
        """
        key = BLOB_PREFIX + digest
        if key not in self._places:
            wanted = self._digests[self._at : self._at + _AT_ONCE]
            if digest not in wanted:
                return rows.find(connection, key)
            self._at += _AT_ONCE
            self._places = rows.find_inline(connection, [BLOB_PREFIX + each for each in wanted])
        return self._places.pop(key, None) or rows.find(connection, key)
