"""What holds for every graph: it has an order or a cycle, and both are right."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from strategies import Project, Upstream, projects, upstreams

import stagemake
from stagemake.model.error import DependencyCycle, UnknownDependency
from stagemake.model.stage import DependencyOrder, Stage, StageDependency, StageName
from stagemake.resolve.build import build_pipeline
from stagemake.resolve.cycle import Cycle, cycle_error
from stagemake.resolve.edges import infer_edges
from stagemake.resolve.order import order


def walks_by_length(upstream: Upstream) -> list[list[set[int]]]:
    """Return for k = 1 … n and each id what it waits for over exactly k edges. By brute force."""
    walks = [[set(ids) for ids in upstream]]
    while len(walks) < len(upstream):
        walks.append([{far for near in ids for far in upstream[near]} for ids in walks[-1]])
    return walks


def needs(upstream: Upstream) -> list[set[int]]:
    """Return for each id everything it waits for, directly or not."""
    walks = walks_by_length(upstream)
    return [set().union(*(step[each] for step in walks)) for each in range(len(upstream))]


@given(upstreams())
def test_a_graph_is_ordered_exactly_when_it_has_no_cycle(upstream: Upstream) -> None:
    needed = needs(upstream)
    has_cycle = any(each in needed[each] for each in range(len(upstream)))

    ordered = order(upstream)

    assert has_cycle == isinstance(ordered, Cycle)


@given(upstreams(acyclic=True))
def test_every_id_comes_once_and_after_all_that_it_waits_for(upstream: Upstream) -> None:
    ordered = order(upstream)

    assert not isinstance(ordered, Cycle)
    assert list(range(len(upstream))) == sorted(ordered)
    rank = {stage_id: position for position, stage_id in enumerate(ordered)}
    assert all(rank[first] < rank[each] for each in ordered for first in upstream[each])


@given(upstreams())
def test_the_cycle_is_real_simple_and_a_shortest_one_through_the_right_stage(
    upstream: Upstream,
) -> None:
    cycle = order(upstream)
    if not isinstance(cycle, Cycle):
        return
    on_a_cycle = [each for each, needed in enumerate(needs(upstream)) if each in needed]
    first = min(on_a_cycle)
    shortest = next(
        length for length, step in enumerate(walks_by_length(upstream), 1) if first in step[first]
    )

    assert first == cycle.stage_ids[0]
    assert shortest == len(cycle.stage_ids)
    assert len(set(cycle.stage_ids)) == len(cycle.stage_ids)
    assert all(above in upstream[below] for above, below in cycle.edges())
    assert [below for _, below in cycle.edges()] == [*cycle.stage_ids[1:], first]


@given(projects(acyclic=False))
def test_edges_are_exactly_those_that_were_declared(project: Project) -> None:
    table = infer_edges(project.stages)

    names = [stage.name for stage in table.stages]
    assert project.names == names
    assert project.edges == {
        (names[above], names[below]) for below, ids in enumerate(table.upstream) for above in ids
    }
    assert project.pulls == {
        (names[above], names[below]) for below, ids in enumerate(table.pulls) for above in ids
    }
    for ids in (*table.upstream, *table.pulls):
        assert tuple(sorted(set(ids))) == ids


@given(projects(acyclic=False))
def test_every_edge_has_a_reason_that_one_of_the_two_declared(project: Project) -> None:
    table = infer_edges(project.stages)

    for below, ids in enumerate(table.upstream):
        for above in ids:
            reason = table.explain(above, below)
            assert reason.location in {table.stages[above].location, table.stages[below].location}
            assert reason.subject


@given(projects(acyclic=False), st.data())
def test_registration_order_changes_nothing(project: Project, data: st.DataObject) -> None:
    others = data.draw(st.permutations(project.stages))

    assert infer_edges(project.stages) == infer_edges(others)
    assert outcome(project.stages) == outcome(others)


@given(projects(acyclic=False), st.data())
def test_the_order_of_inputs_in_a_stage_changes_nothing(
    project: Project, data: st.DataObject
) -> None:
    others = [
        evolve(stage, inputs=tuple(data.draw(st.permutations(stage.inputs))))
        for stage in project.stages
    ]

    assert infer_edges(project.stages).upstream == infer_edges(others).upstream


@given(projects())
def test_a_stage_without_edges_moves_no_other(project: Project) -> None:
    before = outcome(project.stages)

    after = outcome((*project.stages, Stage(StageName("bystander"))))

    assert before == [name for name in after if name != "bystander"]


@given(projects(), st.data())
def test_a_pipeline_holds_what_is_pulled_in_an_order_that_respects_every_edge(
    project: Project, data: st.DataObject
) -> None:
    table = infer_edges(project.stages)
    names = project.names
    wanted = data.draw(st.lists(st.sampled_from(names), max_size=3)) if names else []
    taken = set(wanted)
    for _ in names:
        taken |= {above for above, below in project.pulls if below in taken}

    pipeline = build_pipeline(table, [names.index(name) for name in wanted])

    built = [stage.name for stage in pipeline.stages]
    assert sorted(taken) == sorted(built)
    assert list(dict.fromkeys(wanted)) == [built[target] for target in pipeline.targets]
    edges = {
        (built[above], built[below]) for below, ids in enumerate(pipeline.upstream) for above in ids
    }
    assert {(above, below) for above, below in project.edges if {above, below} <= taken} == edges
    for stage_id, ids in enumerate(pipeline.upstream):
        assert list(ids) == sorted(ids)
        assert all(above < stage_id for above in ids)
        assert all(stage_id in pipeline.downstream[above] for above in ids)
    assert sum(map(len, pipeline.upstream)) == sum(map(len, pipeline.downstream))


@given(projects(), st.data())
def test_a_preference_holds_wherever_edges_allow(project: Project, data: st.DataObject) -> None:
    table = infer_edges(project.stages)
    needed = needs(table.upstream)
    preference = data.draw(st.permutations(range(len(table.stages))))

    pipeline = build_pipeline(table, preference, preference)

    rank = {stage.name: position for position, stage in enumerate(pipeline.stages)}
    for position, sooner in enumerate(preference):
        forced = set().union(*(needed[each] for each in preference[: position + 1]))
        for later in preference[position + 1 :]:
            if later not in forced:
                assert rank[table.stages[sooner].name] < rank[table.stages[later].name]


@given(projects(acyclic=False))
def test_the_error_names_each_edge_of_the_cycle_once(project: Project) -> None:
    table = infer_edges(project.stages)
    cycle = order(table.upstream)
    if not isinstance(cycle, Cycle):
        return

    error = cycle_error(table, cycle)

    names = project.names
    assert [f"`{names[above]}` -> `{names[below]}`" for above, below in cycle.edges()] == [
        label for label, _ in error.facts
    ]
    assert all("declared Stagefile:" in value for _, value in error.facts)


@given(projects(), st.data(), st.sampled_from(DependencyOrder))
def test_a_missing_stage_matters_only_when_it_is_required(
    project: Project, data: st.DataObject, side: DependencyOrder
) -> None:
    if not project.stages:
        return
    chosen = data.draw(st.sampled_from(project.stages))

    def with_missing(*, required: bool) -> list[Stage]:
        dependency = StageDependency(StageName("no.such"), side, required)
        return [
            evolve(stage, dependencies=(*stage.dependencies, dependency))
            if stage is chosen
            else stage
            for stage in project.stages
        ]

    assert outcome(project.stages) == outcome(with_missing(required=False))
    with pytest.raises(UnknownDependency, match=r"no\.such"):
        infer_edges(with_missing(required=True))


def outcome(stages: tuple[Stage, ...] | list[Stage]) -> list[str]:
    """Return the names in execution order, or the lines of the error."""
    table = infer_edges(stages)
    try:
        pipeline = build_pipeline(table, range(len(table.stages)))
    except DependencyCycle as error:
        return str(error).split("\n")
    return [stage.name for stage in pipeline.stages]


HASH_SEED_PROGRAM = """
from random import Random
from stagemake.model.error import StagemakeError
from stagemake.model.stage import Stage, StageDependency
from stagemake.resolve.build import build_pipeline
from stagemake.resolve.edges import infer_edges
from stagemake.resolve.select import select

random = Random(7)
for closed in (False, True):
    stages = [
        Stage(
            f"s{i:02}",
            inputs=tuple({f"out/{random.randrange(i)}/x" for _ in range(3)} if i else ()),
            outputs=(f"out/{i}/", f"lone/{i}"),
            uses=tuple({f"v{random.randrange(i)}" for _ in range(2)} if i else ()),
            provides=(f"v{i}",),
            dependencies=(StageDependency("s39"),) if closed and i in (3, 11, 12) else (),
        )
        for i in range(40)
    ]
    random.shuffle(stages)
    try:
        table = infer_edges({stage.name: stage for stage in set(stages)}.values())
        pipeline = build_pipeline(table, range(40))
        print([stage.name for stage in pipeline.stages], pipeline.upstream, pipeline.downstream)
        select(["ssss"], stages=table.stages, pipelines={}, cwd_prefix="out")
    except StagemakeError as error:
        print(error)
"""


def test_the_hash_seed_changes_nothing() -> None:
    root = os.path.dirname(os.path.dirname(os.path.abspath(stagemake.__file__)))

    answers = [
        subprocess.run(
            [sys.executable, "-c", HASH_SEED_PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "4294967295")
    ]

    assert "wait for each other" in answers[0]
    assert [answers[0]] * 3 == answers
