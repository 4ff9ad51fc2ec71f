"""What one run of a program cost: wall time, CPU and memory of its whole process tree."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launcher.py")


class RunFailedError(Exception):
    """A run that gives no figure; the message says why in a few words."""


@frozen
class Measurement:
    """The cost of one run that came to its end."""

    exit_code: int  # negative: ended by that signal
    wall_s: float  # from just before the start to the reaping
    cpu_s: float  # user + system, of the process and of everything it waited for
    rss_kib: int  # peak of the largest single process; no lower than `rss_floor_kib`


def measure(
    argv: Sequence[str], *, root: str, env: Mapping[str, str], log: str, limit_s: float
) -> Measurement:
    """Run `argv` in the directory `root` and return its cost.

    Args:
        argv: Looked up on PATH.
        root: Its working directory.
        env: Its whole environment.
        log: File that gets stdout and stderr; overwritten.
        limit_s: After this the whole session is killed.

    Raises:
        RunFailedError: It took longer than `limit_s`, or could not be started.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", LAUNCHER, log, *argv],
        cwd=root,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise RunFailedError(f"> {limit_s:g} s") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        raise RunFailedError(f"not started: {err.strip().splitlines()[-1]}")
    status, wall_ns, user_s, system_s, rss_kib = out.split()
    return Measurement(
        exit_code=os.waitstatus_to_exitcode(int(status)),
        wall_s=int(wall_ns) / 1e9,
        cpu_s=float(user_s) + float(system_s),
        rss_kib=int(rss_kib),
    )


def rss_floor_kib() -> int:
    """Return the lowest peak RSS that `measure` can see, in KiB: that of `true`."""
    return measure(["true"], root="/", env=os.environ, log=os.devnull, limit_s=60).rss_kib
