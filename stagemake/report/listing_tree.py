"""Stages as trees: below each stage what it waits for."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from attrs import field, frozen

from stagemake.report.amount import printable
from stagemake.report.graph_edges import EdgeKind, edges_of
from stagemake.report.style import Style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.pipeline import Pipeline
    from stagemake.report.graph_edges import Edge

_PLAIN = Style()
_MOST_LEVELS = 12  # below a root; a deeper branch goes on as a tree of its own


@frozen
class Twigs:
    """What branches are drawn with: for a stage, for the last one, and under each of the two."""

    fork: str = "├── "
    last: str = "└── "
    beside: str = "│   "
    below: str = "    "


ASCII = Twigs("|-- ", "`-- ", "|   ", "    ")
UNICODE = Twigs()


def tree_text(pipeline: Pipeline, roots: Sequence[int], twigs: Twigs, style: Style = _PLAIN) -> str:
    """Return a tree for each root: what it waits for, directly and in the end, in execution order.

    Each stage is taken apart once: `(*)` behind a name says that what it waits for is shown
    elsewhere above, `(below)` that it comes further below, because lines would be too wide here.
    `(optional)` and `(before)` mark order that brings nothing into a build.

    Args:
        pipeline: What to show.
        roots: Positions in it, in the order to show them.
        twigs: What to draw with.
        style: Colours of what stands behind names.

    Cost: O(stages + edges) lines of at most a dozen levels.
    """
    if not roots:
        return "no stages\n"
    rows: list[list[Edge]] = [[] for _ in pipeline.stages]
    for edge in edges_of(pipeline):
        rows[edge.downstream].append(edge)
    drawing = _Drawing(pipeline, rows, twigs, style)
    drawing.draw_all(roots)
    lines = drawing.lines
    legend = [style.paint(text, "dim") for mark, text in _LEGEND if mark in drawing.marks]
    return "\n".join([*lines, *(["", *legend] if legend else [])]) + "\n"


_LEGEND = (
    ("(*)", "(*) shown above with what it waits for"),
    ("(below)", "(below) goes on further below"),
)


@frozen
class _Item:
    """One line to come: a stage, the edge that led to it, and what stands before it."""

    stage_id: int
    edge: Edge | None
    prefix: str  # of the line itself, up to the twig
    twig: str
    level: int


@frozen
class _Drawing:
    """The lines so far, and which stages have been taken apart."""

    pipeline: Pipeline
    rows: Sequence[Sequence[Edge]]  # the edges to what each stage waits for
    twigs: Twigs
    style: Style
    lines: list[str] = field(factory=list)
    marks: set[str] = field(factory=set)
    _done: set[int] = field(factory=set)

    def draw_all(self, roots: Sequence[int]) -> None:
        put_off: deque[int] = deque()
        for root in roots:
            self._draw(root, put_off)
        while put_off:
            stage_id = put_off.popleft()
            if stage_id not in self._done:
                self._draw(stage_id, put_off)

    def _draw(self, root: int, put_off: deque[int]) -> None:
        stack = [_Item(root, None, "", "", 0)]
        while stack:
            item = stack.pop()
            mark = self._mark(item)
            self.lines.append(self._line(item, mark))
            if mark == "(below)":
                put_off.append(item.stage_id)
            elif not mark and self.rows[item.stage_id]:
                self._done.add(item.stage_id)
                stack.extend(reversed(self._children(item)))

    def _mark(self, item: _Item) -> str:
        if not self.rows[item.stage_id]:
            return ""
        if item.stage_id in self._done:
            return "(*)"
        return "(below)" if item.level == _MOST_LEVELS else ""

    def _line(self, item: _Item, mark: str) -> str:
        marks = []
        if item.edge is not None and not item.edge.required:
            marks.append("(before)" if item.edge.kind is EdgeKind.BEFORE else "(optional)")
        if mark:
            marks.append(mark)
            self.marks.add(mark)
        name = printable(self.pipeline.stages[item.stage_id].name)
        behind = f" {self.style.paint(' '.join(marks), 'dim')}" if marks else ""
        return f"{item.prefix}{item.twig}{name}{behind}"

    def _children(self, item: _Item) -> list[_Item]:
        row = self.rows[item.stage_id]
        twigs = self.twigs
        under = {twigs.fork: twigs.beside, twigs.last: twigs.below}.get(item.twig, "")
        return [
            _Item(
                edge.upstream,
                edge,
                item.prefix + under,
                twigs.last if edge is row[-1] else twigs.fork,
                item.level + 1,
            )
            for edge in row
        ]


def final_stages(pipeline: Pipeline) -> tuple[int, ...]:
    """Return the stages that nothing waits for, in execution order."""
    return tuple(
        stage_id for stage_id, downstream in enumerate(pipeline.downstream) if not downstream
    )
