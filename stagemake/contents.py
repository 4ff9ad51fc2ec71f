"""The bytes of one file and their digest. Asked by digesting, and where a no-op finds files that were touched."""

from __future__ import annotations

import os

from xxhash import xxh3_128, xxh3_128_hexdigest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SMALL_BYTES = 32 << 10
"""Files below this are handed to the cache as they are read."""

_ONE_SHOT_BYTES = 1 << 20
BLOCK_BYTES = 1 << 18
"""Larger files are read, and written, in blocks of this.

Larger writes have the kernel take larger pages: on a virtual machine, which may have given those back to its host
while they were free, writing 1 MiB at a time takes three to seven times as long.
"""

_LARGE_BYTES = 32 << 20
_LARGE_BLOCK_BYTES = 1 << 20
"""Files from `_LARGE_BYTES` are read in blocks of this: a quarter less processor time.

Below, the first use of the buffer's pages, 0.3 ms more, takes what that saves.
"""

# Without O_NONBLOCK a FIFO put in the file's place would hold the build for ever.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW


def block_buffer(expected_bytes: int) -> memoryview:
    """Return room for one block of a file, at the beginning of a page: one or several times `BLOCK_BYTES`.

    Args:
        expected_bytes: The file's size by stat; decides how large a block is.

    Raises:
        OSError: There is no memory.

    Cost: 0.4 ms the first time.
    """
    import mmap  # noqa: PLC0415 - gate, 0.4 ms: large files only

    # Some processors copy five times slower to 16 bytes behind where a page begins, and that is just where
    # `malloc` puts what is this large.
    size_bytes = _LARGE_BLOCK_BYTES if expected_bytes >= _LARGE_BYTES else BLOCK_BYTES
    return memoryview(mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


def read_digest(
    full: str, expected_bytes: int, on_small: Callable[[str, bytes], None] | None = None
) -> tuple[str, int]:
    """Return the xxh3-128 digest and the size of a file's bytes.

    Args:
        full: Where it is; a link there is an error.
        expected_bytes: Its size by stat; decides how it is read, not how much.
        on_small: Gets digest and bytes of a file below `SMALL_BYTES`.

    Raises:
        OSError: It can't be read; the path is in `filename`.
    """
    fd = os.open(full, _FLAGS)
    try:
        if expected_bytes > _ONE_SHOT_BYTES:
            return digest_stream(fd, expected_bytes)
        data = _read_all(fd, expected_bytes)
    except OSError as error:
        raise OSError(error.errno, error.strerror, full) from error
    finally:
        os.close(fd)
    digest = xxh3_128_hexdigest(data)
    if on_small is not None and len(data) < SMALL_BYTES:
        on_small(digest, data)
    return digest, len(data)


def _read_all(fd: int, expected_bytes: int) -> bytes:
    """Return all bytes of a file; one system call when the size was right."""
    data = os.read(fd, expected_bytes + 1)
    if len(data) == expected_bytes:
        return data
    parts = [data]  # it grew, or its file system (/proc) doesn't know sizes
    while part := os.read(fd, _ONE_SHOT_BYTES):
        parts.append(part)
    return b"".join(parts)


def digest_stream(fd: int, expected_bytes: int) -> tuple[str, int]:
    """Return digest and size of what is left to read of a large file, in constant memory.

    Args:
        fd: Where it is read.
        expected_bytes: Its size by stat; decides how it is read, not how much.
    """
    buffer = block_buffer(expected_bytes)
    hasher = xxh3_128()
    size_bytes = 0
    while count := os.readv(fd, [buffer]):
        hasher.update(buffer[:count])
        size_bytes += count
    return hasher.hexdigest(), size_bytes


def read_if(full: str, digest: str, size_bytes: int) -> bytes | None:
    """Return a file's bytes if they still are of this size and digest."""
    try:
        # Without O_NONBLOCK a FIFO put in the file's place would be waited for.
        fd = os.open(full, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        data = os.read(fd, size_bytes + 1)
    except OSError:
        return None
    finally:
        os.close(fd)
    return data if len(data) == size_bytes and xxh3_128_hexdigest(data) == digest else None
