"""Value files that no row names: left by a kill between writing a file and its row, removed when old."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stagemake.cache import envelope, raw_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.cache.store import DiskStore


def sweep(store: DiskStore, *, older_than_s: float) -> tuple[int, int]:
    """Remove value files that no row names; return how many and their bytes. Cost: walks the directory.

    Younger ones may belong to a batch that another process is about to write. One from further ahead than that
    was left before the clock was set back: it would stay until then.
    """
    known = store.database.value_files()
    now_s = store.clock()
    count = freed = 0
    for name in _value_names(store.directory):
        if name in known:
            continue
        try:
            age_s = now_s - os.lstat(os.path.join(store.directory, name)).st_mtime
            if abs(age_s) < older_than_s:
                continue
        except OSError:
            continue
        freed += raw_disk.remove_value(store.directory, name)
        count += 1
    # A kill can leave empty directories too; whoever just made one makes it again.
    for first in _names(store.directory, 2):
        for second in _names(os.path.join(store.directory, first), 2):
            raw_disk.remove_empty(os.path.join(store.directory, first, second))
        raw_disk.remove_empty(os.path.join(store.directory, first))  # which no link is
    return count, freed


def _value_names(directory: str) -> Iterator[str]:
    for first in _names(directory, 2):
        for second in _names(os.path.join(directory, first), 2):
            for last in _names(os.path.join(directory, first, second), 32):
                name = f"{first}/{second}/{last}"
                if envelope.is_value_name(name):
                    yield name


def _names(directory: str, length: int) -> list[str]:
    try:
        if os.path.islink(directory):
            return []
        return [name for name in os.listdir(directory) if len(name) == length]
    except OSError:
        return []
