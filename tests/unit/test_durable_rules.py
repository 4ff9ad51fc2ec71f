"""Permissions, links, pipes, full disks: what holds of everything that is written."""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING

import pytest
from durable_kit import filled, in_held, opened, tree

from stagemake import durable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def at(tmp_path: Path) -> Iterator[str]:
    yield filled(tmp_path)
    durable.install(None)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_permissions_are_those_that_were_asked_for_less_the_umask(at: str, umask: int) -> None:
    made: dict[str, Callable[[str], object]] = {
        "666": lambda path: durable.write_atomic(path, b""),
        "640": lambda path: durable.write_atomic(path, b"", mode=0o640),
        "666 ": lambda path: durable.write_new(path, b""),
        "604": lambda path: durable.write_new(path, b"", 0o604),
        "666  ": lambda path: os.close(durable.open_append(path)),
        "600": lambda path: os.close(durable.open_append(path, 0o600)),
        "666   ": lambda path: os.close(durable.open_emptied(path)),
        "644": lambda path: os.close(durable.open_emptied(path, 0o644)),
        "666    ": durable.touch,
        "666     ": lambda path: durable.clone_or_copy(f"{at}/file", path),
        "755": lambda path: durable.clone_or_copy(f"{at}/big", path, 0o755),
        "777": durable.make_dirs,
        "700": lambda path: durable.make_dirs(path, 0o700),
        "600 ": durable.make_fifo,
    }
    before = os.umask(umask)
    try:
        for name, make in made.items():
            make(f"{at}/{name}")
    finally:
        os.umask(before)

    for name in made:
        mode = stat.S_IMODE(os.stat(f"{at}/{name}").st_mode)
        assert mode == int(name, 8) & ~umask, (name, oct(mode))


def test_what_is_made_in_a_held_directory_has_exactly_its_permissions(at: str) -> None:
    for umask in (0o000, 0o077):
        before = os.umask(umask)
        try:
            in_held(
                at, lambda held: [held.create(f"{mode}", b"x", mode) for mode in (0o666, 0o600)]
            )
        finally:
            os.umask(before)
        assert [stat.S_IMODE(os.stat(f"{at}/dir/{mode}").st_mode) for mode in (0o666, 0o600)] == [0o666, 0o600]  # fmt: skip
        durable.remove(f"{at}/dir/{0o666}")
        durable.remove(f"{at}/dir/{0o600}")


def test_a_disk_that_is_full_is_told_with_the_file_that_is_written(at: str) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no full device")
    fd = os.open("/dev/full", os.O_WRONLY)

    with pytest.raises(OSError, match="No space") as named:
        durable.append(fd, b"x", f"{at}/file")
    with pytest.raises(OSError, match="No space") as unnamed:
        durable.append(fd, b"x")
    os.close(fd)

    assert (named.value.filename, unnamed.value.filename) == (f"{at}/file", f"descriptor {fd}")


@pytest.mark.parametrize("at_once", [1, 3, 7])
def test_what_the_kernel_writes_in_parts_is_written_whole(
    at: str, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:at_once]))

    durable.write_new(f"{at}/new", b"0123456789")
    durable.clone_or_copy(f"{at}/file", f"{at}/copy")
    in_held(at, lambda held: held.create("new", b"0123456789", 0o600))

    found = tree(at)
    assert [found[path][1] for path in ("new", "copy", "dir/new")] == [b"0123456789", b"old", b"0123456789"]  # fmt: skip


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EBADF, errno.EIO, errno.ENOSPC])
def test_a_file_system_that_cannot_sync_is_no_failure_and_one_that_fails_is(
    at: str, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuses(_fd: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuses)
    before = opened()

    if number in {errno.EINVAL, errno.EBADF}:
        durable.sync_dir(f"{at}/dir")
    else:
        with pytest.raises(OSError, match=re.escape(os.strerror(number))) as caught:
            durable.sync_dir(f"{at}/dir")
        assert (caught.value.errno, caught.value.filename) == (number, f"{at}/dir")
    assert opened() == before


def test_a_name_without_a_directory_is_in_the_working_directory(
    at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(f"{at}/dir")

    durable.write_atomic("new", b"x", sync=True)
    durable.make_dirs("a/b")

    assert sorted(os.listdir(".")) == ["a", "empty", "in", "new"]


def test_what_is_unfinished_has_a_name_of_its_own_by_which_any_version_finds_it() -> None:
    name = rf"\.stagemake-tmp-{os.getpid()}-[0-9a-f]{{12}}"

    assert durable.TEMP_PREFIX == ".stagemake-tmp-"  # what an older one left is found by it, too
    assert re.fullmatch(name, durable.temp_name())
    assert re.fullmatch(name, durable.temp_path(""))
    assert re.fullmatch(f"d/e/{name}", durable.temp_path("d/e"))
    assert len({durable.temp_name() for _ in range(100)}) == 100


NOT_FOLLOWED: dict[str, tuple[Callable[[str], object], int]] = {
    "write_new": (lambda path: durable.write_new(path, b"x"), errno.EEXIST),
    "open_append": (lambda path: os.close(durable.open_append(path)), errno.ELOOP),
    "touch": (durable.touch, errno.ELOOP),
    "clone_or_copy": (lambda path: durable.clone_or_copy("/dev/null", path), errno.EEXIST),
    "symlink": (lambda path: durable.symlink("text", path), errno.EEXIST),
    "make_dirs": (durable.make_dirs, errno.ENOTDIR),
    "remove_tree": (durable.remove_tree, errno.ENOTDIR),
}


@pytest.mark.parametrize("name", NOT_FOLLOWED)
def test_nothing_is_made_through_a_link_that_leads_nowhere(at: str, name: str) -> None:
    change, number = NOT_FOLLOWED[name]
    os.symlink("nowhere", f"{at}/dangling")
    before = tree(at), opened()

    with pytest.raises(OSError, match=f"{at}/dangling") as caught:
        change(f"{at}/dangling")

    assert (caught.value.errno, caught.value.filename) == (number, f"{at}/dangling")
    assert (tree(at), opened()) == before


def test_a_pipe_in_place_of_a_file_is_an_error_and_is_not_waited_for(at: str) -> None:
    durable.make_fifo(f"{at}/pipe")
    durable.make_fifo(f"{at}/pipe")  # one of an earlier build

    with pytest.raises(OSError, match="pipe") as caught:
        durable.open_append(f"{at}/pipe")

    assert (caught.value.errno, caught.value.filename) == (errno.ENXIO, f"{at}/pipe")


@pytest.mark.parametrize("kind", ["pipe", "dir"])
def test_what_cannot_be_read_to_be_copied_is_the_one_named(at: str, kind: str) -> None:
    durable.make_fifo(f"{at}/pipe")
    before, fd = tree(at), os.open(f"{at}/{kind}", os.O_RDONLY | os.O_NONBLOCK)

    for source, shown in ((f"{at}/{kind}", f"{at}/{kind}"), (fd, f"descriptor {fd}")):
        with pytest.raises(OSError, match=kind if source != fd else "descriptor") as caught:
            durable.clone_or_copy(source, f"{at}/new")
        assert caught.value.filename == shown

    os.close(fd)
    assert tree(at) == before
