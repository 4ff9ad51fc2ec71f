"""A sandbox for one action: outside of the project everything may be read, inside of it what is declared."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stagemake.observe import landlock

if TYPE_CHECKING:
    from stagemake.observe.watch import Watch

_OPEN_TO_ALL = ("/dev", "/proc", "/tmp", "/var/tmp")  # noqa: S108 - if the project does not lie below


def confine(watch: Watch) -> None:
    """Keep this process for good from what its stage does not declare.

    Raises:
        OSError: The system can't.
    """
    root = watch.root
    places = [
        place for place in (*_OPEN_TO_ALL, *watch.scratch) if not f"{root}/".startswith(f"{place}/")
    ]
    landlock.restrict(
        [*landlock.around(root), *(os.path.join(root, path) for path in watch.readable)],
        [*places, *writable_places(watch)],
        [root],
    )


def writable_places(watch: Watch) -> list[str]:
    """Return where the stage may write: its outputs, and the directories in which they come up.

    Landlock gives rights to what is there, and a file that will be made is not: its directory has to
    be given, with all that is in it.
    """
    root = watch.root
    found = set()
    for path in watch.writable:
        full = os.path.join(root, path.rstrip("/"))
        found.add(full if os.path.isdir(full) else os.path.dirname(full))
    return sorted(found)
