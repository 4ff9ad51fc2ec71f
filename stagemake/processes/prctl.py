"""What only the C library can do: adopt orphans, die with the parent, flush C's own streams."""

from __future__ import annotations

import ctypes
import functools
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> bool:
    """Make descendants whose parent died children of this process; False where the system can't."""
    return _prctl(PR_SET_CHILD_SUBREAPER, 1)


def signal_on_parent_death(signum: int) -> bool:
    """Have this process sent `signum` when the thread that forked it ends; False where the system can't."""
    return _prctl(PR_SET_PDEATHSIG, signum)


def parent_death_signal(signum: int) -> Callable[[], object]:
    """Return what does `signal_on_parent_death`, looked up already: it touches a third of the memory in a fork."""
    if not sys.platform.startswith("linux"):
        return bool
    return functools.partial(_library().prctl, PR_SET_PDEATHSIG, int(signum), 0, 0, 0)


def flushing_c_streams() -> Callable[[], object]:
    """Return what writes out what C code printed with `printf` and the like; looked up as above."""
    return functools.partial(_library().fflush, None)


def release_free_memory() -> None:
    """Give freed memory back to the system, where the C library can: forks then have less to copy."""
    trim = getattr(_library(), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)


@functools.cache
def _library() -> ctypes.CDLL:
    """Return the C library; looked up once, forks share what was found."""
    library = ctypes.CDLL(None)
    if sys.platform.startswith("linux"):
        library.prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
    return library


def _prctl(option: int, value: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    return bool(_library().prctl(option, value, 0, 0, 0) == 0)
