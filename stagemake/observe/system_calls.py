"""The system calls that name files: what each does, and where its arguments are. Linux on x86-64 and arm64."""

from __future__ import annotations

import enum
import platform

from attrs import frozen


class Verb(enum.Enum):
    """What a system call does to the path that it names."""

    OPEN = enum.auto()
    RUN = enum.auto()
    LIST = enum.auto()
    LOOK = enum.auto()
    REMOVE = enum.auto()
    MAKE = enum.auto()
    CHANGE = enum.auto()
    MOVE = enum.auto()  # two paths
    LINK = enum.auto()  # two paths


@frozen
class Call:
    """Positions of arguments, from 0; -1: there is none."""

    verb: Verb
    path: int = 0
    dirfd: int = -1  # -1: relative to the working directory
    flags: int = -1  # of OPEN: how; of LOOK: whether links are followed
    path2: int = -1
    dirfd2: int = -1
    follows: bool = True


CALLS = {
    "open": Call(Verb.OPEN, 0, flags=1),
    "creat": Call(Verb.OPEN, 0),
    "openat": Call(Verb.OPEN, 1, dirfd=0, flags=2),
    "openat2": Call(Verb.OPEN, 1, dirfd=0, flags=2),
    "execve": Call(Verb.RUN, 0),
    "execveat": Call(Verb.RUN, 1, dirfd=0),
    "getdents": Call(Verb.LIST, -1, dirfd=0),
    "getdents64": Call(Verb.LIST, -1, dirfd=0),
    "unlink": Call(Verb.REMOVE, 0),
    "rmdir": Call(Verb.REMOVE, 0),
    "unlinkat": Call(Verb.REMOVE, 1, dirfd=0),
    "mkdir": Call(Verb.MAKE, 0),
    "mkdirat": Call(Verb.MAKE, 1, dirfd=0),
    "mknod": Call(Verb.MAKE, 0),
    "mknodat": Call(Verb.MAKE, 1, dirfd=0),
    "symlink": Call(Verb.MAKE, 1),
    "symlinkat": Call(Verb.MAKE, 2, dirfd=1),
    "truncate": Call(Verb.CHANGE, 0),
    "chmod": Call(Verb.CHANGE, 0),
    "fchmodat": Call(Verb.CHANGE, 1, dirfd=0),
    "fchmodat2": Call(Verb.CHANGE, 1, dirfd=0),
    "utime": Call(Verb.CHANGE, 0),
    "utimes": Call(Verb.CHANGE, 0),
    "futimesat": Call(Verb.CHANGE, 1, dirfd=0),
    "utimensat": Call(Verb.CHANGE, 1, dirfd=0),
    "rename": Call(Verb.MOVE, 0, path2=1),
    "renameat": Call(Verb.MOVE, 1, dirfd=0, path2=3, dirfd2=2),
    "renameat2": Call(Verb.MOVE, 1, dirfd=0, path2=3, dirfd2=2),
    "link": Call(Verb.LINK, 0, path2=1),
    "linkat": Call(Verb.LINK, 1, dirfd=0, path2=3, dirfd2=2),
}
"""Reads and writes: what `build --check` looks at."""

LOOKS = {
    "stat": Call(Verb.LOOK, 0),
    "lstat": Call(Verb.LOOK, 0, follows=False),
    "access": Call(Verb.LOOK, 0),
    "readlink": Call(Verb.LOOK, 0, follows=False),
    "newfstatat": Call(Verb.LOOK, 1, dirfd=0, flags=3),
    "statx": Call(Verb.LOOK, 1, dirfd=0, flags=2),
    "faccessat": Call(Verb.LOOK, 1, dirfd=0),
    "faccessat2": Call(Verb.LOOK, 1, dirfd=0),
    "readlinkat": Call(Verb.LOOK, 1, dirfd=0, follows=False),
}
"""Questions whether something is there: `trace` looks at these too, at twice the price."""

ALL = CALLS | LOOKS
AT_SYMLINK_NOFOLLOW = 0x100
CREAT_FLAGS = 0o1101  # O_CREAT | O_WRONLY | O_TRUNC

_X86_64 = {
    "open": 2, "stat": 4, "lstat": 6, "access": 21, "execve": 59, "truncate": 76, "getdents": 78,
    "rename": 82, "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88,
    "readlink": 89, "chmod": 90, "utime": 132, "mknod": 133, "getdents64": 217, "utimes": 235,
    "openat": 257, "mkdirat": 258, "mknodat": 259, "futimesat": 261, "newfstatat": 262,
    "unlinkat": 263, "renameat": 264, "linkat": 265, "symlinkat": 266, "readlinkat": 267,
    "fchmodat": 268, "faccessat": 269, "utimensat": 280, "renameat2": 316, "execveat": 322,
    "statx": 332, "openat2": 437, "faccessat2": 439, "fchmodat2": 452,
}  # fmt: skip
_ARM64 = {
    "mknodat": 33, "mkdirat": 34, "unlinkat": 35, "symlinkat": 36, "linkat": 37, "renameat": 38,
    "truncate": 45, "faccessat": 48, "fchmodat": 53, "openat": 56, "getdents64": 61,
    "readlinkat": 78, "newfstatat": 79, "utimensat": 88, "execve": 221, "renameat2": 276,
    "execveat": 281, "statx": 291, "openat2": 437, "faccessat2": 439, "fchmodat2": 452,
}  # fmt: skip


@frozen
class Machine:
    """How a kind of processor numbers system calls."""

    audit_arch: int  # AUDIT_ARCH_*
    seccomp: int
    numbers: dict[str, int]


_MACHINES = {
    "x86_64": Machine(0xC000003E, 317, _X86_64),
    "aarch64": Machine(0xC00000B7, 277, _ARM64),
}
IO_URING_SETUP = 425  # the same everywhere


def this_machine() -> Machine | None:
    """Return the numbers of this machine; None: not known here."""
    return _MACHINES.get(platform.machine())


O_FLAGS = {
    "O_WRONLY": 0o1, "O_RDWR": 0o2, "O_CREAT": 0o100, "O_EXCL": 0o200, "O_TRUNC": 0o1000,
    "O_PATH": 0o10000000, "O_TMPFILE": 0o20000000,
}  # fmt: skip
"""Names that strace gives, with the bits that they are on Linux."""
