"""What the figures were taken on: hardware, kernel, file system, interpreter, load."""

from __future__ import annotations

import os
import platform
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Facts = dict[str, str | int | float]


def describe_machine(work: str) -> Facts:
    """Return what is worth knowing about this machine, by name.

    Args:
        work: The directory that holds the work trees; its file system is named.
    """
    one, five, _ = os.getloadavg()
    return {
        "cpu": _cpu_model(),
        "cores": available_cores(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "kernel": f"{platform.system()} {platform.release()}",
        "file_system": _file_system(work),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load_1min": round(one, 2),
        "load_5min": round(five, 2),
        "revision": _revision(),
    }


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _lines(path: str) -> Iterable[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readlines()
    except OSError:
        return ()  # not Linux


def _cpu_model() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _file_system(path: str) -> str:
    """Return the type of the innermost mount that holds `path`, or "unknown"."""
    path = os.path.realpath(path)
    best, found = "", "unknown"
    for line in _lines("/proc/self/mountinfo"):
        fields = line.split()
        mount = fields[4]
        inside = path == mount or path.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, found = mount, fields[fields.index("-") + 1]
    return found


def _revision() -> str:
    """Return the commit that this file lies in, with a `+` when the tree has changes."""
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
