"""Damage to files that the tool left and will read again: the state, the cache."""

from __future__ import annotations

import os
import shutil
import sqlite3
from typing import TYPE_CHECKING

from oracle.tree import remove

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

FOREIGN = b"#!/bin/sh\nexit 3\n\xff\x00\x80"


def _read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def _put(path: str, data: bytes) -> None:
    with open(path, "r+b") as stream:  # the same inode, as a broken disk has it
        stream.truncate(len(data))
        stream.write(data)


def cut(path: str, rnd: random.Random) -> None:
    """Leave less of it: nothing, a byte, any part, all but a byte."""
    size = os.path.getsize(path)
    os.truncate(path, rnd.choice([0, min(1, size), rnd.randrange(size + 1), max(0, size - 1)]))


def flip(path: str, rnd: random.Random) -> None:
    """Change some bits of one byte."""
    data = bytearray(_read(path))
    if data:
        data[rnd.randrange(len(data))] ^= rnd.randrange(1, 256)
        _put(path, bytes(data))


def zero(path: str, rnd: random.Random) -> None:
    """Have zeros in all of it, or in a block."""
    data = _read(path)
    if rnd.random() < 0.5 or len(data) < 2:
        _put(path, bytes(len(data)))
    else:
        start = rnd.randrange(len(data) - 1)
        end = rnd.randrange(start + 1, len(data))
        _put(path, data[:start] + bytes(end - start) + data[end:])


def double(path: str, rnd: random.Random) -> None:
    """Have it twice, or a part of it."""
    data = _read(path)
    start = rnd.choice([0, rnd.randrange(len(data) + 1)])
    _put(path, data + data[start:])


def replace(path: str, rnd: random.Random) -> None:
    """Have something there that nobody of us wrote."""
    _put(
        path, rnd.choice([FOREIGN, b"\n", rnd.randbytes(rnd.randrange(1, 999)), _read(path)[::-1]])
    )


def lose(path: str, rnd: random.Random) -> None:
    """Have it gone."""
    os.unlink(path)


def directory(path: str, rnd: random.Random) -> None:
    """Have a directory in its place, empty or not."""
    os.unlink(path)
    os.mkdir(path)
    if rnd.random() < 0.5:
        with open(f"{path}/in", "wb") as stream:
            stream.write(FOREIGN)


def dangling(path: str, rnd: random.Random) -> None:
    """Have a link in its place that leads nowhere."""
    os.unlink(path)
    os.symlink("nowhere/at all", path)


ONE: dict[str, Callable[[str, random.Random], None]] = {
    each.__name__: each for each in (cut, flip, zero, double, replace, lose, directory, dangling)
}
"""Damage to one file, by name."""


def swap(paths: Sequence[str], rnd: random.Random) -> None:
    """Exchange the contents of two files."""
    one, other = rnd.sample(list(paths), 2)
    first, second = _read(one), _read(other)
    _put(one, second)
    _put(other, first)


def of_database(path: str, rnd: random.Random) -> None:
    """Have a SQLite database, its log gone, that is none any more, whole or in part, or that has another schema."""
    for more in ("-wal", "-shm"):
        if os.path.exists(path + more):
            os.unlink(path + more)
    data, how = _read(path), rnd.choice(("header", "half", "schema", "text"))
    if how == "header":
        _put(path, bytes(100 * [0xA5]) + data[100:])
    elif how == "half":
        _put(path, data[: len(data) // 2 + 100])
    elif how == "text":
        _put(path, b"This is not a database.\n" * 400)
    else:
        os.unlink(path)
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE Cache (x)")
        other.commit()
        other.close()


def older(directory: str, old_directory: str, rnd: random.Random) -> None:
    """Bring back an earlier version of any part of the files."""
    for path in files_of(old_directory):
        name = os.path.relpath(path, old_directory)
        target = f"{directory}/{name}"
        if rnd.random() < 0.5 and os.path.isdir(os.path.dirname(target)):
            remove(target)
            shutil.copy2(path, target)


def files_of(top: str) -> list[str]:
    """Return all regular files below a directory, sorted."""
    return sorted(
        path
        for parent, _, names in os.walk(top)
        for name in names
        if os.path.isfile(path := os.path.join(parent, name)) and not os.path.islink(path)
    )
