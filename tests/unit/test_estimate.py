"""What a plan costs: bounds that hold for every graph, and known small ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stagemake.plan.estimate import critical_path, makespan, priorities


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[tuple[int, ...]], list[float]]:
    count = draw(st.integers(0, 12))
    upstream = [
        tuple(sorted(draw(st.sets(st.integers(0, i - 1), max_size=3)))) if i else ()
        for i in range(count)
    ]
    seconds = [float(draw(st.integers(0, 9))) for _ in range(count)]
    return upstream, seconds


@given(graphs(), st.integers(1, 4))
def test_a_build_takes_no_less_than_its_longest_chain_and_its_share_of_work(
    graph: tuple[list[tuple[int, ...]], list[float]], jobs: int
) -> None:
    upstream, seconds = graph
    _, chain_s = critical_path(upstream, seconds)

    wall_s = makespan(upstream, seconds, jobs)

    assert wall_s >= chain_s
    assert wall_s >= sum(seconds) / jobs - 1e-9
    assert wall_s <= sum(seconds) / jobs + chain_s + 1e-9  # Graham's bound for list scheduling


@given(graphs())
def test_one_job_takes_all_the_work(graph: tuple[list[tuple[int, ...]], list[float]]) -> None:
    upstream, seconds = graph

    assert makespan(upstream, seconds, 1) == sum(seconds)


@given(graphs())
def test_the_critical_path_is_a_chain_of_its_length(
    graph: tuple[list[tuple[int, ...]], list[float]],
) -> None:
    upstream, seconds = graph

    path, chain_s = critical_path(upstream, seconds)

    assert chain_s == sum(seconds[i] for i in path)
    assert list(path) == sorted(path)
    assert chain_s == max(priorities(upstream, seconds), default=0.0)


def test_a_diamond() -> None:
    upstream: list[tuple[int, ...]] = [(), (0,), (0,), (1, 2)]
    seconds = [1.0, 5.0, 2.0, 1.0]

    assert critical_path(upstream, seconds) == ((0, 1, 3), 7.0)
    assert makespan(upstream, seconds, 2) == 7.0
    assert priorities(upstream, seconds) == [7.0, 6.0, 3.0, 1.0]


def test_nothing_to_do_has_no_critical_path() -> None:
    assert critical_path([(), (0,)], [0.0, 0.0]) == ((), 0.0)
    assert makespan([], [], 2) == 0.0
