"""Calls that take long, for programs with an event loop: each runs in a thread of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def in_thread(call: Callable[[], T], stop: Callable[[], None]) -> T:
    """Return what `call` returns, without holding up the event loop. Cancelling calls `stop` and waits."""
    import asyncio  # noqa: PLC0415 - gate, 44 ms; who awaits has it loaded

    work = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop()
        await work
        raise
