"""Edges, one kind at a time, and their reasons."""

from __future__ import annotations

import pytest

from stagemake.model.stage import DependencyOrder, SourceLocation, Stage, StageDependency
from stagemake.resolve.edges import EdgeKind, EdgeReason, infer_edges

AFTER = DependencyOrder.BEFORE  # the Stagefile's `after=[x]` is the order Before, seen from x
BEFORE = DependencyOrder.AFTER


def stage(name: str, line: int = 1, **fields: object) -> Stage:
    """Make a stage that was declared in the given line."""
    return Stage(name, location=SourceLocation("Stagefile", line), **fields)


def upstream_by_name(*stages: Stage) -> dict[str, list[str]]:
    """Return who each stage waits for; stages that wait for nobody are left out."""
    table = infer_edges(stages)
    return {
        below.name: [table.stages[above].name for above in ids]
        for below, ids in zip(table.stages, table.upstream, strict=True)
        if ids
    }


def pulls_by_name(*stages: Stage) -> dict[str, list[str]]:
    """Return whom each stage pulls into a build; stages that pull nobody are left out."""
    table = infer_edges(stages)
    return {
        below.name: [table.stages[above].name for above in ids]
        for below, ids in zip(table.stages, table.pulls, strict=True)
        if ids
    }


def test_no_stages_have_no_edges() -> None:
    table = infer_edges(())

    assert (table.stages, table.upstream, table.pulls) == ((), (), ())


def test_ids_are_ranks_by_name() -> None:
    table = infer_edges((stage("b"), stage("a.10"), stage("a.2"), stage("a")))

    assert [each.name for each in table.stages] == ["a", "a.10", "a.2", "b"]
    assert table.id_by_name == {"a": 0, "a.10": 1, "a.2": 2, "b": 3}


@pytest.mark.parametrize(
    ("read", "written"),
    [
        ("build/x.o", "build/x.o"),
        ("dist", "dist/"),
        ("dist/index.html", "dist/"),
        ("dist/deep/er/page", "dist/"),
        ("a/b/dist/page", "a/b/dist/"),
        ("build", "build/x.o"),
        ("build", "build/deep/x.o"),
        ("build", "build/tree/"),
        (".", "x.o"),
        (".", "build/x.o"),
    ],
)
@pytest.mark.parametrize("view", ["inputs", "implicit"])
def test_reading_what_another_stage_writes_is_an_edge_that_pulls(
    read: str, written: str, view: str
) -> None:
    stages = (stage("reader", **{view: ("other", read)}), stage("writer", outputs=(written,)))

    assert upstream_by_name(*stages) == {"reader": ["writer"]}
    assert pulls_by_name(*stages) == {"reader": ["writer"]}


@pytest.mark.parametrize(
    ("read", "written"),
    [
        ("build/x.c", "build/x.o"),
        ("distribution/index.html", "dist/"),
        ("dist", "dist-old/"),
        ("buil", "build/x.o"),
        ("x.o/part", "x.o"),
        ("/usr/include", "usr/include/"),
        ("/dist/index.html", "dist/"),
        ("build-notes", "build/x.o"),
    ],
)
def test_paths_that_only_look_alike_are_no_edge(read: str, written: str) -> None:
    stages = (stage("reader", inputs=(read,)), stage("writer", outputs=(written,)))

    assert upstream_by_name(*stages) == {}


def test_a_directory_input_waits_for_every_stage_that_writes_into_it() -> None:
    stages = (
        stage("pack", inputs=("build",), outputs=("pack.zip",)),
        stage("a", outputs=("build/a", "build/aa")),
        stage("b", outputs=("build/deep/b/",)),
        stage("c", outputs=("builds/c",)),
        stage("d", outputs=("build-d",)),
        stage("e", outputs=("build0", "build1")),
    )

    assert upstream_by_name(*stages) == {"pack": ["a", "b"]}


def test_many_paths_of_one_stage_are_one_edge() -> None:
    stages = (
        stage("reader", inputs=("x", "y", "d/1", "d/2")),
        stage("w", outputs=("x", "y", "d/")),
    )

    assert upstream_by_name(*stages) == {"reader": ["w"]}


def test_a_value_is_an_edge_that_pulls() -> None:
    stages = (stage("reader", uses=("rows",)), stage("writer", provides=("rows", "columns")))

    assert upstream_by_name(*stages) == {"reader": ["writer"]}
    assert pulls_by_name(*stages) == {"reader": ["writer"]}


@pytest.mark.parametrize(
    ("dependency", "upstream", "pulls"),
    [
        (StageDependency("other", AFTER), {"me": ["other"]}, {"me": ["other"]}),
        (StageDependency("other", AFTER, required=False), {"me": ["other"]}, {}),
        (StageDependency("other", BEFORE), {"other": ["me"]}, {}),
        (StageDependency("other", BEFORE, required=False), {"other": ["me"]}, {}),
        (StageDependency("nobody", AFTER, required=False), {}, {}),
        (StageDependency("nobody", BEFORE, required=False), {}, {}),
    ],
)
def test_only_a_required_after_pulls(
    dependency: StageDependency, upstream: dict[str, list[str]], pulls: dict[str, list[str]]
) -> None:
    stages = (stage("me", dependencies=(dependency,)), stage("other"))

    assert upstream == upstream_by_name(*stages)
    assert pulls == pulls_by_name(*stages)


def test_a_stage_may_keep_its_depfile_in_its_own_directory_output() -> None:
    stages = (stage("cc", depfile="obj/x.d", outputs=("obj/",), inputs=("src", "x.c")),)

    assert upstream_by_name(*stages) == {}


@pytest.mark.parametrize(
    ("upstream", "downstream", "expected"),
    [
        ({"outputs": ("x",)}, {"inputs": ("y", "x")}, (EdgeKind.READS, "x", 2)),
        ({"outputs": ("d/",)}, {"implicit": ("d/x",)}, (EdgeKind.READS, "d/x", 2)),
        ({"outputs": ("d/x",)}, {"inputs": ("d",)}, (EdgeKind.READS, "d", 2)),
        ({"provides": ("v", "w")}, {"uses": ("w",)}, (EdgeKind.VALUE, "w", 2)),
        ({}, {"dependencies": (StageDependency("up", AFTER),)}, (EdgeKind.AFTER, "up", 2)),
        ({"dependencies": (StageDependency("down", BEFORE),)}, {}, (EdgeKind.BEFORE, "down", 1)),
        (
            {"outputs": ("x",), "dependencies": (StageDependency("down", BEFORE),)},
            {"inputs": ("x",), "dependencies": (StageDependency("up", AFTER),)},
            (EdgeKind.READS, "x", 2),
        ),
    ],
)
def test_an_edge_is_explained_by_its_strongest_reason(
    upstream: dict[str, object], downstream: dict[str, object], expected: tuple[EdgeKind, str, int]
) -> None:
    table = infer_edges((stage("up", 1, **upstream), stage("down", 2, **downstream)))
    kind, subject, line = expected

    reason = table.explain(table.id_by_name["up"], table.id_by_name["down"])

    assert EdgeReason(kind, subject, SourceLocation("Stagefile", line)) == reason


def test_explaining_an_edge_that_is_not_there_is_a_bug() -> None:
    table = infer_edges((stage("a"), stage("b")))

    with pytest.raises(AssertionError, match="BUG: no edge from `a` to `b`"):
        table.explain(0, 1)
