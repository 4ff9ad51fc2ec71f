"""Python's audit hook: what it hears of while a Stagefile runs is told to the recorder."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stagemake.freshness.identity import tool_identity
from stagemake.stagefile.own_code import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.stagefile.recorder import Recorder

_HARMLESS = frozenset((
    "array.__new__", "builtins.id", "code.__new__", "compile", "function.__new__", "gc.get_referents",
    "glob.glob", "glob.glob/2", "marshal.dumps", "marshal.load", "marshal.loads", "object.__delattr__",
    "object.__getattr__", "object.__setattr__", "os.fwalk", "os.walk", "pathlib.Path.glob",
    "pathlib.Path.rglob", "pathlib.Path.walk", "sys._getframe", "sys._getframemodulename", "sys.unraisablehook",
    "sys.excepthook",
))  # fmt: skip

ACTIVE: list[Recorder] = []
"""Who is told; at most one: the process has one audit hook, and it can't be removed."""

_installed: list[tuple[tuple[object, ...], int]] = []  # the tool's identity, and when it began
_listening: list[bool] = []  # whether Python tells: from then on it tells of everything
_BEGUN_NS = (time.time_ns(), time.monotonic_ns())
_LEAST_JUMP_NS = 5_000_000  # the two clocks are not read at once, and one is steered


def install() -> None:
    """Have evaluations of this process recorded from now on. For the command line's own process only."""
    if not _installed:
        _installed.append((tool_identity(PACKAGE), time.time_ns()))


def listen(recorder: Recorder) -> None:
    """Have a recorder told of what is heard; `ACTIVE` is the caller's to take it out of again.

    Only now is Python asked to tell: each import and each file that is opened costs more from then on.
    """
    if _installed and not _listening:
        _listening.append(True)
        sys.addaudithook(_hear)
    ACTIVE.append(recorder)


def is_installed() -> bool:
    """Return whether evaluations are recorded in this process."""
    return bool(_installed)


def beginning() -> tuple[tuple[object, ...], int]:
    """Return the tool's identity before anything was evaluated, and when that was, in ns."""
    return _installed[0]


def was_set_back() -> bool:
    """Return whether the wall clock shows less time since this process began than has passed."""
    wall_ns, steady_ns = _BEGUN_NS
    passed_ns = time.monotonic_ns() - steady_ns
    return time.time_ns() - wall_ns < passed_ns - _LEAST_JUMP_NS


def _hear(event: str, arguments: tuple[Any, ...]) -> None:  # Any: whatever the event says
    # Nobody listens while inputs are read; the two most frequent harmless ones come with each declaration.
    if not ACTIVE or event in _HARMLESS:
        return
    recorder = ACTIVE[-1]
    with unheard():
        try:
            recorder.hear(event, arguments)
        except Exception as error:
            # An audit hook that raises stops what it heard of, which is none of our business.
            recorder.blame(f"does something that can't be followed: `{event}`, {error}")


@contextmanager
def unheard() -> Iterator[None]:
    """Do something that is the recorder's own, not the Stagefile's."""
    heard = list(ACTIVE)
    ACTIVE.clear()
    try:
        yield
    finally:
        ACTIVE.extend(heard)
