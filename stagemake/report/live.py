"""The live view: what runs now and how long it still takes, at the bottom of a terminal, while lines go by above it.

A thread of its own draws, ten times a second at most: the scheduler's loop may be busy with a large output for
seconds, backends of plugins wait as they like, and loading rich must not hold up the next stage. All that is
printed meanwhile waits for the next picture, so that each is one write.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from stagemake.model.event import BuildFinished, PlanReady, StageSettled, StageStarted
from stagemake.report.live_area import Area
from stagemake.report.progress import Progress

if TYPE_CHECKING:
    from types import FrameType
    from typing import TextIO

    from stagemake.model.event import Event
    from stagemake.report.live_text import Painter
    from stagemake.report.port import Countdown

FIRST_S = 0.3  # a build that has ended by then shows nothing and does not load rich
EVERY_S = 0.1
_REST = 80  # times as long as drawing took: so it takes 1.2 % of a processor at most


class LiveView:
    """A reporter that has to be told before those that print through `stream`.

    Args:
        terminal: Where to draw; what else is written there goes through `stream` or `sys.stderr`.
        countdown: Knows how long the build still takes; told by this, asked by it.
        has_colour: Whether the view has colours.
    """

    def __init__(self, terminal: TextIO, countdown: Countdown, *, has_colour: bool) -> None:
        self._terminal = terminal
        self._countdown = countdown
        self._has_colour = has_colour
        self._lock = threading.RLock()  # a signal's handler may come while it is held
        self._area = Area(terminal)
        self._progress = Progress()
        self._above: list[str] = []  # what is printed with the next picture
        self._is_on = False  # a build is under way
        self._draws = False  # and it has lasted long enough
        self._lent_to = ""  # the stage that has the terminal
        self._stop = threading.Event()
        self._size = os.terminal_size((0, 0))
        self._fault: Exception | None = None
        self._replaced: dict[str, Above] = {}  # streams of `sys` by name
        self._on_stop: Any = None  # Any: what signal.signal gives
        self.stream = Above(terminal, self)

    def handle(self, event: Event) -> None:
        """Take in an event.

        Raises:
            Exception: Drawing has failed since; nothing is drawn any more.
        """
        with self._lock:
            self._countdown.handle(event)
            self._progress.handle(event)
            if isinstance(event, PlanReady):
                self._begin()
            elif isinstance(event, StageStarted) and event.console and self._is_on:
                self._area.clear(self._taken())
                self._lent_to = event.name
            elif isinstance(event, StageSettled) and event.result.name == self._lent_to:
                self._lent_to = ""
            elif isinstance(event, BuildFinished):
                self.close()
            if self._fault is not None:
                self.close()
                raise self._fault

    def put(self, text: str) -> bool:
        """Take whole lines to be printed above the view; False: there is none, print it yourself."""
        with self._lock:
            if not self._draws or self._lent_to:
                return False
            if text:
                self._above.append(text)
            return True

    def close(self) -> None:
        """Take the view away, print what waits, and leave the terminal as it was. May be called at any time."""
        with self._lock:
            self._stop.set()
            if not self._is_on:
                return
            for name, stream in self._replaced.items():
                stream.finish()
                if getattr(sys, name) is stream:
                    setattr(sys, name, stream.inner)
            self._replaced.clear()
            self.stream.finish()
            self._is_on = self._draws = False
            self._lent_to = ""
            self._ignore_stops()
            self._area.clear(self._taken())

    def tick(self, painter: Painter) -> None:
        """Draw what has changed."""
        with self._lock:
            if not self._is_on or self._lent_to:
                return
            self._draws = _has_foreground(self._terminal)
            if not self._draws:  # it is the shell's now: plain lines, as long as that lasts
                self._area.clear(self._taken())
                return
            size = _size_of(self._terminal)
            if size != self._size:
                self._size = size
                self._area.forget()
            left_s = self._countdown.left_s()
            lines = painter.lines(self._progress, left_s, size.columns, size.lines)
            self._area.show(self._taken(), lines)

    def _taken(self) -> str:
        text = "".join(self._above)
        self._above.clear()
        return text

    def _begin(self) -> None:
        self.close()  # of a build that ended in the middle
        self._is_on = True
        self._stop = threading.Event()
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream.isatty():
                self._replaced[name] = Above(stream, self)
                setattr(sys, name, self._replaced[name])
        self._listen_to_stops()
        thread = threading.Thread(
            target=self._draw, args=(self._stop,), name="live view", daemon=True
        )
        thread.start()

    def _draw(self, stop: threading.Event) -> None:
        try:
            if stop.wait(FIRST_S):
                return
            from stagemake.report.live_text import Painter  # noqa: PLC0415 - gate, 60 ms with rich, long builds only

            painter = Painter(self._terminal, has_colour=self._has_colour)
            rest_s = 0.0
            while not stop.wait(max(EVERY_S, rest_s)):
                before_s = time.thread_time()
                self.tick(painter)
                rest_s = (time.thread_time() - before_s) * _REST
        except (
            Exception
        ) as error:  # a terminal that is gone, or a mistake of ours: never the build's
            with self._lock, contextlib.suppress(OSError, ValueError):
                self._draws, self._fault = False, error
                self._area.clear(self._taken())

    def _listen_to_stops(self) -> None:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
            self._on_stop = signal.signal(signal.SIGTSTP, self._stopped)

    def _ignore_stops(self) -> None:
        if self._on_stop is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTSTP, self._on_stop)
            self._on_stop = None

    def _stopped(self, number: int, _frame: FrameType | None) -> None:
        """^Z: leave the shell a clean screen, stop, and draw anew when it goes on."""
        with self._lock:
            self._area.clear(self._taken())
            signal.signal(number, signal.SIG_DFL)
            signal.pthread_kill(threading.get_ident(), number)
            signal.signal(number, self._stopped)


class Above:
    """A text stream whose whole lines are printed above the view while there is one."""

    def __init__(self, inner: TextIO, view: LiveView) -> None:
        self.inner = inner
        self._view = view
        self._begun = ""  # a line without its end

    def write(self, text: str) -> int:
        """Take text; a line that has no end yet waits for it while there is a view."""
        lines, newline, rest = (self._begun + text).rpartition("\n")
        if self._view.put(lines + newline):
            self._begun = rest
        else:
            self.inner.write(self._begun + text)
            self._begun = ""
        return len(text)

    def flush(self) -> None:
        """Have what was written arrive; what is printed above a view comes with its next picture."""
        self.inner.flush()

    def finish(self) -> None:
        """End a line that was begun."""
        if self._begun:
            self.write("\n")

    def __getattr__(self, name: str) -> Any:  # Any: whatever the stream has
        return getattr(self.inner, name)


def _has_foreground(terminal: TextIO) -> bool:
    """Return whether what is typed at the terminal is for this process."""
    try:
        return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:  # not the terminal of this session: then no shell draws on it
        return True


def _size_of(terminal: TextIO) -> os.terminal_size:
    """Return columns and lines; 80 and 24 where the terminal does not say."""
    size = os.get_terminal_size(terminal.fileno())
    return os.terminal_size((size.columns or 80, size.lines or 24))
