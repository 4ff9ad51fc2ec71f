"""A cache directory that somebody prepared: nothing runs, nothing outside is read or removed, all is a miss."""

from __future__ import annotations

import os
import pickle
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import diskcache
import pytest
from cache_kit import opened

from stagemake.cache import raw_disk
from stagemake.cache.collect import clear, collect, verify
from stagemake.cache.disk import open_store
from stagemake.cache.envelope import digest_of, seal
from stagemake.cache.raw_cache import RawCache
from stagemake.cache.reader import ReadOnlyStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LARGE = b"large" * 20_000
SMALL = b"small"
KEY = digest_of(b"key")


class Evil:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    store = opened(tmp_path / "cache")
    for data in (LARGE, SMALL):
        assert store.put_bytes(digest_of(data), data)
    store.put(KEY, b"record")
    store.put(digest_of(b"other key"), b"large record" * 10_000)
    store.close()
    (tmp_path / "outside").write_bytes(LARGE)
    return tmp_path / "cache"


def sql(cache: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(cache / "cache.db")
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def value_file(cache: Path) -> Path:
    connection = sqlite3.connect(cache / "cache.db")
    query = "SELECT filename FROM Cache WHERE key = ?"
    ((name,),) = connection.execute(query, (f"blob:{digest_of(LARGE)}",)).fetchall()
    connection.close()
    return cache / name


LARGE_ROW = f"key = 'blob:{digest_of(LARGE)}'"
SMALL_ROW = f"key = 'blob:{digest_of(SMALL)}'"
RECORD_ROW = f"key = 'act:{KEY}'"


def pickle_of(cache: Path) -> bytes:
    return pickle.dumps(Evil(str(cache.parent / "pwned")))


def plant_link(cache: Path) -> None:
    value_file(cache).unlink()
    value_file(cache).symlink_to(cache.parent / "outside")


def plant_fifo(cache: Path) -> None:
    path = value_file(cache)
    path.unlink()
    os.mkfifo(path)


def plant_directory(cache: Path) -> None:
    path = value_file(cache)
    path.unlink()
    path.mkdir()


def plant_sparse(cache: Path) -> None:
    os.truncate(value_file(cache), 1 << 40)
    sql(cache, f"UPDATE Cache SET size = ? WHERE {LARGE_ROW}", 1 << 40)


def update(assignment: str, row: str = LARGE_ROW) -> Callable[[Path], None]:
    def plant(cache: Path) -> None:
        text = assignment.replace("OUTSIDE", str(cache.parent / "outside"))
        sql(cache, f"UPDATE Cache SET {text} WHERE {row}")

    return plant


HOSTILE: dict[str, Callable[[Path], None]] = {
    "pickle inline": lambda cache: sql(
        cache,
        f"UPDATE Cache SET mode = 4, filename = NULL, value = ? WHERE {LARGE_ROW} OR {RECORD_ROW}",
        pickle_of(cache),
    ),
    "pickle in a file": lambda cache: (
        value_file(cache).write_bytes(pickle_of(cache)),
        sql(cache, f"UPDATE Cache SET mode = 4 WHERE {LARGE_ROW}"),
    )[-1],
    "pickled key": lambda cache: sql(
        cache,
        "INSERT INTO Cache (key, raw, mode, value) VALUES (?, 0, 4, ?)",
        pickle_of(cache),
        pickle_of(cache),
    ),
    "text mode": update("mode = 3"),
    "unknown mode": update("mode = 'x'"),
    "inline and a file": update("mode = 1, value = x'00'"),
    "path upwards": update("filename = '../outside'"),
    "path upwards, long": update("filename = 'ab/cd/../../../outside'"),
    "absolute path": update("filename = 'OUTSIDE'"),
    "path of the database": update("filename = 'cache.db'"),
    "path as bytes": update("filename = x'2e2e2f6f757473696465'"),
    "path not in UTF-8": update("filename = CAST(x'ff' AS TEXT)"),
    "path with a line end": update("filename = filename || char(10)"),
    "path as number": update("filename = 7"),
    "no path": update("filename = NULL"),
    "negative size": update("size = -1"),
    "text as size": update("size = 'big'"),
    "huge size": update("size = 9223372036854775807"),
    "symbolic link": plant_link,
    "fifo": plant_fifo,
    "directory": plant_directory,
    "sparse terabyte": plant_sparse,
    "inline text": update("value = 'small'", SMALL_ROW),
    "inline number": update("value = 5", SMALL_ROW),
    "inline null": update("value = NULL", SMALL_ROW),
    "inline 100 MB": update("value = zeroblob(100000000)", SMALL_ROW),
    "record is a number": update("value = 5", RECORD_ROW),
    "record is 100 MB": update("value = zeroblob(100000000)", RECORD_ROW),
    "record of another key": lambda cache: sql(
        cache, f"UPDATE Cache SET value = ? WHERE {RECORD_ROW}", seal("act:" + "0" * 32, b"record")
    ),
    "record without a seal": update("value = x'7265636f7264'", RECORD_ROW),
    "time that can't be": update("access_time = 9e999"),
    "time as text": update("access_time = 'zz'"),
    "setting _directory": lambda cache: sql(
        cache, "INSERT INTO Settings VALUES ('_directory', ?)", str(cache.parent)
    ),
    "setting for the disk": lambda cache: sql(
        cache, "INSERT INTO Settings VALUES ('disk_evil', 1)"
    ),
    "setting as bytes": lambda cache: sql(cache, "INSERT INTO Settings VALUES (x'ff', 1)"),
    "setting that is a pragma": lambda cache: sql(
        cache, "INSERT INTO Settings VALUES ('sqlite_temp_store_directory', '/')"
    ),
    "setting that changes a pragma": lambda cache: sql(
        cache,
        "UPDATE Settings SET value = 'off; DROP TABLE Cache' WHERE key = 'sqlite_journal_mode'",
    ),
    "eviction by setting": lambda cache: sql(
        cache, "UPDATE Settings SET value = 'no-such' WHERE key = 'eviction_policy'"
    ),
    "count as text": lambda cache: sql(cache, "UPDATE Settings SET value = 'x' WHERE key = 'size'"),
    "trigger": lambda cache: sql(
        cache,
        "CREATE TRIGGER evil AFTER INSERT ON Cache BEGIN UPDATE Cache SET value = x'00'; END",
    ),
}

READ_ALL = """
import builtins, pickle, sys
directory, marker = sys.argv[1:3]
import _pickle, pickletools
class Tripwire:
    def __init__(self, *arguments, **keywords):
        builtins.open(marker, "w").close()
        raise SystemError("unpickled")
for module in (pickle, _pickle):
    for name in ("load", "loads", "Unpickler", "_load", "_loads", "_Unpickler", "dump", "dumps"):
        if hasattr(module, name):
            setattr(module, name, Tripwire)
from stagemake.cache.collect import clear, collect, verify
from stagemake.cache.disk import open_store
from stagemake.cache.reader import ReadOnlyStore
large, small, key, other = sys.argv[3:]
"""


def everything(cache: Path) -> dict[str, object]:
    """Read all there is, by both stores; then write, collect, verify and clear."""
    (cache.parent / "target").unlink(missing_ok=True)
    answers: dict[str, object] = {}
    with_reader = ReadOnlyStore(str(cache))
    store = opened(cache)
    for name, source in (("reader", with_reader), ("store", store)):
        source.missing([digest_of(LARGE), digest_of(SMALL)])
        answers[f"{name} large"] = source.read(digest_of(LARGE), 1 << 20)
        answers[f"{name} small"] = source.read(digest_of(SMALL), 1 << 20)
        answers[f"{name} record"] = source.get([KEY]).get(KEY)
    if store.fetch(digest_of(LARGE), len(LARGE), str(cache.parent / "target"), 0o644):
        answers["fetched"] = (cache.parent / "target").read_bytes()
    store.put_bytes(digest_of(b"new"), b"new")
    collect(store, lambda _body: (), budget_bytes=0)
    verify(store)
    clear(store)
    with_reader.close()
    store.close()
    return answers


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_row_is_never_obeyed(cache: Path, name: str) -> None:
    HOSTILE[name](cache)

    answers = everything(cache)

    right = {"large": LARGE, "small": SMALL, "record": b"record", "fetched": LARGE}
    assert all(
        value is None or value == right[which.split()[-1]] for which, value in answers.items()
    )
    assert not (cache.parent / "pwned").exists()
    assert (cache.parent / "outside").read_bytes() == LARGE
    assert sorted(os.listdir(cache.parent)) in (
        ["cache", "outside"],
        ["cache", "outside", "target"],
        ["cache", "cache.corrupt-1", "outside"],
    )


@pytest.mark.parametrize("name", [name for name in HOSTILE if "pickle" in name])
def test_nothing_is_unpickled(cache: Path, name: str) -> None:
    HOSTILE[name](cache)
    marker = cache.parent / "marker"
    script = READ_ALL + (
        "for source in (ReadOnlyStore(directory), open_store(directory)[0]):\n"
        "    assert source.get([key, other]) is not None\n"
        "    source.missing([large, small])\n"
        "    source.read(large, 1 << 30); source.read(small, 1 << 30)\n"
        "    if hasattr(source, 'fetch'):\n"
        "        source.fetch(large, 100000, directory + '/../target', 0o644)\n"
        "        source.put_bytes(small, b'small'); source.flush()\n"
        "        verify(source); collect(source, lambda body: (), budget_bytes=0); clear(source)\n"
        "    source.close()\n"
    )
    arguments = [digest_of(LARGE), digest_of(SMALL), KEY, digest_of(b"other key")]

    done = subprocess.run(
        [sys.executable, "-c", script, str(cache), str(marker), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert not marker.exists()
    assert not (cache.parent / "pwned").exists()


def test_the_tripwire_sees_stock_diskcache_unpickle(cache: Path) -> None:
    HOSTILE["pickle inline"](cache)
    marker = cache.parent / "marker"
    script = READ_ALL + "import diskcache\ndiskcache.Cache(directory).get('blob:' + large)\n"

    subprocess.run(
        [sys.executable, "-c", script, str(cache), str(marker), digest_of(LARGE), "", "", ""],
        capture_output=True,
        check=False,
    )

    assert marker.exists()


@pytest.mark.parametrize("value", [{"a": 1}, "text", 3, None, 1.5, bytearray(b"x")])
def test_the_disk_takes_nothing_but_bytes(cache: Path, value: object) -> None:
    inner = RawCache(str(cache), timeout_s=1)

    with pytest.raises(TypeError):
        inner.set(f"act:{KEY}", value)

    inner.close()


@pytest.mark.parametrize("key", [1, None, ("a",), b"act:" + KEY.encode(), "x:" + KEY, KEY])
def test_the_disk_takes_no_other_keys(cache: Path, key: object) -> None:
    inner = RawCache(str(cache), timeout_s=1)

    with pytest.raises(TypeError):
        inner.set(key, b"x")
    with pytest.raises(TypeError):
        inner.get(key)

    inner.close()


def test_rows_of_others_raise_in_the_disk_instead_of_being_unpickled(cache: Path) -> None:
    HOSTILE["pickled key"](cache)
    HOSTILE["pickle in a file"](cache)
    inner = RawCache(str(cache), timeout_s=1)

    with pytest.raises(OSError, match="refused key"):
        list(inner)
    assert inner.get(f"blob:{digest_of(LARGE)}") is None

    inner.close()
    assert not (cache.parent / "pwned").exists()


def test_diskcache_itself_opens_and_checks_what_was_written(cache: Path) -> None:
    with diskcache.Cache(str(cache)) as stock:
        assert stock.check() == []
        assert stock[f"blob:{digest_of(LARGE)}"] == LARGE
        assert stock[f"blob:{digest_of(SMALL)}"] == SMALL
        assert len(stock) == 4


def test_a_directory_that_others_can_write_is_refused(tmp_path: Path) -> None:
    for mode in (0o770, 0o702, 0o777):
        directory = tmp_path / oct(mode)
        directory.mkdir()
        directory.chmod(mode)

        store, reason = open_store(str(directory))

        assert store is None
        assert "can be written by other users" in reason
        assert os.listdir(directory) == []


def test_a_link_instead_of_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "cache").symlink_to("real")

    store, reason = open_store(str(tmp_path / "cache"))

    assert store is None
    assert "symbolic link" in reason
    assert os.listdir(tmp_path / "real") == []


def test_a_file_instead_of_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("mine")

    store, reason = open_store(str(tmp_path / "cache"))

    assert store is None
    assert "not a directory" in reason
    assert (tmp_path / "cache").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "cache"
    directory.mkdir(mode=0o700)
    os.chown(directory, 65534, 65534)

    store, reason = open_store(str(directory))

    assert store is None
    assert "another user" in reason


@pytest.mark.parametrize("name", ["cache.db", "cache.db-wal", "cache.db-shm"])
def test_a_link_instead_of_the_database_is_refused(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "cache"
    directory.mkdir(mode=0o700)
    (tmp_path / "precious").write_bytes(b"")
    (directory / name).symlink_to(tmp_path / "precious")

    store, reason = open_store(str(directory))

    assert store is None
    assert "not a plain file" in reason
    assert (tmp_path / "precious").read_bytes() == b""


def test_everything_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = opened(tmp_path / "new" / "cache")
        store.put_bytes(digest_of(LARGE), LARGE)
        store.flush()
    finally:
        os.umask(before)

    modes = {
        os.stat(os.path.join(parent, name)).st_mode & 0o777
        for parent, directories, files in os.walk(tmp_path / "new" / "cache")
        for name in (*directories, *files)
    }
    assert modes == {0o700, 0o600}
    assert os.stat(tmp_path / "new" / "cache").st_mode & 0o777 == 0o700
    store.close()


@pytest.mark.parametrize(
    "name", ["a$HOME", "~", "~root", "${HOME}", "%h", "sp ace", "a?b#c%41", "é"]
)
def test_a_path_is_taken_literally(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)

    store = opened(name)
    store.put_bytes(digest_of(LARGE), LARGE)
    store.close()
    reader = ReadOnlyStore(name)

    assert os.listdir(tmp_path) == [name]
    assert reader.read(digest_of(LARGE), 1 << 20) == LARGE
    reader.close()


def test_a_path_that_is_not_utf_8_works(tmp_path: Path) -> None:
    directory = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")

    store = opened(directory)
    store.put(KEY, b"x")
    store.close()
    reader = ReadOnlyStore(directory)

    assert reader.get([KEY]) == {KEY: b"x"}
    reader.close()


def test_a_path_with_a_null_is_refused() -> None:
    store, reason = open_store("a\0b")

    assert store is None
    assert "null" in reason


def test_only_value_names_are_removed(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "precious").write_text("x")

    for name in ("../precious", str(tmp_path / "precious"), "", None, "ab/cd/x.val"):
        assert raw_disk.remove_value(str(tmp_path / "cache"), name) == 0

    assert (tmp_path / "precious").exists()
