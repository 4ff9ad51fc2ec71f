"""Outputs in the making: what is written before anything is replaced, how it is given its name, what is undone."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

import pytest
from durable_kit import opened, tree
from xxhash import xxh3_128_hexdigest

from stagemake import durable
from stagemake.materialize import Restored, preserve, restore, sweep_temps
from stagemake.model.entry import OutputFile
from stagemake.staged import Contents, Staging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SMALL = 1 << 15


@pytest.fixture
def root(tmp_path: Path) -> Iterator[str]:
    yield str(tmp_path)
    durable.install(None)


class Source:
    """Contents in memory, and how each was asked for."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.asked: list[tuple[object, ...]] = []

    def file(self, path: str, data: bytes, kind: str = "file") -> OutputFile:
        digest = xxh3_128_hexdigest(data)
        self.data[digest] = data
        return OutputFile(path, kind, digest, len(data))

    def fetch(self, digest: str, size_bytes: int, target: str, mode: int) -> bool:
        self.asked.append(("fetch", size_bytes, mode))
        durable.write_new(target, self.data[digest], mode)
        return True

    def read(self, digest: str, size_bytes: int) -> bytes | None:
        self.asked.append(("read", size_bytes))
        return self.data.get(digest)

    def contents(self, umask: int = 0o022) -> Contents:
        return Contents(self.fetch, self.read, umask)


@pytest.mark.parametrize(
    ("size", "kind", "asked"),
    [
        (0, "file", ("read", 0)),
        (SMALL - 1, "executable", ("read", SMALL - 1)),
        (SMALL, "file", ("fetch", SMALL, 0o666)),
        (SMALL, "executable", ("fetch", SMALL, 0o777)),
    ],
)
def test_small_contents_are_read_and_others_fetched(
    root: str, size: int, kind: str, asked: tuple[object, ...]
) -> None:
    source, holding = Source(), durable.Holding(root)
    row = source.file("out/a", b"x" * size, kind)
    staging = Staging(holding)

    assert staging.build("out/a", [row], source.contents())

    assert source.asked == [asked]
    assert [one for one, _ in staging.fetched] == [row]
    assert staging.existing() == []
    assert staging.made == [f"{root}/out"]
    assert not os.path.exists(f"{root}/out/a")
    staging.replace()
    assert staging.fetched[0][1].st_ino == os.stat(f"{root}/out/a").st_ino
    assert os.listdir(f"{root}/out") == ["a"]
    holding.close()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o111, 0o177])
@pytest.mark.parametrize("size", [1, SMALL])
def test_whatever_the_umask_what_can_be_run_can_be_run_and_nothing_else(
    root: str, umask: int, size: int
) -> None:
    source, holding = Source(), durable.Holding(root)
    rows = [source.file("a", b"a" * size), source.file("x", b"x" * size, "executable")]
    staging = Staging(holding)
    before = os.umask(umask)
    try:
        assert all(staging.build(row.path, [row], source.contents(umask)) for row in rows)
    finally:
        os.umask(before)
    staging.replace()
    holding.close()

    plain, run = (stat.S_IMODE(os.stat(f"{root}/{name}").st_mode) for name in "ax")
    assert plain == 0o666 & ~umask
    assert run == (0o777 & ~umask if not umask & 0o100 else 0o755)
    assert [stat.S_IMODE(status.st_mode) for _, status in staging.fetched] == [plain, run]


@pytest.mark.parametrize("made", [b"", b"xy", b"link", b"directory"])
def test_a_fetch_that_makes_anything_else_is_not_believed(root: str, made: bytes) -> None:
    def fetch(_digest: str, _size: int, target: str, _mode: int) -> bool:
        if made == b"link":
            os.symlink("a", target)
        elif made == b"directory":
            os.mkdir(target)
        else:
            durable.write_new(target, made)
        return True

    source, holding = Source(), durable.Holding(root)
    staging = Staging(holding)
    row = source.file("out/a", b"x")

    assert not staging.build("out/a", [row], Contents(fetch))
    staging.undo()

    assert os.listdir(root) == []
    assert staging.fetched == []
    holding.close()


@pytest.mark.parametrize("size", [1, SMALL])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_is_told_by_the_path_that_people_know(
    root: str, size: int, number: int
) -> None:
    def fails(step: str, path: str) -> None:
        if step == "write":
            raise OSError(number, os.strerror(number), path)

    source, holding = Source(), durable.Holding(root)
    staging = Staging(holding)
    durable.install(fails)

    with pytest.raises(OSError, match="out/") as caught:
        staging.build("out/a", [source.file("out/a", b"x" * size)], source.contents())
    durable.install(None)
    staging.undo()

    assert caught.value.errno == number
    assert caught.value.filename.startswith(f"{root}/out/{durable.TEMP_PREFIX}")
    assert os.listdir(root) == []
    holding.close()


def test_an_error_of_the_store_itself_stays_as_it_is(root: str) -> None:
    def fetch(*_: object) -> bool:
        raise OSError(errno.EIO, "broken", "/the/store")

    holding = durable.Holding(root)
    with pytest.raises(OSError, match="broken") as caught:
        Staging(holding).build("a", [Source().file("a", b"x")], Contents(fetch))

    assert caught.value.filename == "/the/store"
    holding.close()


def many(source: Source, width: int, depth: int) -> list[OutputFile]:
    """Return the rows of a directory with as many directories, each so deep, and a file in each of them."""
    rows = [OutputFile("out", "directory")]
    for number in range(width):
        path = f"out/{number:03}"
        for _ in range(depth):
            rows.append(OutputFile(path, "directory"))
            rows.append(source.file(f"{path}/f", path.encode()))
            path += "/in"
    return sorted(rows, key=lambda row: row.path)


@pytest.mark.parametrize(("width", "depth"), [(1, 70), (70, 1), (40, 3), (64, 1), (63, 1)])
def test_a_directory_of_any_shape_is_built_with_few_descriptors(
    root: str, width: int, depth: int
) -> None:
    source, holding = Source(), durable.Holding(root)
    rows = many(source, width, depth)
    os.makedirs(f"{root}/out/old")
    before, most = opened(), [0]

    def looks(step: str, _path: str) -> None:
        if step == "mkdir":
            most.append(opened() - before)

    durable.install(looks)
    ended = restore(tuple(rows), ["out/"], source.contents(), holding=holding)
    durable.install(None)
    holding.close()

    assert ended is Restored.DONE
    found = tree(root)
    assert set(found) == {row.path for row in rows}
    for row in rows:
        if row.kind == "file":
            assert found[row.path][1] == os.path.dirname(row.path).encode()
    assert max(most) <= 66
    assert opened() == before


THERE: dict[str, Callable[[str], object]] = {
    "a file": lambda path: durable.write_new(path, b"old"),
    "a link": lambda path: os.symlink("none", path),
    "a directory": os.mkdir,
    "a full directory": lambda path: os.makedirs(f"{path}/deep/er"),
    "nothing": lambda _path: None,
}
BUILT = {"a file": "a", "a link": "l", "a directory": "d/"}


def rows_of(source: Source, what: str) -> list[OutputFile]:
    if what == "a file":
        return [source.file("a", b"new")]
    if what == "a link":
        return [OutputFile("l", "symlink", target="text")]
    return [OutputFile("d", "directory"), source.file("d/in", b"new")]


@pytest.mark.parametrize("there", THERE)
@pytest.mark.parametrize("what", BUILT)
def test_whatever_is_there_gives_way_or_stays_whole(root: str, what: str, there: str) -> None:
    source = Source()
    rows, output = rows_of(source, what), BUILT[what]
    THERE[there](f"{root}/{output.rstrip('/')}")
    old = tree(root)
    told: list[str] = []
    displaced: list[str] = []
    for number in range(20):
        told.clear()

        def fails(step: str, path: str, number: int = number) -> None:
            told.append(step)
            if len(told) == number + 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)

        holding = durable.Holding(root)
        durable.install(fails)
        try:
            displaced.clear()
            ended = restore(tuple(rows), [output], source.contents(), holding=holding, displace=displaced.append)  # fmt: skip
        except OSError:
            assert tree(root) == old
            continue
        finally:
            durable.install(None)
            holding.close()
        assert ended is Restored.DONE
        left = [path for path in tree(root) if path.startswith(durable.TEMP_PREFIX)]
        if left:  # the old could not be removed: outputs are right
            sweep_temps([root])
        assert set(tree(root)) == {row.path for row in rows}
        assert displaced == ([] if there == "nothing" else [output.rstrip("/")])
        if len(told) <= number:
            return
        durable.remove_any(f"{root}/{output.rstrip('/')}")
        THERE[there](f"{root}/{output.rstrip('/')}")
        old = tree(root)
    raise AssertionError("it never came to its end")


def test_what_is_right_already_is_not_touched_and_what_came_is_told(root: str) -> None:
    source, learned = Source(), list[tuple[str, str, int]]()
    rows = (source.file("a", b"1"), source.file("b", b"2"), OutputFile("l", "symlink", target="x"))
    durable.write_new(f"{root}/a", b"1")
    inode = os.stat(f"{root}/a").st_ino
    holding = durable.Holding(root)

    ended = restore(
        rows, ["a", "b", "l"], source.contents(), holding=holding,
        entry_at=lambda path: rows[0].entry if path == "a" else "-",
        learn=lambda path, entry, status: learned.append((path, entry, status.st_ino)),
    )  # fmt: skip
    holding.close()

    assert ended is Restored.DONE
    assert os.stat(f"{root}/a").st_ino == inode
    assert learned == [("b", rows[1].entry, os.stat(f"{root}/b").st_ino)]
    assert source.asked == [("read", 1)]


def test_what_was_made_for_it_goes_with_what_could_not_be_built_and_the_rest_stays(
    root: str,
) -> None:
    source, holding = Source(), durable.Holding(root)
    rows = (source.file("new/deep/a", b"1"), source.file("old/b", b"2"))
    os.mkdir(f"{root}/old")
    source.data.clear()

    ended = restore(rows, ["new/deep/a", "old/b"], source.contents(), holding=holding)
    holding.close()

    assert ended is Restored.INCOMPLETE
    assert set(tree(root)) == {"old"}


def test_a_sweep_counts_what_it_removes_and_goes_on_where_it_cannot(root: str) -> None:
    for name in ("1", "2"):
        os.makedirs(f"{root}/{durable.TEMP_PREFIX}{name}/in")
    durable.write_new(f"{root}/in{durable.TEMP_PREFIX}", b"")

    def fails(_step: str, path: str) -> None:
        if path.startswith(f"{root}/{durable.TEMP_PREFIX}1"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    durable.install(fails)
    assert sweep_temps([f"{root}/none", root]) == 1
    durable.install(None)

    assert sorted(os.listdir(root)) == sorted([f"{durable.TEMP_PREFIX}1", f"in{durable.TEMP_PREFIX}"])  # fmt: skip
    assert sweep_temps([root, root]) == 1


def test_a_sweep_of_no_directory_is_of_the_working_directory(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    durable.write_new(durable.temp_path(""), b"")

    assert sweep_temps([""]) == 1
    assert os.listdir(root) == []


def test_what_is_kept_gets_the_next_number_where_something_is(root: str) -> None:
    kept = []
    for number in range(3):
        os.makedirs(f"{root}/d/in{number}")
        kept.append(preserve(root, "d/", "kept/now"))

    assert kept == ["kept/now/d", "kept/now.1/d", "kept/now.2/d"]
    assert [os.listdir(f"{root}/{path}") for path in kept] == [["in0"], ["in1"], ["in2"]]
    with pytest.raises(FileNotFoundError):
        preserve(root, "none", "kept/now")
    with pytest.raises(FileNotFoundError):
        preserve(root, "d", "kept/other")


def test_where_a_thousand_are_kept_there_is_no_more_room(root: str) -> None:
    durable.write_new(f"{root}/kept", b"in the way")
    durable.write_new(f"{root}/a", b"mine")
    for number in range(1, 1000):
        durable.write_new(f"{root}/kept.{number}", b"in the way")

    with pytest.raises(FileExistsError, match="nowhere left") as caught:
        preserve(root, "a", "kept")
    durable.remove(f"{root}/kept.999")

    assert caught.value.filename == f"{root}/a"
    assert preserve(root, "a", "kept") == "kept.999/a"


def test_what_cannot_be_undone_keeps_nothing_else_from_being_undone(root: str) -> None:
    source, holding = Source(), durable.Holding(root)
    staging = Staging(holding)
    for path in ("in/a", "other/b"):
        assert staging.build(path, [source.file(path, b"x")], source.contents())

    def fails(step: str, path: str) -> None:
        if step == "unlink" and path.startswith(f"{root}/in/"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    durable.install(fails)
    staging.undo()
    durable.install(None)
    holding.close()

    assert os.listdir(root) == ["in"]
