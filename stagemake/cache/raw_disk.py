"""The calls with which the cache changes the disk, all in one place; each is told to `durable` before it is made.

The database itself is written by SQLite. Nothing is synced: whatever a power cut leaves is verified before use.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys

import xxhash

from stagemake.cache.envelope import is_value_name
from stagemake.contents import BLOCK_BYTES, block_buffer, digest_stream
from stagemake.durable import reach

_FICLONE = 0x40049409  # Linux: share the extents of another file (btrfs, xfs, bcachefs, zfs)
_ZEROS = bytes(BLOCK_BYTES)
_FIRST_BYTES = 64  # that are looked at before all of a block is
_MOST_QUARANTINES = 9
_MOST_TRIES = 10  # to have a value's directories at the moment at which it is made
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a fifo must not hang us
_CREATE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class NotPrivateError(OSError):
    """A directory or file that others own, can write, or that is a link."""


def make_private_directory(directory: str) -> None:
    """Create `directory` (0700) and its parents where missing, then `check_private`."""
    reach("mkdir", directory)
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        pass
    except FileNotFoundError:
        os.makedirs(os.path.dirname(directory), 0o700, exist_ok=True)
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:  # another process was faster
            pass
    check_private(directory)


def check_private(directory: str) -> None:
    """Raise `NotPrivateError` unless `directory` is a real one, ours, writable by nobody else.

    Raises:
        OSError: It isn't there or can't be looked at.
    """
    status = os.lstat(directory)
    if stat.S_ISLNK(status.st_mode):
        raise NotPrivateError(errno.EPERM, "is a symbolic link", directory)
    if not stat.S_ISDIR(status.st_mode):
        raise NotPrivateError(errno.ENOTDIR, "is not a directory", directory)
    if status.st_uid != os.geteuid():
        raise NotPrivateError(errno.EPERM, "belongs to another user", directory)
    if status.st_mode & 0o022:
        raise NotPrivateError(errno.EPERM, "can be written by other users", directory)


def make_database_file(path: str) -> None:
    """Create an empty database file (0600) unless there is one; its WAL inherits the mode.

    Raises:
        NotPrivateError: It, or its WAL or index, is a link or no regular file.
    """
    reach("open", path)
    try:
        os.close(os.open(path, _CREATE_FLAGS, 0o600))
    except FileExistsError:
        pass
    for name in (path, f"{path}-wal", f"{path}-shm"):
        try:
            status = os.lstat(name)
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise NotPrivateError(errno.EPERM, "is not a plain file of ours", name)


def move_aside(directory: str) -> str:
    """Rename a damaged cache to the first free `<directory>.corrupt-<n>` and return that name.

    Raises:
        OSError: It can't be renamed, or nine damaged ones are already there.
    """
    for number in range(1, _MOST_QUARANTINES + 1):
        target = f"{directory}.corrupt-{number}"
        if not os.path.lexists(target):
            reach("rename", target)
            os.rename(directory, target)
            return target
    raise FileExistsError(errno.EEXIST, "too many damaged caches beside it", directory)


def remove_set_aside(directory: str) -> None:
    """Remove what `move_aside` left of earlier caches at `directory`; trouble is ignored."""
    for number in range(1, _MOST_QUARANTINES + 1):
        damaged = f"{directory}.corrupt-{number}"
        if os.path.lexists(damaged):
            import shutil  # noqa: PLC0415 - gate, 2 ms, after damage only

            reach("rmtree", damaged)
            shutil.rmtree(damaged, ignore_errors=True)


def open_regular(path: str) -> int:
    """Open a regular file for reading and return its descriptor; no link is followed.

    Raises:
        OSError: It isn't there, isn't regular or can't be read.
    """
    fd = os.open(path, _READ_FLAGS)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return fd


def read_file(path: str, limit_bytes: int) -> bytes:
    """Return a regular file's content, at most one byte more than the limit."""
    fd = open_regular(path)
    try:
        return read_all(fd, limit_bytes)
    finally:
        os.close(fd)


def read_all(fd: int, limit_bytes: int) -> bytes:
    """Return what is left to read, at most one byte more than the limit."""
    chunks: list[bytes] = []
    left = limit_bytes + 1
    while left > 0 and (chunk := os.read(fd, min(left, BLOCK_BYTES))):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def copy_value(source_fd: int, directory: str, name: str) -> tuple[int, str]:
    """Copy or clone an open file into the new value file `name`; return bytes and digest written.

    On any failure nothing is left there.
    """
    try:
        return _fill(create_value(directory, name), os.path.join(directory, name), source_fd)
    except BaseException:
        remove_value(directory, name)
        raise


def write_value(directory: str, name: str, data: bytes) -> None:
    """Write the new value file `name`; on any failure nothing is left there."""
    try:
        _write_new(create_value(directory, name), os.path.join(directory, name), data)
    except BaseException:
        remove_value(directory, name)
        raise


def create_value(directory: str, name: str) -> int:
    """Create the value file `name` (0600) with its two directories; return its descriptor."""
    path = os.path.join(directory, name)
    reach("open", path)
    for attempt in range(_MOST_TRIES):
        try:
            return os.open(path, _CREATE_FLAGS, 0o600)
        except FileNotFoundError:
            # Also when another process removed a directory that had just become empty.
            if attempt == _MOST_TRIES - 1:
                raise
            _make_value_directories(directory, name)
    raise AssertionError("BUG: the last attempt either returns or raises")


def _make_value_directories(directory: str, name: str) -> None:
    outer, inner = (os.path.join(directory, name[:end]) for end in (2, 5))
    for parent in (outer, inner):
        reach("mkdir", parent)
        try:
            os.mkdir(parent, 0o700)
        except FileExistsError:
            pass
        except FileNotFoundError:
            if parent == outer:  # the cache itself is gone
                raise
            # Another process found the outer one empty and removed it: the next attempt makes it again.


def copy_to(source_fd: int, path: str, mode: int) -> tuple[int, str]:
    """Copy or clone an open file to the new file `path`; return bytes and digest written.

    On any failure nothing is left there.
    """
    reach("open", path)
    return _fill(os.open(path, _CREATE_FLAGS, 0o600), path, source_fd, mode)


def write_to(path: str, data: bytes, mode: int) -> None:
    """Write the new file `path`; on any failure nothing is left there."""
    reach("open", path)
    _write_new(os.open(path, _CREATE_FLAGS, 0o600), path, data, mode)


def remove_value(directory: str, name: str | None) -> int:
    """Remove a value file and its emptied directories; return the bytes freed.

    A name that isn't a value file's is left alone; so is whatever can't be removed.
    """
    if not is_value_name(name):
        return 0
    assert name is not None, "is_value_name says so"
    path = os.path.join(directory, name)
    size = 0
    try:
        size = os.lstat(path).st_size
        reach("unlink", path)
        os.unlink(path)
    except FileNotFoundError:
        pass  # its directories may be left
    except OSError:
        return 0
    remove_empty(os.path.dirname(path))
    remove_empty(os.path.dirname(os.path.dirname(path)))
    return size


def remove_empty(directory: str) -> None:
    """Remove a directory if it is empty; trouble is ignored."""
    try:
        reach("rmdir", directory)
        os.rmdir(directory)
    except OSError:
        pass


def remove_new(path: str) -> None:
    """Remove a file that we made just now; trouble is ignored."""
    try:
        reach("unlink", path)
        os.unlink(path)
    except OSError:
        pass


def _write_new(fd: int, path: str, data: bytes, mode: int | None = None) -> None:
    done = False
    try:
        reach("write", path)
        _write(fd, data)
        if mode is not None:
            os.fchmod(fd, mode)
        done = True
    finally:
        os.close(fd)
        if not done:  # also after ^C: a partial file would only make a full disk fuller
            remove_new(path)


def _fill(fd: int, path: str, source_fd: int, mode: int | None = None) -> tuple[int, str]:
    done = False
    try:
        reach("write", path)
        written = digest_open(fd) if _clone(source_fd, fd) else _copy(source_fd, fd)
        if mode is not None:
            os.fchmod(fd, mode)
        done = True
        return written
    finally:
        os.close(fd)
        if not done:
            remove_new(path)


def _clone(source_fd: int, target_fd: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target_fd, _FICLONE, source_fd)
    except OSError:
        return False  # other file system or one without clones; a real fault shows in the copy
    return True


def _copy(source_fd: int, target_fd: int) -> tuple[int, str]:
    # One pass through our memory, not copy_file_range: what is hashed is what is written.
    hasher = xxhash.xxh3_128()
    size = 0
    buffer = block_buffer(os.fstat(source_fd).st_size)
    while count := os.readv(source_fd, [buffer]):
        hasher.update(buffer[:count])
        for start in range(0, count, BLOCK_BYTES):
            chunk = buffer[start : min(start + BLOCK_BYTES, count)]
            if len(chunk) == BLOCK_BYTES and _is_zero(chunk):
                os.lseek(target_fd, BLOCK_BYTES, os.SEEK_CUR)  # a hole, as it most likely was
            else:
                _write(target_fd, chunk)
        size += count
    if os.fstat(target_fd).st_size != size:
        os.ftruncate(target_fd, size)  # it ends in a hole
    return size, hasher.hexdigest()


def _is_zero(chunk: memoryview) -> bool:
    """Return whether a whole block is zeros. Cost: nearly nothing where it begins otherwise."""
    return chunk[:_FIRST_BYTES] == _ZEROS[:_FIRST_BYTES] and chunk.tobytes() == _ZEROS


def digest_open(fd: int) -> tuple[int, str]:
    """Return bytes and digest of an open file. Cost: reads it, a block at a time."""
    os.lseek(fd, 0, os.SEEK_SET)
    digest, size = digest_stream(fd, os.fstat(fd).st_size)
    return size, digest


def _write(fd: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
