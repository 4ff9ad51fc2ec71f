"""Texts that results were made from: small source files and functions, kept so that `why` can show what changed.

In a table beside the history, bounded in bytes, readable by its owner only. Losing them loses the diffs.
"""

from __future__ import annotations

import os
import time
import zlib
from typing import TYPE_CHECKING

from attrs import define

from stagemake import durable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

MOST_BYTES = 16 << 20
"""How much is kept in all, compressed; what was noted longest ago goes first."""

LARGEST_BYTES = 64 << 10
"""What is larger, or is no text, is not kept."""

_TIMEOUT_S = 0.2
_KEYS_PER_QUERY = 500
_SCHEMA = """
create table if not exists texts (
    digest text primary key,
    noted_s integer not null,
    stored_bytes integer not null,
    body blob not null
) strict;
create index if not exists texts_by_age on texts (noted_s, stored_bytes);
"""


def is_text(data: bytes) -> bool:
    """Return whether bytes can be shown as lines."""
    if b"\0" in data:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@define(eq=False, repr=False)
class Texts:
    """The texts in one file. Every fault is "not there"; nothing here raises for one."""

    path: str
    most_bytes: int = MOST_BYTES
    wall_clock_s: Callable[[], float] = time.time

    def get(self, digest: str) -> bytes | None:
        """Return a text by its digest; None when it isn't kept. Changes nothing."""
        if not os.path.exists(self.path):
            return None
        import sqlite3  # noqa: PLC0415 - gate, 7 ms, only with something to explain
        from contextlib import closing  # noqa: PLC0415 - as above

        quoted = self.path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        try:
            with closing(
                sqlite3.connect(f"file:{quoted}?mode=ro", uri=True, timeout=_TIMEOUT_S)
            ) as connection:
                row = connection.execute(
                    "select body from texts where digest = ?", (digest,)
                ).fetchone()
            inflater = zlib.decompressobj()
            return None if row is None else inflater.decompress(row[0], 2 * LARGEST_BYTES)
        except (sqlite3.Error, zlib.error):
            return None

    def note(
        self, wanted: Iterable[str], text_of: Callable[[str], bytes | None], spend_s: float
    ) -> int:
        """Keep the texts among `wanted` digests that aren't kept yet; return how many were added.

        Args:
            wanted: Digests, those that matter most first.
            text_of: Gives the bytes of a digest; None when it doesn't have them any more.
            spend_s: No new text is looked at when this is over.
        """
        import sqlite3  # noqa: PLC0415 - gate, 7 ms, only after work was done
        from contextlib import closing  # noqa: PLC0415 - as above

        began_s = time.monotonic()
        try:
            with closing(
                sqlite3.connect(self.path, timeout=_TIMEOUT_S, isolation_level=None)
            ) as connection:
                connection.execute("pragma synchronous = off")
                durable.reach("commit", self.path)
                connection.executescript(_SCHEMA)
                digests = list(dict.fromkeys(wanted))
                absent = _absent(connection, digests)
                rows = []
                for digest in digests:
                    if time.monotonic() - began_s > spend_s:
                        break
                    data = text_of(digest) if digest in absent else None
                    if data is not None and len(data) <= LARGEST_BYTES and is_text(data):
                        rows.append((digest, zlib.compress(data, 1)))
                self._write(connection, rows)
                return len(rows)
        except sqlite3.Error as error:
            if (
                type(error) is sqlite3.DatabaseError
            ):  # damaged; what is locked or full has a class below
                self._start_anew()
            return 0

    def _start_anew(self) -> None:
        """Remove a damaged database: it would stay damaged, and there are only hints in it."""
        try:
            durable.remove(self.path)
        except OSError:
            pass

    def _write(self, connection: sqlite3.Connection, rows: list[tuple[str, bytes]]) -> None:
        if not rows:
            return
        now_s = int(self.wall_clock_s())
        connection.execute("begin immediate")
        connection.executemany(
            "insert or replace into texts values (?, ?, ?, ?)",
            [(digest, now_s, len(body), body) for digest, body in rows],
        )
        ((total,),) = connection.execute("select coalesce(sum(stored_bytes), 0) from texts")
        if total > self.most_bytes:
            _evict(connection, total - self.most_bytes * 9 // 10)
        durable.reach("commit", self.path)
        connection.execute("commit")


def _evict(connection: sqlite3.Connection, excess_bytes: int) -> None:
    """Remove what was noted longest ago until that many bytes are gone. By number: clocks are set back."""
    freed, doomed = 0, []
    for rowid, size in connection.execute("select rowid, stored_bytes from texts order by rowid"):
        if freed >= excess_bytes:
            break
        freed += size
        doomed.append((rowid,))
    connection.executemany("delete from texts where rowid = ?", doomed)


def _absent(connection: sqlite3.Connection, digests: list[str]) -> set[str]:
    absent = set(digests)
    for start in range(0, len(digests), _KEYS_PER_QUERY):
        chunk = digests[start : start + _KEYS_PER_QUERY]
        marks = ",".join("?" * len(chunk))
        found = connection.execute(f"select digest from texts where digest in ({marks})", chunk)  # noqa: S608 - marks only
        absent.difference_update(digest for (digest,) in found)
    return absent
