"""What the page shows of a graph at a time, with coordinates: all stages, or a family and what it is connected with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from stagemake.model.printable import printable
from stagemake.page.families import MOST_ALONE, Family, family_tree
from stagemake.report.graph_svg import curve, points_of
from stagemake.report.layered import layered
from stagemake.report.width import columns_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stagemake.report.graph_edges import Edge

_STAGE, _FAMILY, _OUTSIDE_STAGE, _OUTSIDE_FAMILY, _REST = range(5)
_MOST_OUTSIDE = 40  # nodes for what a family is connected with
_COLUMN, _LONGEST = 7.23, 34
_HEIGHT, _FAMILY_HEIGHT = 28.0, 42.0

Node = tuple[int, int]
"""Kind, and position among stages or scenes."""


def scenes_of(names: Sequence[str], edges: Sequence[Edge]) -> list[dict[str, Any]]:
    """Return scenes; the first is shown first. Empty for no stages.

    Cost: as `layered`, for each scene.
    """
    if not names:
        return []
    maker = _Maker(names, edges)
    tree = family_tree(names)
    if len(names) <= MOST_ALONE:
        maker.add_all()
    if tree is not None:
        maker.add_family(tree)
    maker.share_edges()
    for scene in maker.scenes:
        maker.fill(scene)
    return [scene.made for scene in maker.scenes]


@define
class _Scene:
    title: str
    parent: int  # -1: none
    stages: list[int] = field(factory=list)
    inner: list[int] = field(factory=list)  # scenes
    members: list[int] = field(factory=list)  # all stages in it
    edges: list[Edge] = field(factory=list)  # with an end in it
    made: dict[str, Any] = field(factory=dict)


@define
class _Maker:
    names: Sequence[str]
    edges: Sequence[Edge]
    scenes: list[_Scene] = field(factory=list)
    homes: list[list[int]] = field(factory=list)  # by stage: the scenes it is in, from the top

    def add_all(self) -> None:
        """Begin with a scene of all stages."""
        everything = list(range(len(self.names)))
        self.scenes.append(_Scene("all stages", -1, everything, [], everything, list(self.edges)))

    def add_family(self, root: Family) -> None:
        """Add a scene for a family and each below it."""
        self.homes = [[] for _ in self.names]
        todo = [(root, -1)]
        while todo:
            family, parent = todo.pop()
            at = len(self.scenes)
            title = "summary" if parent < 0 else family.title
            self.scenes.append(_Scene(title, parent, list(family.stages)))
            if parent >= 0:
                self.scenes[parent].inner.append(at)
            up = at
            for stage in family.stages:
                chain = []
                while up >= 0:
                    chain.append(up)
                    up = self.scenes[up].parent
                up = at
                self.homes[stage] = chain[::-1]
                for scene in chain:
                    self.scenes[scene].members.append(stage)
            todo += [(inner, at) for inner in reversed(family.families)]

    def share_edges(self) -> None:
        """Give each family the edges that it has an end of."""
        for edge in self.edges if self.homes else ():
            for at in {*self.homes[edge.upstream], *self.homes[edge.downstream]}:
                self.scenes[at].edges.append(edge)

    def fill(self, scene: _Scene) -> None:
        """Lay a scene out."""
        own: dict[int, Node] = {stage: (_STAGE, stage) for stage in scene.stages}
        for inner in scene.inner:
            own.update(dict.fromkeys(self.scenes[inner].members, (_FAMILY, inner)))
        outside = self._outside(scene, own)
        links: dict[tuple[Node, Node], list[int]] = {}  # how many edges, how many required
        for edge in scene.edges:
            ends = [own.get(i) or outside.get(i) for i in (edge.upstream, edge.downstream)]
            a, b = ends
            is_inside = edge.upstream in own or edge.downstream in own
            if a is not None and b is not None and a != b and is_inside:
                counts = links.setdefault((a, b), [0, 0])
                counts[0] += 1
                counts[1] += edge.required
        nodes = self._in_order({*own.values(), *outside.values()})
        place = {node: at for at, node in enumerate(nodes)}
        sizes = [self._size(node) for node in nodes]
        pairs = [(place[a], place[b]) for a, b in links]
        layout = layered(sizes, pairs)
        scene.made = {
            "title": printable(scene.title),
            "parent": scene.parent,
            "size": len(scene.members),
            "members": scene.members if scene.parent >= 0 else [],
            "width": round(layout.width, 1),
            "height": round(layout.height, 1),
            "nodes": [
                [*node, round(layout.x[at], 1), round(layout.y[at], 1), *map(round, sizes[at])]
                for at, node in enumerate(nodes)
            ],
            "edges": [
                [*pair, *counts, curve(points_of(layout, sizes, pair, way))]
                for pair, counts, way in zip(pairs, links.values(), layout.ways, strict=True)
            ],
        }

    def _outside(self, scene: _Scene, own: dict[int, Node]) -> dict[int, Node]:
        """Return what stands for the stages beyond a family that have an edge into it."""
        found: dict[int, Node] = {}
        for edge in scene.edges:
            for inside, other in (
                (edge.upstream, edge.downstream),
                (edge.downstream, edge.upstream),
            ):
                if inside in own and other not in own and other not in found:
                    found[other] = self._stand_in(other, scene)
        if len(set(found.values())) > _MOST_OUTSIDE:
            return dict.fromkeys(found, (_REST, len(found)))
        return found

    def _stand_in(self, stage: int, scene: _Scene) -> Node:
        """Return the widest family around a stage that has nothing of a scene, else the stage."""
        around = set()
        at = self.scenes.index(scene)
        while at >= 0:
            around.add(at)
            at = self.scenes[at].parent
        for home in self.homes[stage]:
            if home not in around:
                return (_OUTSIDE_FAMILY, home)
        return (_OUTSIDE_STAGE, stage)

    def _in_order(self, nodes: Iterable[Node]) -> list[Node]:
        """Return nodes by the stage that they begin with."""

        def first(node: Node) -> tuple[int, int]:
            kind, ref = node
            is_family = kind in {_FAMILY, _OUTSIDE_FAMILY}
            return (min(self.scenes[ref].members) if is_family else ref, kind)

        return sorted(nodes, key=first)

    def _size(self, node: Node) -> tuple[float, float]:
        kind, ref = node
        if kind in {_STAGE, _OUTSIDE_STAGE}:
            columns = min(columns_of(printable(self.names[ref])), _LONGEST)
            return round(columns * _COLUMN + 32), _HEIGHT
        title = "more" if kind == _REST else printable(self.scenes[ref].title)
        columns = max(min(columns_of(title), _LONGEST), 14)
        return round(columns * _COLUMN + 24), _FAMILY_HEIGHT
