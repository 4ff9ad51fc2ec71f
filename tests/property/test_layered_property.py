"""What holds for every layout: nothing overlaps, edges go to the right, ways pass beside nodes."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from stagemake.report.graph_svg import curve, points_of
from stagemake.report.layered import layered

SIZES = st.lists(
    st.tuples(st.integers(10, 300), st.sampled_from([26.0, 42.0, 58.0])), min_size=1, max_size=20
)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    sizes = draw(SIZES)
    ids = st.integers(0, len(sizes) - 1)
    return sizes, draw(st.lists(st.tuples(ids, ids), max_size=40))


@given(graphs(), st.integers(1, 12))
def test_no_two_nodes_overlap_even_with_cycles(
    graph: tuple[list[tuple[float, float]], list[tuple[int, int]]], most: int
) -> None:
    sizes, edges = graph

    made = layered(sizes, edges, most)

    boxes = [(x, y, w, h) for x, y, (w, h) in zip(made.x, made.y, sizes, strict=True)]
    for (ax, ay, aw, ah), (bx, by, bw, bh) in combinations(boxes, 2):
        apart = abs(ax - bx) - (aw + bw) / 2 > 0 or abs(ay - by) - (ah + bh) / 2 > -1e-6
        assert apart
    for x, y, w, h in boxes:
        assert -1e-6 <= x - w / 2 <= x + w / 2 <= made.width + 1e-6
        assert -1e-6 <= y - h / 2 <= y + h / 2 <= made.height + 1e-6


@given(graphs(), st.integers(0, 12))
def test_edges_without_cycles_go_to_the_right(
    graph: tuple[list[tuple[float, float]], list[tuple[int, int]]], most: int
) -> None:
    sizes, pairs = graph
    edges = [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]

    made = layered(sizes, edges, most)

    assert len(edges) == len(made.ways)
    for edge, way in zip(edges, made.ways, strict=True):
        points = points_of(made, sizes, edge, way)
        assert [x for x, _ in points] == sorted(x for x, _ in points)
        assert curve(points).startswith("M")
        for (x, y), size in zip(zip(made.x, made.y, strict=True), sizes, strict=True):
            for way_x, way_y in way:
                is_inside = abs(way_x - x) < size[0] / 2 and abs(way_y - y) < size[1] / 2
                assert not is_inside


@given(graphs())
def test_the_same_graph_is_laid_out_the_same(
    graph: tuple[list[tuple[float, float]], list[tuple[int, int]]],
) -> None:
    assert layered(*graph) == layered(*graph)
