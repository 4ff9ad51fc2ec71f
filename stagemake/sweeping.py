"""Removing what builds left unfinished that never came to their end. Asked when a build begins."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from stagemake import durable
from stagemake.materialize import sweep_temps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stagemake.state import StateStore


def sweep(state: StateStore, root: str, declared: Callable[[], Iterable[str]]) -> None:
    """Remove what builds that never came to their end left unfinished. Needs the lock.

    Beside outputs it is looked for where the state says that a stage was writing them. What the state says
    may be lost with it, or in a power cut: then it is looked for beside all that is `declared`.

    What watched and calling stages had in the state's scratch goes too: logs, and temporary files of any size.

    Cost: a listing of the state's two directories; without trustworthy state one for each directory with outputs.
    """
    if os.path.lexists(state.scratch):
        with suppress(OSError):  # in nobody's way, and the end of a build tries again
            durable.remove_any(state.scratch)
    known = state.snapshot
    paths: Iterable[str] = (path for begun in known.interrupted.values() for path in begun)
    if not known.is_of_this_boot:
        paths = (*paths, *declared())
    beside = {os.path.dirname(f"{root}/{path.rstrip('/')}") for path in paths}
    sweep_temps({*beside, state.directory, state.shared})
