"""One log of what was done to which path of the project, whoever saw it."""

from __future__ import annotations

import enum
import os
from os.path import islink, lexists, realpath

O_ACCMODE = 0o3
O_RDWR = 0o2
O_CREAT = 0o100
O_EXCL = 0o200
O_TRUNC = 0o1000
O_TMPFILE = 0o20000000
O_PATH = 0o10000000


class Act(enum.Enum):
    """What was done to a path. One letter each, in logs."""

    READ = "r"  # its content
    RUN = "x"  # executed
    LIST = "l"  # the names in a directory
    LOOK = "s"  # whether it is there, or its metadata
    ABSENT = "n"  # looked for, and not there
    CREATE = "c"
    CHANGE = "w"
    REMOVE = "d"
    IMPORTED = "m"  # a module of a function's process: its identity has the source
    REFUSED = "z"  # would have been created, and a sandbox refused
    OUTSIDE = "o"  # changed outside of the project


Record = tuple[str, str]
"""The letter of an act and its path: relative to the root when inside it, else absolute."""

# Not worth a look: a log of system files helps nobody, and each costs some 30 µs.
_SYSTEM = (
    "/usr/",
    "/lib/",
    "/lib64/",
    "/bin/",
    "/sbin/",
    "/proc/",
    "/sys/",
    "/dev/",
    "/etc/",
    "/run/",
)
_SCRATCH = ("/tmp/", "/var/tmp/", "/dev/", "/proc/", "/sys/")  # noqa: S108 - only recognised


class AccessLog:
    """Collects records without repeats, in order of first appearance.

    Seen before the kernel acts, so that what is there now tells what an act is; `done` tells it where
    it is seen afterwards. Links are followed as the kernel would; a path is the link itself where
    that lies in the project, else what it leads to.

    Args:
        root: The project's directory, absolute, without links.
        scratch: More places where files come and go, absolute: of temporary files.
    """

    def __init__(self, root: str, scratch: tuple[str, ...] = ()) -> None:
        self._root = root
        self._inside = root.rstrip("/") + "/"
        self._own = f"{self._inside}.stagemake"
        self._skipped = tuple(place for place in _SYSTEM if not self._inside.startswith(place))
        self._scratch = (*_SCRATCH, *(place.rstrip("/") + "/" for place in scratch))
        self._records: dict[Record, None] = {}
        self.last: list[Record] = []  # since somebody cleared it, repeats included

    @property
    def records(self) -> list[Record]:
        """What was seen so far."""
        return list(self._records)

    def opened(self, path: str, flags: int, *, done: bool | None = None) -> None:
        """Note an open with the flags of Linux's generic ABI."""
        if flags & O_TMPFILE:  # without a name; linkat may give it one
            return
        writes = bool(flags & O_ACCMODE or flags & (O_TRUNC | O_CREAT))
        near, real = self._places(path, writes=writes)
        if not near:
            return
        if os.path.isdir(real):
            return  # reading the names is a call of its own
        there = lexists(real) if done is None else done
        if not there:
            self._note(Act.CREATE if flags & O_CREAT and done is None else Act.ABSENT, near, real)
        elif flags & O_PATH or (flags & O_EXCL and flags & O_CREAT and done is None):
            self._note(Act.LOOK, near, real)
        elif flags & O_ACCMODE or flags & O_TRUNC:
            # Afterwards nobody can tell whether it was there before: then it was made.
            made = done is not None and flags & O_CREAT
            self._note(Act.CREATE if made else Act.CHANGE, near, real)
        else:
            self._note(Act.READ, near, real)

    def ran(self, path: str, *, done: bool | None = None) -> None:
        """Note that a program was started; of a script, its interpreter too."""
        near, real = self._places(path)
        if not near or os.path.isdir(real):
            return
        there = lexists(real) if done is None else done
        self._note(Act.RUN if there else Act.ABSENT, near, real)
        if there and (interpreter := _interpreter_of(real)):
            self.ran(os.path.join(self._root, interpreter))

    def listed(self, path: str) -> None:
        """Note that the names in a directory were read."""
        near, real = self._places(path)
        if near:
            self._note(Act.LIST, near, real)

    def looked(self, path: str, *, follows: bool = True, done: bool | None = None) -> None:
        """Note a stat, an access or a readlink."""
        near, real = self._places(path)
        if not near:
            return
        there = lexists(real if follows else near) if done is None else done
        if not there:
            self._note(Act.ABSENT, near, real)
        elif not os.path.isdir(near) or islink(near):
            self._note(Act.LOOK, near, real)

    def removed(self, path: str, *, done: bool | None = None) -> None:
        """Note an unlink, a rmdir or the old name of a rename."""
        near, real = self._places(path, writes=True)
        if not near:
            return
        if lexists(near) if done is None else done:
            if os.path.isdir(near) and not islink(near) and done is None and os.listdir(near):
                return  # can't be
            self._note(Act.REMOVE, near, near)
        else:
            self._note(Act.ABSENT, near, real)

    def moved(self, old: str, new: str, *, done: bool | None = None) -> None:
        """Note a rename."""
        if done is False:
            return
        near, _ = self._places(old, writes=True)
        if near:
            if done is None and not lexists(near):
                self._note(Act.ABSENT, near, near)
                return
            self._note(Act.REMOVE, near, near)
        self.put(new, done=done)

    def put(self, path: str, *, done: bool | None = None) -> None:
        """Note a name that is made or replaced: of a rename or a link."""
        near, _ = self._places(path, writes=True)
        if near and done is not False:
            was_there = done is None and lexists(near)
            self._note(Act.CHANGE if was_there else Act.CREATE, near, near)

    def made(self, path: str, *, done: bool | None = None) -> None:
        """Note what fails where something is already: mkdir, symlink, link, mknod."""
        near, _ = self._places(path, writes=True)
        if near and (not lexists(near) if done is None else done):
            self._note(Act.CREATE, near, near)

    def changed(self, path: str, *, done: bool | None = None) -> None:
        """Note a truncate, a chmod or new times, by name."""
        near, real = self._places(path, writes=True)
        if near and (lexists(real) if done is None else done):
            self._note(Act.CHANGE, real if real.startswith(self._inside) else near, real)

    def refused(self, record: Record) -> None:
        """Note what a sandbox has refused; reads and changes are in the log as what they would have been."""
        if record[0] == Act.CREATE.value:
            self._records.setdefault((Act.REFUSED.value, record[1]))

    def _places(self, path: str, *, writes: bool = False) -> tuple[str, str]:
        """Return the path with links in its directories resolved, and with all; empty: no business of ours."""
        if path.startswith(self._skipped) or "\0" in path:
            return "", ""
        head, _, tail = path.rstrip("/").rpartition("/")
        if tail in {"", ".", ".."}:
            near = real = realpath(path)
        else:
            near = f"{realpath(head or '/').rstrip('/')}/{tail}"
            real = realpath(near) if islink(near) else near
        if near.startswith(self._inside) or real.startswith(self._inside) or near == self._root:
            return near, real
        plain = os.path.normpath(path)
        if plain.startswith(self._inside):  # by a link in the project that leaves it
            return plain, real
        if writes and not near.startswith(self._scratch):
            self._records.setdefault((Act.OUTSIDE.value, near))
        return "", ""

    def _note(self, act: Act, near: str, real: str) -> None:
        path = near if near.startswith(self._inside) or near == self._root else real
        if act is Act.CREATE and real.startswith(self._inside):
            path = real  # through a link that led nowhere
        if path.startswith(self._own) and path[len(self._own) :][:1] in {"", "/"}:
            return
        record = (act.value, path[len(self._inside) :] or ".")
        self._records.setdefault(record)
        self.last.append(record)


def _interpreter_of(path: str) -> str:
    """Return what the `#!` of a script names; empty for a program."""
    try:
        with open(path, "rb") as file:
            first = file.read(256).partition(b"\n")[0]
    except OSError:
        return ""
    words = first[2:].split() if first[:2] == b"#!" else []
    return os.fsdecode(words[0]) if words else ""
