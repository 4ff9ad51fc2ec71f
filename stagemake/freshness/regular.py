"""The bytes of one file, read so that nobody can hold the reader up. Asked for state, settings and depfiles.

A FIFO would block the one who opens it, and a signal would not help; a file of a terabyte would fill the memory.
"""

from __future__ import annotations

import errno
import os

MOST_BYTES = 1 << 30
"""More than any file of ours takes: 100 000 stages have 30 MB of state."""

_FLAGS = os.O_RDONLY | os.O_NONBLOCK
_TYPE, _REGULAR = 0o170000, 0o100000
_CHUNK_BYTES = 1 << 20

# The real ones: while a Stagefile is evaluated others stand in for them.
_open, _fstat = os.open, os.fstat


def open_regular(path: str, *, follows: bool = True) -> int:
    """Return a descriptor to read a regular file by, the caller's to close; arguments and errors as `read_regular`."""
    fd = _open(path, _FLAGS if follows else _FLAGS | os.O_NOFOLLOW)
    if _fstat(fd).st_mode & _TYPE != _REGULAR:
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return fd


def read_regular(path: str, most_bytes: int = MOST_BYTES, *, follows: bool = True) -> bytes:
    """Return all bytes of a regular file.

    Args:
        path: Of the file.
        most_bytes: A larger file is refused before anything of it is read.
        follows: Whether it may be a symbolic link; in a directory of ours nothing is.

    Raises:
        OSError: It isn't there, is no regular file, is too large or can't be read; the path is in `filename`.
    """
    fd = open_regular(path, follows=follows)
    try:
        status = _fstat(fd)
        if status.st_size > most_bytes:
            raise OSError(errno.EFBIG, f"larger than {most_bytes} bytes", path)
        data = os.read(fd, status.st_size + 1)
        if len(data) == status.st_size:
            return data
        parts, size = [data], len(data)
        while part := os.read(fd, _CHUNK_BYTES):  # it grew, or its file system doesn't know sizes
            parts.append(part)
            size += len(part)
            if size > most_bytes:
                raise OSError(errno.EFBIG, f"larger than {most_bytes} bytes", path)
        return b"".join(parts)
    finally:
        os.close(fd)
