"""The store on disk: batches, faults of the medium, other processes, kills."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import diskcache
import pytest
from cache_kit import opened

from stagemake import durable
from stagemake.cache import raw_disk
from stagemake.cache.collect import sweep
from stagemake.cache.disk import DiskStore, open_store
from stagemake.cache.envelope import digest_of
from stagemake.cache.fault import FaultKind
from stagemake.cache.rows import connect
from stagemake.cache.settings import set_pragmas

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE = b"large" * 20_000
SMALL = b"small"
KEY = digest_of(b"key")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    store = opened(tmp_path / "cache")
    yield store
    store.close()


def value_files(directory: Path) -> list[Path]:
    return sorted(directory.glob("cache/??/??/*"))


def test_what_was_stored_is_there_after_opening_again(tmp_path: Path) -> None:
    first = opened(tmp_path / "cache")
    first.put_bytes(digest_of(LARGE), LARGE)
    first.put(KEY, b"record")
    first.close()

    second = opened(tmp_path / "cache")

    assert second.get([KEY]) == {KEY: b"record"}
    assert second.read(digest_of(LARGE), 1 << 20) == LARGE
    assert len(second.faults) == 0
    second.close()


def test_flushed_entries_are_seen_by_another_store(store: DiskStore, tmp_path: Path) -> None:
    other = opened(tmp_path / "cache")
    store.put(KEY, b"record")
    before = other.get([KEY])

    store.flush()

    assert before == {}
    assert other.get([KEY]) == {KEY: b"record"}
    other.close()


def test_a_full_batch_is_written_by_itself(store: DiskStore, tmp_path: Path) -> None:
    other = opened(tmp_path / "cache")

    for number in range(2500):
        store.put(digest_of(str(number).encode()), b"record")

    seen = other.get([digest_of(str(number).encode()) for number in range(2500)])
    assert len(seen) >= 2000
    other.close()


def test_replaced_files_are_removed(store: DiskStore, tmp_path: Path) -> None:
    for data in (b"a", b"b", b"c"):
        store.put(KEY, data * 100_000)
        store.put(KEY, data * 100_001)
        store.flush()

    assert len(value_files(tmp_path)) == 1
    assert store.get([KEY]) == {KEY: b"c" * 100_001}


def test_writing_a_batch_again_keeps_its_files(store: DiskStore, tmp_path: Path) -> None:
    store.put_bytes(digest_of(LARGE), LARGE)
    entries = tuple(store._batch.entries.values())
    store.flush()

    # As after ^C between the commit and the clearing of the batch.
    store.database.write(entries, (), store.clock)

    assert store.read(digest_of(LARGE), 1 << 20) == LARGE


def test_stock_diskcache_finds_nothing_wrong_after_much_use(tmp_path: Path) -> None:
    store = opened(tmp_path / "cache")
    for number in range(300):
        data = str(number).encode() * (number * 30)
        store.put_bytes(digest_of(data), data)
        store.put(digest_of(data), data)
        store.touch([digest_of(data)])
        if number % 100 == 0:
            store.flush()
    store.close()

    with diskcache.Cache(str(tmp_path / "cache")) as stock:
        assert stock.check() == []
        assert len(stock) == 600


def test_a_clone_is_used_and_verified(
    store: DiskStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloned = []

    def clone(target_fd: int, request: int, source_fd: int) -> int:
        assert request == 0x40049409
        cloned.append(target_fd)
        os.write(target_fd, os.pread(source_fd, 1 << 20, 0))
        return 0

    monkeypatch.setattr(fcntl, "ioctl", clone)
    (tmp_path / "source").write_bytes(LARGE)

    assert store.put_file(digest_of(LARGE), str(tmp_path / "source"), len(LARGE))
    assert not store.put_file(digest_of(b"other"), str(tmp_path / "source"), len(LARGE))
    assert store.fetch(digest_of(LARGE), len(LARGE), str(tmp_path / "target"), 0o600)

    assert len(cloned) == 3
    assert (tmp_path / "target").read_bytes() == LARGE


# ---- faults of the medium


@pytest.mark.parametrize("code", ["ENOSPC", "EIO", "EDQUOT", "EFBIG"])
@pytest.mark.parametrize("writes", [0, 1])
def test_a_failing_write_leaves_nothing_behind(
    store: DiskStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, writes: int
) -> None:
    import errno

    data = LARGE * 40
    (tmp_path / "source").write_bytes(data)
    store.put_bytes(digest_of(LARGE), LARGE)
    store.flush()
    real_write = os.write
    left = [writes]

    def failing(fd: int, chunk: bytes) -> int:
        if left[0] == 0:
            raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)))
        left[0] -= 1
        return real_write(fd, chunk[: len(chunk) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(raw_disk.os, "write", failing)
        results = [
            store.put_file(digest_of(data), str(tmp_path / "source"), len(data)),
            store.fetch(digest_of(LARGE), len(LARGE), str(tmp_path / "target"), 0o600),
        ]
        store.put(KEY, LARGE)

    assert results == [False, False]
    assert not (tmp_path / "target").exists()
    assert len(value_files(tmp_path)) == 1
    assert store.get([KEY]) == {}
    assert store.faults.counts == {FaultKind.WRITE: 2, FaultKind.READ: 1}
    assert os.strerror(getattr(errno, code)) in store.faults.first[FaultKind.WRITE]
    assert store.read(digest_of(LARGE), 1 << 20) == LARGE


def test_an_interrupt_while_writing_leaves_nothing_behind(
    store: DiskStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_fd: int, _chunk: bytes) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(raw_disk.os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.put_bytes(digest_of(LARGE), LARGE)

    assert value_files(tmp_path) == []
    store.put(KEY, b"still works")
    store.flush()
    assert store.get([KEY]) == {KEY: b"still works"}


LIMITED = """
import resource, signal, sys
from stagemake.cache.disk import open_store
from stagemake.cache.envelope import digest_of
store, reason = open_store(sys.argv[1])
store.put("0" * 32, b"before"); store.flush()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
large = b"large" * 100_000
stored = store.put_bytes(digest_of(large), large)
for number in range(5000):
    data = str(number).encode() * 200
    store.put_bytes(digest_of(data), data)
store.flush()
found = store.get(["0" * 32])
store.close()
print(stored, found, sorted(store.faults.counts))
"""


def test_a_full_disk_ends_storing_and_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIMITED, str(tmp_path / "cache"), "400000"],
        capture_output=True,
        text=True,
        check=False,
    )

    expected = f"False {{'{'0' * 32}': b'before'}} [<FaultKind.WRITE: 'write'>]\n"
    assert (done.returncode, done.stderr, done.stdout) == (0, "", expected)
    store = opened(tmp_path / "cache")
    assert store.get(["0" * 32]) == {"0" * 32: b"before"}
    assert value_files(tmp_path) == []
    store.close()
    with diskcache.Cache(str(tmp_path / "cache")) as stock:
        assert stock.check() == []


def test_no_descriptors_left_is_a_miss_and_loses_nothing(store: DiskStore, tmp_path: Path) -> None:
    store.put_bytes(digest_of(LARGE), LARGE)
    store.flush()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        read = store.read(digest_of(LARGE), 1 << 20)
        fetched = store.fetch(digest_of(LARGE), len(LARGE), str(tmp_path / "target"), 0o600)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert (read, fetched) == (None, False)
    assert store.read(digest_of(LARGE), 1 << 20) == LARGE


def test_a_read_only_directory_is_unusable_with_a_reason() -> None:
    nobody = 65534 if os.geteuid() == 0 else os.geteuid()
    with tempfile.TemporaryDirectory() as parent:
        os.chmod(parent, 0o755)
        directory = Path(parent, "cache")
        opened(directory).close()
        for path in (directory, *directory.iterdir()):
            os.chown(path, nobody, -1)
        directory.chmod(0o500)
        (directory / "cache.db").chmod(0o400)

        child = os.fork()
        if child == 0:
            code = 1
            try:
                if os.geteuid() == 0:
                    os.setuid(nobody)
                store, reason = open_store(str(directory))
                code = 0 if store is None and ("readonly" in reason or "unable" in reason) else 2
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        directory.chmod(0o700)

    assert os.waitstatus_to_exitcode(status) == 0


def test_a_database_that_turns_read_only_ends_storing(store: DiskStore) -> None:
    store.put(KEY, b"before")
    store.flush()
    store.database.connection.execute("PRAGMA query_only = ON")

    store.put(digest_of(b"x"), b"after")
    store.flush()
    store.flush()
    stored = store.put_bytes(digest_of(SMALL), SMALL)

    assert not stored
    assert store.get([KEY, digest_of(b"x")]) == {KEY: b"before"}
    assert "readonly" in store.faults.first[FaultKind.WRITE]


def test_a_held_lock_costs_one_timeout_and_is_named(tmp_path: Path) -> None:
    opened(tmp_path / "cache").close()
    holder = sqlite3.connect(tmp_path / "cache" / "cache.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    store, reason = open_store(str(tmp_path / "cache"), timeout_s=0.05)

    assert store is None
    assert "locked" in reason
    holder.close()


def test_a_lock_held_while_writing_keeps_the_batch(tmp_path: Path) -> None:
    store = opened(tmp_path / "cache", timeout_s=0.05)
    holder = sqlite3.connect(tmp_path / "cache" / "cache.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    store.put(KEY, b"record")

    store.flush()
    during = store.get([KEY])
    holder.close()
    store.flush()

    assert during == {KEY: b"record"}
    assert "locked" in store.faults.first[FaultKind.WRITE]
    other = opened(tmp_path / "cache")
    assert other.get([KEY]) == {KEY: b"record"}
    other.close()
    store.close()


def test_after_closing_all_is_a_miss(tmp_path: Path) -> None:
    store = opened(tmp_path / "cache")
    store.put_bytes(digest_of(LARGE), LARGE)
    store.put(KEY, b"x")
    store.close()

    assert store.get([KEY]) == {}
    assert store.missing([KEY]) == {KEY}
    assert store.read(digest_of(LARGE), 1 << 20) is None
    assert not store.put_bytes(digest_of(SMALL), SMALL)


# ---- damaged databases


def damage_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"GARBAGE!" * 16)


def damage_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def damage_schema(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE Cache")
    connection.execute("CREATE TABLE Cache (key, raw, value)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("damage", [damage_header, damage_half, damage_schema])
def test_a_damaged_database_is_set_aside_and_an_empty_one_takes_its_place(
    tmp_path: Path, damage
) -> None:
    store = opened(tmp_path / "cache")
    for number in range(300):
        store.put(digest_of(str(number).encode()), b"record" * 100)
    store.close()
    damage(tmp_path / "cache" / "cache.db")

    store, note = open_store(str(tmp_path / "cache"))

    assert store is not None
    assert f"{tmp_path}/cache.corrupt-1" in note
    assert store.get([digest_of(b"1")]) == {}
    store.put(KEY, b"x")
    store.close()
    assert sorted(os.listdir(tmp_path)) == ["cache", "cache.corrupt-1"]
    again, note = open_store(str(tmp_path / "cache"))
    assert again is not None
    assert note == ""
    assert again.get([KEY]) == {KEY: b"x"}
    again.close()


def test_an_emptied_database_is_an_empty_cache(tmp_path: Path) -> None:
    store = opened(tmp_path / "cache")
    store.put(KEY, b"x")
    store.close()
    os.truncate(tmp_path / "cache" / "cache.db", 0)

    store, note = open_store(str(tmp_path / "cache"))

    assert store is not None
    assert note == ""
    assert store.get([KEY]) == {}
    store.close()


def test_damage_found_in_use_is_set_aside_when_closing(tmp_path: Path) -> None:
    store = opened(tmp_path / "cache")
    keys = [digest_of(str(number).encode()) for number in range(3000)]
    for key in keys:
        store.put(key, b"record" * 100)
    store.close()
    with (tmp_path / "cache" / "cache.db").open("r+b") as file:
        file.seek(4096 * 20)
        file.write(b"\xff" * 4096 * 400)

    store = opened(tmp_path / "cache")
    found = store.get(keys)
    store.close()

    assert set(found.values()) <= {b"record" * 100}
    assert store.faults.counts[FaultKind.READ] == 1
    assert sorted(os.listdir(tmp_path)) == ["cache.corrupt-1"]


# ---- others at the same time


WRITER = """
import sys
from stagemake.cache.disk import open_store
from stagemake.cache.envelope import digest_of
store, reason = open_store(sys.argv[1], timeout_s=60)  # SQLite takes no turns: one may wait for long
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    data = str(number).encode() * (20_000 if number % 10 == 0 else 10)
    store.put_bytes(digest_of(data), data)
    store.put(digest_of(str(number).encode()), data)
    if number % 7 == 0:
        store.flush()
        print(number, flush=True)
store.close()
assert not len(store.faults), store.faults.first
"""


def content(number: int) -> bytes:
    return str(number).encode() * (20_000 if number % 10 == 0 else 10)


def test_processes_write_side_by_side(tmp_path: Path) -> None:
    ranges = (("0", "300"), ("200", "500"), ("100", "400"))
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WRITER, str(tmp_path / "cache"), *part],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for part in ranges
    ]

    errors = [process.communicate()[1] for process in processes]

    assert errors == ["", "", ""]
    store = opened(tmp_path / "cache")
    digests = [digest_of(content(number)) for number in range(500)]
    assert store.missing(digests) == set()
    assert all(
        store.read(digest, 1 << 20) == content(number) for number, digest in enumerate(digests)
    )
    store.close()


def test_a_directory_that_another_process_removes_as_empty_is_made_again(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    store = opened(cache)
    removed: list[Path] = []

    def another_removes(operation: str, path: str) -> None:
        above = Path(path).parent
        if operation == "mkdir" and above.parent == cache and len(removed) < 3:
            above.rmdir()  # it was made just now, for this one to be in
            removed.append(above)

    durable.install(another_removes)
    try:
        store.put_bytes(digest_of(LARGE), LARGE)
    finally:
        durable.install(None)

    assert len(removed) == 3
    assert len(store.faults) == 0
    assert store.read(digest_of(LARGE), 1 << 20) == LARGE
    store.close()


def test_a_new_cache_waits_for_the_process_that_makes_it_too(tmp_path: Path) -> None:
    path = str(tmp_path / "cache.db")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ours = connect(
        path, timeout_s=0
    )  # SQLite fails at once, as it does when it changes the journal
    tries: list[str] = []

    def ends_at_third(statement: str) -> None:
        tries.append(statement)
        if len(tries) == 3:
            other.execute("COMMIT")

    ours.set_trace_callback(ends_at_third)

    set_pragmas(ours, timeout_s=60)

    assert len(set(tries[:3])) == 1
    assert ours.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    for connection in (ours, other):
        connection.close()


def test_a_new_cache_is_not_waited_for_without_end(tmp_path: Path) -> None:
    path = str(tmp_path / "cache.db")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ours = connect(path, timeout_s=0)

    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        set_pragmas(ours, timeout_s=0)

    for connection in (ours, other):
        connection.close()


def test_a_kill_while_writing_loses_only_what_was_not_flushed(tmp_path: Path) -> None:
    for round_ in range(6):
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                WRITER,
                str(tmp_path / "cache"),
                str(round_ * 10_000),
                "99999999",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for _ in range(round_ * 2 + 1):
            flushed = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.communicate()

        store = opened(tmp_path / "cache")
        numbers = range(round_ * 10_000, flushed + 1)
        records = store.get([digest_of(str(number).encode()) for number in numbers])
        assert list(records.values()) == [content(number) for number in numbers] or records == {
            digest_of(str(number).encode()): content(number) for number in numbers
        }
        assert store.missing([digest_of(content(number)) for number in numbers]) == set()
        assert len(store.faults) == 0
        store.close()

    store = opened(tmp_path / "cache")
    sweep(store, older_than_s=-60)
    store.close()
    with diskcache.Cache(str(tmp_path / "cache")) as stock:
        assert stock.check() == []


def test_a_fork_reads_and_writes_and_leaves_the_parents_batch_alone(tmp_path: Path) -> None:
    store = opened(tmp_path / "cache")
    store.put_bytes(digest_of(LARGE), LARGE)
    store.flush()
    waiting = LARGE[::-1]
    store.put_bytes(digest_of(waiting), waiting)

    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert store.read(digest_of(LARGE), 1 << 20) == LARGE
            assert store.read(digest_of(waiting), 1 << 20) is None
            store.put(KEY, b"from the child")
            store.close()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert store.read(digest_of(waiting), 1 << 20) == waiting
    store.flush()
    assert store.read(digest_of(waiting), 1 << 20) == waiting
    assert store.get([KEY]) == {KEY: b"from the child"}
    store.close()


def test_threads_share_a_store(store: DiskStore, tmp_path: Path) -> None:
    failures: list[int] = []

    def use(first: int) -> None:
        for number in range(first, first + 60):
            data = content(number)
            store.put_bytes(digest_of(data), data)
            target = str(tmp_path / f"target-{number}")
            if not store.fetch(digest_of(data), len(data), target, 0o600):
                failures.append(number)
            if number % 9 == 0:
                store.flush()

    threads = [threading.Thread(target=use, args=(first,)) for first in (0, 30, 100, 130)]
    # Two of them put the same contents; targets differ in the numbers that only one of them has.
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(failures) <= {*range(30, 60), *range(130, 160)}
    assert store.missing([digest_of(content(n)) for n in (*range(90), *range(100, 190))]) == set()
    assert store.faults.counts.keys() <= {FaultKind.READ}


@pytest.mark.parametrize("size", [16 << 20, (40 << 20) + 5])
def test_holes_of_a_file_stay_holes_and_its_bytes_are_right(tmp_path: Path, size: int) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        for at in (0, 5 << 20, (10 << 20) - 300):  # the last one in the last quarter of a MiB
            file.seek(at)
            file.write(b"data")
        file.truncate(size)
    data = source.read_bytes()
    store, reason = open_store(str(tmp_path / "cache"))
    assert store is not None, reason
    assert store.put_file(digest_of(data), str(source), len(data))

    assert store.fetch(digest_of(data), len(data), str(target), 0o644)

    assert target.read_bytes() == data
    assert target.stat().st_blocks * 512 <= 1 << 20  # three blocks, and what the file's end takes
    store.close()


@pytest.mark.parametrize("size", [(32 << 20) - 1, (33 << 20) + (300 << 10)])
def test_a_large_file_is_written_as_it_was_read(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "source").write_bytes(data)
    with (tmp_path / "source").open("rb") as source:
        found = raw_disk.copy_to(source.fileno(), str(tmp_path / "target"), 0o640)

    assert found == (size, digest_of(data))
    assert (tmp_path / "target").read_bytes() == data


def test_contents_that_are_expected_are_read_together_and_are_what_they_would_be(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path / "cache")
    contents = [b"%d" % number for number in range(100)] + [LARGE]
    digests = [digest_of(content) for content in contents]
    for digest, content in zip(digests, contents, strict=True):
        store.put_bytes(digest, content)
    store.flush()
    asked: list[str] = []
    store.database.connection.set_trace_callback(asked.append)

    store.expect([digest_of(b"gone"), *digests])
    found = [store.read(digest, 1 << 20) for digest in digests]

    assert found == contents
    assert len(asked) == 3  # 64 of them, the others, the large one by itself
    assert store.read(digest_of(b"gone"), 10) is None
    assert [store.read(digest, 1 << 20) for digest in reversed(digests)] == found[::-1]
    store.close()


def test_a_content_that_was_read_ahead_is_verified_when_it_is_used(store: DiskStore) -> None:
    good, bad = digest_of(b"good"), digest_of(b"was good")
    store.put_bytes(good, b"good")
    store.put_bytes(bad, b"was good")
    store.flush()
    store.database.connection.execute(
        "UPDATE Cache SET value = ? WHERE key = ?", (b"evil", f"blob:{bad}")
    )

    store.expect([good, bad])

    assert (store.read(good, 10), store.read(bad, 10)) == (b"good", None)
    assert store.faults.counts[FaultKind.DAMAGED] == 1
