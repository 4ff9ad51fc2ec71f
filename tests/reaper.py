"""Starts command lines, ends them, and looks at what is left of all that they have started: see `survivors_kit`.

One JSON object a line in, one out. This process adopts orphans, so that whatever a command line started, and
that still is, is below it: whichever session, group, environment or directory it has gone to.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36
_DEADLINE_S = 60.0
_PAUSE_S = 0.02


def main() -> None:
    """Serve until standard input ends."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


def run(asked: dict) -> dict:
    """Run one command line: until so many `sleep` are there, then until it has ended; and look around."""
    with open(asked["log"], "wb") as log:
        tool = subprocess.Popen(
            asked["argv"], cwd=asked["cwd"], env=asked["env"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            process_group=0,
        )  # fmt: skip
    children = []
    is_up = wait_until(
        lambda: names(os.getpid()).count("sleep") >= asked["sleeps"] or tool.poll() is not None
    )
    if tool.poll() is None:
        children = children_of(tool.pid)
        for signum in asked["signals"]:
            os.kill(tool.pid, signum)
            time.sleep(asked["pause_s"])
    is_ended = wait_until(lambda: tool.poll() is not None)
    wait_until(lambda: not living(), asked["patience_s"])
    left = [name_of(pid) for pid in living()]
    end_all()
    return {
        "status": tool.returncode, "is_up": is_up and bool(children), "children": len(children),
        "is_ended": is_ended, "left": left,
    }  # fmt: skip


def wait_until(is_so, patience_s: float = _DEADLINE_S) -> bool:
    """Ask again and again; return whether it came to be so."""
    until_s = time.monotonic() + patience_s
    while not (found := is_so()) and time.monotonic() < until_s:
        time.sleep(_PAUSE_S)
    return bool(found)


def living() -> list[int]:
    """Return all below this process that are no zombies; zombies of its own are reaped."""
    return [pid for pid in below(os.getpid()) if state_of(pid) not in "ZX"]


def end_all() -> None:
    """Kill what is left, and reap it, so that the next one begins with nothing."""
    while found := below(os.getpid()):
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
            except OSError:
                continue
        time.sleep(_PAUSE_S)


def names(pid: int) -> list[str]:
    """Return the names of all below a process."""
    return [name_of(each) for each in below(pid)]


def below(pid: int) -> list[int]:
    """Return all below a process."""
    found = children_of(pid)
    for each in found:  # grows while it is walked
        found += children_of(each)
    return found


def children_of(pid: int) -> list[int]:
    """Return the children of all threads of a process."""
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as stream:
                found += [int(each) for each in stream.read().split()]
    except OSError:
        pass
    return found


def name_of(pid: int) -> str:
    """Return what a process runs."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return "?"


def state_of(pid: int) -> str:
    """Return its state, one letter; X when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            return stream.read().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


if __name__ == "__main__":
    main()
