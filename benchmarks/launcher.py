"""Run one program and print what it cost; started by `measure.py` as a lean interpreter of its own.

Linux carries the peak RSS of whoever calls exec over into the program, so a figure can't read below the
size of the process that starts it. Started with `-I -S` this one is about 9 MiB.
Usage: launcher.py LOG PROGRAM [ARGUMENT...]; prints `status wall_ns user_s system_s rss_kib`.
"""

from __future__ import annotations

import os
import sys
import time


def main(log: str, argv: list[str]) -> None:
    """Run `argv` with stdout and stderr in the file `log`; print the figures of its whole tree."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    start_ns = time.perf_counter_ns()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall_ns = time.perf_counter_ns() - start_ns
    rss_kib = usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    print(status, wall_ns, usage.ru_utime, usage.ru_stime, rss_kib)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
