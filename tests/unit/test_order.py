"""Order, cycles and pipelines: the small cases by hand, and sizes that would break a recursion."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from stagemake.model.error import DependencyCycle
from stagemake.model.stage import DependencyOrder, SourceLocation, Stage, StageDependency
from stagemake.resolve.build import build_pipeline
from stagemake.resolve.cycle import Cycle
from stagemake.resolve.edges import infer_edges
from stagemake.resolve.order import order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.pipeline import Pipeline

MANY = 30_000  # thirty times what a recursion may go down


def stage(name: str, line: int = 1, **fields: object) -> Stage:
    """Make a stage that was declared in the given line."""
    return Stage(name, location=SourceLocation("Stagefile", line), **fields)


def after(*names: str) -> dict[str, object]:
    """Return the fields of a stage that runs after others."""
    return {"dependencies": tuple(StageDependency(name) for name in names)}


def pipeline_of(
    stages: Sequence[Stage], wanted: Sequence[str] | None = None, preference: Sequence[str] = ()
) -> Pipeline:
    """Resolve `stages` for the wanted names, or all."""
    table = infer_edges(stages)
    ids = table.id_by_name
    return build_pipeline(
        table,
        range(len(stages)) if wanted is None else [ids[name] for name in wanted],
        [ids[name] for name in preference],
    )


def names(pipeline: Pipeline) -> list[str]:
    """Return the names in execution order."""
    return [each.name for each in pipeline.stages]


def test_without_edges_stages_run_by_name() -> None:
    assert names(pipeline_of([stage("c"), stage("a"), stage("b")])) == ["a", "b", "c"]


def test_a_stage_follows_right_after_what_it_needs() -> None:
    stages = [
        stage("compile.a", outputs=("a",)),
        stage("compile.b", outputs=("b",)),
        stage("app", inputs=("b", "a")),
        stage("zip", inputs=("z",)),
        stage("docs", outputs=("z",)),
    ]

    assert names(pipeline_of(stages)) == ["compile.a", "compile.b", "app", "docs", "zip"]


def test_a_pipeline_takes_the_wanted_and_what_they_pull_and_nothing_else() -> None:
    stages = [
        stage("app", inputs=("obj",)),
        stage("compile", outputs=("obj",), **after("setup")),
        stage("setup"),
        stage("lint", dependencies=(StageDependency("app", DependencyOrder.AFTER),)),
        stage("other"),
    ]

    pipeline = pipeline_of(stages, ["app"])

    assert names(pipeline) == ["setup", "compile", "app"]
    assert pipeline.targets == (2,)
    assert pipeline.upstream == ((), (0,), (1,))
    assert pipeline.downstream == ((1,), (2,), ())


def test_an_order_that_does_not_pull_holds_when_both_are_wanted() -> None:
    lint = stage("lint", dependencies=(StageDependency("app", DependencyOrder.AFTER),))

    pipeline = pipeline_of([stage("app"), lint], ["app", "lint"])

    assert names(pipeline) == ["lint", "app"]
    assert pipeline.targets == (1, 0)


def test_an_order_through_a_stage_that_is_left_out_binds_nobody() -> None:
    stages = [
        stage("a", dependencies=(StageDependency("m", required=False),)),
        stage("m", dependencies=(StageDependency("z", required=False),)),
        stage("z"),
    ]

    assert names(pipeline_of(stages)) == ["z", "m", "a"]
    assert names(pipeline_of(stages, ["z", "a"])) == ["a", "z"]


def test_a_preference_decides_where_edges_do_not() -> None:
    stages = [stage("a"), stage("b", **after("d")), stage("c"), stage("d")]

    assert names(pipeline_of(stages, preference=["c", "b", "a"])) == ["c", "d", "b", "a"]
    assert names(pipeline_of(stages, ["a", "c"], ["b", "c", "a"])) == ["c", "a"]


def test_wanting_a_stage_twice_is_wanting_it_once() -> None:
    pipeline = pipeline_of([stage("a"), stage("b")], ["b", "a", "b"])

    assert pipeline.targets == (1, 0)


def test_a_pipeline_knows_who_makes_a_path() -> None:
    pipeline = pipeline_of([stage("a", outputs=("d/e/", "f")), stage("b", outputs=("g",))])

    assert pipeline.producer_by_path == {"d/e": 0, "f": 0, "g": 1}
    assert [pipeline.producer_of(path) for path in ("d/e", "d/e/x/y", "f", "g")] == [0, 0, 0, 1]
    assert [pipeline.producer_of(path) for path in ("d", "d/ex", "h", "f/x", "/d/e/x")] == [
        None
    ] * 5


def test_without_directory_outputs_only_the_very_path_is_made() -> None:
    pipeline = pipeline_of([stage("a", outputs=("f",))])

    assert [pipeline.producer_of(path) for path in ("f", "f/x", "g")] == [0, None, None]


CYCLES = {
    "itself": (
        [stage("b", **after("b")), stage("a")],
        """
        error: stage `b` waits for itself
          `b` -> `b`  `b` runs after `b`, declared Stagefile:1
        hint: take this edge away
        """,
    ),
    "every kind of edge": (
        [
            stage("a", 1, inputs=("dist/x",), outputs=("list",)),
            stage("b", 2, uses=("rows",), outputs=("dist/",)),
            stage("c", 3, provides=("rows",), **after("pack")),
            stage("first", 4, dependencies=(StageDependency("pack", DependencyOrder.AFTER),)),
            stage("pack", 5),
            stage("sum", 6, inputs=("list",), **after("a")),
            stage("zero", 7, dependencies=(StageDependency("first", DependencyOrder.AFTER),)),
            Stage("tail", dependencies=(StageDependency("sum"), StageDependency("first"))),
            stage("turn", 8, dependencies=(StageDependency("zero", DependencyOrder.AFTER),)),
            Stage("turn.back", dependencies=(StageDependency("turn", DependencyOrder.AFTER),)),
            Stage(
                "turn.in",
                dependencies=(
                    StageDependency("turn.back", DependencyOrder.AFTER),
                    StageDependency("tail", required=False),
                ),
            ),
        ],
        """
        error: 11 stages wait for each other in a circle
          `a` -> `sum`              `sum` reads `list`, declared Stagefile:6
          `sum` -> `tail`           `tail` runs after `sum`
          `tail` -> `turn.in`       `turn.in` runs after `tail`
          `turn.in` -> `turn.back`  `turn.in` runs before `turn.back`
          `turn.back` -> `turn`     `turn.back` runs before `turn`
          `turn` -> `zero`          `turn` runs before `zero`, declared Stagefile:8
          `zero` -> `first`         `zero` runs before `first`, declared Stagefile:7
          `first` -> `pack`         `first` runs before `pack`, declared Stagefile:4
          `pack` -> `c`             `c` runs after `pack`, declared Stagefile:3
          `c` -> `b`                `b` uses the value `rows`, declared Stagefile:2
          `b` -> `a`                `a` reads `dist/x`, declared Stagefile:1
        hint: take one of these edges away
        """,
    ),
    "the first of two circles, by its shortest way": (
        [
            stage("a", 1, **after("b")),
            stage("b", 2, **after("c", "z")),
            stage("c", 3, **after("d", "e")),
            stage("d", 4, **after("b")),
            stage("e", 5, **after("d", "b")),
            stage("y", 6, **after("z")),
            stage("z", 7, **after("y")),
        ],
        """
        error: 3 stages wait for each other in a circle
          `b` -> `d`  `d` runs after `b`, declared Stagefile:4
          `d` -> `c`  `c` runs after `d`, declared Stagefile:3
          `c` -> `b`  `b` runs after `c`, declared Stagefile:2
        hint: take one of these edges away
        """,
    ),
}


@pytest.mark.parametrize(("stages", "text"), CYCLES.values(), ids=CYCLES.keys())
def test_a_cycle_is_told_in_full(stages: list[Stage], text: str) -> None:
    with pytest.raises(DependencyCycle) as caught:
        pipeline_of(stages[::-1])

    assert dedent(text).strip() == str(caught.value)


def test_a_cycle_is_an_error_even_when_nothing_in_it_is_wanted() -> None:
    with pytest.raises(DependencyCycle):
        pipeline_of([stage("a"), stage("b", **after("b"))], ["a"])


# ---- sizes: 100 000 stages, far beyond the recursion limit ----


def is_ordered(pipeline: Pipeline) -> bool:
    """Whether each stage comes after all that it waits for."""
    return all(not ids or ids[-1] < own for own, ids in enumerate(pipeline.upstream))


@pytest.mark.parametrize("towards", [1, -1], ids=["with the names", "against the names"])
def test_a_chain_of_thousands_is_one_line(towards: int) -> None:
    chain = [
        stage(f"s{number:06}", inputs=(f"b/{number - towards}",), outputs=(f"b/{number}",))
        for number in range(MANY)
    ]

    pipeline = pipeline_of(chain)

    assert [f"s{number:06}" for number in range(MANY)][::towards] == names(pipeline)
    assert all((own - 1,) == ids for own, ids in enumerate(pipeline.upstream) if own)


def test_thousands_side_by_side_join_in_one() -> None:
    wide = [stage(f"s{number:06}", outputs=(f"b/{number}.o",)) for number in range(MANY)]

    pipeline = pipeline_of([stage("all", inputs=("b",)), *wide])

    assert pipeline.stages[MANY].name == "all"
    assert tuple(range(MANY)) == pipeline.upstream[MANY]
    assert pipeline.producer_of(f"b/{MANY - 1}.o") + 1 == MANY


def test_30_layers_of_1_000_are_ordered() -> None:
    layered = [
        stage(
            f"s{number % 1000:03}.{number // 1000:03}",
            inputs=tuple(
                f"b/{number // 1000 - 1}/{(number * 7 + step * 13) % 1000}" for step in range(5)
            ),
            outputs=(f"b/{number // 1000}/{number % 1000}",),
        )
        for number in range(MANY)
    ]

    pipeline = pipeline_of(layered)

    assert len(pipeline.stages) == MANY
    assert sum(map(len, pipeline.upstream)) == 29 * 1000 * 5
    assert is_ordered(pipeline)


def test_2_000_that_wait_for_all_before_are_one_line() -> None:
    paths = tuple(f"b/{number}" for number in range(2000))
    dense = [
        stage(f"s{number:04}", inputs=paths[:number], outputs=(paths[number],))
        for number in range(2000)
    ]

    pipeline = pipeline_of(dense[::-1])

    assert [each.name for each in dense] == names(pipeline)
    assert tuple(range(1999)) == pipeline.upstream[1999]


def test_a_circle_of_thousands_is_found_whole() -> None:
    found = order([((number + 1) % MANY,) for number in range(MANY)])

    assert Cycle((0, *range(MANY - 1, 0, -1))) == found


def test_a_short_circle_at_the_end_of_a_long_chain_is_found() -> None:
    chain = [(number + 1,) for number in range(MANY)]

    found = order([*chain, (MANY + 1,), (MANY,)])

    assert Cycle((MANY, MANY + 1)) == found
