"""Single keys from a terminal, and the terminal as it was on every way out."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Keys:
    """Reads keys in a thread while it is open and not lent. Signals such as ^C stay signals.

    Args:
        fd: A terminal's.
        on_key: Called from the thread.
    """

    def __init__(self, fd: int, on_key: Callable[[str], object]) -> None:
        self._fd = fd
        self._on_key = on_key
        self._before: list[Any] | None = None  # Any: as tcgetattr gives them
        self._wake_read_fd, self._wake_fd = os.pipe()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Read keys in here. Also through ^Z and `fg`, where shells keep no modes of ours."""
        self.take_back()
        before = {
            signal.SIGTSTP: signal.signal(signal.SIGTSTP, self._suspend),
            signal.SIGCONT: signal.signal(signal.SIGCONT, self._go_on),
        }
        try:
            yield
        finally:
            self.lend()
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._wake_fd)
            os.close(self._wake_read_fd)

    def lend(self) -> None:
        """Give the terminal back as it was, and read nothing from it, until `take_back`."""
        thread, self._thread = self._thread, None
        if thread is not None:
            os.write(self._wake_fd, b"!")
            thread.join()
        before, self._before = self._before, None
        if before is not None:
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(self._fd, termios.TCSADRAIN, before)

    def take_back(self) -> None:
        """Have keys come one by one, without echo, unless another job has the terminal now."""
        if self._thread is not None:
            return
        try:
            if os.tcgetpgrp(self._fd) != os.getpgrp():
                return
            self._before = termios.tcgetattr(self._fd)
            modes = termios.tcgetattr(self._fd)
            modes[3] &= ~(termios.ICANON | termios.ECHO)
            modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._fd, termios.TCSADRAIN, modes)
        except (OSError, termios.error):  # it is gone
            self._before = None
            return
        self._thread = threading.Thread(target=self._read, name="keys", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                ready, _, _ = select.select([self._fd, self._wake_read_fd], [], [])
                if self._wake_read_fd in ready:
                    os.read(self._wake_read_fd, 1)
                    return
                data = os.read(self._fd, 64)
            except OSError:
                return
            if not data:
                return
            if data[:1] != b"\x1b":  # an arrow or the like is no key of ours
                for key in data.decode("ascii", "replace"):
                    self._on_key(key)

    def _suspend(self, number: int, _frame: object) -> None:
        self.lend()
        handler = signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # stops here
        signal.signal(number, handler)
        self.take_back()

    def _go_on(self, _number: int, _frame: object) -> None:
        self.take_back()
