"""How often a digester looks and reads, and what it says of what is written, brought or gone."""

from __future__ import annotations

import errno
import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from xxhash import xxh3_128_hexdigest

from stagemake import durable
from stagemake.digesting import Digester
from stagemake.freshness.signature import FileClock, input_signature, link_signature
from stagemake.model.entry import MISSING, UNREADABLE, link_entry
from stagemake.tree import SpecialFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATHS = ("a", "d", "d/x", "d/e/y", "l", "none")


@pytest.fixture
def root(tmp_path: Path) -> str:
    at = tmp_path / "project"
    (at / "d/e").mkdir(parents=True)
    for name in ("a", "b", "d/x", "d/e/y"):
        (at / name).write_text(name)
    (at / "l").symlink_to("a")
    (at / "to-d").symlink_to("d")
    os.mkfifo(at / "pipe")
    return str(at)


class Counting:
    """How often each path was looked at and opened, by its path below the root."""

    def __init__(self, root: str, patch: pytest.MonkeyPatch) -> None:
        self.looks: Counter[str] = Counter()
        lstat = os.lstat

        def counted(path: str) -> os.stat_result:
            self.looks[str(path).removeprefix(f"{root}/")] += 1
            return lstat(path)

        patch.setattr("stagemake.digesting.os.lstat", counted)


@pytest.fixture
def counted(root: str, monkeypatch: pytest.MonkeyPatch) -> Counting:
    return Counting(root, monkeypatch)


def all_trusting(root: str) -> FileClock:
    """Return a clock that is later than all files."""

    def touch(path: str) -> None:
        durable.touch(path)
        os.utime(path, ns=(1 << 62, 1 << 62))

    return FileClock(f"{os.path.dirname(root)}/probe", touch)


def test_each_path_is_looked_at_once_until_it_is_forgotten(root: str, counted: Counting) -> None:
    memo: dict[str, tuple[tuple[int, ...], str]] = {}
    Digester(root, memo, all_trusting(root)).entries(["a", "b"])
    digester = Digester(root, memo)
    counted.looks.clear()

    digester.entries(["a", "b", "a"])
    digester.entry("a")
    digester.output_entry("b")
    digester.output_entries(["a", "b"])
    digester.survey(["a"], ["b"])

    assert counted.looks == {"a": 1, "b": 1}
    digester.forget(["a"])
    digester.entries(["a", "b"])
    assert counted.looks == {"a": 2, "b": 1}
    assert digester.hashed_files == 0


def test_what_was_read_is_counted(root: str) -> None:
    digester = Digester(root)

    digester.entries(["a", "d", "b"])

    assert (digester.hashed_files, digester.hashed_bytes) == (4, 10)


def test_inputs_that_did_not_move_are_looked_at_once_more_and_not_twice(
    root: str, counted: Counting
) -> None:
    digester = Digester(root, {}, all_trusting(root))
    before = digester.entries(["a", "b"])
    counted.looks.clear()

    found = digester.look_again(iter(["a", "b"]))

    assert found == tuple((path, link_signature(f"{root}/{path}")) for path in ("a", "b"))
    assert counted.looks == {"a": 1, "b": 1}
    assert digester.entries(["a", "b"]) == before
    assert counted.looks == {"a": 1, "b": 1}
    assert digester.hashed_files == 2


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("trusting", [True, False])
def test_what_is_looked_at_again_has_the_signatures_and_the_entry_of_now(
    root: str, path: str, trusting: bool
) -> None:
    digester = Digester(root, {}, all_trusting(root) if trusting else None)
    for number, change in enumerate((_edit, _touch, _remove, _edit)):
        digester.entries(PATHS)
        change(f"{root}/{'d/x' if path == 'd' else 'a' if path == 'l' else path}", number)

        found = digester.look_again([path])

        fresh = Digester(root)
        assert found == fresh.signatures([path])
        assert digester.entry(path) == fresh.entry(path)


def _edit(full: str, number: int) -> None:
    with open(full, "w", encoding="utf-8") as stream:
        stream.write("x" * (number + 10))


def _touch(full: str, number: int) -> None:
    os.utime(full, ns=(0, number))


def _remove(full: str, _number: int) -> None:
    os.unlink(full)


def test_signatures_are_of_each_thing_in_a_directory_sorted_and_by_the_path_asked_for(
    root: str,
) -> None:
    digester = Digester(root)

    found = dict(digester.signatures(["d/", "to-d", "a", "none", f"{root}/d/e"]))

    assert list(found) == [
        "d/", "d/e", "d/e/y", "d/x", "to-d", "to-d/e", "to-d/e/y", "to-d/x", "a", "none",
        f"{root}/d/e", f"{root}/d/e/y",
    ]  # fmt: skip
    assert found["none"] is None
    assert found["to-d"] == input_signature(f"{root}/to-d")
    assert found["d/"] == link_signature(f"{root}/d")
    assert found["to-d/x"] == found["d/x"] == link_signature(f"{root}/d/x")


READS: dict[str, tuple[str, str]] = {
    "a file": ("a", "f"),
    "a file by its whole path": ("{root}/a", "f"),
    "a directory": ("d", "d"),
    "a directory with a slash": ("d/", "d"),
    "a link": ("l", "l"),
    "a link to a directory": ("to-d", "l"),
    "a link that leads nowhere": ("dangling", "l"),
    "a link below a file": ("below", "l"),
    "nothing": ("none", MISSING),
    "nothing below a file": ("a/none", MISSING),
}


@pytest.mark.parametrize("what", READS)
def test_one_path_is_said_the_same_of_by_whatever_way_it_is_asked_for(root: str, what: str) -> None:
    os.symlink("none", f"{root}/dangling")
    os.symlink("a/none", f"{root}/below")
    path, kind = READS[what]
    path = path.format(root=root)

    entry = Digester(root).entry(path)
    survey = Digester(root).survey([path], [])
    outputs = Digester(root).survey([], [path])

    assert entry[: len(kind)] == kind
    assert Digester(root).entries([path]) == [entry]
    assert survey == {path: entry}
    output = Digester(root).output_entry(path)
    assert Digester(root).output_entries([path]) == [output]
    full = os.path.join(root, path)
    assert output == (link_entry(os.readlink(full)) if kind == "l" else entry)
    assert outputs == ({} if kind == "l" else {path: entry})


@pytest.mark.parametrize("inputs_first", [True, False])
def test_a_link_is_one_thing_to_who_reads_and_another_to_who_writes(
    root: str, inputs_first: bool
) -> None:
    digester = Digester(root)
    if inputs_first:
        digester.entry("l")

    assert digester.output_entry("l") == link_entry("a")
    assert digester.entry("l") == Digester(root).entry("l") != link_entry("a")
    assert digester.output_entry("l") == link_entry("a")
    os.unlink(f"{root}/a")
    digester.forget(["b"])  # with any path all links are forgotten
    assert digester.entry("l") == Digester(root).entry("l")


def test_what_cannot_be_read_is_an_error_to_who_reads_and_no_output(root: str) -> None:
    for path in ("pipe", "d"):
        if path == "d":
            os.mkfifo(f"{root}/d/pipe")
        digester = Digester(root)
        assert digester.output_entry(path) == UNREADABLE
        with pytest.raises(SpecialFile):
            digester.entry(path)
        with pytest.raises(SpecialFile):
            digester.entries(["a", path])
    seen = Digester(root).survey(["pipe", "a"], ["b", "pipe"])
    assert seen.keys() == {"b"}  # what comes behind it is left to whoever asks


def test_a_link_in_circles_leads_nowhere_and_a_name_too_long_is_an_error(root: str) -> None:
    os.symlink("round", f"{root}/round")
    os.symlink("x" * 300, f"{root}/long")

    assert Digester(root).entry("round") == Digester(root).entry("round")
    with pytest.raises(OSError, match="too long") as caught:
        Digester(root).entry("long")
    assert caught.value.errno == errno.ENAMETOOLONG


SCANNED: dict[str, tuple[str, bool, type[OSError], int]] = {
    "nothing": ("none", False, FileNotFoundError, errno.ENOENT),
    "a file where a directory was declared": ("a/", True, NotADirectoryError, errno.ENOTDIR),
    "a link where a directory was declared": ("to-d/", True, NotADirectoryError, errno.ENOTDIR),
    "a directory where a file was declared": ("d", False, IsADirectoryError, errno.EISDIR),
    "a pipe": ("pipe", False, SpecialFile, 0),
}


@pytest.mark.parametrize("what", SCANNED)
def test_an_output_of_another_kind_is_named(root: str, what: str) -> None:
    path, is_dir, kind, number = SCANNED[what]

    with pytest.raises(kind) as caught:
        Digester(root).scan_output(path, declared_dir=is_dir)

    assert caught.value.filename == f"{root}/{path.rstrip('/')}"
    assert not number or caught.value.errno == number


def test_a_scan_reads_anew_and_is_seen_from_then_on(root: str, counted: Counting) -> None:
    digester = Digester(root, {}, all_trusting(root))
    digester.entries(["a", "d"])
    _edit(f"{root}/a", 1)
    _edit(f"{root}/d/x", 2)
    small: list[tuple[str, bytes]] = []

    file = digester.scan_output("a", declared_dir=False, on_small=lambda *one: small.append(one))
    tree = digester.scan_output("d/", declared_dir=True, on_small=lambda *one: small.append(one))
    counted.looks.clear()

    assert [row.path for row in (*file, *tree)] == ["a", "d", "d/e", "d/e/y", "d/x"]
    assert [data for _, data in small] == [b"x" * 11, b"x" * 12]
    assert all(digest == xxh3_128_hexdigest(data) for digest, data in small)
    seen = digester.output_entries(["a", "d"])
    assert counted.looks == {}
    assert seen == Digester(root).entries(["a", "d"])


def test_rows_say_what_is_in_a_directory_and_of_nothing_else(root: str) -> None:
    digester = Digester(root)

    assert dict(digester.rows("d")) == {"e": "d", "e/y": digester.entry("d/e/y"), "x": digester.entry("d/x")}  # fmt: skip
    assert [digester.rows(path) for path in ("to-d", "a", "none", "pipe")] == [[], [], [], []]


BROUGHT: dict[str, tuple[Callable[[str], object], bool]] = {
    "a rename, which moves the ctime": (lambda full: os.rename(f"{full}~", full), True),
    "an edit": (lambda full: (os.rename(f"{full}~", full), _edit(full, 3)), False),
    "other permissions": (lambda full: (os.rename(f"{full}~", full), os.chmod(full, 0o755)), False),
    "another time": (lambda full: (os.rename(f"{full}~", full), _touch(full, 3)), False),
    "another file": (lambda full: (_edit(full, 0), os.utime(full, ns=(5, 5))), False),
    "nothing": (lambda _full: None, False),
}


@pytest.mark.parametrize("what", BROUGHT)
def test_what_was_verified_elsewhere_is_believed_while_it_is_the_same(root: str, what: str) -> None:
    bring, is_believed = BROUGHT[what]
    digester = Digester(root, {}, all_trusting(root))
    _edit(f"{root}/new~", 0)
    os.utime(f"{root}/new~", ns=(5, 5))
    complete = os.lstat(f"{root}/new~")
    bring(f"{root}/new")

    digester.learn("new", "f:verified:10", complete)

    assert ("new" in digester.memo) == is_believed
    digester.forget([])
    assert digester.output_entry("new") == ("f:verified:10" if is_believed else Digester(root).entry("new"))  # fmt: skip


def test_what_is_gone_is_dropped_and_what_is_there_is_not(root: str) -> None:
    digester = Digester(root)
    digester.entries(["a"])
    gone = {f"gone/{number}": ((number,) * 6, "f:0:1") for number in range(1002)}
    digester.memo.update(gone)
    digester.memo["b"] = ((1,) * 6, "f:0:1")

    digester.prune()

    assert set(digester.memo) == {"a", "b"}


def test_what_became_something_else_is_not_read_when_it_is_settled(root: str) -> None:
    def never_moves(path: str) -> None:
        durable.touch(path)
        os.utime(path, ns=(0, 0))

    digester = Digester(root, {}, FileClock(f"{os.path.dirname(root)}/probe", never_moves))
    digester.entries(["a", "b"])
    os.unlink(f"{root}/a")
    os.mkfifo(f"{root}/a")

    digester.settle(0.0)

    assert digester.memo == {}
    assert digester.hashed_files == 3  # `b` once more


def test_a_root_with_a_slash_and_one_reached_by_a_link_are_the_same(root: str) -> None:
    other = f"{os.path.dirname(root)}/other"
    os.symlink("project", other)
    for at in (root, f"{root}/", other, f"{other}//"):
        digester = Digester(at)
        assert digester.entries(["a", "l", "d"]) == Digester(root).entries(["a", "l", "d"])
        assert digester.end_of_link("l") == "a"
        assert digester.end_of_link("to-d") == "d"
        assert digester.end_of_link("none") == "none"
        assert digester.link_text("to-d") == "d"
        assert set(digester.memo) == {"a", "d/x", "d/e/y"}
    with pytest.raises(OSError, match="a"):
        Digester(root).link_text("a")
