"""A picture in the DOT language of Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.report.graph_picture import Shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.report.graph_picture import Link, Node, Picture

_SHAPE = {
    Shape.COMMAND: "",  # the default, a box
    Shape.FUNCTION: "style=rounded",
    Shape.GROUP: "shape=ellipse",
    Shape.FILE: 'shape=note, color="#808080"',
    Shape.DIRECTORY: 'shape=folder, color="#808080"',
}
_HEAD = """\
digraph stagemake {
  graph [rankdir=LR, fontname="Helvetica", fontsize=11];
  node [shape=box, fontname="Helvetica", fontsize=11, height=0.3, margin="0.12,0.06"];
  edge [fontname="Helvetica", fontsize=9, arrowsize=0.7];
"""


def dot_text(picture: Picture) -> str:
    """Return a `digraph`; any name makes valid text, and the same picture always the same."""
    lines = [_node(node) for node in picture.nodes]
    for number, (title, ids) in enumerate(picture.clusters):
        lines.append(f"  subgraph cluster_{number} {{")
        lines.append(f'    label={_quoted((title,))}; color="#c0c0c0";')
        lines.extend(f"    {node_id};" for node_id in ids)
        lines.append("  }")
    lines.extend(map(_link, picture.links))
    return _HEAD + "".join(f"{line}\n" for line in lines) + "}\n"


def _node(node: Node) -> str:
    words = [f"label={_quoted(node.lines)}", _SHAPE[node.shape]]
    if node.is_bold:
        words.append("penwidth=2")
    if node.tooltip:
        words.append(f"tooltip={_quoted(node.tooltip.split(chr(10)))}")
    return f"  {node.id} [{', '.join(filter(None, words))}];"


def _link(link: Link) -> str:
    words = []
    if link.is_dashed:
        words.append("style=dashed")
    if link.label:
        words.append(f"label={_quoted((link.label,))}")
    if link.tooltip:
        words.append(f"tooltip={_quoted(link.tooltip.split(chr(10)))}")
    return f"  {link.source} -> {link.target}" + (f" [{', '.join(words)}];" if words else ";")


def _quoted(lines: Iterable[str]) -> str:
    r"""Return one quoted string of printable lines.

    In labels and tooltips a backslash begins an escape (`\N` is the node's name), and `&` an entity.
    """
    escaped = [
        line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines
    ]
    return '"' + "\\n".join(escaped) + '"'
