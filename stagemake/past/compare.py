"""What differs between two past builds, stage by stage."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.past.build import PastBuild, PastStage

_FRESH = "fresh"
_LONGER = 1.2  # times as long, and
_LONGER_S = 0.05  # seconds at least: what is less is noise


class Change(enum.Enum):
    """What is different about a stage in the later build."""

    ADDED = "added"
    REMOVED = "removed"
    OUTCOME = "outcome"  # ran in one, was fresh or failed in the other
    REASON = "reason"  # did the same, for another reason
    SLOWER = "slower"
    FASTER = "faster"


@frozen
class Compared:
    """A stage that differs. None: it had no part in that build, or was fresh there."""

    name: str
    changes: tuple[Change, ...]
    before: PastStage | None
    after: PastStage | None


def compare(
    before: PastBuild,
    after: PastBuild,
    names_before: frozenset[str] | None,
    names_after: frozenset[str] | None,
) -> tuple[Compared, ...]:
    """Return the stages that differ: added ones, removed ones, then by name.

    Args:
        before: One build.
        after: The other.
        names_before: All its stages, fresh ones too; None where that is not known any more.
        names_after: As above.
    """
    old = {stage.name: stage for stage in before.stages}
    new = {stage.name: stage for stage in after.stages}
    known = names_before is not None and names_after is not None
    found = []
    for name in sorted({*old, *new, *(names_before or ()), *(names_after or ())}):
        if known and name not in (names_before or ()):
            changes: tuple[Change, ...] = (Change.ADDED,)
        elif known and name not in (names_after or ()):
            changes = (Change.REMOVED,)
        else:
            changes = tuple(_changes(old.get(name), new.get(name)))
        if changes:
            found.append(Compared(name, changes, old.get(name), new.get(name)))
    order = {Change.ADDED: 0, Change.REMOVED: 1}
    found.sort(key=lambda one: order.get(one.changes[0], 2))
    return tuple(found)


def _changes(old: PastStage | None, new: PastStage | None) -> Iterator[Change]:
    outcomes = [_FRESH if stage is None else stage.outcome for stage in (old, new)]
    if outcomes[0] != outcomes[1]:
        yield Change.OUTCOME
        return
    if old is None or new is None:
        return
    if (old.reason, old.subject) != (new.reason, new.subject):
        yield Change.REASON
    if old.wall_s is None or new.wall_s is None or abs(new.wall_s - old.wall_s) < _LONGER_S:
        return
    if new.wall_s > old.wall_s * _LONGER:
        yield Change.SLOWER
    elif old.wall_s > new.wall_s * _LONGER:
        yield Change.FASTER
