"""Calls that take long, for programs with an event loop: each runs in a thread of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

T = TypeVar("T")


async def in_thread(call: Callable[[], T], stop: Callable[[], object] | None = None) -> T:
    """Return what `call` returns, without holding up the event loop.

    Cancelling calls `stop`, once for each time, and returns when `call` has: nothing of it goes on.
    Without `stop` the thread is left to end by itself.
    """
    import asyncio  # noqa: PLC0415 - gate, 44 ms; who awaits has it loaded

    work = asyncio.ensure_future(asyncio.to_thread(call))
    is_cancelled = False
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            if stop is None:
                work.add_done_callback(_forget)
                raise
            is_cancelled = True
            stop()
        except BaseException:  # what `call` raised; looked at below
            break
    if is_cancelled:
        _forget(work)
        raise asyncio.CancelledError
    return work.result()


def _forget(work: asyncio.Future[T]) -> None:
    """Take note of how it ended: whoever cancels does not ask, and asyncio would complain."""
    if not work.cancelled():
        work.exception()
