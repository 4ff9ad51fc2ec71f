"""Rules of every change of the disk: what it tells before it is made, and what it names and leaves where it fails."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from durable_kit import filled, in_held, opened, tree

from stagemake import durable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def _appended(at: str) -> None:
    fd = durable.open_append(f"{at}/file")
    try:
        durable.append(fd, b"more", f"{at}/file")
    finally:
        os.close(fd)


CHANGES: dict[str, tuple[Callable[[str], object], str]] = {
    "write_atomic": (lambda at: durable.write_atomic(f"{at}/file", b"new"), "open file, write file, rename file"),
    "write_atomic with more": (
        lambda at: durable.write_atomic(f"{at}/new", b"a", more=[b"b", b"c"]),
        "open new, write new, write new, write new, rename new",
    ),
    "write_atomic with sync": (
        lambda at: durable.write_atomic(f"{at}/file", b"new", sync=True),
        "open file, write file, fsync file, rename file, fsync .",
    ),
    "write_new": (lambda at: durable.write_new(f"{at}/new", b"x"), "open new, write new"),
    "append": (_appended, "open file, write file"),
    "open_emptied": (lambda at: os.close(durable.open_emptied(f"{at}/file")), "open file"),
    "truncate": (lambda at: durable.truncate(f"{at}/file", 1), "truncate file"),
    "rename": (lambda at: durable.rename(f"{at}/file", f"{at}/new"), "rename new"),
    "symlink": (lambda at: durable.symlink("text", f"{at}/new"), "symlink new"),
    "set_mode": (lambda at: durable.set_mode(f"{at}/file", 0o755), "chmod file"),
    "touch": (lambda at: durable.touch(f"{at}/file"), "utime file"),
    "touch a new one": (lambda at: durable.touch(f"{at}/new"), "utime new"),
    "sync": (lambda at: durable.sync(f"{at}/file", os.O_RDONLY), "fsync file"),
    "sync_dir": (lambda at: durable.sync_dir(f"{at}/dir"), "fsync dir"),
    "make_fifo": (lambda at: durable.make_fifo(f"{at}/new"), "mkfifo new"),
    "make_dirs": (lambda at: durable.make_dirs(f"{at}/dir/a/b"), "mkdir dir/a, mkdir dir/a/b"),
    "remove": (lambda at: durable.remove(f"{at}/file"), "unlink file"),
    "remove_dir": (lambda at: durable.remove_dir(f"{at}/dir/empty"), "rmdir dir/empty"),
    "remove_any of a file": (lambda at: durable.remove_any(f"{at}/file"), "unlink file"),
    "remove_any of a link": (lambda at: durable.remove_any(f"{at}/link"), "unlink link"),
    "remove_any of nothing": (lambda at: durable.remove_any(f"{at}/new"), ""),
    "remove_any below a file": (lambda at: durable.remove_any(f"{at}/file/new"), ""),
    "remove_any of a directory": (lambda at: durable.remove_any(f"{at}/dir/empty"), "rmdir dir/empty"),
    "remove_tree": (lambda at: durable.remove_tree(f"{at}/dir"), "unlink dir/in, rmdir dir/empty, rmdir dir"),
    "clone_or_copy": (
        lambda at: durable.clone_or_copy(f"{at}/file", f"{at}/new"),
        "open new, write new, write new",  # the kernel may copy, or we
    ),
    "clone_or_copy of much": (lambda at: durable.clone_or_copy(f"{at}/big", f"{at}/new"), "open new, write new"),
    "move_aside": (lambda at: durable.move_aside(f"{at}/dir", f"{at}/new"), "rename new"),
    "held: make_dir": (lambda at: in_held(at, lambda held: held.make_dir("new")), "mkdir dir/new"),
    "held: create": (
        lambda at: in_held(at, lambda held: held.create("new", b"x", 0o640)),
        "open dir/new, write dir/new",
    ),
    "held: symlink": (lambda at: in_held(at, lambda held: held.symlink("text", "new")), "symlink dir/new"),
    "held: rename": (lambda at: in_held(at, lambda held: held.rename("in", "new")), "rename dir/new"),
    "held: set_mode": (lambda at: in_held(at, lambda held: held.set_mode("in", 0o755)), "chmod dir/in"),
    "held: remove_any": (lambda at: in_held(at, lambda held: held.remove_any("in")), "unlink dir/in"),
    "held: remove_any of nothing": (lambda at: in_held(at, lambda held: held.remove_any("new")), ""),
    "held: remove_dir": (lambda at: in_held(at, lambda held: held.remove_dir("empty")), "rmdir dir/empty"),
    "hold": (lambda at: durable.hold(at, "dir/a/b")[0].close(), "mkdir dir/a, mkdir dir/a/b"),
}  # fmt: skip
"""Each change with the steps that it tells, by name and path."""

BY_PARTS = {"make_dirs", "hold", "remove_tree"}
"""What was done before the step that fails stays done."""


@pytest.fixture
def at(tmp_path: Path) -> Iterator[str]:
    yield filled(tmp_path)
    durable.install(None)


def steps_of(at: str, change: Callable[[str], object]) -> list[str]:
    told: list[str] = []
    durable.install(lambda step, path: told.append(f"{step} {os.path.relpath(path, at)}"))
    change(at)
    durable.install(None)
    return told


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_tells_its_steps_and_leaves_nothing_open(at: str, name: str) -> None:
    change, steps = CHANGES[name]
    before = opened()

    told = steps_of(at, change)

    assert ", ".join(told) == steps
    assert opened() == before
    assert not [path for path in tree(at) if ".stagemake-tmp-" in path]


EACH_STEP = [
    (name, number)
    for name, (_, steps) in CHANGES.items()
    for number in range(len(steps.split(", ")) if steps else 0)
]


@pytest.mark.parametrize(("name", "number"), EACH_STEP)
def test_whichever_step_fails_is_named_and_leaves_all_as_it_was(
    at: str, name: str, number: int
) -> None:
    change, steps = CHANGES[name]
    before, told = (tree(at), opened()), list[str]()

    def fails(_step: str, path: str) -> None:
        told.append(path)
        if len(told) == number + 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    durable.install(fails)
    with pytest.raises(OSError, match="Input/output") as caught:
        change(at)

    path = steps.split(", ")[number].split(" ")[1]
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, os.path.normpath(f"{at}/{path}"))  # fmt: skip
    assert opened() == before[1]
    if name not in BY_PARTS and path != ".":  # a name that is given may stay or not
        assert tree(at) == before[0]


def test_a_failure_that_is_none_of_the_disk_removes_what_was_begun(at: str) -> None:
    def interrupts(step: str, _path: str) -> None:
        if step == "write":
            raise KeyboardInterrupt

    before = tree(at), opened()
    changes: list[Callable[[str], object]] = [
        CHANGES["write_atomic"][0], CHANGES["write_new"][0], CHANGES["clone_or_copy"][0], CHANGES["held: create"][0],
    ]  # fmt: skip
    durable.install(interrupts)
    for change in changes:
        with pytest.raises(KeyboardInterrupt):
            change(at)

    assert (tree(at), opened()) == before
