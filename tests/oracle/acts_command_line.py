"""Acts that need real processes: the tool killed or interrupted at any moment, or two of it at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from oracle.acts_outputs import remove_output
from oracle.acts_sources import edit
from oracle.acts_tool import second_checkout
from oracle.driver import Ask
from oracle.effect import Effect
from oracle.expected import expect
from oracle.render import render
from oracle.typed import command_line, variables

if TYPE_CHECKING:
    from collections.abc import Callable

    from oracle.driver import Place
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


def at_once(history: History) -> Effect:
    """Edit, and start two builds at once: of this checkout both, or of a second one with the same cache."""
    edit(history)
    render(history.project, history.root)
    places = [history.place(), history.place()]
    if history.rnd.random() < 0.6:
        places[1] = history.place(second_checkout(history))
    processes = [_started(place) for place in places]
    codes = [process.wait(60) for process in processes]
    for place, code in zip(places, codes, strict=True):
        right = expect(history.project, place.root)
        if code != int(not right.is_good):
            raise history.fail(f"of two builds at once one ended with {code}")
        history.compare_tree(right, place.root)
    return Effect(runs_nothing=True)


def _started(place: Place) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "stagemake", *command_line(place, Ask())],
        env=variables(place), cwd=place.root,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _disturbed(history: History, number: int) -> int:
    edit(history)
    if history.rnd.random() < 0.5:
        remove_output(history)
    render(history.project, history.root)
    process = _started(history.place())
    try:
        process.wait(history.rnd.uniform(0.05, 0.6))
    except subprocess.TimeoutExpired:
        process.send_signal(number)
    return process.wait(60)


ACTS: dict[str, Callable[[History], Effect | None]] = {
    one.__name__: one for one in (kill, interrupt, at_once)
}
