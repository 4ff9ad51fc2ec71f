"""Find a Stagefile, or say where it was looked for."""

from __future__ import annotations

import os

from stagemake.freshness.place import nearest_stagefile
from stagemake.model.error import NoStagefile


def find_stagefile(start: str) -> str:
    """Return the nearest Stagefile from `start` upwards, absolute; see `nearest_stagefile`.

    Raises:
        NoStagefile: There is none.
    """
    path, directory = nearest_stagefile(start)
    if path:
        return path
    raise NoStagefile(
        "there is no Stagefile here or in a directory above",
        facts=[("searched", f"`{os.path.abspath(start)}`"), ("up to", f"`{directory}`")],
        hint="`stagemake init` writes a first one; or name yours: stagemake -f FILE",
    )
