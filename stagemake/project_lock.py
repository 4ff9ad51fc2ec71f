"""The lock of a project: one command at a time writes below its root. The kernel frees it, however that one ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from stagemake import durable
from stagemake.freshness.lock import is_held
from stagemake.freshness.regular import read_regular
from stagemake.model.error import ProjectLocked, StagemakeError
from stagemake.model.printable import printable
from stagemake.processes.removed import open_though_removed
from stagemake.state import DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stagemake.state import StateStore

_MOST_LOCK_BYTES = 200
_UNTOLD = "a process that did not say"
_TRIES = 100  # at a lock that somebody removes
_PAUSE_S = 0.02  # between two looks at a lock that someone else holds


@contextlib.contextmanager
def locked(
    store: StateStore,
    *,
    wait: bool,
    on_wait: Callable[[str], None],
    is_stopped: Callable[[], bool] | None = None,
) -> Iterator[int]:
    """Hold the project's lock; yields its file descriptor, or -1 when it was stopped while it waited.

    The kernel frees it when the last process that holds the descriptor ends, however it ends.

    Raises:
        ProjectLocked: Another build holds it and `wait` is False.
    """
    fd = _taken_lock(store, _Wait(wait, on_wait, is_stopped))
    try:
        yield fd
    finally:
        if fd >= 0:
            os.close(fd)


@frozen
class _Wait:
    """How to wait for a lock that somebody holds."""

    is_wanted: bool
    tell: Callable[[str], None]  # who holds it
    is_stopped: Callable[[], bool] | None

    def take(self, fd: int, said: Callable[[], str]) -> bool:
        """Take the lock, waiting if it may; False when stopped. Raises ProjectLocked as `locked`."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = said()
            if not self.is_wanted:
                raise ProjectLocked(
                    "another build holds this project",
                    facts=[("held by", holder)],
                    hint="wait for it, or leave out --no-wait",
                ) from None
            self.tell(holder)
            if self.is_stopped is not None:
                return _locked_unless(self.is_stopped, fd)
            fcntl.flock(fd, fcntl.LOCK_EX)
        return True


def _taken_lock(store: StateStore, wait: _Wait) -> int:
    """Return the descriptor of the lock, taken and signed; -1 when it was stopped while it waited.

    Where the state is removed meanwhile it waits for the lock that lies there then: whoever came since has that one.
    Nobody has signed a lock that was made since; whoever holds a removed one is waited for before it is.
    """
    path = f"{store.shared}/lock"
    for _ in range(_TRIES):
        fd, is_taken = -1, False
        try:
            store.make_directories()
            fd = _opened_lock(path)
            if not wait.take(fd, lambda: holder_of(store)):
                return -1
            if not os.fstat(fd).st_size and not _outlasted_removed(path, fd, wait):
                if wait.is_stopped is not None and wait.is_stopped():
                    return -1
                continue
            if _is_at(path, fd):
                durable.truncate(path, 0)
                durable.append(fd, f"process {os.getpid()}\n".encode(), path)
                is_taken = True
                return fd
        except FileNotFoundError:  # removed between two of these calls
            continue
        finally:
            if fd >= 0 and not is_taken:
                os.close(fd)
    raise StagemakeError(f"`{DIRECTORY}` does not stay there", facts=[("where", f"`{path}`")])


def _outlasted_removed(path: str, own_fd: int, wait: _Wait) -> bool:
    """Wait for all who hold what was the lock at `path` until it was removed; False when stopped.

    Ours may be removed meanwhile, and somebody wait for us in turn: then it is no use, and False as well.
    """

    def is_over() -> bool:
        return not _is_at(path, own_fd) or (wait.is_stopped is not None and wait.is_stopped())

    own, patient = os.fstat(own_fd), evolve(wait, is_stopped=is_over)
    return not is_over() and all(
        patient.take(fd, partial(_said_in, fd))
        for fd in open_though_removed(path)
        if not os.path.samestat(os.fstat(fd), own)
    )


def _is_at(path: str, fd: int) -> bool:
    """Return whether an open file is what lies at a path."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def _opened_lock(path: str) -> int:
    try:
        return durable.open_append(path, 0o600)
    except IsADirectoryError:
        durable.remove_tree(path)  # no directory is a lock that somebody holds
        return durable.open_append(path, 0o600)


def _locked_unless(is_stopped: Callable[[], bool], fd: int) -> bool:
    """Wait for a lock; False when told to stop. By asking: a signal's handler doesn't end `flock`."""
    while not is_stopped():
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        else:
            return True
    return False


def holder_of(store: StateStore) -> str:
    """Return what the last one that took the project's lock said of itself."""
    try:
        return _said(read_regular(f"{store.shared}/lock", _MOST_LOCK_BYTES, follows=False))
    except OSError:
        return _UNTOLD


def _said(data: bytes) -> str:
    return printable(data.decode("utf-8", "replace").strip()) or _UNTOLD


def _said_in(fd: int) -> str:
    return _said(os.pread(fd, _MOST_LOCK_BYTES, 0))


def lock_holder(store: StateStore) -> tuple[str, float] | None:
    """Return who holds the project now and since when, in unix seconds; None: nobody. Changes nothing."""
    if not is_locked(store):
        return None
    try:
        since_s = os.stat(f"{store.shared}/lock").st_mtime  # it was written when the lock was taken
    except OSError:
        return None
    return holder_of(store), since_s


def is_locked(store: StateStore) -> bool:
    """Return whether a build holds the project now. Changes nothing."""
    return is_held(f"{store.shared}/lock")
