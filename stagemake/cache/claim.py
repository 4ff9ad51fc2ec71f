"""Who has a cache's directory open, so that nobody puts it aside under them. Asked by the database.

SQLite looks up its write-ahead log by name, some time after it has opened the database. In a directory that was
renamed in between that would be the log of the one that took its place.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from stagemake.cache import raw_disk

_TRIES = 100
_PAUSE_S = 5e-3  # between two looks at whether the others have let go
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Claim:
    """A lock on the directory itself: shared by all that have the cache open, alone for the one that renames it.

    The kernel frees it when the process ends. Where a file system has no locks, everybody gets one.
    """

    def __init__(self, directory: str) -> None:
        """Share `directory`, made where missing: whichever is at that path once it is locked.

        Waits for the one that is renaming it, who takes milliseconds.

        Raises:
            OSError: It isn't private or can't be made.
        """
        self.directory = directory
        self._fd = -1
        for attempt in range(_TRIES):
            try:
                raw_disk.make_private_directory(directory)
                self._fd = os.open(directory, _FLAGS)
            except FileNotFoundError:  # renamed between two of these calls
                if attempt == _TRIES - 1:
                    raise
                continue
            self.share()
            if self.is_current():
                return
            self.release()
        raise FileNotFoundError(errno.ENOENT, "does not stay where it is", directory)

    def share(self) -> None:
        """Let others have it too."""
        self._lock(fcntl.LOCK_SH)

    def take_alone(self, timeout_s: float) -> bool:
        """Wait until nobody else has it; False when somebody still has after `timeout_s`. Then it isn't ours either."""
        until_s = time.monotonic() + timeout_s
        while not self._lock(fcntl.LOCK_EX | fcntl.LOCK_NB):
            if time.monotonic() > until_s:
                return False
            time.sleep(_PAUSE_S)
        return True

    def is_current(self) -> bool:
        """Tell whether what is claimed is still what lies at the path."""
        try:
            there = os.lstat(self.directory)
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(self._fd))

    def release(self) -> None:
        """Let go. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def after_fork(self) -> None:
        """Claim it anew in a child, whose descriptor is the parent's lock too."""
        self.release()
        try:
            self._fd = os.open(self.directory, _FLAGS)
        except OSError:  # gone: then nobody renames it
            return
        self.share()

    def _lock(self, how: int) -> bool:
        try:
            fcntl.flock(self._fd, how)
        except BlockingIOError:
            return False
        except OSError:
            # NFS locks only what is open for writing: a lock there would be no use anyway.
            return True
        return True
