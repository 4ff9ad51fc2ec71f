"""What collecting, verifying and clearing say they did, figure by figure; what goes wrong; rows that nobody wrote."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from stagemake import durable
from stagemake.cache import collect as rule
from stagemake.cache.collect import Collected, Verified, clear, collect, is_due, verify
from stagemake.cache.disk import DiskStore, open_store
from stagemake.cache.envelope import OVERHEAD_BYTES, digest_of
from stagemake.cache.fault import FaultKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW_S = 2e9
LARGE_BYTES = 40_000  # in a file of its own
SMALL_BYTES = 1000
NAME_BYTES = 32


def key(name: str) -> str:
    return digest_of(f"key of {name}".encode())


def small(name: str) -> bytes:
    return name.encode() * SMALL_BYTES


def large(name: str) -> bytes:
    return name.encode() * LARGE_BYTES


def names_in(body: bytes) -> list[str]:
    return body.decode().split()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    made, reason = open_store(str(tmp_path / "cache"), clock=lambda: NOW_S, budget_bytes=10**9, max_age_s=100)  # fmt: skip
    assert made is not None, reason
    yield made
    made.close()


def add(store: DiskStore, name: str, *contents: bytes, age_s: float = 0.0) -> int:
    """Store a record and what it names; return the record's bytes."""
    for each in contents:
        store.put_bytes(digest_of(each), each)
    body = " ".join(map(digest_of, contents)).encode()
    store.put(key(name), body)
    store.flush()
    execute(store, "UPDATE Cache SET access_time = ? WHERE key = ?", NOW_S - age_s, f"act:{key(name)}")  # fmt: skip
    return OVERHEAD_BYTES + len(body)


def execute(store: DiskStore, text: str, *values: object) -> None:
    store.database.connection.execute(text, values)


def keys_in(store: DiskStore) -> set[object]:
    return {one for (one,) in store.database.connection.execute("SELECT key FROM Cache")}


def orphan(store: DiskStore, size: int) -> None:
    folder = os.path.join(store.directory, "ab", "cd")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{size:028x}.val")
    with open(path, "wb") as stream:
        stream.write(b"x" * size)
    os.utime(path, (NOW_S - 90_000,) * 2)


# --- collecting -------------------------------------------------------------------------------------


def test_each_figure_of_a_collection_is_what_was_done(store: DiskStore) -> None:
    kept = add(store, "a", small("a"), large("b"))
    kept += add(store, "b", small("a"))
    gone = add(store, "c", small("c"), large("d"), age_s=500)
    add(store, "d", small("e"))
    execute(store, "UPDATE Cache SET value = x'0011' WHERE key = ?", f"act:{key('d')}")
    execute(store, "UPDATE Cache SET access_time = 5.0 WHERE key = ?", f"blob:{digest_of(small('e'))}")  # fmt: skip
    orphan(store, 7)
    orphan(store, 50)

    done = collect(store, names_in)

    assert done == Collected(
        records=2, blobs=3, orphans=2,
        freed_bytes=gone + 2 + 2 * SMALL_BYTES + LARGE_BYTES + 57,
        kept_records=2, kept_blobs=2, kept_bytes=kept + SMALL_BYTES + LARGE_BYTES,
    )  # fmt: skip
    assert store.faults.counts == {}
    assert store.get([key(name) for name in "abcd"]).keys() == {key("a"), key("b")}
    everything = [small("a"), large("b"), small("c"), large("d"), small("e")]
    assert store.missing(map(digest_of, everything)) == {digest_of(one) for one in everything[2:]}


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ({}, "ab"),
        ({"max_age_s": 50}, "a"),
        ({"max_age_s": 1000}, "abc"),
        ({"max_age_s": 1}, "a"),  # a tick of the clock goes by
        ({"max_age_s": 0}, ""),
        ({"budget_bytes": 0}, ""),
        ({"budget_bytes": 2 * OVERHEAD_BYTES + 7}, "ab"),  # nine tenths of it hold both
        ({"budget_bytes": 2 * OVERHEAD_BYTES + 6}, "a"),
        ({"pins": {key("c")}}, "abc"),
        ({"pins": {key("c")}, "budget_bytes": 0}, "c"),
    ],
)
def test_budget_age_and_pins_are_the_stores_unless_others_are_given(
    store: DiskStore, words: dict[str, object], left: str
) -> None:
    for name, age_s in [("a", 0.0), ("b", 60.0), ("c", 500.0)]:
        add(store, name, age_s=age_s)

    collect(store, names_in, **words)  # type: ignore[arg-type]  # its own words

    assert store.get([key(name) for name in "abc"]).keys() == {key(name) for name in left}


def test_the_budget_of_the_store_holds_where_no_other_is_given(store: DiskStore) -> None:
    for age_s, name in enumerate("abc"):
        add(store, name, age_s=age_s)
    store.budget_bytes = OVERHEAD_BYTES + 8

    collect(store, names_in)

    assert store.get([key(name) for name in "abc"]).keys() == {key("a")}


def test_what_is_queued_is_written_before_anything_is_looked_at(store: DiskStore) -> None:
    store.put_bytes(digest_of(small("a")), small("a"))
    store.put(key("a"), digest_of(small("a")).encode())

    done = collect(store, names_in)

    assert (done.kept_records, done.kept_blobs, done.records) == (1, 1, 0)


@pytest.mark.parametrize("count", [199, 200, 201, 401])
def test_however_many_go_they_go_in_batches_and_all_are_counted(
    store: DiskStore, count: int
) -> None:
    for number in range(count):
        store.put(key(str(number)), b"")
    store.flush()
    commits: list[str] = []
    durable.install(lambda operation, _path: commits.append(operation))

    done = collect(store, names_in, budget_bytes=0)

    durable.install(None)
    assert (done.records, done.freed_bytes) == (count, count * OVERHEAD_BYTES)
    assert keys_in(store) == set()
    assert commits.count("commit") == -(-count // 200) + 1  # the last one for rows of others


FOREIGN: list[tuple[object, int, int]] = [
    (f"act:{'0' * 32}", 0, 1),
    (f"act:{'0' * 32}", 1, 3),
    (f"act:{'0' * 32}", 1, 4),
    (f"act:{'0' * 32}", 1, 0),
    (f"act:{'0' * 31}", 1, 1),
    (f"act:{'0' * 33}", 1, 1),
    (f"act:g{'0' * 31}", 1, 1),
    (f"blob:{'0' * 31}", 1, 1),
    (f"blob:{'0' * 33}", 1, 1),
    (f"blob:X{'0' * 31}", 1, 2),
    (f"else:{'0' * 31}", 1, 1),
    ("", 1, 1),
    (b"act:" + b"0" * 32, 1, 1),
    (7, 1, 1),
]


@pytest.mark.parametrize(("full", "raw", "mode"), FOREIGN)
def test_rows_that_no_store_wrote_go_and_ours_stay(
    store: DiskStore, full: object, raw: int, mode: int
) -> None:
    add(store, "a", small("a"))
    ours = keys_in(store)
    execute(store, "INSERT INTO Cache (key, raw, access_time, mode, size, value) VALUES (?, ?, 1.0, ?, 0, x'00')", full, raw, mode)  # fmt: skip

    collect(store, names_in)

    assert keys_in(store) == ours
    assert store.faults.counts == {}


@pytest.mark.parametrize("at_once", [4000, 100, 1])
def test_a_collection_gives_back_what_the_database_took(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(rule, "_PAGES_AT_ONCE", at_once)
    for number in range(200):
        data = bytes([number]) * 30_000
        store.put_bytes(digest_of(data), data)
    store.flush()
    path = os.path.join(store.directory, "cache.db")
    large = os.path.getsize(path) + os.path.getsize(f"{path}-wal")

    collect(store, names_in, budget_bytes=0)

    assert os.path.getsize(f"{path}-wal") == 0
    assert os.path.getsize(path) < large / 20


def test_a_database_that_cannot_give_anything_back_is_left_as_it_is(store: DiskStore) -> None:
    for number in range(20):
        data = bytes([number]) * 30_000
        store.put_bytes(digest_of(data), data)
    store.flush()
    store.database.connection.executescript("PRAGMA journal_mode = delete; PRAGMA auto_vacuum = 0; VACUUM; PRAGMA journal_mode = wal")  # fmt: skip

    done = collect(store, names_in, budget_bytes=0)

    assert (done.blobs, store.faults.counts) == (20, {})
    assert os.path.getsize(os.path.join(store.directory, "cache.db")) > 600_000


@pytest.mark.parametrize(("less", "due"), [(0, False), (1, True)])
def test_collecting_is_due_once_the_volume_is_beyond_the_budget(
    store: DiskStore, less: int, *, due: bool
) -> None:
    add(store, "a", small("a"), large("b"))
    store.budget_bytes = store.database.volume_bytes() - less

    assert is_due(store) is due


def failing(operation: str, path: str) -> None:
    if operation == "commit":
        raise OSError(errno.EIO, "the disk is broken", path)


def test_trouble_ends_collecting_and_clearing_with_a_fault_and_nothing_said(
    store: DiskStore,
) -> None:
    add(store, "a", small("a"), age_s=500)
    before = keys_in(store)
    durable.install(failing)

    done = [collect(store, names_in), clear(store)]

    durable.install(None)
    assert done == [Collected(0, 0, 0, 0, 0, 0, 0)] * 2
    assert store.faults.counts == {FaultKind.WRITE: 2}
    assert keys_in(store) == before


# --- verifying --------------------------------------------------------------------------------------


def test_each_figure_of_verifying_is_what_was_found(store: DiskStore) -> None:
    size = add(store, "a", small("a"), large("b")) + add(store, "b", small("c"))
    seen: list[int] = []
    before = len(os.listdir("/dev/fd"))

    assert verify(store, seen.append) == Verified(5, size + 2 * SMALL_BYTES + LARGE_BYTES, 0)
    assert len(os.listdir("/dev/fd")) == before
    assert seen == [1, 2, 3, 4, 5]
    assert verify(store).entries == 5


DAMAGE = {
    "a torn record": ("UPDATE Cache SET value = x'00' WHERE key = ?", f"act:{key('a')}"),
    "a record without a value": ("UPDATE Cache SET value = NULL WHERE key = ?", f"act:{key('a')}"),
    "another small content": ("UPDATE Cache SET value = x'00' WHERE key = ?", f"blob:{digest_of(small('a'))}"),
    "a small content without a value": ("UPDATE Cache SET value = NULL WHERE key = ?", f"blob:{digest_of(small('a'))}"),
    "a large content of another size": ("UPDATE Cache SET size = size + 1 WHERE key = ?", f"blob:{digest_of(large('b'))}"),
    "a large content without a name": ("UPDATE Cache SET filename = NULL WHERE key = ?", f"blob:{digest_of(large('b'))}"),
    "a large content of another mode": ("UPDATE Cache SET mode = 4 WHERE key = ?", f"blob:{digest_of(large('b'))}"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_each_kind_of_damage_is_found_and_removed_alone(store: DiskStore, kind: str) -> None:
    add(store, "a", small("a"), large("b"))
    before = keys_in(store)
    execute(store, *DAMAGE[kind])

    found = verify(store)

    assert (found.entries, found.damaged) == (3, 1)
    assert before - keys_in(store) == {DAMAGE[kind][1]}


@pytest.mark.parametrize("kind", ["another byte", "gone", "a link"])
def test_a_value_file_that_is_another_is_found(store: DiskStore, tmp_path: Path, kind: str) -> None:
    add(store, "a", small("a"), large("b"))
    (path,) = (tmp_path / "cache").glob("??/??/*.val")
    data = path.read_bytes()
    path.unlink()
    if kind == "another byte":
        path.write_bytes(data[:-1] + b"!")
    elif kind == "a link":
        (tmp_path / "elsewhere").write_bytes(data)
        path.symlink_to(tmp_path / "elsewhere")

    found = verify(store)

    assert (found.entries, found.damaged) == (3, 1)
    assert f"blob:{digest_of(large('b'))}" not in keys_in(store)


def test_a_row_that_goes_meanwhile_is_no_damage(store: DiskStore) -> None:
    add(store, "a", small("a"))
    add(store, "b", small("b"))

    found = verify(store, lambda _done: execute(store, "DELETE FROM Cache"))

    assert (found.entries, found.damaged) == (2, 0)


def test_trouble_ends_verifying_with_a_fault_and_what_was_done_by_then(store: DiskStore) -> None:
    size = add(store, "a", small("a"))

    found = verify(store, lambda _done: execute(store, "DROP TABLE Cache"))

    assert (found, store.faults.counts) == (Verified(1, size, 0), {FaultKind.READ: 1})


# --- clearing ---------------------------------------------------------------------------------------


def test_clearing_removes_rows_files_and_what_was_set_aside(
    store: DiskStore, tmp_path: Path
) -> None:
    add(store, "a", small("a"), large("b"))
    orphan(store, 5)
    os.utime(os.path.join(store.directory, "ab", "cd", f"{5:028x}.val"), (NOW_S, NOW_S))
    for number in (1, 9):
        (tmp_path / f"cache.corrupt-{number}").mkdir()
    store.put(key("queued"), b"")

    done = clear(store)

    assert done == Collected(records=4, orphans=2, freed_bytes=LARGE_BYTES + 5)
    assert (keys_in(store), os.listdir(tmp_path)) == (set(), ["cache"])
    assert {name.partition("-")[0] for name in os.listdir(store.directory)} == {"cache.db"}
    assert os.path.getsize(os.path.join(store.directory, "cache.db-wal")) == 0


def test_the_age_of_an_orphan_is_a_day() -> None:
    assert rule.ORPHAN_AGE_S == 24 * 60 * 60
