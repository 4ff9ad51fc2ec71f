"""A thread for calls that may hang."""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class HookTimeout(Exception):
    """A hook took longer than it was given."""


class HookThread:
    """A thread for calls that may hang: then it is left behind, and takes no call any more."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._call: Callable[[], object] | None = None
        self._answers: list[tuple[object, BaseException | None]] = []  # one at most
        self._is_stuck = self._is_over = False
        self._thread: threading.Thread | None = None

    def run(self, call: Callable[[], object], timeout_s: float | None) -> object:
        """Return what `call` returns; all calls are made in one thread.

        Raises:
            HookTimeout: It takes too long, or an earlier one still does.
            BaseException: Whatever it raises.
        """
        context = contextvars.copy_context()
        with self._wake:
            if self._is_stuck:
                raise HookTimeout
            self._call = lambda: context.run(call)
            self._answers.clear()
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="hook", daemon=True)
                self._thread.start()
            self._wake.notify_all()
            if not self._wake.wait_for(lambda: self._answers, timeout_s):
                self._is_stuck = True
                raise HookTimeout
            value, error = self._answers.pop()
        if error is not None:
            raise error
        return value

    def stop(self) -> None:
        """Have the thread end after the call that it is in."""
        with self._wake:
            self._is_over = True
            self._wake.notify_all()

    def _serve(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._call is not None or self._is_over)
                call, self._call = self._call, None
            if call is None:
                return
            answer: tuple[object, BaseException | None]
            try:
                answer = call(), None
            except BaseException as error:
                answer = None, error
            with self._wake:
                self._answers[:] = [answer]
                self._is_stuck = False
                self._wake.notify_all()
