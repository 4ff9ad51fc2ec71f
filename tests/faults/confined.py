"""Trials on file systems of their own: full, out of inodes, read-only. Run as `python -m faults.confined BASE NUMBER…`.

Needs a name space in which file systems can be mounted: `unshare -rm`.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys

from faults.machine import Machine
from faults.project import (
    Expected,
    Wrong,
    check_right,
    check_said,
    outputs_of,
    write,
    write_project,
)
from faults.scenario import edited, emptied, reset


def main() -> int:
    """Run trials, in a directory that nobody outside sees."""
    base, numbers = f"{sys.argv[1]}/confined", [int(word) for word in sys.argv[2:]]
    os.makedirs(base, exist_ok=True)
    mount(base, "size=64m")
    with Machine(base) as machine:
        expected = Expected(machine)
        for number in numbers:
            name = list(TRIALS)[number % len(TRIALS)]
            begin_anew(machine)
            try:
                TRIALS[name](machine, expected, random.Random(number), f"{name} {number}")
            except Wrong as error:
                print(error)
                return 1
    return 0


def begin_anew(machine: Machine) -> None:
    """Have the empty directories of an ordinary disk where the trial before had mounted others."""
    for path in (machine.root, machine.cache):
        while os.path.ismount(path):
            subprocess.run(["umount", "-l", path], check=True)
    reset(machine)


def mount(path: str, options: str) -> None:
    """Put an empty file system at a path."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)


def remount(path: str, options: str) -> None:
    """Change what is mounted at a path."""
    subprocess.run(["mount", "-o", f"remount,{options}", path], check=True)


def begin(machine: Machine, rnd: random.Random) -> int:
    """Have a random beginning; return how many files of the user's are among the outputs."""
    if rnd.random() < 0.34:
        write_project(machine.root, function=rnd.random() < 0.3)
        return 0
    if rnd.random() < 0.5:
        edited(machine)
        return 2
    emptied(machine)
    return 1


def project_full(machine: Machine, expected: Expected, rnd: random.Random, what: str) -> None:
    """Build where the project's disk gets full, then with space again."""
    mount(machine.root, "size=8m")
    mine = begin(machine, rnd)
    fill(machine.root, rnd.randrange(0, 160, 4) << 10)
    done = machine.run("build", "-j2")
    check_said(done, what)
    os.unlink(f"{machine.root}/src/.filler")
    check_right(machine, expected, what, mine=mine)


def no_inodes(machine: Machine, expected: Expected, rnd: random.Random, what: str) -> None:
    """Build where no more files can be made, then where they can."""
    mount(machine.root, "size=8m,nr_inodes=900")
    mine = begin(machine, rnd)
    more = f"{machine.root}/src/.filler"
    os.makedirs(more)
    left = os.statvfs(machine.root).f_ffree - rnd.randrange(30)
    for number in range(left):
        os.symlink("x", f"{more}/{number}")
    done = machine.run("build", "-j2")
    check_said(done, what)
    shutil.rmtree(more)
    check_right(machine, expected, what, mine=mine)


def cache_full(machine: Machine, expected: Expected, rnd: random.Random, what: str) -> None:
    """Build with a cache whose disk is full: the build is right all the same, and says what is wrong."""
    os.makedirs(machine.cache, 0o700)
    mount(machine.cache, "size=8m,mode=0700")
    mine = begin_beside_cache(machine, rnd)
    fill(machine.cache, rnd.randrange(0, 120, 4) << 10, ".filler")
    check_right_now(machine, expected, what, mine)


def cache_read_only(machine: Machine, expected: Expected, rnd: random.Random, what: str) -> None:
    """Build with a cache that can't be written: what is in it may be used, and nothing fails."""
    os.makedirs(machine.cache, 0o700)
    mount(machine.cache, "size=8m,mode=0700")
    mine = begin_beside_cache(machine, rnd)
    remount(machine.cache, "ro")
    check_right_now(machine, expected, what, mine)
    check_said(machine.run("cache", "gc", "--max-size", "0"), f"{what}, gc")
    check_said(machine.run("cache", "verify"), f"{what}, verify")


def begin_beside_cache(machine: Machine, rnd: random.Random) -> int:
    """Have a random beginning that leaves the cache's directory where it is."""
    write_project(machine.root)
    if rnd.random() < 0.3:
        return 0
    done = machine.run("build")
    if done.status != 0:
        raise Wrong(done.err)
    if rnd.random() < 0.5:
        write(machine.root, "src/a", "another\n")
        return 0
    for name in ("out", "deep", ".stagemake"):
        shutil.rmtree(f"{machine.root}/{name}")
    return 0


def check_right_now(machine: Machine, expected: Expected, what: str, mine: int) -> None:
    """Check that a build with a bad cache succeeds, and the one after it."""
    done = machine.run("build")
    if done.status != 0 or outputs_of(machine.root) != expected.of(machine.root):
        raise Wrong(f"{what}: a bad cache made a bad build\n{done.err}")
    check_said(done, what)
    check_right(machine, expected, what, mine=mine)


def project_read_only(machine: Machine, expected: Expected, rnd: random.Random, what: str) -> None:
    """Build a project that can't be written: refused in a sentence, or up to date; then one that can."""
    mount(machine.root, "size=8m")
    mine = begin(machine, rnd)
    remount(machine.root, "ro")
    for argv in (("build",), ("build", "-n"), ("list",), ("why", "upper"), ("clean",), ("doctor",)):
        done = machine.run(*argv)
        check_said(done, f"{what}, {' '.join(argv)}")
        if argv == ("build",) and "read-only file system" not in done.err:
            raise Wrong(f"{what}: does not say that the file system is read-only\n{done.err}")
    remount(machine.root, "rw")
    check_right(machine, expected, what, mine=mine)
    remount(machine.root, "ro")
    done = machine.run("build")
    if (done.status, done.err) != (0, "stagemake: up to date\n"):
        raise Wrong(f"{what}: an up-to-date project that can't be written\n{done.err}")


def fill(directory: str, left_bytes: int, name: str = "src/.filler") -> None:
    """Leave that much space on a file system."""
    status = os.statvfs(directory)
    size = max(0, status.f_bavail * status.f_bsize - left_bytes)
    with open(f"{directory}/{name}", "wb") as stream:
        stream.write(bytes(size))


TRIALS = {
    each.__name__: each
    for each in (project_full, cache_full, no_inodes, cache_read_only, project_read_only)
}

if __name__ == "__main__":
    sys.exit(main())


__all__ = ["TRIALS", "reset"]
