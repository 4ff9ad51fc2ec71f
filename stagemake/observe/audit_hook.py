"""Watching a function by Python's audit events, where the kernel does not help: its own process, and Python code only."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagemake.observe.access import AccessLog

_TWO_PATHS = {"os.rename", "os.link", "os.symlink", "shutil.move"}
_MAKING = {"os.mkdir", "os.mkfifo", "os.mknod"}
_CHANGING = {"os.truncate", "os.chmod", "os.utime"}


def listen(log: AccessLog) -> None:
    """Have every audit event of this process that names a file noted; can't be undone."""
    pid = os.getpid()
    is_busy = False

    def hook(event: str, arguments: tuple[Any, ...]) -> None:  # Any: whatever was called
        nonlocal is_busy
        if is_busy or not (event == "open" or event.startswith("os.")) or os.getpid() != pid:
            return
        is_busy = True  # what looking at a path calls is not the function's
        try:
            _note(log, event, arguments)
        except (OSError, ValueError, TypeError, IndexError):
            pass  # a path that none is: the call itself will complain
        finally:
            is_busy = False

    sys.addaudithook(hook)


def _note(log: AccessLog, event: str, arguments: tuple[Any, ...]) -> None:  # Any: see above
    path = arguments[0] if arguments else None
    if (event == "os.listdir" and path is None) or (event == "os.scandir" and path is None):
        path = "."
    if isinstance(path, int) or not isinstance(path, str | bytes | os.PathLike):
        return
    full = os.path.abspath(os.fsdecode(path))
    if event == "open":
        log.opened(full, arguments[2] if isinstance(arguments[2], int) else 0)
    elif event in {"os.listdir", "os.scandir"}:
        log.listed(full)
    elif event in {"os.remove", "os.rmdir"}:
        log.removed(full)
    elif event in _MAKING:
        log.made(full)
    elif event in _CHANGING:
        log.changed(full)
    elif event in _TWO_PATHS:
        new = os.path.abspath(os.fsdecode(arguments[1]))
        if event == "os.rename":
            log.moved(full, new)
        else:
            log.made(new)
