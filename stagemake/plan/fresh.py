"""Does a stage's last result still hold? The first half of judging, and all that a no-op asks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from stagemake.freshness import snapshot as columns

if TYPE_CHECKING:
    from stagemake.freshness.snapshot import Trace
    from stagemake.model.stage import Stage
    from stagemake.plan.world import Programs, World


class Sight(Protocol):
    """What can be known of inputs now. None stands for "not before something upstream has run"."""

    def entry(self, path: str) -> str | None:
        """Return the entry of an input."""

    def value(self, name: str) -> str | None:
        """Return the JSON of a shared value."""

    def is_clear(self, upstream: tuple[int, ...]) -> bool:
        """Return whether none of these stages is open."""

    def has_open(self) -> bool:
        """Return whether any stage at all is open."""


def fresh_key(stage: Stage, upstream: tuple[int, ...], world: World, sight: Sight) -> str | None:
    """Return the action key of a stage whose last result still holds, as it stands; else None.

    Cost: one look-up for each input and output once these were surveyed, no allocation.
    """
    trace = world.snapshot.traces.get(stage.name)
    if (
        trace is None
        or not trace[columns.KEY]
        or trace[columns.DECLARATION] != world.declaration_now(stage)
        or world.force
        or stage.name in world.traced
        or stage.runs_always
        or (stage.is_call and world.is_unidentified(stage))
        or not world.programs_hold(trace[columns.PROGRAMS], stage)
    ):
        return None
    if sight.has_open():
        own = world.own_programs(trace[columns.PROGRAMS])
        if own and as_seen(own, sight) != own:
            return None
    seen, disk = world.seen, world.disk
    discovered: tuple[tuple[str, str], ...] = trace[columns.DISCOVERED]
    paths: tuple[str, ...] = stage.inputs
    if stage.implicit:
        paths = (*stage.inputs, *stage.implicit)
    if sight.is_clear(upstream) and not discovered:
        for path, known in zip(paths, trace[columns.ENTRIES], strict=True):
            if seen.get(path) != known and disk.entry(path) != known:
                return None
            if known[0] == "l" and sight.has_open() and sight.entry(path) != known:
                return None  # a link, and what it leads to is about to be made anew
    else:  # discovered inputs may come from stages further up than the direct ones
        for path, known in (*zip(paths, trace[columns.ENTRIES], strict=True), *discovered):
            if sight.entry(path) != known:
                return None
    if stage.uses and any(sight.value(name) != known for name, known in trace[columns.VALUES][0]):
        return None
    for path, known in zip(stage.outputs, trace[columns.OUTPUTS], strict=True):
        if seen.get(path) != known and disk.output_entry(path.removesuffix("/")) != known:
            return None
    key: str = trace[columns.KEY]
    return key


def is_loose(trace: Trace, world: World, sight: Sight) -> bool:
    """Return whether an open stage may be in the way of a stage that shares no path with it.

    Such are links, which may lead to its outputs by other names; discovered directories; and programs of the project.
    """
    if not sight.has_open():
        return False
    return bool(world.own_programs(trace[columns.PROGRAMS])) or follows(trace)


def may_follow(trace: Trace) -> bool:
    """Return whether a stage may be loose at all, whatever is open."""
    return any(path[:1] != "/" for _, path, _ in trace[columns.PROGRAMS]) or follows(trace)


def follows(trace: Trace) -> bool:
    """Return whether a stage reads a link or has discovered a directory."""
    for entry in trace[
        columns.ENTRIES
    ]:  # in loops: asked of nearly every stage, with generators twice as long
        if entry[0] == "l":
            return True
    for _, entry in trace[columns.DISCOVERED]:  # noqa: SIM110 - as above
        if entry[0] in "ld":
            return True
    return False


def as_seen(programs: Programs, sight: Sight) -> Programs:
    """Return programs as they will be once everything upstream has run; entries None while unknown."""
    for _, path, _ in programs:
        if path[:1] != "/":
            break
    else:
        return programs  # none of them in the project: nearly always
    seen: list[tuple[str, str, str | None]] = []
    for name, path, entry in programs:
        own = path or (os.path.normpath(name) if "/" in name else "/")
        now = sight.entry(own) if own[0] != "/" else entry
        if now == entry:
            seen.append((name, path, entry))
        elif now is None or now[0] in "xl":
            seen.append((name, own, now))
        else:
            seen.append((name, "", "-"))  # gone, or nothing that could be started
    return tuple(seen)


def outputs_hold(stage: Stage, trace: Trace, world: World) -> bool:
    """Return whether every output is as the action left it."""
    return all(
        world.disk.output_entry(path.rstrip("/")) == known
        for path, known in zip(stage.outputs, trace[columns.OUTPUTS], strict=True)
    )
