"""A sign of life where nobody sees what runs, a pipe or CI: once a minute, what has been running that long."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from stagemake.model.event import BuildFinished, PlanReady, StageSettled, StageStarted
from stagemake.report.amount import about, printable, whole_seconds
from stagemake.report.progress import Progress, Running

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.model.event import Event
    from stagemake.report.port import Sink

EVERY_S = 60.0
_MOST_NAMES = 3


class Heartbeat:
    """A reporter with a thread of its own: the scheduler waits for stages, however long they take.

    What others print goes through `stream`, so that no line comes in between.

    Args:
        sink: Where the lines go.
        every_s: How long a stage runs before it is named, and how long until the next line.
        now_s: A clock.
    """

    def __init__(
        self, sink: Sink, every_s: float = EVERY_S, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._sink = sink
        self._every_s = every_s
        self._now_s = now_s
        self._lock = threading.Lock()
        self._progress = Progress(now_s)
        self._told_s = 0.0
        self._lent_to = ""  # the stage that has the console
        self._stop = threading.Event()
        self.stream = Whole(sink, self._lock)

    def handle(self, event: Event) -> None:
        """Take in an event."""
        with self._lock:
            self._progress.handle(event)
            if isinstance(event, PlanReady):
                self._begin()
            elif isinstance(event, StageStarted) and event.console:
                self._lent_to = event.name
            elif isinstance(event, StageSettled) and event.result.name == self._lent_to:
                self._lent_to = ""
            elif isinstance(event, BuildFinished):
                self.close()

    def close(self) -> None:
        """Say nothing any more. May be called at any time."""
        self._stop.set()

    def tick(self) -> float:
        """Print a line if one is due; return how many seconds to wait before there can be another."""
        with self._lock:
            now_s = self._now_s()
            due_s = self._told_s + self._every_s
            if now_s < due_s:
                return due_s - now_s
            running = self._progress.running.values()
            late = [one for one in running if now_s - one.began_s >= self._every_s]
            if self._lent_to or not late:
                oldest_s = min((one.began_s for one in running if one not in late), default=now_s)
                return max(oldest_s + self._every_s - now_s, self._every_s / 60)
            self._told_s = now_s
            self._sink.write(f"stagemake: still running {_names(late, now_s)}\n")
            self._sink.flush()
            return self._every_s

    def _begin(self) -> None:
        self.close()  # of a build that ended in the middle
        self._stop = threading.Event()
        self._told_s, self._lent_to = self._now_s(), ""
        threading.Thread(
            target=self._run, args=(self._stop,), name="heartbeat", daemon=True
        ).start()

    def _run(self, stop: threading.Event) -> None:
        wait_s = self._every_s
        while not stop.wait(wait_s):
            try:
                wait_s = self.tick()
            except (OSError, ValueError):  # whoever read us has left; those who print find out
                return


class Whole:
    """Takes text in pieces and writes it in one, when flushed."""

    def __init__(self, sink: Sink, lock: threading.Lock) -> None:
        self._sink = sink
        self._lock = lock
        self._parts: list[str] = []

    def write(self, text: str) -> None:
        """Take a piece."""
        self._parts.append(text)

    def flush(self) -> None:
        """Write what there is."""
        text = "".join(self._parts)
        self._parts.clear()
        with self._lock:
            self._sink.write(text)
            self._sink.flush()


def _names(late: list[Running], now_s: float) -> str:
    parts = []
    for one in late[:_MOST_NAMES]:
        of = "" if one.expected_s is None else f" of ~{about(one.expected_s.p50)}"
        parts.append(f"{printable(one.name)}, {whole_seconds(now_s - one.began_s)}{of}")
    if len(late) > _MOST_NAMES:
        parts.append(f"and {len(late) - _MOST_NAMES} more")
    return "; ".join(parts).replace("~<", "<")
