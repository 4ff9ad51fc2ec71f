"""One regular file is read whole, whatever its size is said to be; nothing else is read, and nobody is waited for."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from stagemake.freshness import regular
from stagemake.freshness.lock import is_held, take
from stagemake.freshness.regular import open_regular, read_regular

if TYPE_CHECKING:
    from pathlib import Path

CHUNK = 1 << 20


def opened() -> int:
    return len(os.listdir("/dev/fd"))


@pytest.mark.parametrize("size", [0, 1, 4096, CHUNK - 1, CHUNK, 3 * CHUNK + 5])
@pytest.mark.parametrize("told", ["right", "less", "more", "nothing"])
def test_a_file_is_read_whole_whatever_its_size_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, told: str
) -> None:
    data = os.urandom(size)
    (tmp_path / "a").write_bytes(data)
    said = {"right": size, "less": size // 2, "more": size * 2 + 1, "nothing": 0}[told]
    fstat = os.fstat
    monkeypatch.setattr(regular, "_fstat", lambda fd: _with_size(fstat(fd), said))
    before = opened()

    assert read_regular(str(tmp_path / "a")) == data

    assert opened() == before


def _with_size(status: os.stat_result, size: int) -> os.stat_result:
    return os.stat_result((*status[:6], size, *status[7:]))


@pytest.mark.parametrize("said", [5, 0])
def test_more_than_was_asked_for_is_refused_and_as_much_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: int
) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    fstat = os.fstat
    monkeypatch.setattr(regular, "_fstat", lambda fd: _with_size(fstat(fd), said))
    before = opened()

    assert read_regular(str(tmp_path / "a"), 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes") as caught:
        read_regular(str(tmp_path / "a"), 4)

    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(tmp_path / "a"))
    assert opened() == before


def test_a_sparse_terabyte_is_refused_before_any_of_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as stream:
        os.truncate(stream.fileno(), (1 << 30) + 1)

    with pytest.raises(OSError, match="larger than 1073741824 bytes"):
        read_regular(str(tmp_path / "a"))


@pytest.mark.parametrize("kind", ["pipe", "directory", "device"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = "/dev/zero" if kind == "device" else str(tmp_path / "a")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        os.mkdir(path)
    before = opened()

    for read in (read_regular, open_regular):
        with pytest.raises(OSError, match="not a regular file") as caught:
            read(path)
        assert (caught.value.errno, caught.value.filename) == (errno.EINVAL, path)

    assert opened() == before


def test_links_are_followed_where_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "link").symlink_to("a")

    assert read_regular(str(tmp_path / "link")) == read_regular(str(tmp_path / "a"), follows=False)
    for read in (read_regular, open_regular):
        with pytest.raises(OSError, match="link") as caught:
            read(str(tmp_path / "link"), follows=False)
        assert caught.value.errno == errno.ELOOP


def test_a_lock_is_held_by_one_and_free_once_it_is_closed(tmp_path: Path) -> None:
    path, before = str(tmp_path / "lock"), opened()
    assert not is_held(path)
    with pytest.raises(FileNotFoundError):
        take(path)
    (tmp_path / "lock").touch()
    assert not is_held(path)
    assert not is_held(path)

    fd = take(path)

    assert fd >= 0
    assert is_held(path)
    assert take(path) == -1
    assert opened() == before + 1
    os.close(fd)
    assert not is_held(path)
    again = take(path)
    os.close(again)
    assert opened() == before


def test_a_pipe_in_place_of_a_lock_is_held_by_nobody_and_waited_for_by_nobody(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "lock")
    (tmp_path / "link").symlink_to("lock")

    assert not is_held(str(tmp_path / "lock"))
    assert not is_held(str(tmp_path / "link"))
    with pytest.raises(OSError, match="link"):
        take(str(tmp_path / "link"))
