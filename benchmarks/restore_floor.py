#!/usr/bin/env python3
"""The least that a restore costs in Python: read results from a database, verify contents, write files, look at them.

No plan, no order, no state, nothing that survives a kill: what a tool adds beyond this is its own. Prints microseconds
of processor time for each file; see docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
from typing import TYPE_CHECKING

from spent import own_s
from xxhash import xxh3_128_hexdigest

if TYPE_CHECKING:
    from collections.abc import Callable

_AT_ONCE = 500
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def content_of(number: int) -> bytes:
    """Return what a file holds: 1 KiB."""
    return f"s{number:06} ".encode() * 128


def store(files: int) -> None:
    """Make a database that has each file's content under its digest, and each digest under a key."""
    database = sqlite3.connect("floor.db", isolation_level=None)
    database.execute("create table rows (key text primary key, value blob)")
    database.execute("begin")
    for number in range(files):
        content = content_of(number)
        digest = xxh3_128_hexdigest(content)
        rows = ((f"result {number}", digest.encode()), (digest, content))
        database.executemany("insert or ignore into rows values (?, ?)", rows)
    database.execute("commit")
    database.close()


def make(directory: int, name: str, content: bytes) -> None:
    """Make a file under a name of its own, give it its name, look at it."""
    fd = os.open("unfinished", _CREATE, 0o666, dir_fd=directory)
    os.write(fd, content)
    os.close(fd)
    os.rename("unfinished", name, src_dir_fd=directory, dst_dir_fd=directory)
    os.stat(name, dir_fd=directory, follow_symlinks=False)


def make_in_place(directory: int, name: str, content: bytes) -> None:
    """Make a file under its name at once: shorter, but whoever looks meanwhile sees half of it."""
    fd = os.open(name, _CREATE, 0o666, dir_fd=directory)
    os.write(fd, content)
    os.fstat(fd)
    os.close(fd)


def restore(files: int, make_one: Callable[[int, str, bytes], None]) -> None:
    """Bring all files back from the database."""
    database = sqlite3.connect("floor.db", isolation_level=None)
    directory = os.open("out", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for first in range(0, files, _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, files))
        results = _rows(database, [f"result {number}" for number in numbers])
        digests = {number: results[f"result {number}"].decode() for number in numbers}
        contents = _rows(database, list(digests.values()))
        for number in numbers:
            content = contents[digests[number]]
            assert xxh3_128_hexdigest(content) == digests[number], "damaged"
            make_one(directory, str(number), content)
    os.close(directory)
    database.close()


def _rows(database: sqlite3.Connection, keys: list[str]) -> dict[str, bytes]:
    marks = ",".join("?" * len(keys))
    query = f"select key, value from rows where key in ({marks})"
    return dict(database.execute(query, keys))


def main() -> None:
    """Make the database, restore some times, print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=int, nargs="?", default=1000)
    parser.add_argument("-r", "--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        os.mkdir("out")
        store(given.files)
        for number in range(given.rounds):
            for title, way in (("renamed", make), ("in place", make_in_place)):
                for entry in os.scandir("out"):
                    os.unlink(entry)
                os.sync()
                before_s = own_s()
                restore(given.files, way)
                each = 1e6 * (own_s() - before_s) / given.files
                print(f"round {number + 1}, {given.files} files, {title}: {each:.0f} us a file")
        os.chdir("/")


if __name__ == "__main__":
    main()
