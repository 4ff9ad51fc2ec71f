"""What a picture of a pipeline shows: nodes, links, clusters and their texts, for any notation."""

from __future__ import annotations

import enum
from collections import Counter
from textwrap import wrap
from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from stagemake.report.amount import printable
from stagemake.report.graph_edges import EdgeKind, Producers
from stagemake.report.listing import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagemake.model.pipeline import Pipeline
    from stagemake.model.stage import Stage
    from stagemake.report.graph_edges import Edge
    from stagemake.stagefile.registry import PipelineDefinition

_LABEL_COLUMNS = 40
_TOOLTIP_PATHS = 10


class Shape(enum.Enum):
    """What a node stands for: a kind of stage, or of path."""

    COMMAND = "command"
    FUNCTION = "function"
    GROUP = "group"
    FILE = "file"
    DIRECTORY = "directory"


@frozen
class Node:
    """A stage or a path. The id is a word of letters and digits and says nothing of the name."""

    id: str
    lines: tuple[str, ...]  # printable; the name first
    shape: Shape
    tooltip: str = ""  # printable lines
    is_bold: bool = False  # a stage of the default pipeline


@frozen
class Link:
    """An arrow from what comes first to what comes later."""

    source: str
    target: str
    label: str = ""  # printable
    tooltip: str = ""  # printable lines
    is_dashed: bool = False  # orders, and brings nothing into a build


@frozen
class Picture:
    """Everything to draw, in execution order. A node is in one cluster at most."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    clusters: tuple[tuple[str, tuple[str, ...]], ...] = ()  # title and node ids


@frozen
class Look:
    """What to show beside stages and edges."""

    files: bool = False  # paths as nodes between the stages
    labels: bool = False  # on each link what makes it
    group: bool = False  # a cluster for each first part of dotted names


def picture(
    pipeline: Pipeline,
    edges: Sequence[Edge],
    pipelines: Sequence[PipelineDefinition],
    look: Look,
) -> Picture:
    """Return what to draw of `pipeline`, with `edges` as given by `edges_of` or `reduced`.

    Cost: O(stages + paths + edges).
    """
    bold = {name for each in pipelines if each.default for name in each.members}
    member_of: dict[str, list[str]] = {}
    for each in pipelines:
        for name in each.members:
            member_of.setdefault(name, []).append(each.name)
    nodes = [
        _stage_node(stage_id, stage, member_of.get(stage.name, ()), is_bold=stage.name in bold)
        for stage_id, stage in enumerate(pipeline.stages)
    ]
    links: list[Link] = []
    node_by_path: dict[str, str] = {}
    if look.files:
        drawn = _Paths(Producers(pipeline))
        drawn.add_all(pipeline.stages)
        nodes += drawn.nodes.values()
        node_by_path = {path: node.id for path, node in drawn.nodes.items()}
        links += drawn.links.values()
        edges = [evolve(edge, paths=()) for edge in edges if edge.values or not edge.paths]
    links += [_stage_link(edge, look) for edge in edges]
    clusters = _clusters(pipeline.stages, node_by_path) if look.group else ()
    return Picture(tuple(nodes), tuple(links), clusters)


def _stage_node(stage_id: int, stage: Stage, member_of: Sequence[str], *, is_bold: bool) -> Node:
    description = printable(" ".join(stage.description.split()))
    lines = [printable(stage.name)]
    if description:
        lines.extend(_wrapped(description))
    if stage.pool:
        lines.append(f"pool {printable(stage.pool)}")
    told = [f"{kind_of(stage)} {printable(stage.name)}"]
    if description:
        told.append(description)
    if stage.outputs:
        told.append(_some("makes", stage.outputs))
    if member_of:
        told.append(_some("in", member_of))
    if stage.location is not None:
        told.append(printable(str(stage.location)))
    return Node(f"s{stage_id}", tuple(lines), Shape(kind_of(stage)), "\n".join(told), is_bold)


def _stage_link(edge: Edge, look: Look) -> Link:
    subjects = (*edge.paths, *edge.values)
    word = edge.kind.value if edge.required or edge.kind is EdgeKind.BEFORE else "optional"
    label = ""
    if look.labels:
        label = _first_and_more(subjects) if subjects else word
    told = [_some("reads", edge.paths)] if edge.paths else []
    if edge.values:
        told.append(_some("uses", edge.values))
    return Link(
        source=f"s{edge.upstream}",
        target=f"s{edge.downstream}",
        label=label,
        tooltip="\n".join(told) or word,
        is_dashed=not edge.required,
    )


@define
class _Paths:
    """The nodes of paths and the links to and from them, each once."""

    producers: Producers
    nodes: dict[str, Node] = field(factory=dict)  # by path, without trailing slash
    links: dict[tuple[str, str], Link] = field(factory=dict)
    traced: set[str] = field(factory=set)  # inputs whose producers have been linked

    def add_all(self, stages: Sequence[Stage]) -> None:
        for stage_id, stage in enumerate(stages):
            for path in (*stage.inputs, *stage.implicit):
                self._add_input(path, f"s{stage_id}")
            for path in stage.outputs:
                self._link(f"s{stage_id}", self._node(path))

    def _add_input(self, path: str, stage_node: str) -> None:
        node = self._node(path)
        self._link(node, stage_node)
        if path in self.traced:
            return
        self.traced.add(path)
        for output in self.producers.outputs_meeting(path):
            if output != path:  # the directory around it, or what lies in it
                is_directory = output in self.producers.pipeline.directories
                self._link(self._node(f"{output}/" if is_directory else output), node)

    def _node(self, path: str) -> str:
        known = self.nodes.get(path.rstrip("/"))
        if known is not None:
            return known.id
        directories = self.producers.pipeline.directories
        is_directory = path.endswith("/") or path in directories or self.producers.is_folder(path)
        shown = f"{path.rstrip('/')}/" if is_directory else path
        shape = Shape.DIRECTORY if is_directory else Shape.FILE
        made = Node(f"f{len(self.nodes)}", (printable(shown),), shape, printable(shown))
        self.nodes[path.rstrip("/")] = made
        return made.id

    def _link(self, source: str, target: str) -> None:
        self.links.setdefault((source, target), Link(source, target))


def _clusters(
    stages: Sequence[Stage], node_by_path: Mapping[str, str]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Group stages and their outputs by the first part of dotted names; `a` belongs to `a.b` and `a.c`."""
    heads = [stage.name.partition(".")[0] for stage in stages]
    sizes = Counter(heads)
    members: dict[str, list[str]] = {}
    for stage_id, (head, stage) in enumerate(zip(heads, stages, strict=True)):
        if head and sizes[head] > 1:
            inside = members.setdefault(head, [])
            inside.append(f"s{stage_id}")
            paths = [output.rstrip("/") for output in stage.outputs]
            inside += [node_by_path[path] for path in paths if path in node_by_path]
    return tuple((printable(head), tuple(ids)) for head, ids in members.items())


def _first_and_more(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    room = _LABEL_COLUMNS - len(more)
    return _cut_front(printable(names[0]), room) + more


def _some(word: str, names: Sequence[str]) -> str:
    shown = ", ".join(map(printable, names[:_TOOLTIP_PATHS]))
    more = len(names) - _TOOLTIP_PATHS
    return f"{word} {shown}" + (f" and {more} more" if more > 0 else "")


def _wrapped(text: str) -> list[str]:
    """Return at most two lines."""
    if len(text) <= _LABEL_COLUMNS:
        return [text]
    return wrap(text, _LABEL_COLUMNS, max_lines=2, placeholder="…")


def _cut_front(text: str, columns: int) -> str:
    """Shorten a path where it says least: at its beginning."""
    return text if len(text) <= columns else "…" + text[1 - columns :]
