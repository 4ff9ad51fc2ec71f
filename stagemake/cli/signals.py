"""What the signals that ask a command to end do while it works; before and after, they do what they did."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import FrameType

    from stagemake.manager import StageManager

PATIENCE = 2
"""Requests to end, before the tool itself is cut short: nothing is listening, in a long read, say."""


class Ended(BaseException):
    """A signal asked the process to end, and no build listens, or it has not listened for too long."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def handled(
    numbers: Collection[int], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Have `handler` called at these signals, and put back what was there."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextmanager
def until_stopped(manager: StageManager) -> Iterator[None]:
    """Turn INT, TERM and HUP into a request to end in order; a second one means now.

    Raises:
        Ended: By a third one; it has the number of the first.
    """

    def note(number: int, _frame: FrameType | None) -> None:
        manager.stop(number)
        if manager.interrupt.count > PATIENCE:
            raise Ended(manager.interrupt.signal)

    with handled((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), note):
        yield
