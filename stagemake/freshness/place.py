"""Which Stagefile a command is about, and whether it and the state beside it can be trusted. On the path of every no-op."""

from __future__ import annotations

import os

NAMES = ("Stagefile", "Stagefile.py")

_TYPE, _DIRECTORY, _LINK, _REGULAR = 0o170000, 0o040000, 0o120000, 0o100000
_EVERYBODY_WRITES, _OTHERS_WRITE = 0o002, 0o022


def nearest_stagefile(start: str) -> tuple[str, str]:
    """Return the nearest Stagefile from `start` upwards, and the last directory looked at; both absolute.

    The first is empty when there is none. The walk ends at the first directory that another user owns
    (root's excepted, who could read and change everything anyway): whoever owns a directory above
    could plant a Stagefile there. It ends at a file too that somebody may have planted (`planted_by`).
    """
    start = directory = os.path.abspath(start)
    while True:
        for name in NAMES:
            path = os.path.join(directory, name)
            try:
                own = os.lstat(path)
                reached = os.stat(path) if own.st_mode & _TYPE == _LINK else own
            except OSError:
                continue
            if reached.st_mode & _TYPE != _REGULAR:
                continue
            if _is_ours(own) and _is_ours(reached):
                return path, directory
            return ("" if planted_by(path, start) is not None else path), directory
        parent = os.path.dirname(directory)
        if parent == directory or not _is_ours(os.stat(parent)):
            return "", directory
        directory = parent


def _is_ours(status: os.stat_result) -> bool:
    return status.st_uid in {os.getuid(), 0}


def planted_by(path: str, start: str) -> int | None:
    """Return the user who may have planted the Stagefile at `path`, None for nobody.

    In the directory where one stands, a file of somebody else counts as it does for make, unless everybody can
    make one there, as in `/tmp`. Above it, such a file never does.
    """
    foreign = [one for one in (os.lstat(path), os.stat(path)) if not _is_ours(one)]
    directory = os.path.dirname(path)
    is_open = os.stat(directory).st_mode & _EVERYBODY_WRITES
    if not foreign or (directory == os.path.abspath(start) and not is_open):
        return None
    return foreign[0].st_uid


def fault_of_state(directory: str) -> str:
    """Return why what lies in `.stagemake/` can't be believed; empty if it can, or isn't there.

    It has to be a real directory that nobody else can write: of this user, or, where root builds what is
    another user's, of the user whose project it is.
    """
    try:
        status = os.lstat(directory)
    except OSError:
        return ""
    mode, owner = status.st_mode, status.st_uid
    if mode & _TYPE == _LINK:
        return "it is a symbolic link"
    if mode & _TYPE != _DIRECTORY:
        return "it is no directory"
    user = os.geteuid()
    if owner != user and (user != 0 or owner != os.stat(os.path.dirname(directory)).st_uid):
        return f"it belongs to user {owner}, not to user {user}"
    if mode & _OTHERS_WRITE:
        return f"others can write to it (mode {mode & 0o7777:04o})"
    return ""
