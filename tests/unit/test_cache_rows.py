"""Rows of the cache's database as they are looked at: ours, and those that hold anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stagemake.cache import rows
from stagemake.cache.rows import MODE_FILE, MODE_INLINE, Place

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS = "rowid, key, raw, access_time, mode, size, filename, value"


def key(number: int) -> str:
    return f"blob:{number:032x}"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    made = rows.connect(":memory:", timeout_s=1)
    made.execute("CREATE TABLE Cache (rowid INTEGER PRIMARY KEY, key BLOB, raw, access_time, mode, size, filename, value)")  # fmt: skip
    made.execute("CREATE TABLE Settings (key, value)")
    yield made
    made.close()


def put(connection: sqlite3.Connection, *values: object) -> None:
    connection.execute(f"INSERT INTO Cache ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)


def test_a_row_of_a_file_and_one_of_a_value(connection: sqlite3.Connection) -> None:
    put(connection, 7, key(1), 1, 5.5, MODE_FILE, 100, "00/11/x.val", None)
    put(connection, 8, key(2), 1, 6.5, MODE_INLINE, 999, None, b"abc")
    put(connection, 9, key(3), 0, 6.5, MODE_INLINE, 999, None, b"of another kind of key")

    assert list(rows.scan_all(connection, "blob:")) == [
        (Place(7, key(1), MODE_FILE, 100, "00/11/x.val", None), 5.5, 100),
        (Place(8, key(2), MODE_INLINE, 3, None, None), 6.5, 3),
    ]
    assert rows.find(connection, key(1)) == Place(7, key(1), MODE_FILE, 100, "00/11/x.val", None)
    assert rows.find(connection, key(2)) == Place(8, key(2), MODE_INLINE, 999, None, b"abc")
    assert rows.find(connection, key(3)) is None
    assert rows.find(connection, key(4)) is None


@pytest.mark.parametrize(
    ("used", "expected"),
    [(1e11, 0.0), (9.9e10, 9.9e10), (-1.0, -1.0), ("x", 0.0), (None, 0.0), (b"", 0.0), (float("inf"), 0.0)],
)  # fmt: skip
def test_a_time_that_can_not_be_is_the_oldest(
    connection: sqlite3.Connection, used: object, expected: float
) -> None:
    put(connection, 1, key(1), 1, used, MODE_INLINE, 0, None, b"abc")

    assert [one[1] for one in rows.scan_all(connection, "blob:")] == [expected]


@pytest.mark.parametrize("foreign", ["text", b"bytes", 1.5])
def test_what_is_of_another_type_is_nothing_that_a_check_accepts(
    connection: sqlite3.Connection, foreign: object
) -> None:
    put(connection, 1, key(1), 1, 0.0, foreign, foreign, b"name", "text")
    put(connection, 2, key(2), 1, 0.0, MODE_FILE, foreign, None, None)

    assert rows.find(connection, key(1)) == Place(1, key(1), -1, -1, "?", None)
    (first, _, size), (second, _, none) = rows.scan_all(connection, "blob:")
    assert first == Place(1, key(1), -1, 4, None, None)
    assert size == 4
    assert (second.rowid, second.mode, none) == (2, MODE_FILE, 0)


def test_a_value_that_is_larger_than_ours_is_not_read(connection: sqlite3.Connection) -> None:
    most = rows._MOST_INLINE_BYTES
    put(connection, 1, key(1), 1, 0.0, MODE_INLINE, 0, None, b"x" * most)
    put(connection, 2, key(2), 1, 0.0, MODE_INLINE, 0, None, b"x" * (most + 1))

    found = [rows.find(connection, key(number)) for number in (1, 2)]

    assert [one and one.value for one in found] == [b"x" * most, None]


def test_all_rows_of_a_namespace_come_by_key_and_no_others(
    connection: sqlite3.Connection,
) -> None:
    count = 2 * rows._BATCH + 1
    for number in reversed(range(count)):
        put(connection, number + 1, key(number), 1, 0.0, MODE_INLINE, 0, None, b"")
    put(connection, count + 1, f"act:{0:032x}", 1, 0.0, MODE_INLINE, 0, None, b"")

    keys = [place.key for place, _, _ in rows.scan_all(connection, "blob:")]

    assert keys == [key(number) for number in range(count)]


def test_many_keys_are_asked_for_in_several_queries(connection: sqlite3.Connection) -> None:
    count = 2 * rows._KEYS_PER_QUERY + 1
    for number in range(count):
        put(connection, number + 1, key(number), 1, 0.0, MODE_INLINE, 0, None, b"")

    found = rows.select(connection, "key", [key(number) for number in range(count + 5)])

    assert sorted(one for (one,) in found) == [key(number) for number in range(count)]


@pytest.mark.parametrize(("noted", "expected"), [(100, 100), (None, 0), ("x", 0), (1.5, 0)])
def test_a_cache_takes_its_pages_in_use_and_its_files(
    connection: sqlite3.Connection, noted: object, expected: int
) -> None:
    before = rows.volume_bytes(connection)
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    assert before == pages * page_bytes

    connection.execute("INSERT INTO Settings VALUES ('size', ?)", (noted,))
    connection.execute("CREATE TABLE More AS SELECT zeroblob(100000)")
    connection.execute("DROP TABLE More")

    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    assert free > 0
    assert rows.volume_bytes(connection) == before + expected


def test_text_that_is_none_hides_no_rows(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO Cache (rowid, key, raw, mode, filename) VALUES (1, ?, 1, 2, CAST(x'ff41' AS TEXT))", (key(1),))  # fmt: skip

    place = rows.find(connection, key(1))

    assert place is not None
    assert place.filename == "\ufffdA"


@pytest.mark.parametrize(
    "place",
    [
        Place(1, key(1), MODE_INLINE, 1, "00/11/" + "a" * 28 + ".val", b"v"),
        Place(1, key(1), MODE_FILE, 1, None, b"v"),
        Place(1, key(1), MODE_INLINE, 1, None, None),
        Place(1, key(1), 4, 1, None, b"v"),
    ],
)
def test_a_value_that_is_neither_inline_nor_a_file_is_refused(tmp_path: Path, place: Place) -> None:
    with pytest.raises(rows.DamagedError):
        rows.read_value(str(tmp_path), place, 10)


@pytest.mark.parametrize(("limit_bytes", "expected"), [(2, None), (3, b"abc")])
def test_a_value_larger_than_what_is_asked_for_is_left(
    tmp_path: Path, limit_bytes: int, expected: bytes | None
) -> None:
    place = Place(1, key(1), MODE_INLINE, 3, None, b"abc")

    assert rows.read_value(str(tmp_path), place, limit_bytes) == expected


def test_only_contents_in_files_of_ours_are_stored(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    names = ["00/11/" + f"{number:028x}.val" for number in range(3)]
    (tmp_path / "cache/00/11").mkdir(parents=True)
    for path in (names[0], names[1], "other"):
        (tmp_path / "cache" / path).write_bytes(b"abc")
    (tmp_path / "outside").write_bytes(b"abc")
    (tmp_path / "cache" / names[2]).symlink_to("../../other")
    rows_put = [
        (MODE_FILE, 3, names[0]),
        (MODE_FILE, 4, names[1]),
        (MODE_FILE, 3, names[2]),
        (MODE_FILE, 3, "00/11/" + f"{9:028x}.val"),
        (MODE_FILE, 3, "other"),
        (MODE_FILE, 3, "../outside"),
        (MODE_FILE, 3, str(tmp_path / "outside")),
        (MODE_FILE, 3, None),
        (4, 3, names[0]),
    ]
    for number, (mode, size, name) in enumerate(rows_put):
        put(connection, number + 1, key(number), 1, 0.0, mode, size, name, None)
    put(connection, 20, key(20), 1, 0.0, MODE_INLINE, 0, None, b"abc")
    put(connection, 21, key(21), 1, 0.0, MODE_INLINE, 0, names[0], b"abc")
    put(connection, 22, key(22), 1, 0.0, MODE_INLINE, 0, None, "text")
    digests = {key(number)[5:] for number in range(25)} | {"no digest"}

    absent = rows.find_absent(connection, str(tmp_path / "cache"), digests)

    assert digests - absent == {key(0)[5:], key(20)[5:]}
