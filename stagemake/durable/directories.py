"""Directories made and removed, and whatever may be in them."""

from __future__ import annotations

import errno
import os
import stat

from stagemake.durable.point import os_error, reach

_OPEN_DIR = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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
            raise os_error(errno.ENOTDIR, path)
        missing.append(path)
        path = os.path.dirname(path.rstrip("/"))
    for child in reversed(missing):
        reach("mkdir", child)
        try:
            os.mkdir(child, mode)
        except FileExistsError:
            if not os.path.isdir(child):  # else someone else was faster
                raise os_error(errno.ENOTDIR, child) from None
    return tuple(reversed(missing))


def remove_dir(path: str) -> None:
    """Remove an empty directory."""
    reach("rmdir", path)
    os.rmdir(path)


def remove(path: str) -> None:
    """Remove a file or a symbolic link itself.

    Raises:
        FileNotFoundError: It isn't there.
        IsADirectoryError: It is a directory (PermissionError on macOS).
    """
    reach("unlink", path)
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
                    reach("unlink", f"{directory}/{name}")
                    os.unlink(name, dir_fd=fd)
        except OSError as error:
            raise os_error(error.errno or errno.EIO, directory) from error
        finally:
            os.close(fd)
    for directory in reversed(emptied):
        remove_dir(directory)


def _open_to_empty(path: str) -> int:
    """Open a directory so that what is in it can be removed."""
    try:
        fd = os.open(path, _OPEN_DIR)
    except PermissionError:
        reach("chmod", path)
        os.chmod(path, 0o700)
        fd = os.open(path, _OPEN_DIR)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise os_error(errno.ENOTDIR, path) from None
    mode = os.fstat(fd).st_mode
    if mode & 0o700 != 0o700:
        reach("chmod", path)
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


def discard(path: str) -> None:
    """Remove something unfinished; the failure that led here is the one to report."""
    try:
        remove_any(path)
    except OSError:
        pass
