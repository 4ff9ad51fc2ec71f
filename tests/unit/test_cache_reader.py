"""Reading commands: they see what was stored and change nothing at all."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cache_kit import opened

from stagemake.cache.envelope import digest_of
from stagemake.cache.reader import ReadOnlyStore, Stats

if TYPE_CHECKING:
    from pathlib import Path

    from stagemake.cache.disk import DiskStore

LARGE = b"large" * 20_000
SMALL = b"small"
KEY = digest_of(b"key")
OTHER = digest_of(b"other")


def fill(store: DiskStore) -> None:
    for data in (LARGE, SMALL):
        store.put_bytes(digest_of(data), data)
    store.put(KEY, b"record")
    store.flush()


def picture(root: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for parent, directories, files in os.walk(root):
        for name in (*directories, *files, "."):
            path = os.path.join(parent, name)
            status = os.lstat(path)
            data = b""
            if name in files:
                with open(path, "rb") as file:
                    data = file.read()
            # As root, SQLite gives the log and its index to the owner they have: a new ctime, no other change.
            ctime_ns = 0 if os.geteuid() == 0 and "cache.db-" in name else status.st_ctime_ns
            found[path] = (status.st_mtime_ns, ctime_ns, status.st_mode, status.st_ino, data)
    return found


def check_all(reader: ReadOnlyStore) -> None:
    assert reader.get([KEY, OTHER, "x"]) == {KEY: b"record"}
    assert reader.missing([digest_of(LARGE), digest_of(SMALL), OTHER, "x"]) == {OTHER, "x"}
    assert reader.read(digest_of(LARGE), 1 << 20) == LARGE
    assert reader.read(digest_of(LARGE), 10) is None
    assert reader.read(digest_of(SMALL), 1 << 20) == SMALL
    assert reader.read(OTHER, 10) is None
    assert reader.read("x", 10) is None
    stats = reader.stats()
    assert (stats.records, stats.blobs, stats.foreign, stats.entries) == (1, 2, 0, 3)
    assert stats.blob_bytes == len(LARGE) + len(SMALL)
    assert stats.bytes == stats.blob_bytes + stats.record_bytes
    assert len(reader.faults) == 0, reader.faults.first


def test_a_cache_is_empty_until_something_is_in_it(tmp_path: Path) -> None:
    store = opened(tmp_path / "cache")
    reader = ReadOnlyStore(str(tmp_path / "cache"))
    was_empty = reader.is_empty
    reader.close()
    store.put(KEY, b"record")
    store.close()

    reader = ReadOnlyStore(str(tmp_path / "cache"))

    assert (was_empty, reader.is_empty) == (True, False)
    reader.close()


def test_a_closed_cache_is_read_without_a_trace(tmp_path: Path) -> None:
    store = opened(tmp_path / "cache")
    fill(store)
    store.close()
    before = picture(tmp_path)

    reader = ReadOnlyStore(str(tmp_path / "cache"))
    check_all(reader)
    reader.close()

    assert picture(tmp_path) == before
    assert not (tmp_path / "cache" / "cache.db-wal").exists()


KILLED = """
import os, sys
from stagemake.cache.disk import open_store
from stagemake.cache.envelope import digest_of
store, _ = open_store(sys.argv[1])
for data in (b"large" * 20_000, b"small"):
    store.put_bytes(digest_of(data), data)
store.put(digest_of(b"key"), b"record")
store.flush()
print("ready", flush=True)
if sys.argv[2:]:
    sys.stdin.readline()
os._exit(9)
"""


def test_a_cache_in_use_is_read_without_a_trace(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "cache"), "wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        before = picture(tmp_path)

        reader = ReadOnlyStore(str(tmp_path / "cache"))
        check_all(reader)
        reader.close()

        assert picture(tmp_path) == before
        assert (tmp_path / "cache" / "cache.db-wal").exists()
        writer.communicate(b"\n")


def test_a_cache_whose_writer_was_killed_is_read_without_a_trace(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "cache")],
        stdout=subprocess.DEVNULL,
        check=False,
    )
    before = picture(tmp_path)

    reader = ReadOnlyStore(str(tmp_path / "cache"))
    check_all(reader)
    reader.close()

    assert picture(tmp_path) == before
    assert (tmp_path / "cache" / "cache.db-wal").exists()


def test_a_log_without_its_index_is_left_alone(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "cache")],
        stdout=subprocess.DEVNULL,
        check=False,
    )
    (tmp_path / "cache" / "cache.db-shm").unlink()
    before = picture(tmp_path)

    reader = ReadOnlyStore(str(tmp_path / "cache"))
    found = reader.get([KEY])
    reader.close()

    assert found in ({}, {KEY: b"record"})
    assert picture(tmp_path) == before


@pytest.mark.parametrize("kind", ["gone", "empty", "empty database", "garbage", "file", "open"])
def test_without_a_usable_cache_everything_is_a_miss(tmp_path: Path, kind: str) -> None:
    directory = tmp_path / "cache"
    if kind == "file":
        directory.write_text("x")
    elif kind != "gone":
        directory.mkdir(mode=0o700)
    if kind == "empty database":
        (directory / "cache.db").write_bytes(b"")
    if kind == "garbage":
        (directory / "cache.db").write_bytes(b"garbage" * 1000)
    if kind == "open":
        directory.chmod(0o777)
    before = picture(tmp_path)

    reader = ReadOnlyStore(str(directory))

    assert reader.get([KEY]) == {}
    assert reader.missing([OTHER]) == {OTHER}
    assert reader.read(OTHER, 10) is None
    assert reader.stats() == Stats()
    assert reader.is_empty
    assert len(reader.faults) == (0 if kind in ("gone", "empty") else 1)
    reader.close()
    reader.close()
    assert picture(tmp_path) == before


def test_reading_imports_neither_diskcache_nor_pickle(tmp_path: Path) -> None:
    script = (
        "import sys; from stagemake.cache.reader import ReadOnlyStore\n"
        f"ReadOnlyStore({str(tmp_path)!r}).get(['x'])\n"
        "print(sorted({'diskcache', 'pickle', 'asyncio', 'platformdirs'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
