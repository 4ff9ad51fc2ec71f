"""The bytes of a file and their digest: whatever size was expected, how often it is read, and what is no file."""

from __future__ import annotations

import errno
import mmap
import os
import socket
from typing import TYPE_CHECKING

import pytest
from durable_kit import opened
from xxhash import xxh3_128_hexdigest

from stagemake import contents

if TYPE_CHECKING:
    from pathlib import Path

ONE_SHOT, BLOCK = 64, 16


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Have a large file be one of 65 bytes, read in blocks of 16; return what is read, and for how many bytes."""
    told: list[tuple[str, int]] = []
    read, readv = os.read, os.readv
    monkeypatch.setattr(contents, "_ONE_SHOT_BYTES", ONE_SHOT)
    monkeypatch.setattr(contents, "BLOCK_BYTES", BLOCK)
    monkeypatch.setattr(os, "read", lambda fd, n: [told.append(("read", n)), read(fd, n)][1])
    monkeypatch.setattr(
        os, "readv", lambda fd, into: [told.append(("readv", len(into[0]))), readv(fd, into)][1]
    )
    return told


def put(at: Path, size: int) -> bytes:
    data = bytes(i * 7 % 251 for i in range(size))
    at.write_bytes(data)
    return data


SIZES = (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, ONE_SHOT - 1, ONE_SHOT, ONE_SHOT + 1, 200)


@pytest.mark.parametrize("size", SIZES)
def test_whatever_size_was_expected_all_of_a_file_is_read(
    tmp_path: Path, calls: list[tuple[str, int]], size: int
) -> None:
    data = put(tmp_path / "a", size)
    for expected in (*SIZES, 10_000):
        assert contents.read_digest(f"{tmp_path}/a", expected) == (xxh3_128_hexdigest(data), size)
    assert calls


def test_a_file_of_the_size_that_was_expected_is_read_in_one_call(
    tmp_path: Path, calls: list[tuple[str, int]]
) -> None:
    for size in (0, 1, ONE_SHOT):
        put(tmp_path / "a", size)
        contents.read_digest(f"{tmp_path}/a", size)
    assert calls == [("read", 1), ("read", 2), ("read", ONE_SHOT + 1)]
    calls.clear()

    contents.read_digest(f"{tmp_path}/a", 3)  # it grew

    assert calls == [("read", 4), ("read", ONE_SHOT), ("read", ONE_SHOT)]


def test_a_large_file_is_read_in_blocks(tmp_path: Path, calls: list[tuple[str, int]]) -> None:
    put(tmp_path / "a", ONE_SHOT + 1)

    contents.read_digest(f"{tmp_path}/a", ONE_SHOT + 1)

    assert calls == [("readv", BLOCK)] * 6  # five with something in them


def test_files_below_a_size_are_handed_on_as_they_were_read(
    tmp_path: Path, calls: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "SMALL_BYTES", 20)
    handed: list[tuple[str, bytes]] = []
    expected = []
    for size in (0, 19, 20, 21, ONE_SHOT + 1):
        data = put(tmp_path / "a", size)
        digest, _ = contents.read_digest(f"{tmp_path}/a", size, lambda *given: handed.append(given))
        expected += [(digest, data)] * (size < 20)

    assert handed == expected
    assert len(expected) == 2
    assert calls


def test_the_digest_of_what_is_left_of_a_file_is_of_that_alone(tmp_path: Path) -> None:
    data = put(tmp_path / "a", 3 * contents.BLOCK_BYTES // 2)
    fd = os.open(f"{tmp_path}/a", os.O_RDONLY)
    os.lseek(fd, 5, os.SEEK_SET)

    found = contents.digest_stream(fd, len(data))
    at_the_end = contents.digest_stream(fd, len(data))
    os.close(fd)

    assert found == (xxh3_128_hexdigest(data[5:]), len(data) - 5)
    assert at_the_end == (xxh3_128_hexdigest(b""), 0)


@pytest.mark.parametrize(
    ("expected_bytes", "blocks"), [(0, 1), ((32 << 20) - 1, 1), (32 << 20, 4), (1 << 40, 4)]
)
def test_room_for_a_block_is_whole_pages_to_write_in_that_no_other_process_sees(
    expected_bytes: int, blocks: int
) -> None:
    buffer = contents.block_buffer(expected_bytes)
    buffer[:1] = buffer[-1:] = b"1"

    pid = os.fork()
    if pid == 0:
        buffer[:1] = b"2"
        os._exit(0)
    os.waitpid(pid, 0)

    assert len(buffer) == blocks * contents.BLOCK_BYTES
    assert contents.BLOCK_BYTES % mmap.PAGESIZE == 0
    assert (buffer[0], buffer[1], buffer[-1]) == (ord("1"), 0, ord("1"))


def _socket(at: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(at)


@pytest.mark.parametrize(
    ("name", "number"),
    [("none", errno.ENOENT), ("dir", errno.EISDIR), ("link", errno.ELOOP), ("socket", errno.ENXIO)],
)
@pytest.mark.parametrize("expected", [0, 2 * contents.BLOCK_BYTES, 1 << 30])
def test_what_is_no_file_is_an_error_that_names_it(
    tmp_path: Path, name: str, number: int, expected: int
) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "link").symlink_to("real")
    put(tmp_path / "real", 1)
    _socket(f"{tmp_path}/socket")
    before = opened()

    with pytest.raises(OSError, match=name) as caught:
        contents.read_digest(f"{tmp_path}/{name}", expected)

    assert (caught.value.errno, caught.value.filename) == (number, f"{tmp_path}/{name}")
    assert caught.value.strerror == os.strerror(number)
    assert opened() == before


def test_a_fifo_without_a_writer_holds_nobody_up_and_nothing_stays_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    before = opened()

    found = contents.read_digest(f"{tmp_path}/a", 0)

    assert found == (xxh3_128_hexdigest(b""), 0)
    assert opened() == before
