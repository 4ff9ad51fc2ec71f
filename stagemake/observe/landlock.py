"""Keeping a process and all it starts from files, by Landlock: no root, no mounts. Linux 5.13 and later."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # on every machine
_VERSION = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15}  # how many are known; later: 16


def version() -> int:
    """Return which Landlock the kernel has; 0 for none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def restrict(readable: Iterable[str], writable: Iterable[str], listable: Iterable[str]) -> None:
    """Keep this process, for good, from all files but these. Some 10 µs a path.

    Names and metadata stay visible: Landlock has no say in `stat`.

    Args:
        readable: Files to read and run, and directories with all that is in them.
        writable: The same, to do anything with.
        listable: Directories whose names may be read, at any depth.

    Raises:
        OSError: The system can't.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    handled = (1 << _RIGHTS_BY_VERSION.get(version(), 16)) - 1
    attributes = ctypes.create_string_buffer(struct.pack("Q", handled), 8)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(8), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "Landlock")
    for paths, rights in ((readable, _READ), (writable, handled), (listable, _READ_DIR)):
        for path in paths:
            _allow(libc, ruleset, path, rights & handled)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.syscall(_RESTRICT_SELF, ruleset, 0) != 0:
        raise OSError(ctypes.get_errno(), "Landlock")
    os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not there: nothing to allow
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _OF_FILES
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, fd), 12)
        if rights and libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0) != 0:
            number = ctypes.get_errno()
            if number != errno.EBADFD:  # a file system without inodes of its own, as pipes have
                raise OSError(number, "Landlock", path)
    finally:
        os.close(fd)


def around(root: str) -> list[str]:
    """Return everything outside of a directory: what lies beside it and beside each directory above it."""
    found = []
    place = root
    while place != "/":
        above = os.path.dirname(place)
        try:
            names = os.listdir(above)
        except OSError:  # may be passed and not listed: what is in there can't be named
            names = []
        beside = (os.path.join(above, name) for name in names)
        found += [path for path in beside if not _leads_into(path, root)]
        place = above
    return found


def _leads_into(path: str, root: str) -> bool:
    """Return whether a directory is above another one, in it, or a link to such: giving it gives that away."""
    real = os.path.realpath(path)
    return f"{root}/".startswith(f"{real}/") or f"{real}/".startswith(f"{root}/")
