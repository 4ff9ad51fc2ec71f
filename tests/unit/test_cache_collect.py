"""Collecting: the budget, ages, pins, clocks, orphans, and what verifying removes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import diskcache
import pytest

from stagemake.cache.collect import Collected, clear, collect, is_due, verify
from stagemake.cache.disk import DiskStore, open_store
from stagemake.cache.envelope import digest_of
from stagemake.cache.orphan import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 100_000
HOUR = 3600.0
DAY = 24 * HOUR


class Clock:
    """A clock to be set by hand."""

    def __init__(self) -> None:
        self.now_s = 2e9

    def __call__(self) -> float:
        return self.now_s


def names_in(body: bytes) -> list[str]:
    return body.decode().split()


def content(name: str) -> bytes:
    return name.encode() * (SIZE // len(name))


def key(name: str) -> str:
    return digest_of(f"key of {name}".encode())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[DiskStore]:
    store, reason = open_store(str(tmp_path / "cache"), clock=clock, max_age_s=30 * DAY)
    assert store is not None, reason
    yield store
    assert len(store.faults) == 0, store.faults.first
    store.close()
    with diskcache.Cache(str(tmp_path / "cache")) as stock:
        assert stock.check() == []


def add(store: DiskStore, name: str, *more: str) -> None:
    """Store one record, and the contents that it names."""
    for each in (name, *more):
        assert store.put_bytes(digest_of(content(each)), content(each))
    store.put(key(name), " ".join(digest_of(content(each)) for each in (name, *more)).encode())
    store.flush()


def kept(store: DiskStore, *names: str) -> str:
    """Return which of the names have a record and all of its contents."""
    found = store.get([key(name) for name in names])
    absent = store.missing([digest_of(content(name)) for name in names])
    for name in names:
        assert (key(name) in found) == (digest_of(content(name)) not in absent)
    return "".join(name for name in names if key(name) in found)


def test_within_budget_and_age_nothing_goes(store: DiskStore) -> None:
    for name in "abcd":
        add(store, name)

    result = collect(store, names_in)

    assert kept(store, *"abcd") == "abcd"
    assert (result.records, result.blobs, result.orphans, result.freed_bytes) == (0, 0, 0, 0)
    assert (result.kept_records, result.kept_blobs) == (4, 4)
    assert result.kept_bytes == pytest.approx(4 * SIZE, rel=0.01)


def test_beyond_the_budget_what_was_stored_first_goes_first(store: DiskStore) -> None:
    for name in "abcdef":
        add(store, name)

    result = collect(store, names_in, budget_bytes=int(3.5 * SIZE))

    assert kept(store, *"abcdef") == "def"
    assert (result.records, result.blobs) == (3, 3)
    assert result.freed_bytes == pytest.approx(3 * SIZE, rel=0.01)


def test_what_is_used_stays(store: DiskStore) -> None:
    for name in "abcdef":
        add(store, name)

    store.touch([key("a"), key("c")])
    collect(store, names_in, budget_bytes=int(3.5 * SIZE))

    assert kept(store, *"abcdef") == "acf"


def test_what_was_not_used_for_long_goes(store: DiskStore, clock: Clock) -> None:
    add(store, "a")
    add(store, "b")
    clock.now_s += 29 * DAY
    store.touch([key("b")])
    add(store, "c")
    clock.now_s += 2 * DAY

    collect(store, names_in)

    assert kept(store, *"abc") == "bc"


def test_a_clock_set_back_does_not_make_new_entries_old(store: DiskStore, clock: Clock) -> None:
    add(store, "a")
    add(store, "b")
    clock.now_s -= 400 * DAY
    add(store, "c")
    store.touch([key("a")])
    add(store, "d")

    collect(store, names_in, budget_bytes=int(3.5 * SIZE))

    assert kept(store, *"abcd") == "acd"


def test_pins_stay_beyond_the_budget_and_any_age(store: DiskStore, clock: Clock) -> None:
    for name in "abcd":
        add(store, name)
    clock.now_s += 40 * DAY

    collect(store, names_in, budget_bytes=0, pins={key("a"), key("c")})

    assert kept(store, *"abcd") == "ac"


def test_a_pinned_content_stays_without_its_record(store: DiskStore) -> None:
    add(store, "a")
    add(store, "b")

    collect(store, names_in, budget_bytes=0, pins={digest_of(content("b"))})

    assert store.get([key("a"), key("b")]) == {}
    assert store.missing([digest_of(content(n)) for n in "ab"]) == {digest_of(content("a"))}


def test_a_shared_content_stays_as_long_as_one_record_names_it(store: DiskStore) -> None:
    add(store, "a", "s")
    add(store, "b")
    add(store, "c", "s")

    collect(store, names_in, budget_bytes=int(2.5 * SIZE))

    assert kept(store, *"abc") == "c"
    assert store.missing([digest_of(content("s"))]) == set()


def test_a_record_whose_content_is_gone_goes(store: DiskStore) -> None:
    add(store, "a", "s")
    place = store._find(digest_of(content("s")))
    store.database.delete([place])

    result = collect(store, names_in)

    assert kept(store, "a") == "" or store.get([key("a")]) == {}
    assert (result.records, result.blobs) == (1, 1)


def test_a_content_that_no_record_names_yet_is_left_for_an_hour(
    store: DiskStore, clock: Clock
) -> None:
    digest = digest_of(content("a"))
    store.put_bytes(digest, content("a"))

    first = collect(store, names_in)
    clock.now_s += 2 * HOUR
    second = collect(store, names_in)

    assert (first.blobs, second.blobs) == (0, 1)
    assert store.missing([digest]) == {digest}


@pytest.mark.parametrize("body", [b"\xff", b"not-a-digest"])
def test_a_record_that_can_not_be_read_goes(store: DiskStore, body: bytes) -> None:
    store.put(key("a"), body)

    result = collect(store, names_in)

    assert result.records == 1
    assert store.get([key("a")]) == {}


def test_an_empty_cache_collects_nothing(store: DiskStore) -> None:
    assert collect(store, names_in) == Collected()


def test_collecting_is_due_beyond_the_budget(store: DiskStore) -> None:
    before = is_due(store)
    for name in "abcd":
        add(store, name)

    store.budget_bytes = 3 * SIZE

    assert (before, is_due(store)) == (False, True)
    collect(store, names_in)
    assert not is_due(store)


def test_only_old_orphans_are_swept(store: DiskStore, tmp_path: Path, clock: Clock) -> None:
    add(store, "a")
    folder = tmp_path / "cache" / "ab" / "cd"
    folder.mkdir(parents=True)
    old, young, foreign = folder / f"{'0' * 28}.val", folder / f"{'1' * 28}.val", folder / "notes"
    for path in (old, young, foreign):
        path.write_bytes(b"x" * 10)
    os.utime(old, (clock.now_s - 25 * HOUR,) * 2)
    os.utime(young, (clock.now_s - 23 * HOUR,) * 2)
    os.utime(foreign, (0, 0))

    swept = sweep(store, older_than_s=DAY)

    assert swept == (1, 10)
    assert sorted(os.listdir(folder)) == [young.name, "notes"]
    young.unlink()
    foreign.unlink()
    folder.rmdir()
    folder.parent.rmdir() if not os.listdir(folder.parent) else None
    assert kept(store, "a") == "a"


def test_an_orphan_from_before_the_clock_was_set_back_is_swept(
    store: DiskStore, tmp_path: Path, clock: Clock
) -> None:
    folder = tmp_path / "cache" / "ab" / "cd"
    folder.mkdir(parents=True)
    ahead, just_ahead = folder / f"{'0' * 28}.val", folder / f"{'1' * 28}.val"
    for path, hours in ((ahead, 25), (just_ahead, 23)):
        path.write_bytes(b"x" * 10)
        os.utime(path, (clock.now_s + hours * HOUR,) * 2)

    swept = sweep(store, older_than_s=DAY)

    assert swept == (1, 10)
    assert os.listdir(folder) == [just_ahead.name]
    just_ahead.unlink()
    folder.rmdir()
    folder.parent.rmdir()


def test_sweeping_follows_no_link(store: DiskStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside" / "cd"
    outside.mkdir(parents=True)
    (outside / f"{'0' * 28}.val").write_bytes(b"x")
    os.utime(outside / f"{'0' * 28}.val", (0, 0))
    (tmp_path / "cache" / "ab").symlink_to(tmp_path / "outside")

    assert sweep(store, older_than_s=DAY) == (0, 0)

    (tmp_path / "cache" / "ab").unlink()
    assert len(os.listdir(outside)) == 1


def test_clearing_removes_all(store: DiskStore, tmp_path: Path) -> None:
    for name in "abc":
        add(store, name)
    (tmp_path / "cache.corrupt-1").mkdir()

    result = clear(store)

    assert result.records == 6
    assert kept(store, *"abc") == ""
    assert {name.split("-")[0] for name in os.listdir(tmp_path / "cache")} == {"cache.db"}
    assert os.listdir(tmp_path) == ["cache"]
    add(store, "d")
    assert kept(store, *"abcd") == "d"


def test_verifying_an_intact_cache_removes_nothing(store: DiskStore) -> None:
    for name in "abc":
        add(store, name)
    store.put_bytes(digest_of(b"inline"), b"inline")
    seen: list[int] = []

    result = verify(store, seen.append)

    assert (result.entries, result.damaged) == (7, 0)
    assert result.bytes == pytest.approx(3 * SIZE, rel=0.01)
    assert seen == [1, 2, 3, 4, 5, 6, 7]


def test_verifying_removes_what_is_damaged(store: DiskStore, tmp_path: Path) -> None:
    for name in "abcd":
        add(store, name)
    files = sorted((tmp_path / "cache").glob("??/??/*.val"))
    os.truncate(files[0], 10)
    with files[1].open("r+b") as file:
        file.write(b"\0")
    files[2].unlink()
    store.database.connection.execute(
        "UPDATE Cache SET value = x'00' WHERE key = ?", (f"act:{key('a')}",)
    )

    first = verify(store)
    second = verify(store)

    assert (first.entries, first.damaged) == (8, 4)
    assert (second.entries, second.damaged) == (4, 0)
