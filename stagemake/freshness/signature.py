"""What stat says about a path, and whether that can be trusted. Asked by the snapshot and by digesting.

A signature is compared with `==` and `!=` only: clocks go backwards, and `cp -p` or a checkout bring old
times. It accelerates; what a file holds is decided by its digest.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

Signature = tuple[int, ...]
"""Size in bytes, mtime and ctime in ns, inode, device, mode; see `input_signature` for links."""

UNKNOWN_CLOCK_SLACK_NS = 2_000_000_000
"""How much older than its reading a file on another file system must be: FAT counts in 2 s steps."""

CLOCK_LAG_NS = 20_000_000
"""By which a file system's clock may lag behind the machine's."""

_LINK, _TYPE = 0o120000, 0o170000

# The real ones: while a Stagefile is evaluated others stand in for them.
_stat, _lstat = os.stat, os.lstat
_PROBES = 8
_PAUSE_S = 0.001


def of_status(status: os.stat_result) -> Signature:
    """Return the six fields of what `os.stat`, `os.lstat` or `os.fstat` gave."""
    return (
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_dev,
        status.st_mode,
    )


def signature(path: str) -> Signature | None:
    """Return the signature of what `path` leads to; None when that can't be reached."""
    try:
        return of_status(_stat(path))
    except (OSError, ValueError):
        return None


def link_signature(path: str) -> Signature | None:
    """Return the signature of `path` itself, links not followed: right for outputs."""
    try:
        return of_status(_lstat(path))
    except (OSError, ValueError):
        return None


def input_signature(path: str) -> Signature | None:
    """Return the signature for an input: for a link, six fields of its own and six of its goal.

    A link whose goal is missing has only its own six, so a goal that appears is seen. One system call
    unless it is a link.
    """
    try:
        own = _lstat(path)
    except (OSError, ValueError):
        return None
    if own.st_mode & _TYPE != _LINK:
        return of_status(own)
    return of_status(own) + (signature(path) or ())


def youngest_ns(signature: Signature) -> int:
    """Return the latest time in a signature."""
    if len(signature) == 6:
        return max(signature[2], signature[1])
    return max(signature[1], signature[2], *signature[7:9])


def is_racy(signature: Signature, clock_ns: int, slack_ns: int = 0) -> bool:
    """Whether the file may change again without its signature changing.

    Args:
        signature: Taken before the file was read.
        clock_ns: The file system's own clock (`filesystem_clock`) before the file was read; the
            machine's clock runs some ms ahead of it and would be wrong.
        slack_ns: What to subtract from the clock; `UNKNOWN_CLOCK_SLACK_NS` for other file systems.
    """
    return youngest_ns(signature) >= clock_ns - slack_ns


def filesystem_clock(probe_path: str, touch: Callable[[str], None]) -> int:
    """Return the time in ns that a file changed now would get. Costs 5 us.

    Args:
        probe_path: A file of ours on that file system; created when missing.
        touch: Sets a file's times to now: `durable.touch`.
    """
    touch(probe_path)
    return os.stat(probe_path).st_mtime_ns


def sees_every_change(probe_path: str, touch: Callable[[str], None]) -> bool:
    """Whether a change after a stat always moves the times on this file system. Costs 50 us.

    True on Linux from 6.13 for the usual file systems: there, what has been statted before it was read
    is never racy. Where times move in ticks of milliseconds, eight touches in a row share some.
    """
    before = filesystem_clock(probe_path, touch)
    for _ in range(_PROBES):
        after = filesystem_clock(probe_path, touch)
        if after <= before:
            return False
        before = after
    return True


def settle_clock(
    probe_path: str, youngest_ns: int, deadline_s: float, touch: Callable[[str], None]
) -> int | None:
    """Wait until the file system's clock is past a time; return its reading then.

    Args:
        probe_path: A file of ours on that file system.
        youngest_ns: The time to pass.
        deadline_s: When to give up, by `time.monotonic()`.
        touch: As for `filesystem_clock`.

    Returns:
        A reading later than `youngest_ns`, or None when the deadline came first (a file from the future).
    """
    while True:
        clock_ns = filesystem_clock(probe_path, touch)
        if clock_ns > youngest_ns:
            return clock_ns
        if time.monotonic() >= deadline_s:
            return None
        time.sleep(_PAUSE_S)


class FileClock:
    """One file system's own clock, read through a probe file of ours. Lives for one build.

    Args:
        probe_path: A file of ours on that file system; created when missing.
        touch: Sets a file's times to now: `durable.touch`.
    """

    def __init__(self, probe_path: str, touch: Callable[[str], None]) -> None:
        self._probe_path = probe_path
        self._touch = touch
        self._sees_every_change = sees_every_change(probe_path, touch)
        self._device = os.stat(probe_path).st_dev
        self.reading_ns = filesystem_clock(probe_path, touch)

    def taken_at(self, signature: Signature) -> int:
        """Return a reading to keep with a signature taken before its file is read."""
        if not self._sees_every_change and youngest_ns(signature) >= self.reading_ns:
            self.reading_ns = filesystem_clock(self._probe_path, self._touch)
        return self.reading_ns

    def trusts(self, signature: Signature, taken_at_ns: int) -> bool:
        """Whether an equal signature later means equal contents."""
        if signature[4] != self._device or signature[10:11] not in {(), (self._device,)}:
            return not is_racy(signature, taken_at_ns, UNKNOWN_CLOCK_SLACK_NS)
        return self._sees_every_change or not is_racy(signature, taken_at_ns)

    def wait_past(self, youngest_ns: int, deadline_s: float) -> bool:
        """Wait until the clock is past a time; False when `deadline_s` (monotonic) came first."""
        reading_ns = settle_clock(self._probe_path, youngest_ns, deadline_s, self._touch)
        if reading_ns is None:
            return False
        self.reading_ns = reading_ns
        return True
