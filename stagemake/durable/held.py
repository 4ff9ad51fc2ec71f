"""Directories held open: what is made in one lands in it, whatever its name leads to by then.

For restoring, where a path that is looked up twice could have become somebody's link in between.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from stagemake.durable.directories import remove_any_at
from stagemake.durable.files import CREATE, write_all
from stagemake.durable.point import os_error, reach

_AT_ONCE = getattr(
    os, "O_PATH", os.O_RDONLY
)  # a directory that may not be listed is fine where the system can
_FOLLOWING = _AT_ONCE | os.O_DIRECTORY
_OPEN = _FOLLOWING | os.O_NOFOLLOW


class Held:
    """A directory that is open until `close`. Names are of what is directly in it; no link is followed.

    Args:
        fd: Its descriptor, from now on this object's.
        path: Where it was found, for errors and for `reach`.
    """

    __slots__ = ("_prefix", "fd", "path")

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path
        self._prefix = ""

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)

    def shown(self, name: str) -> str:
        """Return the path of something in it, for people."""
        return f"{self.path}/{name}"

    def path_of(self, name: str) -> str:
        """Return a path that leads to something in it for as long as it is held, through no name above.

        Where `/proc` isn't, as on macOS, it is the usual path: then names above are looked up again.
        """
        if not self._prefix:
            # By number and not as `self`: a plugin may hand it to a process of its own.
            found = f"/proc/{os.getpid()}/fd/{self.fd}"
            self._prefix = found if os.path.isdir(found) else self.path
        return f"{self._prefix}/{name}"

    def status(self, name: str) -> os.stat_result | None:
        """Return the status of what has a name, None when nothing has."""
        try:
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def inner(self, name: str) -> Held:
        """Open a directory in it; raises NotADirectoryError for anything else, a link too."""
        try:
            return Held(os.open(name, _OPEN, dir_fd=self.fd), self.shown(name))
        except OSError as error:
            number = errno.ENOTDIR if error.errno == errno.ELOOP else error.errno
            raise os_error(number, self.shown(name)) from None

    def make_dir(self, name: str) -> None:
        """Make a directory; raises FileExistsError if anything has the name."""
        reach("mkdir", self.shown(name))
        try:
            os.mkdir(name, dir_fd=self.fd)
        except OSError as error:
            raise os_error(error.errno, self.shown(name)) from None

    def create(self, name: str, data: bytes, mode: int) -> os.stat_result:
        """Create a file with `data` and exactly the permissions `mode`; return its status when it is complete.

        Raises:
            FileExistsError: Anything has the name.
            OSError: It can't be made or written; then nothing of it is left.
        """
        shown = self.shown(name)
        reach("open", shown)
        try:
            fd = os.open(name, CREATE, mode, dir_fd=self.fd)
        except OSError as error:
            raise os_error(error.errno, shown) from None
        is_done = False
        try:
            write_all(fd, data, shown)
            status = os.fstat(fd)
            if stat.S_IMODE(status.st_mode) != mode:  # another umask, or rules of the directory
                os.fchmod(fd, mode)
                status = os.fstat(fd)
            is_done = True
            return status
        finally:
            os.close(fd)
            if not is_done:
                with contextlib.suppress(OSError):  # the failure that led here is the one to report
                    self.remove_any(name)

    def symlink(self, target_text: str, name: str) -> None:
        """Make a symbolic link that reads `target_text`."""
        reach("symlink", self.shown(name))
        try:
            os.symlink(target_text, name, dir_fd=self.fd)
        except OSError as error:
            raise os_error(error.errno, self.shown(name)) from None

    def rename(self, name: str, target: str) -> None:
        """Give something in it another name in it; a file or link there is replaced."""
        reach("rename", self.shown(target))
        try:
            os.rename(name, target, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except OSError as error:
            raise os_error(error.errno, self.shown(target)) from None

    def set_mode(self, name: str, mode: int) -> None:
        """Set the permissions of a file."""
        reach("chmod", self.shown(name))
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        fd = os.open(name, flags, dir_fd=self.fd)
        try:
            os.fchmod(fd, mode)
        finally:
            os.close(fd)

    def remove_any(self, name: str) -> None:
        """Remove whatever has a name, with all it holds; nothing there is fine."""
        remove_any_at(name, self.shown(name), self.fd)

    def remove_dir(self, name: str) -> None:
        """Remove an empty directory."""
        reach("rmdir", self.shown(name))
        os.rmdir(name, dir_fd=self.fd)


def hold(root: str, path: str) -> tuple[Held, list[str]]:
    """Open a directory below `root`, made where missing; return it and the directories made, outermost first.

    Each part of the path is opened by itself. A link is the user's layout and followed if it is this user's, or
    root's; somebody else's isn't: who may write in a directory of the project could lead us anywhere.

    Raises:
        NotADirectoryError: Something else is in the way; `filename` is that thing.
        PermissionError: There is a link of another user.
        OSError: A directory can't be opened or made.
    """
    made: list[str] = []
    held = Held(os.open(root, _FOLLOWING), root)
    try:
        for name in path.split("/") if path else ():
            inner = _entered(held, name, made)
            held.close()
            held = inner
    except BaseException:
        held.close()
        raise
    return held, made


def _entered(held: Held, name: str, made: list[str]) -> Held:
    """Open a directory by its name, made if need be, through a link if that may be."""
    try:
        return held.inner(name)
    except FileNotFoundError:
        try:
            held.make_dir(name)
            made.append(held.shown(name))
        except FileExistsError:  # someone else was faster
            pass
        return held.inner(name)
    except NotADirectoryError:
        status = held.status(name)
        if status is None or not stat.S_ISLNK(status.st_mode):
            raise
        return Held(_through_link(held, name), held.shown(name))


def _through_link(held: Held, name: str) -> int:
    """Return a descriptor of the directory that a link leads to."""
    if _AT_ONCE == os.O_RDONLY:  # no O_PATH: the link can't be held while it is looked at
        status, text = os.stat(name, dir_fd=held.fd, follow_symlinks=False), name
    else:
        link_fd = os.open(name, _AT_ONCE | os.O_NOFOLLOW, dir_fd=held.fd)
        try:
            status, text = os.fstat(link_fd), os.readlink("", dir_fd=link_fd)
        finally:
            os.close(link_fd)
    if status.st_uid not in {os.geteuid(), 0}:
        raise OSError(errno.EPERM, "leads elsewhere by a link of another user", held.shown(name))
    try:
        return os.open(text, _FOLLOWING, dir_fd=held.fd)
    except OSError:
        raise os_error(errno.ENOTDIR, held.shown(name)) from None
