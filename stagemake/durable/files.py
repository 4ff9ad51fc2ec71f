"""Single files: written whole, appended to, renamed, linked, synced."""

from __future__ import annotations

import errno
import os

from stagemake.durable.directories import discard
from stagemake.durable.names import temp_path
from stagemake.durable.point import Naming, os_error, reach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
"""Flags that create a file and touch nothing that is there, not even a dangling link."""


def write_atomic(
    path: str, data: bytes, mode: int = 0o666, sync: bool = False, more: Iterable[bytes] = ()
) -> None:
    """Replace a file by one with `data`: readers see the old one or the new one, whole.

    Args:
        path: What to write; its directory exists.
        data: All of it, or its beginning.
        mode: Permissions, less the umask.
        sync: Wait until the data and the name are on the disk (about 1 ms).
        more: What comes behind `data`, in parts that are not copied.
    """
    directory = os.path.dirname(path)
    temp = temp_path(directory)
    reach("open", path)
    with Naming(path):
        fd = os.open(temp, CREATE, mode)
    try:
        try:
            for part in (data, *more):
                write_all(fd, part, path)
            if sync:
                reach("fsync", path)
                with Naming(path):
                    os.fsync(fd)
        finally:
            os.close(fd)
        rename(temp, path)
    except BaseException:
        discard(temp)
        raise
    if sync:
        sync_dir(directory)


def write_new(path: str, data: bytes, mode: int = 0o666) -> None:
    """Create a file with `data`; permissions less the umask.

    Raises:
        FileExistsError: Something is there already, if only a dangling link.
    """
    reach("open", path)
    fd = os.open(path, CREATE, mode)
    try:
        write_all(fd, data, path)
    except BaseException:
        discard(path)
        raise
    finally:
        os.close(fd)


def open_append(path: str, mode: int = 0o666) -> int:
    """Open a file for `append`, created if need be; return the descriptor, the caller's to close."""
    reach("open", path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    return os.open(path, flags | os.O_NONBLOCK, mode)  # a FIFO in its place is an error, no wait


def open_emptied(path: str, mode: int = 0o666) -> int:
    """Open a file that a user names for `append`, empty; links are followed, pipes and terminals are fine.

    Returns the descriptor, the caller's to close. Waits for a reader if it is a named pipe without one.
    """
    reach("open", path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)


def append(fd: int, data: bytes, path: str = "") -> None:
    """Write all of `data` at the end of an open file; `path` only names it in errors."""
    write_all(fd, data, path or f"descriptor {fd}")


def truncate(path: str, size_bytes: int) -> None:
    """Cut a file to `size_bytes`."""
    reach("truncate", path)
    os.truncate(path, size_bytes)


def rename(path: str, target: str) -> None:
    """Give `path` the name `target` on the same file system; a file or link there is replaced."""
    reach("rename", target)
    try:
        os.rename(path, target)
    except OSError as error:  # Python names `path` first, which may be a temporary name of ours
        at_fault = path if error.errno == errno.ENOENT else target
        raise os_error(error.errno, at_fault) from None


def symlink(target_text: str, path: str) -> None:
    """Create a symbolic link at `path` that reads `target_text`."""
    reach("symlink", path)
    try:
        os.symlink(target_text, path)
    except OSError as error:  # Python names the text first
        raise os_error(error.errno, path) from None


def set_mode(path: str, mode: int) -> None:
    """Set the permissions of a file or directory, following links."""
    reach("chmod", path)
    os.chmod(path, mode)


def touch(path: str) -> None:
    """Set a file's times to the file system's now; create it empty if it isn't there."""
    reach("utime", path)
    with Naming(path):
        try:
            os.utime(path)
        except FileNotFoundError:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            os.close(fd)
            os.utime(path)


def sync_dir(path: str) -> None:
    """Wait until the names in a directory (empty: the working directory) are on the disk."""
    sync(path or ".", os.O_RDONLY | os.O_DIRECTORY)


def sync(path: str, flags: int) -> None:
    """Wait until what is at `path` is on the disk, where the file system knows how."""
    reach("fsync", path)
    fd = os.open(path, flags)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):
            raise os_error(error.errno, path) from error
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes, path: str) -> None:
    """Write every byte, naming the file when that fails."""
    reach("write", path)
    try:
        written = os.write(fd, data)
        while written < len(data):
            written += os.write(fd, data[written:])
    except OSError as error:
        raise os_error(error.errno, path) from error


def make_fifo(path: str) -> None:
    """Put a FIFO that only the user may open where nothing, or one of an earlier build, is."""
    discard(path)
    reach("mkfifo", path)
    os.mkfifo(path, 0o600)
