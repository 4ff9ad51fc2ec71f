"""How long this process has been there: what its user has waited for before any code of ours ran."""

from __future__ import annotations

import os
import time

_MOST_IDLE_S = 3.0
_TICKS_OFF_S = 0.02


def process_age_s() -> float:
    """Return the seconds since this process was started.

    By the start that Linux notes, to 10 ms. Elsewhere, and where the process had long been something else before it
    became this program (`sleep 9; exec stagemake`), by the processor time that it has used, which is a little less.
    """
    used_s = time.process_time()
    try:
        with open("/proc/self/stat", "rb") as stream:
            fields = stream.read().rpartition(b")")[2].split()  # behind the program's name
        started_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - started_s
    except (OSError, ValueError, IndexError, AttributeError):
        return used_s
    return likely_age_s(age_s, used_s)


def likely_age_s(age_s: float, used_s: float) -> float:
    """Return the age where it fits the processor time used, else that time."""
    is_likely = used_s - _TICKS_OFF_S <= age_s <= used_s + _MOST_IDLE_S
    return age_s if is_likely else used_s
