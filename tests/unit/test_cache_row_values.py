"""What a row of the cache leads to: records and contents, inline and in files, whole, torn, or of another kind."""

from __future__ import annotations

import errno
import os
import resource
import socket
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake.cache import rows
from stagemake.cache.envelope import digest_of, seal
from stagemake.cache.rows import MODE_FILE, MODE_INLINE, DamagedError, Place

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

NAME = "00/11/" + "2" * 28 + ".val"
DATA = b"some content"
HEX = digest_of(DATA)
BLOB = f"blob:{HEX}"


def inline(value: bytes | None, key: str = BLOB) -> Place:
    return Place(1, key, MODE_INLINE, 0, None, value)


def in_file(size: int = len(DATA), key: str = BLOB) -> Place:
    return Place(1, key, MODE_FILE, size, NAME, None)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "00/11").mkdir(parents=True)
    (tmp_path / NAME).write_bytes(DATA)
    return tmp_path


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    made = rows.connect(":memory:", timeout_s=1)
    made.execute("CREATE TABLE Cache (rowid INTEGER PRIMARY KEY, key BLOB, raw, access_time, mode, size, filename, value)")  # fmt: skip
    yield made
    made.close()


# --- value files ------------------------------------------------------------------------------------


def test_a_value_file_is_opened_where_it_is_what_its_row_says(home: Path) -> None:
    fd = rows.open_value(str(home), in_file())

    assert os.read(fd, 100) == DATA
    os.close(fd)


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1, 0, -1])
def test_a_value_file_of_another_size_is_damaged_and_let_go_of(home: Path, size: int) -> None:
    before = os.listdir("/dev/fd")

    with pytest.raises(DamagedError):
        rows.open_value(str(home), in_file(size))

    assert len(os.listdir("/dev/fd")) == len(before)


@pytest.mark.parametrize("kind", ["gone", "no directory", "link", "fifo", "directory", "socket", "file above"])  # fmt: skip
def test_what_is_no_file_of_ours_at_its_place_is_damaged(
    home: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home / NAME
    path.unlink()
    if kind == "no directory":
        path.parent.rmdir()
    elif kind == "link":
        (home / "elsewhere").write_bytes(DATA)
        path.symlink_to(home / "elsewhere")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            monkeypatch.chdir(path.parent)  # its name may be longer than a socket's address
            made.bind(path.name)
    elif kind == "file above":
        path.parent.rmdir()
        path.parent.write_bytes(b"")

    with pytest.raises(DamagedError):
        rows.open_value(str(home), in_file())


def test_a_value_file_that_cannot_be_opened_for_other_reasons_is_not_damaged(home: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OSError, match="open files") as caught:
            rows.open_value(str(home), in_file())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert (type(caught.value), caught.value.errno) == (OSError, errno.EMFILE)


@pytest.mark.parametrize(("limit_bytes", "found"), [(len(DATA), DATA), (len(DATA) - 1, None), (99, DATA)])  # fmt: skip
def test_a_value_is_read_up_to_a_limit_wherever_it_is(
    home: Path, limit_bytes: int, found: bytes | None
) -> None:
    before = len(os.listdir("/dev/fd"))

    values = [rows.read_value(str(home), place, limit_bytes) for place in (inline(DATA), in_file())]

    assert values == [found, found]
    assert len(os.listdir("/dev/fd")) == before


def test_a_content_is_one_of_its_digest_only(home: Path) -> None:
    other = f"blob:{digest_of(b'other')}"

    assert rows.read_content(str(home), inline(DATA), 99) == DATA
    assert rows.read_content(str(home), in_file(), 99) == DATA
    assert rows.read_content(str(home), inline(DATA, other), 3) is None  # not read at all
    for place in (inline(DATA, other), in_file(key=other), inline(DATA, f"act:{HEX}")):
        with pytest.raises(DamagedError):
            rows.read_content(str(home), place, 99)


# --- records ----------------------------------------------------------------------------------------


def test_a_record_has_a_body_where_it_is_sealed_under_its_key(home: Path) -> None:
    key = f"act:{HEX}"
    sealed = seal(key, b"body")
    (home / NAME).write_bytes(sealed)
    places = [
        inline(sealed, key),
        in_file(len(sealed), key),
        inline(sealed, f"act:{digest_of(b'other')}"),
        inline(sealed[:-1], key),
        inline(None, key),
        in_file(len(sealed) + 1, key),
    ]

    found = [rows.record_body(str(home), place) for place in places]

    assert found == [b"body", b"body", None, None, None, None]


def test_records_are_found_by_key_and_damaged_ones_told_by_place(
    connection: sqlite3.Connection, home: Path
) -> None:
    whole, filed, torn, typed, elsewhere = (f"{number:032x}" for number in range(5))
    sealed = {
        key: seal(f"act:{key}", key.encode()) for key in (whole, filed, torn, typed, elsewhere)
    }
    (home / NAME).write_bytes(sealed[filed])
    rows_put = [
        (1, f"act:{whole}", MODE_INLINE, 0, None, sealed[whole]),
        (2, f"act:{filed}", MODE_FILE, len(sealed[filed]), NAME, None),
        (3, f"act:{torn}", MODE_INLINE, 7, None, sealed[whole]),
        (4, f"act:{typed}", MODE_INLINE, 0, None, "text"),
        (5, f"act:{elsewhere}", MODE_INLINE, 0, NAME, sealed[elsewhere]),
        (6, f"blob:{whole}", MODE_INLINE, 0, None, b"no record"),
    ]
    for rowid, key, mode, size, name, value in rows_put:
        connection.execute(
            "INSERT INTO Cache (rowid, key, raw, mode, size, filename, value) VALUES (?, ?, 1, ?, ?, ?, ?)",
            (rowid, key, mode, size, name, value),
        )
    asked = [whole, filed, torn, typed, elsewhere, f"{9:032x}", "x"]

    found, damaged = rows.find_records(connection, str(home), asked)

    assert found == {whole: whole.encode(), filed: filed.encode()}
    assert sorted(damaged, key=lambda place: place.rowid) == [
        Place(3, f"act:{torn}", MODE_INLINE, 7, None, sealed[whole]),
        Place(4, f"act:{typed}", MODE_INLINE, 0, None, None),
        Place(5, f"act:{elsewhere}", MODE_INLINE, 0, NAME, sealed[elsewhere]),
    ]


def test_a_record_of_the_most_bytes_is_read_and_none_beyond(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = f"act:{HEX}"
    sealed = seal(key, b"body")
    (home / NAME).write_bytes(sealed)
    found = []

    for most in (len(sealed), len(sealed) - 1):
        monkeypatch.setattr(rows, "MOST_RECORD_BYTES", most)
        found.append(rows.record_body(str(home), in_file(len(sealed), key)))

    assert found == [b"body", None]


def test_only_values_in_the_database_itself_are_found_inline(
    connection: sqlite3.Connection,
) -> None:
    keys = [f"blob:{number:032x}" for number in range(5)]
    values = [
        (1, keys[0], 1, MODE_INLINE, None, b"a"),
        (2, keys[1], 1, MODE_INLINE, None, b""),
        (3, keys[2], 1, MODE_FILE, NAME, None),
        (4, keys[3], 0, MODE_INLINE, None, b"c"),
    ]
    for row in values:
        connection.execute("INSERT INTO Cache (rowid, key, raw, mode, size, filename, value) VALUES (?, ?, ?, ?, 0, ?, ?)", row)  # fmt: skip

    found = rows.find_inline(connection, keys)

    assert found == {
        keys[0]: Place(1, keys[0], MODE_INLINE, 0, None, b"a"),
        keys[1]: Place(2, keys[1], MODE_INLINE, 0, None, b""),
    }


# --- scanning ---------------------------------------------------------------------------------------


def scanned(connection: sqlite3.Connection, *values: object) -> tuple[Place, float, int]:
    connection.execute(f"INSERT INTO Cache (rowid, key, raw, access_time, mode, size, filename, value) VALUES (9, '{BLOB}', 1, ?, ?, ?, ?, ?)", values)  # fmt: skip
    ((place, used_s, size),) = rows.scan_all(connection, "blob:")
    return place, used_s, size


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ((1.5, 1, 99, None, b"abc"), (1, 3, None, 3)),
        ((1.5, 2, 99, NAME, None), (2, 99, NAME, 99)),
        ((1.5, 2, 0, NAME, None), (2, 0, NAME, 0)),
        ((1.5, 2, None, NAME, None), (2, 0, NAME, 0)),
        ((1.5, 1, 99, None, None), (1, 0, None, 0)),
        ((1.5, 4, 99, None, b"abcd"), (4, 4, None, 4)),
        ((1.5, None, 99, None, b"abcd"), (-1, 4, None, 4)),
        ((1.5, 2, 99, 7, None), (2, 99, None, 99)),
    ],
)
def test_each_column_of_a_row_is_scanned_for_itself(
    connection: sqlite3.Connection, columns: tuple[object, ...], expected: tuple[object, ...]
) -> None:
    place, used_s, size = scanned(connection, *columns)

    assert (place.rowid, place.key, place.value, used_s) == (9, BLOB, None, 1.5)
    assert (place.mode, place.size, place.filename, size) == expected


def test_of_rows_between_two_keys_as_many_are_scanned_as_are_asked_for(
    connection: sqlite3.Connection,
) -> None:
    keys = [f"blob:{number:032x}" for number in range(5)]
    for number, key in enumerate(keys):
        connection.execute("INSERT INTO Cache (key, raw, access_time, mode, size, value) VALUES (?, 1, ?, 1, 0, x'')", (key, float(number)))  # fmt: skip

    found = rows.scan(connection, keys[0], keys[4], 2)
    more = rows.scan(connection, keys[2], keys[4], 9)

    assert [(place.key, used_s) for place, used_s, _ in found] == [(keys[1], 1.0), (keys[2], 2.0)]
    assert [place.key for place, _, _ in more] == [keys[3]]


def test_a_database_waits_as_long_as_it_is_told_and_commits_each_change(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    connection = rows.connect(path, timeout_s=0.25)
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (1)")

    other = rows.connect(rows.read_only_uri(path, "mode=ro"), timeout_s=1, uri=True)

    assert connection.execute("PRAGMA busy_timeout").fetchone() == (250,)
    assert other.execute("SELECT a FROM t").fetchall() == [(1,)]
    other.close()
    connection.close()


@given(st.binary())
def test_the_uri_of_a_file_quotes_each_byte_as_urls_do(name: bytes) -> None:
    found = rows.read_only_uri(os.fsdecode(name), "mode=ro")

    assert found == f"file:{quote(name)}?mode=ro"
