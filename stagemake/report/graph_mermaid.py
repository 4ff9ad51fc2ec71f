"""A picture as a Mermaid flowchart, which code hosts draw inside Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stagemake.report.graph_picture import Shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.report.graph_picture import Link, Node, Picture

_BRACKETS = {
    Shape.COMMAND: ("[", "]"),
    Shape.FUNCTION: ("(", ")"),
    Shape.GROUP: ("([", "])"),
    Shape.FILE: ("[/", "/]"),
    Shape.DIRECTORY: ("[\\", "\\]"),
}
# All other ASCII is written by its number: quotes, `#`, `;`, `<`, `&`, and what Markdown reads.
_UNSAFE = re.compile(r"[^A-Za-z0-9 ._/,:=+()@\-\x80-\U0010ffff]")
_LIST_MARK = re.compile(r"^(?:\d+[.)]|[-+])")  # Markdown would begin a list here


def mermaid_text(picture: Picture) -> str:
    """Return a `flowchart`; any name makes valid text, and the same picture always the same."""
    lines = ["flowchart LR"]
    lines.extend(map(_node, picture.nodes))
    for number, (title, ids) in enumerate(picture.clusters):
        lines.append(f"  subgraph g{number} [{_quoted((title,))}]")
        lines.extend(f"    {node_id}" for node_id in ids)
        lines.append("  end")
    lines.extend(map(_link, picture.links))
    bold = [node.id for node in picture.nodes if node.is_bold]
    if bold:
        lines.append("  classDef default_pipeline stroke-width:3px")
        lines.extend(f"  class {node_id} default_pipeline" for node_id in bold)
    return "".join(f"{line}\n" for line in lines)


def _node(node: Node) -> str:
    opening, closing = _BRACKETS[node.shape]
    return f"  {node.id}{opening}{_quoted(node.lines)}{closing}"


def _link(link: Link) -> str:
    arrow = "-.->" if link.is_dashed else "-->"
    label = f"|{_quoted((link.label,))}|" if link.label else ""
    return f"  {link.source} {arrow}{label} {link.target}"


def _quoted(lines: Iterable[str]) -> str:
    return '"' + "<br/>".join(map(_escaped, lines)) + '"'


def _escaped(line: str) -> str:
    mark = _LIST_MARK.match(line)
    end = mark.end() if mark else 0
    return "".join(
        _entity(char) if at == end - 1 or _UNSAFE.match(char) else char
        for at, char in enumerate(line)
    )


def _entity(char: str) -> str:
    return f"#{ord(char)};"
