"""What holds for every graph: its edges are the build's, a reduced one says the same, a tree shows all."""

from __future__ import annotations

import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from strategies import Project, Upstream, projects, upstreams

from stagemake.model.pipeline import Pipeline
from stagemake.model.stage import Command, ProjectPath, Stage, StageName
from stagemake.report.graph_dot import dot_text
from stagemake.report.graph_edges import Edge, EdgeKind, edges_of, reduced
from stagemake.report.graph_mermaid import mermaid_text
from stagemake.report.graph_picture import Link, Look, Node, Picture, Shape, picture
from stagemake.report.listing_tree import UNICODE, final_stages, tree_text
from stagemake.resolve.build import build_pipeline
from stagemake.resolve.edges import infer_edges


def pipeline_of(project: Project, wanted: list[int]) -> Pipeline:
    return build_pipeline(infer_edges(project.stages), wanted)


def reachable(pairs: set[tuple[int, int]], count: int) -> set[tuple[int, int]]:
    """Return which stage is upstream of which, directly or not; ids are in execution order."""
    before: list[set[int]] = [set() for _ in range(count)]
    for stage_id in range(count):
        for first, second in pairs:
            if second == stage_id:
                before[stage_id] |= {first} | before[first]
    return {(first, second) for second in range(count) for first in before[second]}


@given(projects(), st.data())
def test_the_edges_are_those_that_order_a_build(project: Project, data: st.DataObject) -> None:
    ids = st.integers(0, max(len(project.stages) - 1, 0))
    wanted = data.draw(st.lists(ids, unique=True)) if project.stages else []
    pipeline = pipeline_of(project, wanted)
    names = [stage.name for stage in pipeline.stages]

    edges = edges_of(pipeline)

    pairs = [(edge.upstream, edge.downstream) for edge in edges]
    assert pairs == [
        (first, second) for second, row in enumerate(pipeline.upstream) for first in row
    ]
    for edge in edges:
        assert edge.required == ((names[edge.upstream], names[edge.downstream]) in project.pulls)


@given(upstreams(most=8, acyclic=True), st.data())
def test_a_reduced_graph_is_the_smallest_that_says_the_same(
    upstream: Upstream, data: st.DataObject
) -> None:
    count = len(upstream)
    pairs = sorted(
        {tuple(sorted((first, second))) for second, row in enumerate(upstream) for first in row}
    )
    required = [data.draw(st.booleans()) for _ in pairs]
    edges = [
        Edge(first, second, EdgeKind.PATH, required=each)
        for (first, second), each in zip(pairs, required, strict=True)
    ]
    edges.sort(key=lambda edge: (edge.downstream, edge.upstream))

    kept = reduced(edges, count)

    def pairs_of(some: tuple[Edge, ...] | list[Edge], *, strict: bool) -> set[tuple[int, int]]:
        return {(e.upstream, e.downstream) for e in some if e.required or not strict}

    assert set(kept) <= set(edges)
    for strict in (False, True):
        assert reachable(pairs_of(kept, strict=strict), count) == reachable(
            pairs_of(edges, strict=strict), count
        )
    for edge in kept:
        fewer = [each for each in kept if each is not edge]
        assert reachable(pairs_of(fewer, strict=edge.required), count) != reachable(
            pairs_of(kept, strict=edge.required), count
        )


LINE = re.compile(r"^((?:[│├└─]| )*)(\S+)((?: \((?:optional|before)\))?)((?: \((?:\*|below)\))?)$")


@given(projects())
def test_a_tree_shows_every_edge_once(project: Project) -> None:
    pipeline = pipeline_of(project, list(range(len(project.stages))))
    names = [stage.name for stage in pipeline.stages]
    edges = Counter((names[e.downstream], names[e.upstream]) for e in edges_of(pipeline))

    text = tree_text(pipeline, final_stages(pipeline), UNICODE)

    body = text.partition("\n\n")[0].splitlines() if names else []
    shown: Counter[tuple[str, str]] = Counter()
    roots = []
    way: list[str] = []
    for line in body:
        found = LINE.match(line)
        assert found is not None, line
        level = len(found[1]) // 4
        way = [*way[:level], found[2]]
        if level:
            shown[way[-2], way[-1]] += 1
        else:
            roots.append(found[2])
    assert shown == edges
    assert roots == [names[stage_id] for stage_id in final_stages(pipeline)]


# --- Notation: any text is valid, and comes out as it went in. --------------------------------------

ANY_TEXT = st.text(st.characters(codec=None), min_size=1, max_size=12)
DOT_STRING = r'"((?:[^"\\]|\\.)*)"'
DOT_NODE = re.compile(rf"^  s0 \[label={DOT_STRING}, tooltip={DOT_STRING}\];$")
MERMAID_NODE = re.compile(
    r'^  s0\["([^"\[\]<>`&\\{}|;]*(?:(?:#\d+;|<br/>)[^"\[\]<>`&\\{}|;]*)*)"\]$'
)


@given(ANY_TEXT)
def test_a_name_of_any_characters_makes_one_line_of_dot_that_says_it(text: str) -> None:
    shown = _stage_lines(text)

    line = dot_text(_one(shown)).splitlines()[4]

    found = DOT_NODE.match(line)
    assert found is not None, line
    unescaped = re.sub(r"\\(.)", lambda each: "\n" if each[1] == "n" else each[1], found[1])
    assert unescaped.replace("&amp;", "&") == "\n".join(shown)
    line.encode()


@given(ANY_TEXT)
def test_a_name_of_any_characters_makes_one_line_of_mermaid_that_says_it(text: str) -> None:
    shown = _stage_lines(text)

    line = mermaid_text(_one(shown)).splitlines()[1]

    found = MERMAID_NODE.match(line)
    assert found is not None, line
    unescaped = re.sub(r"#(\d+);", lambda each: chr(int(each[1])), found[1].replace("<br/>", "\n"))
    assert unescaped == "\n".join(shown)
    line.encode()


def _stage_lines(text: str) -> tuple[str, ...]:
    """Return what the node of a stage with this name and description shows."""
    stage = Stage(StageName(text), Command(("true",)), description=text)
    pipeline = Pipeline((stage,), (), ((),))
    return picture(pipeline, (), (), Look()).nodes[0].lines


def _one(lines: tuple[str, ...]) -> Picture:
    return Picture((Node("s0", lines, Shape.COMMAND, "\n".join(lines)),), (Link("s0", "s0"),))


@given(st.lists(st.text(st.characters(codec=None, exclude_characters="/"), min_size=1), max_size=3))
def test_paths_of_any_bytes_can_be_drawn(names: list[str]) -> None:
    paths = tuple(ProjectPath(f"d/{name}") for name in dict.fromkeys(names))
    stage = Stage(StageName("a"), Command(("true",)), inputs=paths)

    drawn = picture(Pipeline((stage,), (), ((),)), (), (), Look(files=True))

    assert len(drawn.nodes) == 1 + len(paths)
    lines = len(drawn.nodes) + len(drawn.links)
    assert len(dot_text(drawn).splitlines()) == 5 + lines
    assert len(mermaid_text(drawn).splitlines()) == 1 + lines
    dot_text(drawn).encode()
