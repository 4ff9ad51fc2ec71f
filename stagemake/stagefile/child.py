"""One program's run while a Stagefile is read: its output, and nothing left of it afterwards."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import threading
import time
from typing import TYPE_CHECKING

from attrs import define, frozen

from stagemake.model.signal_words import signal_text
from stagemake.processes import keeper

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

_MOST_BYTES = 16 * 1024**2  # of each stream
_LOOK_S = (
    0.05  # how often to look whether it has ended, while something else keeps its streams open
)


@frozen
class Ended:
    """How a program ended."""

    stdout: bytes
    stderr: bytes
    trouble: str = ""  # what went wrong, as the end of a sentence; empty: nothing
    hint: str = ""


@define
class _Request:
    """Whether a signal has asked the tool to end. Raising it could lose a program that is just starting."""

    number: int = 0

    def note(self, number: int, _frame: FrameType | None) -> None:
        self.number = self.number or number


def run(
    argv: tuple[str, ...], program: str, *, cwd: str, env: Mapping[str, str], timeout_s: float
) -> Ended:
    """Run a program in a process group of its own, without stdin, to its end.

    What it leaves in the background is ended with it. So is all of it when the tool is asked to end, or killed.

    Args:
        argv: As it sees them.
        program: The file to start, absolute.
        cwd: Where; absolute.
        env: All of its environment.
        timeout_s: Seconds until it is ended.

    Raises:
        OSError: It can't be started, or there is no such directory.
    """
    with _noted_signals() as request, _pipe() as out, _pipe() as err:
        kept = keeper.start(program, argv, cwd=cwd, env=env, outputs=(out[1], err[1]))
        try:
            for fds in (out, err):
                os.close(fds.pop())
            ended = _watched(kept, (out[0], err[0]), request, timeout_s)
        finally:
            kept.ask_to_end()
            kept.wait()
    if request.number:  # whoever was told of it goes on; we don't
        raise KeyboardInterrupt
    return ended


@contextlib.contextmanager
def _pipe() -> Iterator[list[int]]:
    """Give the ends of a pipe, to read and to write; closes those that are still in the list."""
    fds = list(os.pipe())
    try:
        yield fds
    finally:
        for fd in fds:
            os.close(fd)


def _watched(
    kept: keeper.Kept, streams: tuple[int, int], request: _Request, timeout_s: float
) -> Ended:
    found: dict[int, bytearray] = {}
    is_over = False
    deadline_s = time.monotonic() + timeout_s
    with selectors.DefaultSelector() as selector:
        for fd in streams:
            selector.register(fd, selectors.EVENT_READ)
            found[fd] = bytearray()
        out, err = found.values()
        while not request.number:
            # Its streams may be closed before it ends.
            ready = selector.select(_LOOK_S) if selector.get_map() else []
            if not selector.get_map():
                kept.wait(_LOOK_S)
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                found[key.fd] += data
                if not data:
                    selector.unregister(key.fd)
            if len(out) > _MOST_BYTES or len(err) > _MOST_BYTES:
                return Ended(b"", bytes(err[-_MOST_BYTES:]), "prints more than 16 MiB")
            if is_over and not ready:
                break  # it is gone, and whoever holds its streams has nothing to say
            if time.monotonic() > deadline_s:
                hint = "give it more time by timeout=, or make it a stage"
                return Ended(b"", bytes(err), f"took longer than {timeout_s:g} s", hint)
            is_over = kept.wait(0) is not None
    return Ended(bytes(out), bytes(err), _trouble(kept.wait(0) or 0))


def _trouble(code: int) -> str:
    if code == 0:
        return ""
    if code > 0:
        return f"failed with exit status {code}"
    return f"was ended by {signal_text(-code)}"


@contextlib.contextmanager
def _noted_signals() -> Iterator[_Request]:
    """Note INT, TERM and HUP instead of ending, so that the program does not outlive us."""
    request = _Request()
    if threading.current_thread() is not threading.main_thread():
        yield request  # an embedding program's thread: signals are that program's
        return
    before = {
        number: signal.signal(number, request.note)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) != signal.SIG_IGN  # as under nohup
    }
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if request.number:
            os.kill(os.getpid(), request.number)
