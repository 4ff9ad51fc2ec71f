"""Does a stage's last result still hold? The first half of judging, and all that a no-op asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stagemake.freshness import snapshot as trace_columns

if TYPE_CHECKING:
    from stagemake.freshness.snapshot import Trace
    from stagemake.model.stage import Stage
    from stagemake.plan.world import World


class Sight(Protocol):
    """What can be known of inputs now. None stands for "not before something upstream has run"."""

    def entry(self, path: str) -> str | None:
        """Return the entry of an input."""

    def value(self, name: str) -> str | None:
        """Return the JSON of a shared value."""

    def is_clear(self, upstream: tuple[int, ...]) -> bool:
        """Return whether none of these stages is open."""


def fresh_key(stage: Stage, upstream: tuple[int, ...], world: World, sight: Sight) -> str | None:
    """Return the action key of a stage whose last result still holds, as it stands; else None.

    Cost: one look-up for each input and output once these were surveyed, no allocation.
    """
    trace = world.snapshot.traces.get(stage.name)
    if (
        trace is not None
        and trace[trace_columns.DECLARATION] == world.declaration(stage)
        and not world.force
        and not stage.runs_always
        and not (stage.is_call and world.is_unidentified(stage))
        and _inputs_hold(stage, trace, upstream, world, sight)
        and outputs_hold(stage, trace, world)
    ):
        key: str = trace[trace_columns.KEY]
        return key
    return None


def _inputs_hold(
    stage: Stage,
    trace: Trace,
    upstream: tuple[int, ...],
    world: World,
    sight: Sight,
) -> bool:
    """Return whether everything the action read is as it was."""
    discovered: tuple[tuple[str, str], ...] = trace[trace_columns.DISCOVERED]
    # Discovered inputs may come from stages further up than the direct ones, so these always look.
    entry = sight.entry if discovered or not sight.is_clear(upstream) else world.disk.entry
    before = trace[trace_columns.ENTRIES]
    at = 0
    for path in stage.inputs:
        if entry(path) != before[at]:
            return False
        at += 1
    for path in stage.implicit:
        if entry(path) != before[at]:
            return False
        at += 1
    return (
        world.programs_hold(trace[trace_columns.PROGRAMS])
        and (not discovered or all(entry(path) == known for path, known in discovered))
        and (
            not stage.uses
            or all(sight.value(name) == known for name, known in trace[trace_columns.VALUES][0])
        )
    )


def outputs_hold(stage: Stage, trace: Trace, world: World) -> bool:
    """Return whether every output is as the action left it."""
    disk = world.disk
    for path, known in zip(stage.outputs, trace[trace_columns.OUTPUTS], strict=True):
        if disk.output_entry(path[:-1] if path[-1] == "/" else path) != known:
            return False
    return True
