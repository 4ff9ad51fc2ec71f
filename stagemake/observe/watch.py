"""What is asked about one action: how it is watched, what it is kept from. Travels to its process as bytes."""

from __future__ import annotations

import enum
import marshal
import os

from attrs import astuple, frozen

from stagemake.observe.access import Record  # noqa: TC001 - read by tools

MODULES = ".modules"
"""Behind a log's name: the list of files that a function's process has imported."""


class Means(enum.Enum):
    """How accesses are seen."""

    NONE = "none"  # they are not
    SECCOMP = "seccomp"
    STRACE = "strace"  # commands only
    AUDIT = "audit"  # functions only: Python's own opens, in its own process


@frozen
class Watch:
    """One action's. Paths are absolute."""

    means: str  # of a Means
    looks: bool  # whether questions whether something is there are of interest
    root: str
    log_path: str  # written before the action's process ends
    scratch: tuple[str, ...]  # where temporary files come and go
    sandbox: bool = False
    readable: tuple[
        str, ...
    ] = ()  # in the project: declared, or tools; files, and directories whole
    writable: tuple[str, ...] = ()  # the same of outputs
    is_call: bool = False  # a function's: sources of modules are in its identity

    def encode(self) -> bytes:
        """Return it as bytes."""
        return marshal.dumps(astuple(self))


def decode_watch(data: bytes) -> Watch:
    """Return what `encode` gave."""
    return Watch(*marshal.loads(data))


def write_log(path: str, records: list[Record]) -> None:
    """Write a log; the last act of whoever has watched."""
    with open(path, "wb") as file:
        file.write(marshal.dumps(records))


def read_log(path: str) -> list[Record] | None:
    """Return a log; None when there is none, as of a watcher that was killed."""
    try:
        with open(path, "rb") as file:
            records: list[Record] = marshal.loads(file.read())
    except (OSError, EOFError, ValueError, TypeError):
        return None
    os.unlink(path)
    return records
