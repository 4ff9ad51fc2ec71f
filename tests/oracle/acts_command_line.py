"""Acts that need a real process: the tool killed or interrupted at any moment."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

from oracle.acts_outputs import remove_output
from oracle.acts_sources import edit
from oracle.driver import Ask, command_line
from oracle.effect import Effect
from oracle.render import render

if TYPE_CHECKING:
    from collections.abc import Callable

    from oracle.history import History

_PLAIN = Effect()


def kill(history: History) -> Effect:
    """Edit, start a build and kill it; what it started ends with it."""
    _disturbed(history, signal.SIGKILL)
    return _PLAIN


def interrupt(history: History) -> Effect:
    """Edit, start a build and interrupt it: it has to end in order and say so."""
    code = _disturbed(history, signal.SIGINT)
    # Before the tool listens, Python's own answer to SIGINT is death by it.
    if code not in {0, 1, 130, -signal.SIGINT}:
        raise history.fail(f"an interrupted build ended with {code}")
    return _PLAIN


def _disturbed(history: History, number: int) -> int:
    edit(history)
    if history.rnd.random() < 0.5:
        remove_output(history)
    render(history.project, history.root)
    place = history.place()
    process = subprocess.Popen(
        command_line(place, Ask()), env=place.environ, cwd=place.root,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(history.rnd.uniform(0.05, 0.6))
    except subprocess.TimeoutExpired:
        process.send_signal(number)
    return process.wait(60)


ACTS: dict[str, Callable[[History], Effect | None]] = {
    one.__name__: one for one in (kill, interrupt)
}
