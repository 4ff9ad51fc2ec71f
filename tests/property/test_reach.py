"""Following an edit from path to stage finds what going through all stages finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from stagemake.freshness import noop
from stagemake.recalled import Graph, affected_by
from stagemake.watch.reach import Reach

if TYPE_CHECKING:
    from stagemake.model.stage import StageId

PATHS = tuple([f"p{n}" for n in range(8)] + [f"d{n}/p{m}" for n in range(3) for m in range(3)])
OUTPUTS = st.sampled_from([*PATHS, "d0/", "d1/", "d2/"])
IDS = st.sets(st.integers(0, len(PATHS) - 1), max_size=4)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Graph, list[tuple[str, ...]], dict[int, Any]]:
    """Return a graph, the outputs of its stages, and as much of a record as is asked for."""
    stages = draw(st.integers(1, 8))
    rows, upstream, outputs = [], [], []
    for stage_id in range(stages):
        rows.append(tuple(sorted(draw(IDS))))
        above: set[StageId] = draw(st.sets(st.integers(0, stages - 1), max_size=2))  # type: ignore[arg-type]  # ids
        upstream.append(tuple(each for each in sorted(above) if each < stage_id))
        outputs.append(tuple(draw(st.lists(OUTPUTS, max_size=2))))
    open_ids = draw(st.sets(st.integers(0, stages - 1), max_size=2))
    names = tuple(f"s{n}" for n in range(stages))
    graph = Graph(names, tuple(upstream), tuple(rows), (), ())
    return graph, outputs, {noop.PATHS: PATHS, noop.OPEN: tuple(sorted(open_ids))}


@given(worlds(), IDS)
def test_the_same_stages_are_affected(
    world: tuple[Graph, list[tuple[str, ...]], dict[int, Any]], moved: set[int]
) -> None:
    graph, outputs, record = world
    heard = {*moved, -1}  # one that no stage has

    found = Reach(graph).affected(heard, outputs.__getitem__, record)  # type: ignore[arg-type]  # as much of it as is asked for

    assert affected_by(heard, outputs.__getitem__, graph, record) == found  # type: ignore[arg-type]  # as above
