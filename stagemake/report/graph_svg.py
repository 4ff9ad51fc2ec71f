"""A picture as SVG, with no program but ours; PNG is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.report.graph_picture import Shape
from stagemake.report.layered import layered
from stagemake.report.width import columns_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.report.graph_picture import Link, Node, Picture
    from stagemake.report.layered import Layout

_COLUMN = 7.23  # width of a character of a fixed-width font of 12 px
_LINE = 16.0
_MARGIN = 16.0
_INK, _PALE = "#1f2328", "#6e7781"
_FILL = {
    Shape.COMMAND: "#ffffff",
    Shape.FUNCTION: "#ddf4ff",
    Shape.GROUP: "#f6f8fa",
    Shape.FILE: "#fff8c5",
    Shape.DIRECTORY: "#fff1e5",
}
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{w:g}" height="{h:g}" viewBox="0 0 {w:g} {h:g}"'
    " font-family=\"'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace\" font-size=\"12\">\n"
    "<title>{title}</title>\n"
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7"'
    ' orient="auto"><path d="M0 0.5 8 4 0 7.5Z" fill="{pale}"/></marker></defs>\n'
    '<rect width="100%" height="100%" fill="#ffffff"/>\n'
)


def svg_text(picture: Picture) -> str:
    """Return a whole SVG; any name makes valid XML, and the same picture always the same.

    Clusters are not drawn. Cost: as `layered`.
    """
    place = {node.id: at for at, node in enumerate(picture.nodes)}
    sizes = [_size(node) for node in picture.nodes]
    edges = [(place[link.source], place[link.target]) for link in picture.links]
    layout = layered(sizes, edges)
    parts = [
        _HEAD.format(
            w=_rounded(layout.width + 2 * _MARGIN),
            h=_rounded(layout.height + 2 * _MARGIN),
            title="stages, and which of them wait for which",
            pale=_PALE,
        ),
        f'<g transform="translate({_MARGIN:g} {_MARGIN:g})">\n',
        f'<g fill="none" stroke="{_PALE}" stroke-width="1.2">\n',
    ]
    parts += [
        _link(link, points_of(layout, sizes, edge, way))
        for link, edge, way in zip(picture.links, edges, layout.ways, strict=True)
    ]
    parts.append("</g>\n")
    parts += [_node(node, sizes[at], layout, at) for at, node in enumerate(picture.nodes)]
    parts.append("</g>\n</svg>\n")
    return "".join(parts)


def points_of(
    layout: Layout,
    sizes: Sequence[tuple[float, float]],
    edge: tuple[int, int],
    way: Sequence[tuple[float, float]],
) -> list[tuple[float, float]]:
    """Return where an edge begins, what it passes, and where it ends: at sides of its nodes."""
    a, b = edge
    side = 1 if layout.x[a] <= layout.x[b] else -1
    return [
        (layout.x[a] + side * sizes[a][0] / 2, layout.y[a]),
        *way,
        (layout.x[b] - side * sizes[b][0] / 2, layout.y[b]),
    ]


def curve(points: Sequence[tuple[float, float]]) -> str:
    """Return path data through points: level where it leaves and arrives."""
    (x, y), *rest = points
    data = [f"M{_rounded(x):g} {_rounded(y):g}"]
    for at, (to_x, to_y) in enumerate(rest):
        if at % 2:  # along a rank that it only passes
            data.append(f"H{_rounded(to_x):g}")
        else:
            half = (to_x - x) / 2
            numbers = (x + half, y, to_x - half, to_y, to_x, to_y)
            data.append("C" + " ".join(f"{_rounded(n):g}" for n in numbers))
        x, y = to_x, to_y
    return "".join(data)


def _link(link: Link, points: Sequence[tuple[float, float]]) -> str:
    dashes = ' stroke-dasharray="5 4"' if link.is_dashed else ""
    told = f"<title>{escaped(link.tooltip)}</title>" if link.tooltip else ""
    path = f'<path d="{curve(points)}" marker-end="url(#tip)"{dashes}>{told}</path>\n'
    if not link.label:
        return path
    (x, y), (to_x, to_y) = points[-2:]
    return (
        f'{path}<text x="{_rounded((x + to_x) / 2):g}" y="{_rounded((y + to_y) / 2 - 3):g}"'
        f' text-anchor="middle" font-size="9" fill="{_PALE}" stroke="none">{escaped(link.label)}</text>\n'
    )


def _node(node: Node, size: tuple[float, float], layout: Layout, at: int) -> str:
    (width, height), x, y = size, layout.x[at], layout.y[at]
    round_ = {Shape.FUNCTION: 8.0, Shape.GROUP: height / 2}.get(node.shape, 2.0)
    thick = 2.2 if node.is_bold else 1.0
    lines = "".join(
        f'<text x="{_rounded(x - width / 2 + 8):g}"'
        f' y="{_rounded(y - height / 2 + 5 + _LINE * (row + 0.7)):g}"'
        f' fill="{_PALE if row else _INK}">{escaped(line)}</text>'
        for row, line in enumerate(node.lines)
    )
    return (
        f'<g><title>{escaped(node.tooltip or node.lines[0])}</title><rect x="{_rounded(x - width / 2):g}"'
        f' y="{_rounded(y - height / 2):g}" width="{_rounded(width):g}" height="{_rounded(height):g}"'
        f' rx="{round_:g}" fill="{_FILL[node.shape]}" stroke="{_INK}" stroke-width="{thick:g}"/>{lines}</g>\n'
    )


def _size(node: Node) -> tuple[float, float]:
    columns = max(map(columns_of, node.lines))
    return columns * _COLUMN + 16, len(node.lines) * _LINE + 10


def _rounded(number: float) -> float:
    return round(number, 1)


def escaped(text: str) -> str:
    """Return text for XML, between tags or quotes; what XML can't hold is replaced."""
    found = "".join(c if _is_allowed(ord(c)) else "\N{REPLACEMENT CHARACTER}" for c in text)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        found = found.replace(character, entity)
    return found


def _is_allowed(code: int) -> bool:
    return code in {9, 10} or 0x20 <= code <= 0xD7FF or (code >= 0xE000 and code & 0xFFFE != 0xFFFE)
