"""What `MAKEFLAGS` says of a jobserver, and what it is to say to stages. Pure but for a look at make's own file.

See "POSIX Jobserver Interaction" in make's manual: a FIFO by its path, or two descriptors of a pipe.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "MAKEFLAGS"
PASSED_READ_FD, PASSED_WRITE_FD = 200, 201
"""What the ends of a pipe are in stages: numbers that no program uses for itself."""

_OPTIONS = ("--jobserver-auth=", "--jobserver-fds=")  # the latter before make 4.2
_LONGEST_NUMBER = 20  # characters: Python refuses to read numbers of some thousand
_MARK = b"jobserver-style"  # an option of make 4.4, the first that knows FIFOs


@frozen
class Auth:
    """Where a jobserver's tokens are."""

    fifo: str = ""  # a path; empty: a pipe
    read_fd: int = -1
    write_fd: int = -1
    jobs: int = 0  # as it says; 0: it does not


def parse(makeflags: str) -> Auth | None:
    """Return the jobserver that a value of `MAKEFLAGS` names, the last one of several; None: there is none."""
    found: Auth | None = None
    jobs = 0
    for word in makeflags.split():
        if word == "--":  # what follows are variables
            break
        if word[:2] == "-j" and word[2:].isdecimal() and len(word) <= _LONGEST_NUMBER:
            jobs = int(word[2:])
        for option in _OPTIONS:
            if word.startswith(option):
                found = _auth(word.removeprefix(option)) or found
    return None if found is None else Auth(found.fifo, found.read_fd, found.write_fd, jobs)


def _auth(value: str) -> Auth | None:
    if value.startswith("fifo:"):
        return Auth(fifo=value.removeprefix("fifo:"))
    read, comma, write = value.partition(",")
    if not comma:
        return None
    try:
        return Auth(read_fd=int(read), write_fd=int(write))
    except ValueError:
        return None


def offered_jobs(environ: Mapping[str, str]) -> int:
    """Return how many jobs the make that started us has in all; 0: none has, or it doesn't say."""
    found = parse(environ.get(VARIABLE, ""))
    return 0 if found is None else found.jobs


def makeflags(fifo: str, jobs: int) -> str:
    """Return the variable's value for stages; an empty path: the pipe's ends are `PASSED_READ_FD` and the next."""
    where = f"fifo:{fifo}" if fifo else f"{PASSED_READ_FD},{PASSED_WRITE_FD}"
    return f" -j{jobs} --jobserver-auth={where}"


def knows_fifo(search_path: str) -> bool:
    """Return whether the `make` on a search path understands a FIFO. True if there is no make, or none of GNU's.

    Cost: reads that file, a quarter of a MB.
    """
    for directory in search_path.split(":"):
        candidate = f"{directory or '.'}/make"
        if os.access(candidate, os.X_OK):
            try:
                with open(candidate, "rb") as stream:
                    data = stream.read()
            except OSError:
                return True
            return _MARK in data or b"jobserver" not in data
    return True
