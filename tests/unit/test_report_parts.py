"""Parts of the page of `report`: families, the critical path, what was printed, data in a script element."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from stagemake.logs import Stored
from stagemake.page.critical import waited_for
from stagemake.page.document import embedded
from stagemake.page.families import Family, family_tree
from stagemake.page.printed import clean, stored_logs
from stagemake.page.scenes import scenes_of
from stagemake.report.graph_edges import Edge, EdgeKind

KEY = "k" * 32


def members(family: Family) -> list[int]:
    return sorted([*family.stages, *(i for inner in family.families for i in members(inner))])


def widest(family: Family) -> int:
    return max([family.children, *map(widest, family.families)])


# --- Families. -------------------------------------------------------------------------------------


def test_a_matrix_is_a_family_by_the_first_part_that_differs() -> None:
    names = [
        f"app.{what}.{model}-{level}"
        for what in ("fit", "score")
        for model in "abcde"
        for level in range(8)
    ]

    tree = family_tree([*names, "app.page"])

    assert tree is not None
    assert [(one.title, one.size) for one in tree.families] == [("app.fit", 40), ("app.score", 40)]
    assert tree.stages == [80]


def test_few_stages_and_names_without_families_have_no_summary() -> None:
    assert family_tree(["a.1", "a.2", "b.1"]) is None
    assert family_tree([f"x{i}" for i in range(60)]) is None
    assert [scene["size"] for scene in scenes_of([f"x{i}" for i in range(60)], ())] == [60]


@given(
    st.lists(
        st.lists(st.sampled_from(["a", "b", "lib", "7", "x-1"]), min_size=1, max_size=4).map(
            ".".join
        ),
        max_size=60,
    ),
    st.integers(1, 60),
)
def test_every_stage_is_in_one_family_and_no_family_is_too_wide(
    names: list[str], times: int
) -> None:
    many = [f"{name}.{i}" for name in names for i in range(times)]

    tree = family_tree(many)

    if tree is not None:
        assert members(tree) == list(range(len(many)))
        assert widest(tree) <= 600


def test_a_family_shows_what_it_is_connected_with() -> None:
    names = [
        *(f"compile.{i}" for i in range(1500)),
        *(f"test.{i}" for i in range(600)),
        "link",
        "alone",
    ]
    edges = [Edge(i, 2100, EdgeKind.PATH) for i in range(1500)]
    edges += [Edge(2100, 1500 + i, EdgeKind.AFTER, required=False) for i in range(600)]

    top, *inner = scenes_of(names, edges)

    shown = {
        (kind, inner[ref - 1]["title"] if kind == 1 else names[ref])
        for kind, ref, *_ in top["nodes"]
    }
    assert shown == {(1, "compile"), (1, "test"), (0, "link"), (0, "alone")}
    links = sorted((edge[2], edge[3]) for edge in top["edges"])
    assert links == [(600, 0), (1500, 1500)]
    chunk = next(scene for scene in inner if scene["title"].startswith("compile.0"))
    assert [node[:2] for node in chunk["nodes"] if node[0] not in {0, 1}] == [[2, 2100]]


# --- The critical path. ----------------------------------------------------------------------------


def test_the_end_waited_for_what_ended_last_above_it() -> None:
    spans = {0: (0.0, 1.0), 1: (0.0, 3.0), 2: (3.0, 4.0), 3: (1.0, 2.0)}

    assert waited_for(spans, {0: 1, 1: 2, 2: 1, 3: 1}, [[], [], [0, 1], [0]]) == (1, 2)


def test_what_was_ready_waited_for_room() -> None:
    spans = {0: (0.0, 1.0), 1: (1.0, 3.0), 2: (3.0, 4.0)}

    assert waited_for(spans, {0: 1, 1: 1, 2: 1}, [[], [], [0]]) == (0, 1, 2)


def test_nothing_that_ran_has_no_critical_path() -> None:
    assert waited_for({}, {}, []) == ()


# --- What was printed. -----------------------------------------------------------------------------


def test_colours_titles_and_rewritten_lines_are_cleaned() -> None:
    text = b"\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b]8;;x\x1b\\link\r\n10 %\r100 %\ndone\x00\x1b"

    assert clean(text) == "red link\n100 %\ndone"


def test_long_texts_keep_their_end_and_all_together_are_bounded() -> None:
    keys = {f"s{i}": f"{i:032}" for i in range(80)}
    texts = [
        Stored(key, 5, b"begin\n" + b"x" * (70 << 10) + b"end\n", b"") for key in keys.values()
    ]

    found, left = stored_logs(keys, None, lambda _: iter(texts))

    assert len(found) == 64
    assert left == 16
    assert found["s0"]["text"].endswith("xend")
    assert len(found["s0"]["text"]) == 64 << 10
    assert found["s0"]["note"] == "the last 64.0 KiB of 70.0 KiB"


def test_a_text_of_another_run_is_said_to_be_one() -> None:
    def note(created_s: int) -> str:
        found, _ = stored_logs(
            {"a": KEY}, (100.0, 110.0), lambda _: iter([Stored(KEY, created_s, b"out", b"err\n")])
        )
        assert found["a"]["text"] == "out\nerr"
        return str(found["a"]["note"])

    assert note(105) == ""
    assert note(50) == "when this result was made, before this build"
    assert note(150) == "by another run that made this result, after this build"


# --- Data in the page. -----------------------------------------------------------------------------


@given(st.recursive(st.text() | st.integers() | st.none(), st.lists, max_leaves=8))
def test_data_comes_back_as_it_was_and_ends_no_element(value: object) -> None:
    text = embedded({"value": value})

    assert json.loads(text) == {"value": value}
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert text.isprintable()
