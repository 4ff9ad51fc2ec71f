#!/usr/bin/env python3
"""The least that a cold build costs in Python: start each action, wait, look at its files, hash them, note a row.

No plan, no order, no cache of past results, nothing that survives a kill: what a tool adds beyond this is its own.
Programs are started as stagemake starts plain texts, without a shell; `--shell` has one for each, as other tools do.
Prints milliseconds of processor time for each stage, of the actions and of this program; see docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import tempfile

from spent import children_s, own_s
from xxhash import xxh3_128_hexdigest

ENV = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}


def content(path: str) -> tuple[str, os.stat_result]:
    """Return a file's digest, and its status before it was read."""
    status = os.lstat(path)
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return xxh3_128_hexdigest(os.read(fd, status.st_size + 1)), status
    finally:
        os.close(fd)


def start(number: int, program: str) -> int:
    """Start an action by `program`, or by a shell where that is empty; return its process id."""
    source, target = f"in/{number}", f"out/{number}"
    if not program:
        return os.posix_spawn("/bin/sh", ("sh", "-c", f"cat {source} > {target}"), ENV, setsid=True)
    new = (os.POSIX_SPAWN_OPEN, 1, target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    return os.posix_spawn(program, ("cat", source), ENV, file_actions=[new], setsid=True)


def build(stages: int, jobs: int, program: str) -> None:
    """Carry out all actions and store what they made."""
    database = sqlite3.connect("floor.db", isolation_level=None)
    database.execute("create table rows (key text primary key, stage int, size int, value blob)")
    database.execute("begin")
    running: dict[int, tuple[int, tuple[str, os.stat_result]]] = {}
    waiting = iter(range(stages))
    ended = 0
    while ended < stages:
        while len(running) < jobs and (number := next(waiting, None)) is not None:
            before = content(f"in/{number}")
            running[start(number, program)] = number, before
        pid, status, _ = os.wait4(-1, 0)
        number, before = running.pop(pid)
        assert not status, "the action failed"
        digest, found = content(f"out/{number}")
        assert os.lstat(f"in/{number}").st_mtime_ns == before[1].st_mtime_ns, "its input changed"
        with open(f"out/{number}", "rb") as file:
            row = (
                xxh3_128_hexdigest(f"{before[0]}{digest}".encode()),
                number,
                found.st_size,
                file.read(),
            )
        database.execute("insert into rows values (?, ?, ?, ?)", row)
        ended += 1
    database.execute("commit")
    database.close()


def main() -> None:
    """Make a directory with inputs, build there, print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", type=int, nargs="?", default=1000)
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--shell", action="store_true", help="start a shell for each action")
    given = parser.parse_args()
    program = "" if given.shell else shutil.which("cat", path=ENV["PATH"])
    if program is None:
        raise SystemExit("floor: no `cat` here")
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        os.mkdir("in")
        os.mkdir("out")
        for number in range(given.stages):
            with open(f"in/{number}", "w", encoding="ascii") as file:
                file.write(f"s{number:06} " * 128)
        before_s = own_s(), children_s()
        build(given.stages, given.jobs, program)
        after_s = own_s(), children_s()
    own, actions = (1000 * (b - a) / given.stages for a, b in zip(before_s, after_s, strict=True))
    print(
        f"{given.stages} stages, -j{given.jobs}; ms a stage: actions {actions:.2f}, this {own:.2f}"
    )


if __name__ == "__main__":
    main()
