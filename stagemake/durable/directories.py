"""Directories made and removed, and whatever may be in them."""

from __future__ import annotations

import errno
import os
import stat

from stagemake.durable.names import temp_name
from stagemake.durable.point import Naming, os_error, reach

_MOST_LEVELS = 100  # open at once while a tree is removed
_OPEN_DIR = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


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

    Cost: O(entries), with a bounded number of descriptors however deep it is.
    """
    _remove_tree(path, path, None)


def _remove_tree(name: str, shown: str, dir_fd: int | None) -> None:
    """Remove a tree by descriptors: a name in it that becomes a link meanwhile leads nowhere."""
    levels: list[_Level] = [_Level(name, shown, dir_fd)]
    try:
        while levels:
            level = levels[-1]
            if level.left:
                child = level.left.pop()
                if len(levels) < _MOST_LEVELS or not levels[0].takes(child, level):
                    levels.append(_Level(child, f"{level.shown}/{child}", level.fd))
                continue
            levels.pop().close()
            parent_fd = levels[-1].fd if levels else dir_fd
            reach("rmdir", level.shown)
            try:
                os.rmdir(level.name, dir_fd=parent_fd)
            except OSError as error:
                raise os_error(error.errno, level.shown) from error
    finally:
        for level in levels:
            level.close()


class _Level:
    """An open directory of a tree that is being removed: files in it are gone, directories are left."""

    def __init__(self, name: str, shown: str, dir_fd: int | None) -> None:
        self.name = name
        self.shown = shown
        self.left: list[str] = []
        self.fd = _open_to_empty(name, shown, dir_fd)
        try:
            self._remove_files()
        except BaseException:
            self.close()
            raise

    def _remove_files(self) -> None:
        with Naming(self.shown), os.scandir(self.fd) as children:
            found = [(child.name, child.is_dir(follow_symlinks=False)) for child in children]
        for name, is_dir in found:
            if is_dir:
                self.left.append(name)
            else:
                shown = f"{self.shown}/{name}"
                reach("unlink", shown)
                with Naming(shown):
                    os.unlink(name, dir_fd=self.fd)

    def takes(self, child: str, deep: _Level) -> bool:
        """Move a directory from deep down up to here, so that no more levels are open; whether that worked."""
        name = temp_name()
        reach("rename", f"{self.shown}/{name}")
        try:
            os.rename(child, name, src_dir_fd=deep.fd, dst_dir_fd=self.fd)
        except OSError:  # a file system is mounted there
            return False
        self.left.append(name)
        return True

    def close(self) -> None:
        os.close(self.fd)


def _open_to_empty(name: str, shown: str, dir_fd: int | None) -> int:
    """Open a directory so that what is in it can be removed."""
    try:
        fd = os.open(name, _OPEN_DIR, dir_fd=dir_fd)
    except PermissionError:
        reach("chmod", shown)
        os.chmod(name, 0o700, dir_fd=dir_fd)
        fd = os.open(name, _OPEN_DIR, dir_fd=dir_fd)
    except OSError as error:
        number = errno.ENOTDIR if error.errno == errno.ELOOP else error.errno
        raise os_error(number, shown) from None
    mode = os.fstat(fd).st_mode
    if mode & 0o700 != 0o700:
        reach("chmod", shown)
        os.fchmod(fd, stat.S_IMODE(mode) | 0o700)
    return fd


def remove_any(path: str) -> None:
    """Remove whatever is at `path`; nothing there is fine."""
    remove_any_at(path, path, None)


def remove_any_at(name: str, shown: str, dir_fd: int | None) -> None:
    """Remove whatever has a name in an open directory, None: the working directory; nothing there is fine."""
    try:
        mode = os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(mode):
        _remove_tree(name, shown, dir_fd)
        return
    reach("unlink", shown)
    try:
        os.unlink(name, dir_fd=dir_fd)
    except OSError as error:
        raise os_error(error.errno, shown) from error


def discard(path: str) -> None:
    """Remove something unfinished; the failure that led here is the one to report."""
    try:
        remove_any(path)
    except OSError:
        pass
