"""Processor time that was used so far, for the floors. Imports next to nothing: forks of a bare Python are measured with it."""

from __future__ import annotations

import os
import resource


def own_s() -> float:
    """Return the seconds that this process has used, user and system."""
    return _seconds(resource.RUSAGE_SELF)


def children_s() -> float:
    """Return the same of all processes that it has waited for, and of what those have waited for."""
    return _seconds(resource.RUSAGE_CHILDREN)


def process_s(pid: int) -> float:
    """Return the same of another process that lives, by what Linux says of it; in steps of its clock, mostly 10 ms.

    Raises:
        OSError: There is no such process, or no `/proc`.
    """
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()  # the name may hold anything
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime
