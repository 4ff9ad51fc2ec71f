"""Single figures: how long it takes to start for little, and how fast large files are hashed and restored."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from bars import Figure
from graphs import make_graph
from measure import RunFailedError, measure
from trees import TICK_S, Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from peers import Tool

GIB = 1 << 30
_LIMIT_S = 300
_STAGEFILE = """\
from stagemake import command

command("big", "cp in.bin out.bin", inputs=["in.bin"], outputs=["out.bin"])
"""
_CHUNK = bytes(range(256)) * 4096


def measure_starts(subject: Tool, work: str, runs: int) -> Iterator[Figure]:
    """Yield wall times in ms of what should come at once, in a built project of 1 000 stages.

    Args:
        subject: stagemake.
        work: A directory for the tree.
        runs: How often each.
    """
    tree = Tree(subject, make_graph("wide", 1000), os.path.join(work, "starts"), _LIMIT_S)
    tree.lay_out()
    program = subject.version[:-1]
    line = f"{os.path.basename(program[-1])} s0000"
    try:
        tree.run(subject.build)
        for name, argv in (
            ("--help", (*program, "--help")),
            ("--version", subject.version),
            ("completion", (*program, "completion", "bash", "--", line, "s0000")),
        ):
            yield _timed(name, tree, argv, runs)
    finally:
        tree.remove()


def _timed(name: str, tree: Tree, argv: Sequence[str], runs: int) -> Figure:
    try:
        walls = tuple(tree.run(argv).wall_s * 1000 for _ in range(runs))
    except RunFailedError as problem:
        return Figure(name, "ms", (), problem=str(problem))
    return Figure(name, "ms", walls, "wall, in a built project of 1000 stages")


def measure_large(subject: Tool, work: str, runs: int) -> Iterator[Figure]:
    """Yield how fast 1 GiB is hashed, and restored beside `cp`. Takes 4 GiB of disk.

    Hashing is what a touched input of 1 GiB takes beyond one of a few bytes, the file in the page cache.
    The restore is the whole command, and as `cp` it brings one file; both are taken in turn, each right after what
    it makes was deleted: what memory is free then, and for how long it has been, is the same for both.
    """
    large, small = (os.path.join(work, name) for name in ("large", "small"))
    try:
        for root, size_bytes in ((large, GIB), (small, 256)):
            _lay_out(root, size_bytes)
            _run(subject, root, subject.build)
        _run(subject, large, ("cp", "in.bin", "copy.bin"))
        yield _figure(
            "1 GiB input hashed", "GiB/s", lambda: _hashing_rate(subject, large, small), runs,
            "1 GiB by what a touch of it takes beyond one of a small file",
        )  # fmt: skip
        yield _figure(
            "1 GiB output restored", "x cp", lambda: _restoring_rate(subject, large), runs,
            "rate of the whole command to that of `cp` of the same file",
        )  # fmt: skip
    finally:
        for root in (large, small):
            shutil.rmtree(root, ignore_errors=True)


def _figure(name: str, unit: str, sample: Callable[[], float], runs: int, how: str) -> Figure:
    found: tuple[float, ...] = ()
    try:
        for _ in range(runs):
            found = (*found, sample())
    except RunFailedError as problem:
        return Figure(name, unit, found, how, str(problem))
    return Figure(name, unit, found, how)


def _hashing_rate(subject: Tool, large: str, small: str) -> float:
    walls = []
    for root in (large, small):
        path = os.path.join(root, "in.bin")
        _read(path)  # into the page cache
        status = os.stat(path)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + int(TICK_S * 1e9)))
        walls.append(_run(subject, root, subject.build))
    return 1 / max(walls[0] - walls[1], 1e-6)


def _restoring_rate(subject: Tool, root: str) -> float:
    ours = _anew(subject, root, "out.bin", subject.build)
    if os.path.getsize(os.path.join(root, "out.bin")) != GIB:
        raise RunFailedError("the output was not restored")
    return _anew(subject, root, "copy.bin", ("cp", "in.bin", "copy.bin")) / ours


def _anew(subject: Tool, root: str, made: str, argv: Sequence[str]) -> float:
    """Delete what a command makes, then run it; return its wall time in seconds."""
    os.sync()
    os.unlink(os.path.join(root, made))
    return _run(subject, root, argv)


def _lay_out(root: str, size_bytes: int) -> None:
    os.makedirs(root)
    with open(os.path.join(root, "Stagefile"), "w", encoding="ascii") as file:
        file.write(_STAGEFILE)
    with open(os.path.join(root, "in.bin"), "wb") as data:
        # No two chunks alike: a file system that shares blocks must not have it easier.
        data.writelines(
            (start.to_bytes(8, "big") + _CHUNK)[: min(len(_CHUNK), size_bytes - start)]
            for start in range(0, size_bytes, len(_CHUNK))
        )


def _read(path: str) -> None:
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def _run(subject: Tool, root: str, argv: Sequence[str]) -> float:
    """Run in the directory and return the wall time in seconds.

    Raises:
        RunFailedError: It failed.
    """
    env = subject.environment(root)
    done = measure(argv, root=root, env=env, log=f"{root}.log", limit_s=_LIMIT_S)
    if done.exit_code:
        raise RunFailedError(f"exit {done.exit_code}")
    return done.wall_s
