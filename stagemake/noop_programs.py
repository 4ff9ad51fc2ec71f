"""What was looked at to find the programs of a build, for the record of `noop_record`."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from stagemake.freshness import noop
from stagemake.freshness import snapshot as columns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.model.stage import Stage
    from stagemake.plan.world import Programs, Search, World


class Unclear(Exception):
    """Something could change without being noticed, or has changed meanwhile."""


def searches(stages: Iterable[Stage], world: World) -> dict[tuple[str, str], object]:
    """Return what was observed on the way to each program, by call and path; see `noop.observe`.

    Raises:
        Unclear: A program is not where the last build found it.

    Cost: for each program, one look at each place in front of it.
    """
    # Most stages ask for the same in the same places.
    asked: dict[tuple[Programs, Search], None] = {}
    for stage in stages:
        trace = world.snapshot.traces.get(stage.name)
        if trace is None:
            raise Unclear
        asked[trace[columns.PROGRAMS], world.search_of(stage)] = None
    seen: dict[tuple[str, str], object] = {}
    for programs, search in asked:
        for name, path, _ in programs:
            wanted = path if path[:1] in {"", "/"} else f"{world.root}/{path}"
            if _search(name, search, world.root, seen) != wanted:
                raise Unclear
    return seen


def _search(name: str, search: Search, root: str, seen: dict[tuple[str, str], object]) -> str:
    """Find a program as `program.resolve_program` does, noting what was observed; empty when there is none."""
    places = [""] if "/" in name else [os.path.join(search[1], one) for one in search[0].split(":")]
    for place in places:
        full = os.path.normpath(os.path.join(root, place, name))
        found = []
        for call in ("stat", str(os.X_OK)):
            if (call, full) not in seen:
                seen[call, full] = noop.observe(call, full)
            found.append(seen[call, full])
        if isinstance(found[0], int) and stat.S_ISREG(found[0]) and found[1]:
            return full
    return ""
