"""Directories that are held open: what is made in them lands in them, whatever their names lead to by then."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from typing import TYPE_CHECKING

import pytest
from durable_kit import opened, tree

from stagemake import durable
from stagemake.durable import held as held_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to another user")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "dir/sub").mkdir(parents=True)
    (tmp_path / "dir/file").write_bytes(b"old")
    (tmp_path / "dir/link").symlink_to("file")
    (tmp_path / "to-dir").symlink_to("dir")
    yield str(tmp_path)
    durable.install(None)


@pytest.fixture
def held(root: str) -> Iterator[durable.Held]:
    found, _ = durable.hold(root, "dir")
    yield found
    found.close()


def test_what_is_made_missing_is_told_outermost_first(root: str) -> None:
    before = opened()

    held, made = durable.hold(root, "dir/a/b")
    again, none = durable.hold(root, "dir/a/b")

    assert made == [f"{root}/dir/a", f"{root}/dir/a/b"]
    assert none == []
    assert held.path == again.path == f"{root}/dir/a/b"
    assert held.shown("x") == f"{root}/dir/a/b/x"
    assert opened() == before + 2
    held.close()
    again.close()


def test_the_root_itself_can_be_held(root: str) -> None:
    held, made = durable.hold(root, "")

    held.create("x", b"1", 0o600)
    held.close()

    assert (held.path, made) == (root, [])
    assert os.path.exists(f"{root}/x")


def test_a_directory_that_somebody_else_makes_meanwhile_is_taken_and_not_counted(root: str) -> None:
    durable.install(lambda _step, path: os.mkdir(path))

    held, made = durable.hold(root, "dir/a/b")
    held.close()

    assert made == []
    assert os.path.isdir(f"{root}/dir/a/b")


def test_status_is_of_the_name_itself_and_none_where_nothing_is(held: durable.Held) -> None:
    found = held.status("link")

    assert found is not None
    assert stat.S_ISLNK(found.st_mode)
    assert held.status("none") is None
    with pytest.raises(NotADirectoryError):
        held.status("file/x")


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="there is no path by a descriptor")
def test_what_was_held_is_worked_in_after_it_was_moved_and_replaced(
    root: str, held: durable.Held
) -> None:
    os.rename(f"{root}/dir", f"{root}/moved")
    os.mkdir(f"{root}/dir")

    status = held.create("new", b"1", 0o640)
    held.make_dir("made")
    held.symlink("text", "made-link")
    held.rename("file", "renamed")
    held.set_mode("renamed", 0o755)
    held.remove_any("link")
    held.remove_dir("sub")
    held.inner("made").close()
    with open(held.path_of("new"), "rb") as stream:
        assert stream.read() == b"1"

    assert os.listdir(f"{root}/dir") == []
    assert sorted(os.listdir(f"{root}/moved")) == ["made", "made-link", "new", "renamed"]
    assert os.readlink(f"{root}/moved/made-link") == "text"
    assert stat.S_IMODE(os.stat(f"{root}/moved/renamed").st_mode) == 0o755
    assert os.stat(f"{root}/moved/new") == status
    assert held.path_of("x") == f"/proc/{os.getpid()}/fd/{held.fd}/x"


def test_the_status_of_what_was_made_is_that_of_the_end(held: durable.Held) -> None:
    for umask in (0o000, 0o022, 0o077):
        before = os.umask(umask)
        try:
            status = held.create(f"{umask}", b"four", 0o664)
        finally:
            os.umask(before)
        assert (stat.S_IMODE(status.st_mode), status.st_size) == (0o664, 4)
        assert held.status(f"{umask}") == status


MISTAKES: dict[str, tuple[Callable[[durable.Held], object], int, str]] = {
    "a file isn't entered": (lambda held: held.inner("file"), errno.ENOTDIR, "file"),
    "a link isn't entered": (lambda held: held.inner("link"), errno.ENOTDIR, "link"),
    "nothing isn't entered": (lambda held: held.inner("none"), errno.ENOENT, "none"),
    "a name is taken": (lambda held: held.make_dir("file"), errno.EEXIST, "file"),
    "a file is there": (lambda held: held.create("file", b"", 0o600), errno.EEXIST, "file"),
    "a link is there": (lambda held: held.create("link", b"", 0o600), errno.EEXIST, "link"),
    "a link over a file": (lambda held: held.symlink("text", "file"), errno.EEXIST, "file"),
    "a rename of nothing": (lambda held: held.rename("none", "new"), errno.ENOENT, "new"),
    "a file over a directory": (lambda held: held.rename("file", "sub"), errno.EISDIR, "sub"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_cannot_be_done_is_named_by_its_path_and_changes_nothing(
    root: str, held: durable.Held, name: str
) -> None:
    change, number, at_fault = MISTAKES[name]
    before = sorted(os.listdir(f"{root}/dir")), opened()

    with pytest.raises(OSError, match=at_fault) as caught:
        change(held)

    assert (caught.value.errno, caught.value.filename) == (number, f"{root}/dir/{at_fault}")
    assert (sorted(os.listdir(f"{root}/dir")), opened()) == before


def test_permissions_are_never_set_through_a_link(root: str, held: durable.Held) -> None:
    mode = os.stat(f"{root}/dir/file").st_mode

    with pytest.raises(OSError, match="link"):
        held.set_mode("link", 0o777)

    assert os.stat(f"{root}/dir/file").st_mode == mode


def test_a_link_of_the_user_is_a_way_and_what_lies_there_is_told_by_it(root: str) -> None:
    held, made = durable.hold(root, "to-dir/new")
    held.close()

    assert held.path == f"{root}/to-dir/new"
    assert made == [f"{root}/to-dir/new"]
    assert os.path.isdir(f"{root}/dir/new")


@pytest.mark.parametrize(
    ("path", "at_fault"),
    [
        ("dir/file/x", "dir/file"),
        ("dir/link/x", "dir/link"),
        ("dangling/x", "dangling"),
        ("circle", "circle"),
    ],
)
def test_what_is_in_the_way_is_named_and_nothing_stays_open(
    root: str, path: str, at_fault: str
) -> None:
    os.symlink("nowhere", f"{root}/dangling")
    os.symlink("circle", f"{root}/circle")
    before = opened()

    with pytest.raises(NotADirectoryError) as caught:
        durable.hold(root, path)

    assert caught.value.filename == f"{root}/{at_fault}"
    assert opened() == before
    assert not os.path.lexists(f"{root}/nowhere")


@as_root
def test_a_link_of_another_user_is_not_followed(root: str) -> None:
    os.chown(f"{root}/to-dir", 12345, -1, follow_symlinks=False)
    before = opened()

    with pytest.raises(PermissionError, match="by a link of another user") as caught:
        durable.hold(root, "to-dir/new")

    assert caught.value.filename == f"{root}/to-dir"
    assert opened() == before
    assert sorted(os.listdir(f"{root}/dir")) == ["file", "link", "sub"]


@as_root
def test_a_link_of_root_is_a_way_for_everybody_and_one_of_ours_too(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    for owner in (0, 12345):
        os.chown(f"{root}/to-dir", owner, -1, follow_symlinks=False)
        held, made = durable.hold(root, "to-dir/sub")
        held.close()
        assert made == []
    os.chown(f"{root}/to-dir", 54321, -1, follow_symlinks=False)
    with pytest.raises(PermissionError):
        durable.hold(root, "to-dir/sub")


@pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="the system has no such descriptors")
def test_holding_needs_no_right_to_list_and_gives_none(root: str, held: durable.Held) -> None:
    inner = held.inner("sub")
    through, _ = durable.hold(root, "to-dir")

    for one in (held, inner, through):
        assert fcntl.fcntl(one.fd, fcntl.F_GETFL) & os.O_PATH
        assert not os.get_inheritable(one.fd)
        assert stat.S_ISDIR(os.fstat(one.fd).st_mode)
        with pytest.raises(OSError, match="descriptor"):
            os.listdir(one.fd)
    inner.close()
    through.close()


def test_without_proc_a_path_in_it_is_the_usual_one(
    root: str, held: durable.Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(os.path, "isdir", lambda path: bool(asked.append(path)))

    assert [held.path_of("x"), held.path_of("y")] == [f"{root}/dir/x", f"{root}/dir/y"]
    assert asked == [f"/proc/{os.getpid()}/fd/{held.fd}"]


STEPS: dict[str, Callable[[durable.Held], object]] = {
    "mkdir new": lambda held: held.make_dir("new"),
    "open new": lambda held: held.create("new", b"1", 0o600),
    "write new": lambda held: held.create("new", b"1", 0o600),
    "symlink new": lambda held: held.symlink("text", "new"),
    "rename new": lambda held: held.rename("file", "new"),
    "chmod file": lambda held: held.set_mode("file", 0o711),
    "unlink file": lambda held: held.remove_any("file"),
    "unlink link": lambda held: held.remove_any("link"),
    "rmdir sub": lambda held: held.remove_dir("sub"),
}


@pytest.mark.parametrize("step", STEPS)
def test_every_change_is_told_before_it_is_made(root: str, held: durable.Held, step: str) -> None:
    before, descriptors = tree(root), opened()
    wanted, name = step.split()
    met: list[str] = []

    def fails(operation: str, path: str) -> None:
        if operation == wanted:
            met.append(path)
            raise OSError(errno.EIO, "put in", path)

    durable.install(fails)
    with pytest.raises(OSError, match="put in"):
        STEPS[step](held)
    durable.install(None)

    assert met == [f"{root}/dir/{name}"]
    assert (tree(root), opened()) == (before, descriptors)
    STEPS[step](held)
    assert tree(root) != before


def test_what_is_made_has_the_bytes_the_mode_and_the_text_that_were_given(
    root: str, held: durable.Held
) -> None:
    held.create("new", b"123", 0o751)
    held.symlink("../some text", "made-link")
    held.make_dir("made")
    held.set_mode("file", 0o2711)
    held.remove_any("none")  # nothing there is fine

    found = tree(f"{root}/dir")
    assert found["new"] == (stat.S_IFREG | 0o751, b"123")
    assert found["made-link"][1] == "../some text"
    assert stat.S_ISDIR(os.stat(f"{root}/dir/made").st_mode)
    assert found["file"] == (stat.S_IFREG | 0o2711, b"old")


def test_permissions_of_a_fifo_are_set_without_waiting_for_its_other_end(
    root: str, held: durable.Held
) -> None:
    os.mkfifo(f"{root}/dir/fifo", 0o600)

    held.set_mode("fifo", 0o640)

    assert os.stat(f"{root}/dir/fifo").st_mode == stat.S_IFIFO | 0o640


def test_a_status_that_cannot_be_asked_for_is_an_error_and_not_nothing(held: durable.Held) -> None:
    with pytest.raises(OSError, match="long") as caught:
        held.status("long" * 100)

    assert caught.value.errno == errno.ENAMETOOLONG


def test_a_link_is_a_way_where_links_cannot_be_held_too(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_module, "_AT_ONCE", os.O_RDONLY)
    before = opened()

    held, made = durable.hold(root, "to-dir/new")
    held.close()

    assert made == [f"{root}/to-dir/new"]
    for what in ("dir/file", "dangling"):
        os.symlink(what, f"{root}/to-{what[-4:]}")
        with pytest.raises(NotADirectoryError) as caught:
            durable.hold(root, f"to-{what[-4:]}/x")
        assert caught.value.filename == f"{root}/to-{what[-4:]}"
    if os.geteuid() == 0:
        os.chown(f"{root}/to-dir", 12345, -1, follow_symlinks=False)
        with pytest.raises(PermissionError):
            durable.hold(root, "to-dir/new")
    assert opened() == before


def test_what_is_asked_for_again_is_the_same_until_its_path_leads_elsewhere(root: str) -> None:
    holding = durable.Holding(root)
    first, made = holding.directory("dir/new")
    again, none = holding.directory("dir/new")
    os.rename(f"{root}/dir", f"{root}/moved")
    other, anew = holding.directory("dir/new")
    os.rename(f"{root}/dir", f"{root}/gone")
    os.rename(f"{root}/moved", f"{root}/dir")
    back, known = holding.directory("dir/new")

    assert (made, none, anew, known) == ([f"{root}/dir/new"], [], [f"{root}/dir", f"{root}/dir/new"], [])  # fmt: skip
    assert first is again
    assert other is not first
    assert os.path.samestat(os.stat(f"{root}/dir/new"), os.fstat(back.fd))
    holding.close()


def test_no_more_than_some_stay_open_once_nobody_works_in_them(root: str) -> None:
    holding, before, most = durable.Holding(root), opened(), []
    for number in range(66):
        holding.directory(f"d{number}")
        holding.trim()
        most.append(opened() - before)
    holding.close()

    assert most == [*range(1, 65), 0, 1]
    assert opened() == before
    holding.directory("d1")[0].create("usable", b"", 0o600)
    holding.close()
