"""What Hypothesis draws for several test files: graphs, and projects whose edges are known by construction."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from attrs import frozen
from hypothesis import strategies as st

from stagemake.model.stage import (
    Command,
    DependencyOrder,
    ProjectPath,
    SourceLocation,
    Stage,
    StageDependency,
    StageName,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Upstream = tuple[tuple[int, ...], ...]

PULLING_KINDS = ("file", "inside directory", "directory input", "value", "after")
ORDERING_KINDS = ("before", "optional after", "optional before")
EDGE_KINDS = PULLING_KINDS + ORDERING_KINDS
"""All the ways in which an edge can be declared; the first ones also pull."""

NAMES = ("a", "a.a", "a.b", "ab", "b", "b.1", "b.10", "b.2", "c", "c.a.1", "cd.a", "d")

SELF_EDGE_KINDS = ("after", "before", "optional after", "optional before")
"""The ways in which a stage can wait for itself; reading what it writes is refused earlier."""


@frozen
class Project:
    """Stages in a random registration order, with the edges that they were made from."""

    stages: tuple[Stage, ...]
    edges: frozenset[tuple[str, str]]  # (upstream, downstream)
    pulls: frozenset[tuple[str, str]]  # the part of `edges` that brings the upstream into a build

    @property
    def names(self) -> list[str]:
        """All names, sorted: the position is the id."""
        return sorted(stage.name for stage in self.stages)


@st.composite
def upstreams(draw: Callable[..., object], *, most: int = 8, acyclic: bool = False) -> Upstream:
    """Draw a graph; `upstream[i]` are the ascending ids that `i` waits for, itself included at times."""
    size: int = draw(st.integers(0, most))
    rank: list[int] = draw(st.permutations(range(size)))
    pairs = [
        (first, second)
        for first in range(size)
        for second in range(size)
        if not acyclic or rank[first] < rank[second]
    ]
    chosen: set[tuple[int, int]] = draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    return tuple(
        tuple(sorted(first for first, second in chosen if second == stage_id))
        for stage_id in range(size)
    )


def stage_names() -> st.SearchStrategy[str]:
    """Draw names as users write them, with dots, and some that differ only in what follows."""
    # A list and not a pattern: drawing from it is ten times cheaper.
    return st.sampled_from(NAMES)


@st.composite
def projects(draw: Callable[..., object], *, most: int = 7, acyclic: bool = True) -> Project:
    """Draw stages without mistakes: their graph, each edge of some kind, some with optional missing stages."""
    upstream: Upstream = draw(upstreams(most=most, acyclic=acyclic))
    names: list[str] = draw(
        st.lists(stage_names(), min_size=len(upstream), max_size=len(upstream), unique=True)
    )
    kinds_by_edge = {
        (first, second): draw(
            st.sets(st.sampled_from(SELF_EDGE_KINDS if first == second else EDGE_KINDS), min_size=1)
        )
        for second, ids in enumerate(upstream)
        for first in ids
    }
    parts = [_Parts(names[number]) for number in range(len(upstream))]
    for (first, second), kinds in kinds_by_edge.items():
        for kind in sorted(kinds):
            parts[second].wait_for(parts[first], kind)
    for part in parts:
        if draw(st.booleans()):
            order = draw(st.sampled_from(DependencyOrder))
            part.dependencies.append(StageDependency(StageName("missing"), order, required=False))
    stages = [part.stage(line) for line, part in enumerate(parts, 1)]
    return Project(
        stages=tuple(draw(st.permutations(stages))),
        edges=frozenset((names[first], names[second]) for first, second in kinds_by_edge),
        pulls=frozenset(
            (names[first], names[second])
            for (first, second), kinds in kinds_by_edge.items()
            if not kinds.isdisjoint(PULLING_KINDS)
        ),
    )


class _Parts:
    """A stage in the making."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.paths: dict[str, list[str]] = defaultdict(list)
        self.uses: list[str] = []
        self.dependencies: list[StageDependency] = []

    def wait_for(self, other: _Parts, kind: str) -> None:
        match kind:
            case "file":
                self.paths["inputs"].append(f"out/{other.name}.o")
            case "inside directory":
                self.paths["implicit"].append(f"tree/{other.name}/deep/part")
            case "directory input":
                self.paths["inputs"].append(f"parts/{other.name}")
            case "value":
                self.uses.append(f"value of {other.name}")
            case "after" | "optional after":
                self.order(other.name, DependencyOrder.BEFORE, required=kind == "after")
            case "before" | "optional before":
                other.order(self.name, DependencyOrder.AFTER, required=kind == "before")
            case _:
                raise AssertionError(kind)

    def order(self, name: str, order: DependencyOrder, *, required: bool) -> None:
        self.dependencies.append(StageDependency(StageName(name), order, required))

    def stage(self, line: int) -> Stage:
        own = self.name
        return Stage(
            StageName(own),
            Command(("make", own)),
            inputs=tuple(map(ProjectPath, [f"src/{own}.c", *self.paths["inputs"]])),
            implicit=tuple(map(ProjectPath, self.paths["implicit"])),
            outputs=tuple(
                map(
                    ProjectPath,
                    [f"out/{own}.o", f"tree/{own}/", f"parts/{own}/a/1", f"parts/{own}/2"],
                )
            ),
            depfile=ProjectPath(f"out/{own}.d"),
            uses=tuple(self.uses),
            provides=(f"value of {own}",),
            dependencies=tuple(self.dependencies),
            location=SourceLocation("Stagefile", line),
        )
