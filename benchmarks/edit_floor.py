#!/usr/bin/env python3
"""The least that an edit of one file costs in Python, beside ninja's whole edit of the same project.

Each row is a process that does what the row before it does and one thing more: start, read a record of all files,
look at all of them, hash the one that moved, run its action and look at what came, note it. No declarations, no plan, no
cache, no supervisor, no modules but what these steps need: what a tool adds beyond the last row is its own. Prints
medians of processor time, actions included; see docs/performance.md. Needs ninja.
"""

from __future__ import annotations

import gc
import marshal
import os
import sys

# What is measured is imported from this file: it imports nothing else that costs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS = (
    "start Python", "read the record", "look at all files", "hash the file that moved",
    "run its action, hash the output", "append what is known now", "a row in SQLite",
    "write the record anew",
)  # fmt: skip
RECORD = ".floor"
HERE = os.path.dirname(os.path.realpath(__file__))
Row = tuple[int, ...]


def seen(path: str) -> Row | None:
    """Return what stat says of a path."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev, found.st_mode)  # fmt: skip


def note(paths: Sequence[str]) -> None:
    """Write the record: paths, what stat says of them, a digest for each."""
    record = (tuple(paths), tuple([seen(path) for path in paths]), bytes(17 * len(paths)))
    with open(f"{RECORD}.new", "wb") as file:
        file.write(marshal.dumps(record))
    os.replace(f"{RECORD}.new", RECORD)


def edit(last: int) -> None:
    """Do the first steps up to one of them, by its number, and end the process."""
    gc.disable()  # as stagemake does: else reading the record takes ten times as long
    _edit(last)
    os._exit(0)  # as stagemake leaves


def _edit(last: int) -> None:
    if last < 1:
        return
    with open(RECORD, "rb") as file:
        paths, known, _ = marshal.loads(file.read())  # `load` asks the file for each number
    if last < 2:
        return
    lstat, moved = os.lstat, []
    for path, row in zip(paths, known, strict=True):
        found = lstat(path)
        now = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev, found.st_mode)  # fmt: skip
        if now != row:
            moved.append(path)
    # What the measurement before this one made has moved, too, as nothing of it was noted.
    source = next(path for path in moved if path.startswith("in/"))
    if last < 3:
        return
    digests = [_digest(source)]
    if last < 4:
        return
    target = f"out/{source[3:]}"
    new = (os.POSIX_SPAWN_OPEN, 1, target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    pid = os.posix_spawnp("cat", ("cat", source), os.environ, file_actions=[new])
    assert os.waitpid(pid, 0)[1] == 0, "the action failed"
    digests.append(_digest(target))
    if last < 5:
        return
    with open(f"{RECORD}.more", "ab") as file:
        marshal.dump((source, seen(source), target, seen(target), digests), file)
    if last < 6:
        return
    _row(digests)
    if last >= 7:
        note(paths)


def _digest(path: str) -> str:
    from xxhash import xxh3_128_hexdigest

    with open(path, "rb") as file:
        return xxh3_128_hexdigest(file.read())


def _row(digests: Sequence[str]) -> None:
    import sqlite3

    database = sqlite3.connect(f"{RECORD}.db", isolation_level=None)
    database.execute("create table if not exists rows (key text, value text)")
    database.execute("insert into rows values (?, ?)", digests)
    database.close()


def spent_ms(argv: Sequence[str]) -> float:
    """Run a program in the working directory; return its processor time, and that of what it waited for."""
    pid = os.posix_spawnp(argv[0], list(argv), os.environ)
    _, status, usage = os.wait4(pid, 0)
    assert status == 0, f"{argv} failed"
    return 1000 * (usage.ru_utime + usage.ru_stime)


def lay_out(stages: int) -> list[str]:
    """Make a wide project in the working directory, for ninja too; return its paths."""
    names = [f"s{number:06}" for number in range(stages)]
    os.mkdir("in")
    lines = ["rule r\n  command = cat $in > $out\n"]
    for name in names:
        with open(f"in/{name}", "w", encoding="ascii") as file:
            file.write(f"{name} " * 128)
        lines.append(f"build out/{name}: r in/{name}\n")
    with open("build.ninja", "w", encoding="ascii") as file:
        file.writelines(lines)
    return [f"{directory}/{name}" for name in names for directory in ("in", "out")]


def measured(stages: int, rounds: int) -> list[float]:
    """Build by ninja in the working directory; then, in turn, edit and measure each step, and ninja; return medians in ms."""
    import statistics

    paths = lay_out(stages)
    ninja = ("ninja", "--quiet", "-j2")
    spent_ms(ninja)
    note(paths)
    found: list[list[float]] = [[] for _ in range(len(STEPS) + 1)]
    for number in range(rounds):
        for step, taken in enumerate(found):
            with open(paths[0], "w", encoding="ascii") as file:
                file.write(f"{number} {step} " + "s000000 " * 128)
            program = (
                f"import sys; sys.path[:0] = [{HERE!r}]; import edit_floor; edit_floor.edit({step})"
            )
            own = (sys.executable, "-P", "-c", program)
            taken.append(spent_ms(own if step < len(STEPS) else ninja))
    return [statistics.median(taken) for taken in found]


def show(medians: Sequence[float]) -> None:
    """Print each step: what it adds, with all before it, and beside ninja."""
    before = 0.0
    for name, ms in zip(STEPS, medians, strict=False):
        print(f"{name:<34}{ms - before:+8.1f} ms  {ms:7.1f} ms  {ms / medians[-1]:5.2f} x ninja")
        before = ms
    print(f"{'ninja':<34}{'':11}  {medians[-1]:7.1f} ms")


def main() -> None:
    """Measure in a directory of its own."""
    import argparse
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", type=int, nargs="?", default=10_000)
    parser.add_argument("-r", "--rounds", type=int, default=9)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        show(measured(given.stages, given.rounds))
        os.chdir("/")
    print(f"{given.stages} stages, {given.rounds} rounds, load {os.getloadavg()[0]:.0f}")


if __name__ == "__main__":
    main()
