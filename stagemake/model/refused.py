"""A call of the system that failed though nobody expected it to, as an error with its path and perhaps a hint."""

from __future__ import annotations

import errno
import os

from stagemake.model.error import StagemakeError


class SystemRefused(StagemakeError):
    """A call failed that nobody expected to: a full disk, a directory that may not be written."""

    exit_code = 1


def refused(error: OSError) -> SystemRefused:
    """Return what to tell of it: what the system says, and of which path, relative where it is below here."""
    why = (error.strerror or str(error)).lower()
    if not error.filename:
        return SystemRefused(why)
    path = os.fsdecode(error.filename)
    try:
        below = os.path.relpath(path) if os.path.isabs(path) else path
    except OSError:  # the working directory is gone
        below = path
    is_state = ".stagemake" in path.split("/")
    return SystemRefused(
        f"{why}: `{path if below.startswith('../') else below}`",
        hint="what stagemake notes is in `.stagemake/` beside the Stagefile: it has to be writable"
        if is_state and error.errno in {errno.EACCES, errno.EROFS, errno.EPERM}
        else "",
    )
