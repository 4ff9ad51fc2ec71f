"""What past builds made that no stage makes any more, as far as it is theirs to remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.entry import MISSING, UNREADABLE
from stagemake.recorded import orphans_of, recorded_outputs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from stagemake.building import Builder
    from stagemake.plan.world import Disk


def left_over(builder: Builder, disk: Disk) -> tuple[str, ...]:
    """Return outputs that no stage makes any more and that are as stagemake left them; whether there may be any is noted."""
    if builder.affected is not None:  # the same outputs are declared as when nothing was left over
        return ()
    if builder.is_partial:  # a plugin is broken: what its stages made is not for us to remove
        return ()
    stages = builder.project.registry.stages()
    known = builder.state.snapshot

    def inputs() -> set[str]:  # only asked when something is left over
        builder.has_left_over = True
        return {path for stage in stages for path in (*stage.inputs, *stage.implicit)}

    found = orphans_of(known, builder.declared_paths(), inputs)
    if not found:
        return ()
    entries = recorded_outputs(known)
    begun = {path.rstrip("/") for paths in known.interrupted.values() for path in paths}
    return tuple(path for path in found if _is_as_left(path, disk, entries, begun))


def _is_as_left(path: str, disk: Disk, entries: Mapping[str, str], begun: Collection[str]) -> bool:
    """Return whether something is at a path and it is what stagemake left, or began, there."""
    now = disk.output_entry(path)
    if now in {MISSING, UNREADABLE}:  # the latter: something in there that no stage can have made
        return False
    return path in begun or now == entries.get(path)
