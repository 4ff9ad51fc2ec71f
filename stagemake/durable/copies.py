"""Copies of files and trees, and what is moved to where a rename does not reach."""

from __future__ import annotations

import errno
import os
import stat
import sys

from stagemake.durable.directories import discard, make_dirs, remove_any
from stagemake.durable.files import CREATE, rename, symlink, sync, write_all
from stagemake.durable.names import temp_path
from stagemake.durable.point import Naming, os_error, reach

_CHUNK_BYTES = 1 << 20
_CLONE_FROM_BYTES = 1 << 17  # below, one read and one write are cheaper than asking the kernel
_FICLONE = 0x40049409
# What says "this file system can't", as opposed to "this failed".
_NO_KERNEL_COPY = frozenset(
    (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM)
)


def move_aside(path: str, target: str) -> None:
    """Move a file, link or directory to `target`, to another file system too; `path` is then gone.

    Nothing may be at `target`; its directory exists. Across file systems the copy is complete and on
    the disk before the original goes, with modes and times.

    Raises:
        FileExistsError: Something is at `target`.
    """
    if os.path.lexists(target):
        raise os_error(errno.EEXIST, target)
    try:
        rename(path, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    else:
        return
    temp = temp_path(os.path.dirname(target))
    try:
        _copy_any(path, temp)
        rename(temp, target)
    except BaseException:
        discard(temp)
        raise
    remove_any(path)


def _copy_any(path: str, target: str) -> None:
    """Copy a file, a link or a tree with modes and times, synced; special files are left out."""
    waiting, directories = [(path, target)], []
    while waiting:
        source, copy = waiting.pop()
        status = os.lstat(source)
        if stat.S_ISLNK(status.st_mode):
            symlink(os.readlink(source), copy)
            continue
        if stat.S_ISDIR(status.st_mode):
            make_dirs(copy, 0o700)
            directories.append((copy, status))
            waiting.extend((f"{source}/{name}", f"{copy}/{name}") for name in os.listdir(source))
        elif stat.S_ISREG(status.st_mode):
            clone_or_copy(source, copy, 0o600)
            _set_status(copy, status)
            sync(copy, os.O_RDONLY)
    for copy, status in reversed(directories):  # last, as filling a directory moves its times
        _set_status(copy, status)


def _set_status(path: str, status: os.stat_result) -> None:
    """Give a copy the permissions and times of its original."""
    reach("chmod", path)
    with Naming(path):
        os.chmod(path, stat.S_IMODE(status.st_mode))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def clone_or_copy(source: int | str, target: str, mode: int = 0o666) -> int:
    """Create `target` with the bytes of `source`, shared with it where the file system can.

    Args:
        source: A path, or a descriptor open for reading, copied from its start and left open.
        target: Must not exist.
        mode: Permissions, less the umask.

    Returns:
        Bytes copied.

    Raises:
        FileExistsError: Something is at `target`.
    """
    close_source = isinstance(source, str)
    flags = os.O_RDONLY | os.O_NONBLOCK  # a FIFO must not block
    source_fd = os.open(source, flags) if isinstance(source, str) else source
    try:
        reach("open", target)
        target_fd = os.open(target, CREATE, mode)
        try:
            shown = source if isinstance(source, str) else f"descriptor {source}"
            return _copy_bytes(source_fd, shown, target_fd, target)
        except BaseException:
            discard(target)
            raise
        finally:
            os.close(target_fd)
    finally:
        if close_source:
            os.close(source_fd)


def _copy_bytes(source_fd: int, source: str, target_fd: int, target: str) -> int:
    """Fill an empty file by the cheapest means that works; return the bytes copied."""
    size_bytes = os.fstat(source_fd).st_size
    copied = 0
    reach("write", target)
    if size_bytes >= _CLONE_FROM_BYTES and sys.platform == "linux":
        try:
            if _cloned(source_fd, target_fd):
                return size_bytes
            while count := os.copy_file_range(source_fd, target_fd, _CHUNK_BYTES * 64, copied):
                copied += count
        except OSError as error:
            if error.errno not in _NO_KERNEL_COPY:
                raise os_error(error.errno, target) from error
    # From where the kernel stopped: it also stops early on file systems that lie about sizes.
    os.lseek(target_fd, copied, os.SEEK_SET)
    while data := _read(source_fd, copied, source):
        write_all(target_fd, data, target)
        copied += len(data)
    return copied


def _read(fd: int, offset: int, path: str) -> bytes:
    """Return a chunk of a file, naming it when that fails: it may be none, or its disk bad."""
    with Naming(path):
        return os.pread(fd, _CHUNK_BYTES, offset)


def _cloned(source_fd: int, target_fd: int) -> bool:
    """Share the blocks of one file with another; False where that isn't possible."""
    import fcntl  # noqa: PLC0415 - gate, 0.3 ms: never needed when nothing is to be done

    try:
        fcntl.ioctl(target_fd, _FICLONE, source_fd)
    except OSError:
        return False
    return True
