"""`--events` and `--timeline`: what a build is followed with, beside what it prints."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from stagemake import durable
from stagemake.model.error import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stagemake.manager import StageManager


@contextmanager
def followed(manager: StageManager, events: str | None, timeline: str | None) -> Iterator[None]:
    """Have a build's events written to one file as they come, and its timeline to another at the end.

    Both are emptied now, before anything is done.

    Raises:
        UsageError: One can't be written.
    """
    with ExitStack() as opened:
        if events is not None:
            from stagemake.report.event_lines import EventLines  # noqa: PLC0415 - gate, 7 ms with json

            manager.reporter.add(EventLines(_opened(events, opened)))
        if timeline is not None:
            from stagemake.report.timeline import Timeline  # noqa: PLC0415 - as above

            manager.reporter.add(Timeline(_opened(timeline, opened)))
        yield


def _opened(path: str, opened: ExitStack) -> Callable[[bytes], None]:
    """Return what writes to a file, `-` for stdout."""
    if path == "-":
        stream = sys.stdout  # what it is now: later it may be lent to hooks

        def write(data: bytes) -> None:
            stream.write(data.decode("ascii"))
            stream.flush()

        return write
    try:
        fd = durable.open_emptied(path)
    except OSError as error:
        why = (error.strerror or os.strerror(error.errno or 0)).lower()
        raise UsageError(f"`{path}` can't be written", facts=[("why", why)]) from None
    opened.callback(os.close, fd)
    return lambda data: durable.append(fd, data, path)
