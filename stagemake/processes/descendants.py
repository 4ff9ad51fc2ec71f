"""Who descends from a process, and which action it was: read from /proc, empty answers elsewhere."""

from __future__ import annotations

import os
import signal
import time

MARKER_VARIABLE = "STAGEMAKE_MARKER"

# The kernel hands out such files a page at a time: a shorter answer is the end.
FULL_READ_BYTES = 4000

PATIENCE_S = 2.0  # for a killed process in an uninterruptible sleep
PAUSE_S = 0.0005


def mark(marker: str, stage_id: int) -> str:
    """Return the value of the marker variable for a stage of the build `marker`."""
    return f"{marker}-{stage_id}"


class Children:
    """The children of this process, dead ones that nobody waited for included.

    Complete as long as this process is the only one to reap them, which the kernel's file promises.
    """

    def __init__(self) -> None:
        pid = os.getpid()
        try:
            self.fd: int | None = os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY)
        except OSError:  # no /proc, or a kernel without CONFIG_PROC_CHILDREN
            self.fd = None

    def pids(self) -> list[int]:
        """Return their ids in order of arrival. One system call."""
        if self.fd is None:
            return []
        listed = piece = os.pread(self.fd, 1 << 16, 0)
        while len(piece) > FULL_READ_BYTES:
            piece = os.pread(self.fd, 1 << 16, len(listed))
            listed += piece
        return [int(pid) for pid in listed.split()]


def descendants_of(pid: int) -> list[int]:
    """Return all below `pid`, ancestors first; what forks meanwhile may be missing."""
    found = _children_of(pid)
    for each in found:  # grows while it is walked
        found += _children_of(each)
    return found


def mark_of(pid: int) -> str | None:
    """Return the marker variable that `pid` was started with; None when it has none or is gone."""
    prefix = f"{MARKER_VARIABLE}=".encode()
    for entry in _environ_of(pid).split(b"\0"):
        if entry.startswith(prefix):
            return os.fsdecode(entry[len(prefix) :])
    return None


def start_ticks(pid: int) -> int | None:
    """Return when `pid` started, in clock ticks since boot; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The second field is the program's name and may hold anything, so count from its end.
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError):
        return None


def end_marked(marker: str) -> int:
    """Kill every process of this user that some stage of the build `marker` started; return how many.

    Only for the case that the supervisor is gone. Cost: O(processes on the machine), a few times.
    """
    ended: set[int] = set()
    give_up_s = time.monotonic() + PATIENCE_S
    clean_passes = 0
    # One pass misses what forks while it looks, and what is in the middle of an exec.
    while clean_passes < 3 and time.monotonic() < give_up_s:
        killed = {
            pid
            for pid in _numbers_in("/proc")
            if (mark_of(pid) or "").startswith(f"{marker}-") and kill(pid, signal.SIGKILL)
        }
        ended |= killed
        clean_passes = 0 if killed else clean_passes + 1
        time.sleep(PAUSE_S)
    return len(ended)


def kill(pid: int, signum: int) -> bool:
    """Send a signal; False when the process is gone or belongs to someone else."""
    try:
        os.kill(pid, signum)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def kill_group(group: int, signum: int) -> bool:
    """Send a signal to a process group; False when it is empty or belongs to someone else."""
    try:
        os.killpg(group, signum)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _children_of(pid: int) -> list[int]:
    found = []
    for thread in _numbers_in(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += [int(child) for child in file.read().split()]
        except OSError:
            continue
    return found


def _numbers_in(directory: str) -> list[int]:
    try:
        return [int(name) for name in os.listdir(directory) if name.isdigit()]
    except OSError:
        return []


def _environ_of(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:
        return b""
