"""Notes which lines of some modules a process runs, and those it forks and starts. For mutation testing.

A copy of this file as `sitecustomize.py` in a directory of modules notes for each interpreter that has that
directory on its path, as long as a file `noting` with the names of the modules lies there.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

Lines = dict[str, set[int]]


def begin(home: str, modules: list[str]) -> Lines:
    """Note from now on; return what is noted, by module. Ends of processes go to files in `home`/lines."""
    module_by_file = {f"{home}/{module}": module for module in modules}
    seen: Lines = {}

    def enter(frame: FrameType, _event: str, _arg: object) -> Callable[..., Any] | None:
        module = module_by_file.get(frame.f_code.co_filename)
        if module is None:
            return None
        add = seen.setdefault(module, set()).add

        def step(frame: FrameType, _event: str, _arg: object) -> Callable[..., Any]:
            add(frame.f_lineno)
            return step

        add(frame.f_lineno)
        return step

    leave = os._exit

    def noted(status: int) -> None:
        _put(home, seen)
        leave(status)

    os._exit = noted  # type: ignore[assignment]
    threading.settrace(enter)
    sys.settrace(enter)
    return seen


def taken(home: str) -> Lines:
    """Return what processes have noted that have ended, and forget it."""
    found: Lines = {}
    for name in os.listdir(f"{home}/lines"):
        path = f"{home}/lines/{name}"
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        os.remove(path)
        if text.endswith("}"):  # else it was killed meanwhile
            for module, lines in json.loads(text).items():
                found.setdefault(module, set()).update(lines)
    return found


def _put(home: str, seen: Lines) -> None:
    if seen:
        with open(
            f"{home}/lines/{os.getpid()}-{time.monotonic_ns()}", "w", encoding="utf-8"
        ) as stream:
            json.dump({module: sorted(lines) for module, lines in seen.items()}, stream)


def _begin_here() -> None:
    import atexit

    home = os.path.dirname(os.path.abspath(__file__))
    try:
        with open(f"{home}/noting", encoding="utf-8") as stream:
            modules = json.load(stream)
    except OSError:
        return
    seen = begin(home, modules)
    atexit.register(lambda: _put(home, seen))


if os.path.basename(__file__) == "sitecustomize.py":
    _begin_here()
