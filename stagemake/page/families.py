"""Which stages a large graph shows as one node: by parts of their names, so that matrix families come together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_ALONE = 2000
"""Graphs with more stages are shown as families first."""

_MOST_A_SCENE = 400  # below the top: what opens when a family is looked into
_FROM = 40  # smaller graphs need no summary
_SHARE = 0.5  # a summary has at most so many nodes for each stage
_PART = re.compile(r"[./:\-_~ ]+")


@define
class Family:
    """A node of the tree: other families and stages of its own, by the order of their first stage."""

    title: str
    stages: list[int] = field(factory=list)  # of its own
    families: list[Family] = field(factory=list)
    size: int = 0  # stages in it and below

    @property
    def children(self) -> int:
        """How many nodes show it."""
        return len(self.stages) + len(self.families)


def family_tree(names: Sequence[str]) -> Family | None:
    """Return the stages by families; None where a summary says no more than the stages do.

    Every stage is in one family. No family shows more than some hundred nodes.
    """
    if len(names) < _FROM:
        return None
    parts = [[part for part in _PART.split(name) if part] or [name] for name in names]
    root = _divided("all stages", list(range(len(names))), parts, 0, ())
    if root.children > _SHARE * len(names) and len(names) <= MOST_ALONE:
        return None
    return root


def _divided(
    title: str,
    ids: list[int],
    parts: Sequence[Sequence[str]],
    depth: int,
    prefix: tuple[str, ...],
) -> Family:
    by_part: dict[str, list[int]] = {}
    longest = max(len(parts[i]) for i in ids)
    while depth < longest:  # what all have in common says nothing
        by_part = {}
        for i in ids:
            by_part.setdefault(parts[i][depth] if depth < len(parts[i]) else "", []).append(i)
        if len(by_part) > 1:
            break
        prefix = (*prefix, *by_part)
        depth += 1
    if depth >= longest or len(by_part) > max(_MOST_A_SCENE / 2, _SHARE * len(ids)):
        return _chunks(title, ids, parts)
    found = Family(title, size=len(ids))
    for part, members in by_part.items():
        if len(members) == 1 or not part:
            found.stages += members
            continue
        inner = ".".join((*prefix, part))
        if len(members) <= _MOST_A_SCENE:
            found.families.append(Family(inner, list(members), size=len(members)))
        else:
            below = _divided(inner, members, parts, depth + 1, (*prefix, part))
            found.families.append(below)
    if len(found.stages) > _MOST_A_SCENE:
        alone = _chunks(title, found.stages, parts)
        found.families += alone.families
        found.stages = []
    return found


def _chunks(title: str, ids: list[int], parts: Sequence[Sequence[str]]) -> Family:
    """Return stages whose names have too little in common, so many at a time."""
    size = max(100, -(-len(ids) // 100))
    found = Family(title, size=len(ids))
    for at in range(0, len(ids), size):
        some = ids[at : at + size]
        ends = [".".join(parts[i]) for i in (some[0], some[-1])]
        inner = Family(f"{ends[0]} … {ends[1]}", size=len(some))
        if len(some) > _MOST_A_SCENE:
            inner.families = _chunks(inner.title, some, parts).families
        else:
            inner.stages = some
        found.families.append(inner)
    return found
