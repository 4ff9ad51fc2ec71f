"""Who says that something has changed: the system's notices, by watchfiles, or a look every second."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Protocol

from attrs import define, field

from stagemake.model.error import UsageError
from stagemake.watch.mailbox import Changed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from watchfiles._rust_notify import RustNotify

_STEP_MS = 5
_MOST_MS = 20  # that notices are held back; whoever hears of them waits until it is quiet


class Watcher(Protocol):
    """Tells of changes, from a thread of its own."""

    def watch(self, directories: Collection[str]) -> bool:
        """Watch what is directly in these from now on; return whether those are others than before.

        Raises:
            OSError: The system does not allow that many.
        """

    def close(self) -> None:
        """Tell of nothing any more."""


@define
class FileWatcher:
    """The system's notices of files. Has to be followed by a look at everything: what came before was not heard."""

    _tell: Callable[[Changed], None]
    _directories: frozenset[str] = frozenset()
    _notify: RustNotify | None = None
    _stop: threading.Event = field(factory=threading.Event)

    def watch(self, directories: Collection[str]) -> bool:
        """Watch these; errors as `Watcher.watch`. Cost: a system call for each directory."""
        wanted = frozenset(directories)
        if wanted == self._directories:
            return False
        notify = _notify(wanted)
        self.close()
        self._directories, self._notify, self._stop = wanted, notify, threading.Event()
        arguments = (notify, self._stop)
        threading.Thread(target=self._follow, args=arguments, name="watch", daemon=True).start()
        return True

    def close(self) -> None:
        """End the thread; its notices are dropped."""
        self._stop.set()
        if self._notify is not None:
            self._notify.close()
            self._notify = None

    def _follow(self, notify: RustNotify, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                found = notify.watch(_MOST_MS, _STEP_MS, 0, stop)
            except (RuntimeError, OSError):  # closed, or what it watched is out of reach
                found = "stop"
            if isinstance(found, str):
                if found == "stop":
                    return
                continue
            if not stop.is_set():
                self._tell(Changed(frozenset([path for _, path in found])))


def _notify(directories: Collection[str]) -> RustNotify:
    from watchfiles._rust_notify import RustNotify  # noqa: PLC0415 - gate, 60 ms, `watch` only

    there = sorted(filter(os.path.isdir, directories))
    for _ in range(8):
        try:
            return RustNotify(there, False, False, 0, False, True)
        except FileNotFoundError:  # one was removed since
            there = sorted(filter(os.path.isdir, directories))
    raise OSError("directories come and go too fast to be watched")


@define
class Poller:
    """Says every so often that everything has to be looked at: for file systems that give no notices."""

    _tell: Callable[[Changed], None]
    interval_s: float = 1.0
    _stop: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None

    def watch(self, directories: Collection[str]) -> bool:
        """Begin; which directories does not matter."""
        del directories
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
            self._thread.start()
        return False

    def close(self) -> None:
        """End."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self.interval_s):
            self._tell(Changed(None))


def check_watchfiles() -> None:
    """Say how to get what notices take, where it is missing.

    Raises:
        UsageError: It is.
    """
    try:
        import watchfiles  # noqa: F401, PLC0415 - gate, as above
    except ImportError as error:
        raise UsageError(
            "`stagemake watch` needs the package `watchfiles`, which is not installed",
            facts=[("missing", str(error))],
            hint='pip install "stagemake[watch]"; or, without it: stagemake watch --poll 1',
        ) from None
