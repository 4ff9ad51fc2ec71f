"""The only place that changes the disk, so that every fault can be injected here. Asked by all who write.

Every function raises OSError with the path in `filename`. Nothing here follows a symbolic link in the
last component of what it removes, replaces or creates.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

TEMP_PREFIX = ".stagemake-tmp-"
"""How the name of everything unfinished begins; leftovers of a crash are found by it."""

_CHUNK_BYTES = 1 << 20
_CLONE_FROM_BYTES = 1 << 17  # below, one read and one write are cheaper than asking the kernel
_FICLONE = 0x40049409
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_DIR = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# What says "this file system can't", as opposed to "this failed".
_NO_KERNEL_COPY = frozenset(
    (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM)
)


def _nothing(operation: str, path: str) -> None:
    """Let an operation pass."""


_point: Callable[[str, str], None] = _nothing  # the one agreed module variable: see `install`


def install(point: Callable[[str, str], None] | None) -> None:
    """Have `point(operation, path)` called before each change; None ends it. For tests only.

    What `point` raises is raised in place of the operation.
    """
    global _point  # noqa: PLW0603 - the agreed exception: faults are injected here
    _point = _nothing if point is None else point


def temp_path(directory: str) -> str:
    """Return a path inside `directory` (empty: the working directory) that nothing else uses."""
    name = f"{TEMP_PREFIX}{os.getpid()}-{os.urandom(6).hex()}"
    return f"{directory}/{name}" if directory else name


def make_dirs(path: str, mode: int = 0o777) -> tuple[str, ...]:
    """Make a directory and its missing parents; return those made, outermost first.

    A path through symbolic links to directories is fine.

    Raises:
        NotADirectoryError: Something else is in the way; `filename` is that thing.
    """
    missing = []
    while path and not os.path.isdir(path):
        if os.path.lexists(path):
            if os.path.isdir(path):  # made by someone else since
                break
            raise _error(errno.ENOTDIR, path)
        missing.append(path)
        path = os.path.dirname(path.rstrip("/"))
    for child in reversed(missing):
        _point("mkdir", child)
        try:
            os.mkdir(child, mode)
        except FileExistsError:
            if not os.path.isdir(child):  # else someone else was faster
                raise _error(errno.ENOTDIR, child) from None
    return tuple(reversed(missing))


def remove_dir(path: str) -> None:
    """Remove an empty directory."""
    _point("rmdir", path)
    os.rmdir(path)


def write_atomic(path: str, data: bytes, mode: int = 0o666, sync: bool = False) -> None:
    """Replace a file by one with `data`: readers see the old one or the new one, whole.

    Args:
        path: What to write; its directory exists.
        data: All of it.
        mode: Permissions, less the umask.
        sync: Wait until the data and the name are on the disk (about 1 ms).
    """
    directory = os.path.dirname(path)
    temp = temp_path(directory)
    _point("open", path)
    fd = os.open(temp, _CREATE, mode)
    try:
        try:
            _write_all(fd, data, path)
            if sync:
                _point("fsync", path)
                os.fsync(fd)
        finally:
            os.close(fd)
        rename(temp, path)
    except BaseException:
        _discard(temp)
        raise
    if sync:
        sync_dir(directory)


def write_new(path: str, data: bytes, mode: int = 0o666) -> None:
    """Create a file with `data`; permissions less the umask.

    Raises:
        FileExistsError: Something is there already, if only a dangling link.
    """
    _point("open", path)
    fd = os.open(path, _CREATE, mode)
    try:
        _write_all(fd, data, path)
    except BaseException:
        _discard(path)
        raise
    finally:
        os.close(fd)


def open_append(path: str, mode: int = 0o666) -> int:
    """Open a file for `append`, created if need be; return the descriptor, the caller's to close."""
    _point("open", path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, mode)


def open_emptied(path: str, mode: int = 0o666) -> int:
    """Open a file that a user names for `append`, empty; links are followed, pipes and terminals are fine.

    Returns the descriptor, the caller's to close. Waits for a reader if it is a named pipe without one.
    """
    _point("open", path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)


def append(fd: int, data: bytes, path: str = "") -> None:
    """Write all of `data` at the end of an open file; `path` only names it in errors."""
    _write_all(fd, data, path or f"descriptor {fd}")


def truncate(path: str, size_bytes: int) -> None:
    """Cut a file to `size_bytes`."""
    _point("truncate", path)
    os.truncate(path, size_bytes)


def remove(path: str) -> None:
    """Remove a file or a symbolic link itself.

    Raises:
        FileNotFoundError: It isn't there.
        IsADirectoryError: It is a directory (PermissionError on macOS).
    """
    _point("unlink", path)
    os.unlink(path)


def remove_tree(path: str) -> None:
    """Remove a directory with all it holds, read-only directories included; links aren't followed.

    Raises:
        NotADirectoryError: It is no directory (a link to one isn't).
        FileNotFoundError: It isn't there.

    Cost: O(entries).
    """
    waiting, emptied = [path], []
    while waiting:
        directory = waiting.pop()
        emptied.append(directory)
        fd = _open_to_empty(directory)
        try:
            with os.scandir(fd) as children:
                found = [(child.name, child.is_dir(follow_symlinks=False)) for child in children]
            for name, is_dir in found:
                if is_dir:
                    waiting.append(f"{directory}/{name}")
                else:
                    _point("unlink", f"{directory}/{name}")
                    os.unlink(name, dir_fd=fd)
        except OSError as error:
            raise _error(error.errno or errno.EIO, directory) from error
        finally:
            os.close(fd)
    for directory in reversed(emptied):
        remove_dir(directory)


def _open_to_empty(path: str) -> int:
    """Open a directory so that what is in it can be removed."""
    try:
        fd = os.open(path, _OPEN_DIR)
    except PermissionError:
        _point("chmod", path)
        os.chmod(path, 0o700)
        fd = os.open(path, _OPEN_DIR)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise _error(errno.ENOTDIR, path) from None
    mode = os.fstat(fd).st_mode
    if mode & 0o700 != 0o700:
        _point("chmod", path)
        os.fchmod(fd, stat.S_IMODE(mode) | 0o700)
    return fd


def remove_any(path: str) -> None:
    """Remove whatever is at `path`; nothing there is fine."""
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(mode):
        remove_tree(path)
    else:
        remove(path)


def rename(path: str, target: str) -> None:
    """Give `path` the name `target` on the same file system; a file or link there is replaced."""
    _point("rename", target)
    os.rename(path, target)


def move_aside(path: str, target: str) -> None:
    """Move a file, link or directory to `target`, to another file system too; `path` is then gone.

    Nothing may be at `target`; its directory exists. Across file systems the copy is complete and on
    the disk before the original goes, with modes and times.

    Raises:
        FileExistsError: Something is at `target`.
    """
    if os.path.lexists(target):
        raise _error(errno.EEXIST, target)
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
        _discard(temp)
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
            _sync(copy, os.O_RDONLY)
    for copy, status in reversed(directories):  # last, as filling a directory moves its times
        _set_status(copy, status)


def _set_status(path: str, status: os.stat_result) -> None:
    """Give a copy the permissions and times of its original."""
    _point("chmod", path)
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
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO must not block
    source_fd = os.open(source, flags) if isinstance(source, str) else source
    try:
        _point("open", target)
        target_fd = os.open(target, _CREATE, mode)
        try:
            return _copy_bytes(source_fd, target_fd, target)
        except BaseException:
            _discard(target)
            raise
        finally:
            os.close(target_fd)
    finally:
        if close_source:
            os.close(source_fd)


def _copy_bytes(source_fd: int, target_fd: int, target: str) -> int:
    """Fill an empty file by the cheapest means that works; return the bytes copied."""
    size_bytes = os.fstat(source_fd).st_size
    copied = 0
    _point("write", target)
    if size_bytes >= _CLONE_FROM_BYTES and sys.platform == "linux":
        try:
            if _cloned(source_fd, target_fd):
                return size_bytes
            while count := os.copy_file_range(source_fd, target_fd, _CHUNK_BYTES * 64, copied):
                copied += count
        except OSError as error:
            if error.errno not in _NO_KERNEL_COPY:
                raise _error(error.errno or errno.EIO, target) from error
    # From where the kernel stopped: it also stops early on file systems that lie about sizes.
    os.lseek(target_fd, copied, os.SEEK_SET)
    while data := os.pread(source_fd, _CHUNK_BYTES, copied):
        _write_all(target_fd, data, target)
        copied += len(data)
    return copied


def _cloned(source_fd: int, target_fd: int) -> bool:
    """Share the blocks of one file with another; False where that isn't possible."""
    import fcntl  # noqa: PLC0415 - gate, 0.3 ms: never needed when nothing is to be done

    try:
        fcntl.ioctl(target_fd, _FICLONE, source_fd)
    except OSError:
        return False
    return True


def symlink(target_text: str, path: str) -> None:
    """Create a symbolic link at `path` that reads `target_text`."""
    _point("symlink", path)
    try:
        os.symlink(target_text, path)
    except OSError as error:  # Python names the text first
        raise _error(error.errno or errno.EIO, path) from None


def set_mode(path: str, mode: int) -> None:
    """Set the permissions of a file or directory, following links."""
    _point("chmod", path)
    os.chmod(path, mode)


def touch(path: str) -> None:
    """Set a file's times to the file system's now; create it empty if it isn't there."""
    _point("utime", path)
    try:
        os.utime(path)
    except FileNotFoundError:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        os.close(fd)
        os.utime(path)


def sync_dir(path: str) -> None:
    """Wait until the names in a directory (empty: the working directory) are on the disk."""
    _sync(path or ".", os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: str, flags: int) -> None:
    """Wait until what is at `path` is on the disk, where the file system knows how."""
    _point("fsync", path)
    fd = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):
            raise _error(error.errno or errno.EIO, path) from error
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes, path: str) -> None:
    """Write every byte, naming the file when that fails."""
    _point("write", path)
    try:
        written = os.write(fd, data)
        while written < len(data):
            written += os.write(fd, data[written:])
    except OSError as error:
        raise _error(error.errno or errno.EIO, path) from error


def _discard(path: str) -> None:
    """Remove something unfinished; the failure that led here is the one to report."""
    try:
        remove_any(path)
    except OSError:
        pass


def _error(number: int, path: str) -> OSError:
    """Return the OSError subclass for a number, with the path in it."""
    return OSError(number, os.strerror(number), path)
