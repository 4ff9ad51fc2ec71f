"""Whether a build holds a project just now. Asked by dry runs, which say so."""

from __future__ import annotations

import os


def is_held(path: str) -> bool:
    """Return whether somebody holds the lock at `path`. Changes nothing."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    import fcntl  # noqa: PLC0415 - gate, 0.3 ms, where a build has been before

    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
