"""Which stages of a Makefile are written as one loop, and in which order all are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.start.make_functions import files_like

if TYPE_CHECKING:
    from stagemake.start.make_draft import Draft, Translation


@define(eq=False)
class Unit:
    """Stages that are written together: one, or all that one pattern makes."""

    drafts: list[Draft]
    variable: str = ""  # in which the Stagefile keeps them
    stems: list[str] = field(factory=list)
    folder: str = ""  # which all stems begin with, moved into the patterns
    glob: str = ""  # the pattern of the Makefile that gave the stems

    @property
    def outputs(self) -> tuple[str, ...]:
        """What its stages make, in their order; tasks make nothing."""
        return tuple(draft.outputs[0] for draft in self.drafts if draft.outputs)


def units_of(made: Translation) -> list[Unit]:
    """Return what is written together; what makes something comes before what reads it."""
    by_family: dict[tuple[int, str], list[Draft]] = {}
    for draft in made.drafts:
        if draft.node.family is not None and draft.node.stem and len(draft.outputs) == 1:
            by_family.setdefault((id(draft.node.family), draft.recipe.text), []).append(draft)
    grouped: dict[int, Unit] = {}
    for drafts in by_family.values():
        unit = _loop(drafts, made)
        if unit is not None:
            grouped.update({id(draft): unit for draft in drafts})
    units: list[Unit] = []
    for draft in made.drafts:
        unit = grouped.get(id(draft)) or Unit([draft])
        if unit not in units:
            units.append(unit)
    return _in_order(units) or [Unit([draft]) for draft in made.drafts]


def _loop(drafts: list[Draft], made: Translation) -> Unit | None:
    """Return one unit for stages that differ in nothing but their stem; None when they differ in more."""
    folders = {draft.node.stem.rpartition("/")[0] for draft in drafts}
    folder = f"{folders.pop()}/" if len(folders) == 1 else ""
    unit = Unit(drafts, folder=folder if folder != "/" else "")
    unit.stems = [draft.node.stem.removeprefix(unit.folder) for draft in drafts]
    shapes = {_shape(draft, unit) for draft in drafts}
    if len(shapes) != 1 or None in shapes:
        return None
    unit.glob = _glob_of(unit, made)
    return unit if unit.glob or len(drafts) > 1 else None


def _shape(draft: Draft, unit: Unit) -> tuple[object, ...] | None:
    """Return everything that a loop writes once, with the stem taken out."""
    stem = draft.node.stem.removeprefix(unit.folder)
    every = [draft.name, *draft.outputs, *draft.inputs, *draft.implicit, draft.depfile]
    if draft.name.count(stem) > 1 or any(path.count(stem) > 1 for path in every):
        return None
    patterns = tuple(as_pattern(path, draft, unit) or path for path in every)
    return (*patterns, len(draft.inputs), len(draft.implicit), draft.after, draft.always)


def _glob_of(unit: Unit, made: Translation) -> str:
    """Return the wildcard of the Makefile that names just these sources; empty if none does."""
    first = unit.drafts[0]
    if not first.inputs:
        return ""
    pattern = as_pattern(first.inputs[0], first, unit)
    if pattern is None or "/" in first.node.stem.removeprefix(unit.folder):
        return ""
    folder, _, suffix = pattern.rpartition("\0")
    sources = [draft.inputs[0] for draft in unit.drafts]
    wanted = f"{folder}*{suffix}"
    values = made.makefile.values
    if wanted not in values.wildcards or suffix.count(".") != 1 or suffix[:1] != ".":
        return ""
    if files_like(values.root, wanted) != sources or (folder and folder[-1] != "/"):
        return ""
    return wanted


def _in_order(units: list[Unit]) -> list[Unit]:
    """Return the units so that each comes behind all it reads; empty if loops wait for each other."""
    owner = {path: unit for unit in units for draft in unit.drafts for path in draft.outputs}
    waiting = {
        id(unit): {
            id(owner[path])
            for draft in unit.drafts
            for path in (*draft.inputs, *draft.implicit)
            if path in owner and owner[path] is not unit
        }
        for unit in units
    }
    ordered: list[Unit] = []
    while len(ordered) < len(units):
        ready = next((u for u in units if u not in ordered and not waiting[id(u)]), None)
        if ready is None:
            return []
        ordered.append(ready)
        for left in waiting.values():
            left.discard(id(ready))
    return ordered


def as_pattern(path: str, draft: Draft, unit: Unit) -> str | None:
    """Return a path of a stage with its stem as NUL; None when the stem is not in it."""
    stem = draft.node.stem.removeprefix(unit.folder)
    if not stem or stem not in path:
        return None
    before, _, after = path.rpartition(stem)
    return f"{before}\0{after}"
