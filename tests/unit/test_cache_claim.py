"""Several processes on one cache while it is put aside, removed or collected: nobody takes another's away."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cache_kit import opened

from stagemake.cache import raw_disk, rows
from stagemake.cache.claim import Claim
from stagemake.cache.collect import clear
from stagemake.cache.disk import DiskStore, _opened_anew, open_store
from stagemake.cache.envelope import digest_of

if TYPE_CHECKING:
    from pathlib import Path

LARGE = b"large" * 20_000
KEY = digest_of(b"key")


def damaged_under(store: DiskStore) -> None:
    """Have the database damaged while a store has it open."""
    store.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with open(f"{store.directory}/cache.db", "r+b") as file:
        file.write(b"GARBAGE!" * 16)


OPENER = """
import sys
from stagemake.cache.disk import open_store
sys.stdin.read()  # until all are let go
store, note = open_store(sys.argv[1])
print(store is not None, note)
if store is not None:
    store.put(sys.argv[2], b"x")
    store.close()
    assert not store.faults.first, store.faults.first
"""


def test_a_damaged_cache_is_set_aside_once_by_those_who_find_it_at_one_moment(
    tmp_path: Path,
) -> None:
    opened(tmp_path / "cache").close()
    (tmp_path / "cache" / "cache.db").write_bytes(b"This is not a database.\n" * 400)
    keys = [digest_of(str(number).encode()) for number in range(8)]
    gate, opener = os.pipe()
    waiting = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(tmp_path / "cache"), key],
            stdin=gate, stdout=subprocess.PIPE, text=True,
        )
        for key in keys
    ]  # fmt: skip

    for fd in (gate, opener):
        os.close(fd)
    said = sorted(process.communicate()[0].strip() for process in waiting)

    assert [process.returncode for process in waiting] == [0] * 8
    assert said[:7] == ["True"] * 7
    assert said[7] == (
        f"True damaged (file is not a database: `cache.db`), set aside as {tmp_path}/cache.corrupt-1"
    )
    assert sorted(os.listdir(tmp_path)) == ["cache", "cache.corrupt-1"]
    again = opened(tmp_path / "cache")
    assert again.get(keys).keys() == set(keys)
    again.close()


def test_a_damaged_cache_stays_while_others_have_it_open(tmp_path: Path) -> None:
    first = opened(tmp_path / "cache")
    damaged_under(first)

    meanwhile = open_store(str(tmp_path / "cache"), timeout_s=0)
    listed = os.listdir(tmp_path)
    first.database.close()
    store, note = open_store(str(tmp_path / "cache"))

    assert meanwhile == (
        None,
        "damaged (file is not a database: `cache.db`), and other processes have it open",
    )
    assert listed == ["cache"]
    assert store is not None
    assert note.endswith(f"set aside as {tmp_path}/cache.corrupt-1")
    store.close()


def test_the_last_one_that_has_a_damaged_cache_open_sets_it_aside(tmp_path: Path) -> None:
    stores = [opened(tmp_path / "cache") for _ in range(2)]
    for store in stores:
        store.put(KEY, b"record")
        store.flush()
    damaged_under(stores[0])
    for store in stores:
        store.put(digest_of(b"other"), b"record")
        store.flush()
        store.get([KEY])

    listed = []
    for store in stores:
        store._is_damaged = True  # whether SQLite looks at the first page again is its own affair
        store.close()
        listed.append(sorted(os.listdir(tmp_path)))

    assert listed == [["cache"], ["cache.corrupt-1"]]


def test_whoever_lost_its_cache_takes_nothing_of_the_next_one_away(tmp_path: Path) -> None:
    first = opened(tmp_path / "cache")
    shutil.rmtree(tmp_path / "cache")  # by the user, while a build runs
    second = opened(tmp_path / "cache")
    second.put(KEY, b"record")
    second.flush()

    first.close()

    third = opened(tmp_path / "cache")
    assert third.get([KEY]) == {KEY: b"record"}
    for store in (second, third):
        store.close()
        assert not store.faults.first


def test_a_cache_that_was_only_taken_for_damaged_stays_where_it_is(tmp_path: Path) -> None:
    before = opened(tmp_path / "cache")
    before.put(KEY, b"record")
    before.close()

    database, note = _opened_anew(str(tmp_path / "cache"), "it seemed", 0)

    assert database is not None
    assert note == ""
    assert len(list(rows.select(database.connection, "key", [f"act:{KEY}"]))) == 1
    other = opened(tmp_path / "cache")  # shared again
    other.close()
    database.close()
    assert os.listdir(tmp_path) == ["cache"]


def test_a_childs_claim_is_its_own(tmp_path: Path) -> None:
    claim = Claim(str(tmp_path / "cache"))
    inherited = os.dup(claim._fd)  # what a child has
    other = Claim(str(tmp_path / "cache"))

    other.after_fork()
    other.release()

    assert claim.take_alone(0)
    os.close(inherited)
    claim.release()


def test_a_claim_is_on_what_lies_there_now(tmp_path: Path) -> None:
    claim = Claim(str(tmp_path / "cache"))
    os.rename(tmp_path / "cache", tmp_path / "aside")

    gone = claim.is_current()
    newer = Claim(str(tmp_path / "cache"))

    assert not gone
    assert newer.is_current()
    assert not claim.is_current()
    for one in (claim, newer):
        one.release()


def test_a_file_in_place_of_the_cache_is_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("x")

    with pytest.raises(raw_disk.NotPrivateError, match="not a directory"):
        Claim(str(tmp_path / "cache"))


@pytest.mark.parametrize("what", ["content", "record"])
def test_what_another_process_has_just_collected_is_not_called_damaged(
    tmp_path: Path, what: str
) -> None:
    store, other = (opened(tmp_path / "cache") for _ in range(2))
    store.put_bytes(digest_of(LARGE), LARGE)
    store.put(KEY, LARGE)
    store.flush()
    steps = 0

    def collects() -> int:
        nonlocal steps
        steps += 1
        if steps == 12:  # the row has been found, its file has not been opened
            clear(other)
        return 0

    store.database.connection.set_progress_handler(collects, 1)

    if what == "content":
        assert not store.fetch(digest_of(LARGE), len(LARGE), str(tmp_path / "out"), 0o644)
    else:
        assert store.get([KEY]) == {}

    assert steps > 12
    assert store.faults.first == {}
    store.database.connection.set_progress_handler(None, 0)
    for one in (store, other):
        one.close()
