"""What only the C library can do: adopt orphans, die with the parent, flush C's own streams."""

from __future__ import annotations

import ctypes
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> bool:
    """Make descendants whose parent died children of this process; False where the system can't."""
    return _prctl(PR_SET_CHILD_SUBREAPER, 1)


def signal_on_parent_death(signum: int) -> bool:
    """Have this process sent `signum` when the thread that forked it ends; False where the system can't."""
    return _prctl(PR_SET_PDEATHSIG, signum)


def flush_c_streams() -> None:
    """Write out what C code printed with `printf` and the like."""
    ctypes.CDLL(None).fflush(None)


def _prctl(option: int, value: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    zero = ctypes.c_ulong(0)
    return bool(
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), zero, zero, zero) == 0,
    )
