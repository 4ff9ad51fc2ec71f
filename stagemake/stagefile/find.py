"""Find a Stagefile, or say where it was looked for."""

from __future__ import annotations

import os

from stagemake.freshness.place import NAMES, nearest_stagefile, planted_by
from stagemake.model.error import NoStagefile


def find_stagefile(start: str) -> str:
    """Return the nearest Stagefile from `start` upwards, absolute; see `nearest_stagefile`.

    Raises:
        NoStagefile: There is none.
    """
    path, directory = nearest_stagefile(start)
    if path:
        return path
    facts = [("searched", f"`{os.path.abspath(start)}`"), ("up to", f"`{directory}`")]
    for name in NAMES:
        planted = os.path.join(directory, name)
        user = planted_by(planted, start) if os.path.isfile(planted) else None
        if user is not None:
            raise NoStagefile(
                f"`{planted}` is not taken: it belongs to user {user}, who may have planted it",
                facts=facts,
                hint=f"if you trust it: stagemake -f {planted}",
            )
    raise NoStagefile(
        "there is no Stagefile here or in a directory above",
        facts=facts,
        hint="`stagemake init` writes a first one; or name yours: stagemake -f FILE",
    )
