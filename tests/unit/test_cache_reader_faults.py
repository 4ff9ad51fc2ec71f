"""The reader by its parts: what each question answers without a database, with a broken one, with damaged rows; what it counts."""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from cache_kit import opened

from stagemake.cache import rows
from stagemake.cache.envelope import OVERHEAD_BYTES, digest_of
from stagemake.cache.fault import FaultKind
from stagemake.cache.reader import ReadOnlyStore, Stats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LARGE = b"large" * 20_000
SMALL = b"small"
KEY = digest_of(b"key")
OTHER = digest_of(b"other")
ABSENT = digest_of(b"absent")

QUESTIONS: list[tuple[Callable[[ReadOnlyStore], object], object]] = [
    (lambda reader: reader.get([KEY]), {}),
    (lambda reader: reader.missing([KEY, "x"]), {KEY, "x"}),
    (lambda reader: reader.read(digest_of(SMALL), 100), None),
    (lambda reader: reader.stats(), Stats()),
    (lambda reader: reader.volume_bytes(), 0),
]


@pytest.fixture
def filled(tmp_path: Path) -> str:
    store = opened(tmp_path / "cache")
    for data in (LARGE, SMALL):
        store.put_bytes(digest_of(data), data)
    store.put(KEY, b"record")
    store.put(OTHER, b"other record")
    store.close()
    return str(tmp_path / "cache")


@pytest.fixture
def reader(filled: str) -> Iterator[ReadOnlyStore]:
    made = ReadOnlyStore(filled)
    yield made
    made.close()


def changed(path: str, *texts: str) -> ReadOnlyStore:
    """Return a reader of a cache in which somebody has changed rows by these."""
    connection = rows.connect(f"{path}/{rows.DATABASE_NAME}", timeout_s=1)
    for text in texts:
        connection.execute(text)
    connection.close()
    return ReadOnlyStore(path)


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(("ask", "nothing"), QUESTIONS)
def test_without_a_cache_there_is_nothing_and_no_fault(
    tmp_path: Path, ask: Callable[[ReadOnlyStore], object], nothing: object
) -> None:
    reader = ReadOnlyStore(str(tmp_path / "none"))

    assert (ask(reader), reader.is_empty, reader.faults.counts) == (nothing, True, {})


@pytest.mark.parametrize(("ask", "nothing"), [*QUESTIONS, (lambda reader: reader.is_empty, False)])
def test_of_a_database_that_cannot_be_read_there_is_nothing_and_one_fault(
    reader: ReadOnlyStore, ask: Callable[[ReadOnlyStore], object], nothing: object
) -> None:
    reader.close()
    reader.connection = rows.connect(":memory:", timeout_s=1)  # without a table

    answer = ask(reader)

    assert (answer, reader.faults.counts) == (nothing, {FaultKind.READ: 1})
    assert "no such table" in reader.faults.first[FaultKind.READ]


def test_each_damaged_record_is_a_fault_and_others_are_there(filled: str) -> None:
    torn = [f"UPDATE Cache SET value = x'00' WHERE key = 'act:{key}'" for key in (KEY, OTHER)]
    one, two = changed(filled, torn[0]), None
    found = one.get([KEY, OTHER, ABSENT])
    one.close()
    two = changed(filled, torn[1])

    both = two.get([KEY, OTHER, ABSENT])

    assert (found, one.faults.counts) == ({OTHER: b"other record"}, {FaultKind.DAMAGED: 1})
    assert (both, two.faults.counts) == ({}, {FaultKind.DAMAGED: 2})
    two.close()


def test_a_damaged_content_is_a_fault(filled: str) -> None:
    digest = digest_of(SMALL)
    reader = changed(filled, f"UPDATE Cache SET value = x'00' WHERE key = 'blob:{digest}'")

    assert reader.read(digest, 100) is None
    assert reader.faults.counts == {FaultKind.DAMAGED: 1}
    reader.close()


def test_a_content_that_cannot_be_opened_is_a_fault_that_says_nothing_of_it(
    reader: ReadOnlyStore,
) -> None:
    with no_descriptor_left():
        found = reader.read(digest_of(LARGE), len(LARGE))

    assert (found, reader.faults.counts) == (None, {FaultKind.READ: 1})
    assert reader.read(digest_of(LARGE), len(LARGE)) == LARGE


@pytest.mark.parametrize("digest", [ABSENT, "x", "", digest_of(SMALL).upper(), f"{ABSENT}0"])
def test_what_is_not_there_or_no_digest_is_no_fault(reader: ReadOnlyStore, digest: str) -> None:
    found = reader.read(digest, 100), reader.missing([digest]), reader.get([digest])

    assert (found, reader.faults.counts) == ((None, {digest}, {}), {})


@pytest.mark.parametrize(("data", "less"), [(SMALL, 0), (SMALL, 1), (LARGE, 0), (LARGE, 1)])
def test_a_content_is_read_up_to_its_size(reader: ReadOnlyStore, data: bytes, less: int) -> None:
    found = reader.read(digest_of(data), len(data) - less)

    assert (found, reader.faults.counts) == (None if less else data, {})


def test_records_contents_and_foreign_rows_are_counted_apart(filled: str) -> None:
    columns = "INSERT INTO Cache (key, raw, access_time, mode, size, value) VALUES"
    reader = changed(
        filled,
        f"{columns} ('act:{ABSENT}', 0, 0, 1, 0, x'00')",
        f"{columns} ('act:{ABSENT}', 1, 0, 4, 0, x'00')",
        f"{columns} ('else:{ABSENT}', 1, 0, 1, 0, x'00')",
        f"{columns} ('act:g', 1, 0, 1, 0, x'00')",
        f"{columns} ('act:', 1, 0, 1, 0, x'00')",
    )

    stats = reader.stats()

    assert stats == Stats(
        records=2, record_bytes=2 * OVERHEAD_BYTES + len(b"record") + len(b"other record"),
        blobs=2, blob_bytes=len(LARGE) + len(SMALL), foreign=5,
    )  # fmt: skip
    assert stats.entries == 4
    assert stats.bytes == stats.record_bytes + stats.blob_bytes
    reader.close()


def test_an_empty_cache_counts_nothing(tmp_path: Path) -> None:
    opened(tmp_path / "cache").close()

    reader = ReadOnlyStore(str(tmp_path / "cache"))

    assert (reader.stats(), reader.is_empty, reader.faults.counts) == (Stats(), True, {})
    reader.close()


def test_what_a_cache_takes_is_what_the_collector_counts(tmp_path: Path, filled: str) -> None:
    reader = ReadOnlyStore(filled)
    store = opened(tmp_path / "cache")

    assert reader.volume_bytes() == store.database.volume_bytes() > len(LARGE)
    store.close()
    reader.close()


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("query_only", 1), ("trusted_schema", 0), ("mmap_size", 0), ("busy_timeout", 5000)],
)
def test_the_connection_is_one_that_trusts_nothing(
    reader: ReadOnlyStore, pragma: str, value: int
) -> None:
    assert reader.connection is not None

    assert reader.connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)


def test_a_relative_directory_is_meant_from_where_the_reader_was_made(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(os.path.dirname(filled))
    reader = ReadOnlyStore("cache")

    monkeypatch.chdir("/")

    assert reader.directory == filled
    assert reader.read(digest_of(LARGE), len(LARGE)) == LARGE
    reader.close()


def test_a_closed_reader_has_nothing(reader: ReadOnlyStore) -> None:
    reader.close()
    reader.close()

    assert reader.connection is None
    assert (reader.is_empty, reader.get([KEY]), reader.faults.counts) == (True, {}, {})


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_a_database_that_is_no_plain_file_is_refused(filled: str, kind: str) -> None:
    path = f"{filled}/{rows.DATABASE_NAME}"
    os.rename(path, f"{filled}/moved")
    if kind == "link":
        os.symlink("moved", path)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        os.mkdir(path)

    reader = ReadOnlyStore(filled)

    assert (reader.connection, reader.faults.counts) == (None, {FaultKind.READ: 1})


@pytest.mark.parametrize(("present", "found"), [(("-wal", "-shm"), True), (("-wal",), False), (("-shm",), False), ((), False)])  # fmt: skip
def test_the_log_counts_where_its_index_is_beside_it(
    tmp_path: Path, present: tuple[str, ...], *, found: bool
) -> None:
    store = opened(tmp_path / "one")
    store.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store.put(KEY, b"record")
    store.flush()
    (tmp_path / "two").mkdir(mode=0o700)
    for end in ("", *present):
        name = rows.DATABASE_NAME + end
        (tmp_path / "two" / name).write_bytes((tmp_path / "one" / name).read_bytes())
    store.close()
    names = os.listdir(tmp_path / "two")

    reader = ReadOnlyStore(str(tmp_path / "two"))

    assert reader.get([KEY]) == ({KEY: b"record"} if found else {})
    assert reader.faults.counts == {}
    reader.close()
    assert os.listdir(tmp_path / "two") == names


@pytest.mark.parametrize("name", ["a?mode=rw", "a#b", "a%41", "ü \udcff"])
def test_a_directory_may_have_any_name(tmp_path: Path, name: str) -> None:
    store = opened(tmp_path / name)
    store.put(KEY, b"record")
    store.close()

    reader = ReadOnlyStore(str(tmp_path / name))

    assert (reader.get([KEY]), reader.faults.counts) == ({KEY: b"record"}, {})
    reader.close()
