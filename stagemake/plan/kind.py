"""What a stage is like: by its kind, the cost of one never run is estimated from others; what it is told, and how much it reads."""

from __future__ import annotations

from functools import lru_cache
from os.path import basename
from typing import TYPE_CHECKING

from xxhash import xxh3_64_intdigest

from stagemake.model.entry import content_of
from stagemake.model.stage import Call, Command
from stagemake.plan.declaration import COMMAND, CONFIG, ENV, PARAMS, VERSION, canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stagemake.model.stage import Stage
    from stagemake.plan.declaration import Declaration
    from stagemake.plan.world import World

_MOST_PROGRAMS = 4


def kind_of(stage: Stage, world: World) -> str:
    """Return the programs that a stage starts, or its function as `name()`; empty for no action."""
    action = stage.action
    if isinstance(action, Call):
        name = getattr(action.function, "__qualname__", type(action.function).__qualname__)
        return f"{name.rpartition('.')[2]}()"
    if not isinstance(action, Command):
        return ""
    if not action.shell:
        return basename(action.template[0])
    return _joined(world.names_in(action.template[0]))


@lru_cache(maxsize=256)  # most shell texts start what others start
def _joined(names: tuple[str, ...]) -> str:
    shell, *programs = names
    return ", ".join(dict.fromkeys(map(basename, programs[:_MOST_PROGRAMS]))) or basename(shell)


def variant_of(declaration: Declaration) -> int:
    """Return all that a stage is told, apart from paths, as one number; see `model.variant`. Cost: some 5 µs."""
    params = tuple((name, value) for name, value, _ in declaration[PARAMS])
    told = (
        declaration[COMMAND],
        declaration[ENV],
        declaration[CONFIG],
        params,
        declaration[VERSION],
    )
    return xxh3_64_intdigest(canonical_bytes(told)) >> 1  # as sqlite's integers have it


def input_bytes(
    entries: Iterable[str | None], directory_bytes: Callable[[str], int | None] | None = None
) -> int | None:
    """Return the size of all files among inputs together; None while one of them is not known yet.

    Args:
        entries: Of the inputs; None where it takes a run to know.
        directory_bytes: Returns the size of a directory by its entry; None: directories don't count.
    """
    total = 0
    for entry in entries:
        if entry is None:
            return None
        content = content_of(entry)
        if content is not None:
            total += content[1]
        elif entry[0] == "d" and directory_bytes is not None:
            inside = directory_bytes(entry)
            if inside is None:
                return None
            total += inside
    return total
