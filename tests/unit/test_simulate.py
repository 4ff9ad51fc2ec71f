"""How long a plan takes: bounds that hold for every graph, known small ones, and what changes the answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_kit import estimate, plan_of, stage

from stagemake.model.pace import Pace
from stagemake.model.plan import Interval, Verdict
from stagemake.plan.agenda import Limits
from stagemake.plan.chain import critical_path, priorities
from stagemake.plan.draws import interval_of
from stagemake.plan.estimate import Circumstances, report_of, wall_forecast
from stagemake.plan.simulate import Course, Tool

MISS, MAYBE, HIT, FRESH = Verdict.MISS, Verdict.MAYBE, Verdict.HIT, Verdict.FRESH
FREE = Pace(before=0, after=0, launch=0, gap=0, settle=0, restore=0, check=0, load_sigma=0)

Graph = tuple[list[tuple[int, ...]], list[float]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(0, 12))
    upstream = [
        tuple(sorted(draw(st.sets(st.integers(0, i - 1), max_size=3)))) if i else ()
        for i in range(count)
    ]
    seconds = [float(draw(st.integers(0, 9))) for _ in range(count)]
    return upstream, seconds


def wall_s(upstream: list[tuple[int, ...]], seconds: list[float], jobs: int) -> float:
    plan = plan_of(upstream, [MISS] * len(seconds), [estimate(one) for one in seconds])
    nothing = [0.0] * len(seconds)
    course = Course.of(plan, Limits(jobs, 0, {}), Tool(0.0, 0.0, nothing, nothing))
    return course.wall_s(seconds)


@given(graphs(), st.integers(1, 4))
def test_a_build_takes_no_less_than_its_longest_chain_and_its_share_of_work(
    graph: Graph, jobs: int
) -> None:
    upstream, seconds = graph
    _, chain_s = critical_path(upstream, seconds)

    found_s = wall_s(upstream, seconds, jobs)

    assert found_s >= chain_s
    assert found_s >= sum(seconds) / jobs - 1e-9
    assert found_s <= sum(seconds) / jobs + chain_s + 1e-9  # Graham's bound for list scheduling


@given(graphs())
def test_one_job_takes_all_the_work(graph: Graph) -> None:
    upstream, seconds = graph

    assert wall_s(upstream, seconds, 1) == sum(seconds)


@given(graphs())
def test_the_critical_path_is_a_chain_of_its_length(graph: Graph) -> None:
    upstream, seconds = graph

    path, chain_s = critical_path(upstream, seconds)

    assert chain_s == sum(seconds[i] for i in path)
    assert list(path) == sorted(path)
    assert chain_s == max(priorities(upstream, seconds), default=0.0)


def test_a_diamond() -> None:
    upstream: list[tuple[int, ...]] = [(), (0,), (0,), (1, 2)]
    seconds = [1.0, 5.0, 2.0, 1.0]

    assert critical_path(upstream, seconds) == ((0, 1, 3), 7.0)
    assert wall_s(upstream, seconds, 2) == 7.0
    assert priorities(upstream, seconds) == [7.0, 6.0, 3.0, 1.0]


def test_nothing_to_do_has_no_critical_path_and_takes_no_time() -> None:
    assert critical_path([(), (0,)], [0.0, 0.0]) == ((), 0.0)
    assert report_of(plan_of([()], [FRESH], [estimate(None)]), 2).wall_s == Interval(0.0, 0.0)


def forecast(plan: object, jobs: int = 2, pace: Pace = FREE, **words: object) -> Interval:
    found = report_of(plan, jobs, Circumstances(pace=pace, processors=8, **words)).wall_s  # type: ignore[arg-type]  # a plan
    assert found is not None
    return found


def test_a_pool_makes_stages_wait_for_each_other() -> None:
    stages = [stage(i, pool="link") for i in range(3)]
    plan = plan_of([()] * 3, [MISS] * 3, [estimate(2.0)] * 3, stages)

    assert forecast(plan, 3, pools={"link": 1}).p50 == pytest.approx(6)
    assert forecast(plan, 3, pools={"link": 3}).p50 == pytest.approx(2)


def test_memory_and_processors_and_the_console_are_shared() -> None:
    def both(**words: object) -> float:
        stages = [stage(i, **words) for i in range(2)]
        plan = plan_of([()] * 2, [MISS] * 2, [estimate(2.0)] * 2, stages)
        return round(forecast(plan, 2, memory_bytes=10).p50, 6)

    assert both() == 2
    assert both(cpus=2.0) == both(memory_bytes=6) == both(console=True) == 4


def test_what_the_tool_does_itself_is_in_the_time() -> None:
    plan = plan_of([(), ()], [HIT, MISS], [estimate(5.0), estimate(1.0)])
    usual = Pace(load_sigma=0)

    took = forecast(plan, 1, usual).p50

    around = usual.before_s(2, 2) + usual.after_s(1)
    own = usual.launch_s + usual.gap_s + usual.settle_s(0) + usual.restore_s(0)
    assert took == pytest.approx(1 + around + own)


def test_stages_that_vary_on_their_own_cancel_out_and_a_common_load_does_not() -> None:
    plan = plan_of([()] * 64, [MISS] * 64, [estimate(1.0, 0.5)] * 64)
    alone = plan_of([()], [MISS], [estimate(1.0, 0.5)])

    own, single = forecast(plan, 1), forecast(alone, 1)
    loaded = forecast(plan, 1, Pace(before=0, after=0, launch=0, gap=0, settle=0, load_sigma=0.3))

    assert own.p90 / own.p50 < 1.15
    assert 1.8 < single.p90 / single.p50 < 2.1
    assert 1.4 < loaded.p90 / loaded.p50 < 1.6
    assert own.p50 > 64 * 1.05  # the sum of skewed durations is above the sum of medians


def test_runs_far_out_make_p90_later() -> None:
    plan = plan_of([()] * 10, [MISS] * 10, [estimate(1.0)] * 10)

    assert forecast(plan, 1, tail=(0.05, 1.6)).p90 > forecast(plan, 1).p90 + 2


def test_a_cut_off_takes_all_that_hangs_on_it_with_it() -> None:
    chain = plan_of(
        [(), (0,), (1,)],
        [MISS, MAYBE, MAYBE],
        [estimate(1.0, changed=0, compared=20)] + [estimate(50.0, changed=20, compared=20)] * 2,
    )
    likely = plan_of(
        [(), (0,), (1,)], [MISS, MAYBE, MAYBE],
        [estimate(1.0, changed=20, compared=20)] + [estimate(50.0, changed=20, compared=20)] * 2,
    )  # fmt: skip

    assert forecast(chain, 1).p50 == pytest.approx(1)  # never half of it
    assert forecast(likely, 1).p50 == pytest.approx(101)


def test_the_median_lies_between_all_and_nothing_where_both_are_as_likely() -> None:
    nothing, everything = [1.0] * 5 + [2.0] * 4, [1.0] * 4 + [2.0] * 5

    found = interval_of(nothing, 0.0).p50, interval_of(everything, 0.0).p50

    assert found == (pytest.approx(1.37, abs=0.01), pytest.approx(1.63, abs=0.01))
    assert interval_of([1.0] * 9, 0.5) == Interval(pytest.approx(1.5), pytest.approx(1.5))
    assert interval_of([1.0] * 2 + [9.0] * 7, 0.0).p50 > 8.5  # what is likely is not drawn away


def test_what_an_edit_does_to_one_stage_it_mostly_does_to_others() -> None:
    count = 40  # pairs of stages: one that changes its outputs or not, one that then runs
    upstream: list[tuple[int, ...]] = [() if i % 2 == 0 else (i - 1,) for i in range(2 * count)]
    verdicts = [MISS if not above else MAYBE for above in upstream]
    costs = [
        estimate(0.001 if not above else 1.0, output_bytes=100, changed=1, compared=2)
        for above in upstream
    ]
    plan = plan_of(upstream, verdicts, costs)

    report = report_of(plan, 1, Circumstances(pace=FREE, processors=1))

    # Each changes with a chance of 5 in 8. On their own nine builds in ten would run at most 29 of the 40.
    assert report.wall_s is not None
    assert 20 < report.wall_s.p50 < 32
    assert 33 < report.wall_s.p90 < 40.1
    assert report.write_p90_bytes is not None
    assert report.write_bytes < report.write_p90_bytes <= 2 * count * 100


def test_what_nothing_is_known_of_is_counted_and_left_out() -> None:
    some = report_of(plan_of([(), ()], [MISS, MISS], [estimate(1.0), estimate(None)]), 1)
    none = report_of(plan_of([(), ()], [MISS, MISS], [estimate(None)] * 2), 1)

    assert (some.unestimated, some.work_s) == (1, 1.0)
    assert some.wall_s is not None
    assert (none.unestimated, none.wall_s) == (2, None)


def test_the_same_plan_gives_the_same_figures() -> None:
    plan = plan_of([(), (0,), (0,), (1, 2)], [MISS, MAYBE, MISS, MAYBE], [estimate(1.0, 0.4)] * 4)

    assert report_of(plan, 2, Circumstances(tail=(0.1, 1.0))) == report_of(
        plan, 2, Circumstances(tail=(0.1, 1.0))
    )


def test_other_jobs_are_tried_as_far_as_they_help_and_can_be_fed() -> None:
    wide = plan_of([()] * 16, [MISS] * 16, [estimate(1.0)] * 16)
    chain = plan_of([(), (0,)], [MISS, MISS], [estimate(1.0)] * 2)

    def walls(plan: object, processors: int) -> dict[int, float]:
        around = Circumstances(pace=FREE, processors=processors)
        found = report_of(plan, 2, around).other_jobs  # type: ignore[arg-type]  # a plan
        return {count: round(seconds, 6) for count, seconds in found}

    assert walls(wide, 16) == {1: 16, 2: 8, 4: 4, 8: 2, 16: 1}
    assert walls(wide, 4) == {1: 16, 2: 8, 4: 4}  # these stages compute: more would only share
    assert walls(chain, 16) == {1: 2, 2: 2}


@settings(deadline=None)  # a plan is gone through a dozen times; a loaded machine takes its time
@given(graphs(), st.integers(1, 4))
def test_the_wall_time_alone_is_the_one_of_the_whole_report(graph: Graph, jobs: int) -> None:
    upstream, seconds = graph
    verdicts = [MAYBE if above else MISS for above in upstream]
    plan = plan_of(upstream, verdicts, [estimate(one) for one in seconds])
    around = Circumstances(tail=(0.1, 1.0))

    assert wall_forecast(plan, jobs, around) == report_of(plan, jobs, around).wall_s


def test_the_wall_time_is_no_forecast_while_a_stage_is_unknown() -> None:
    plan = plan_of([(), ()], [MISS, MISS], [estimate(1.0), estimate(None)])

    assert wall_forecast(plan, 2, Circumstances()) is None


@pytest.mark.parametrize(("changed", "written"), [(0, 10), (8, 110)])
def test_bytes_to_write_are_those_of_a_build_that_can_be(changed: int, written: int) -> None:
    estimates = [
        estimate(1.0, changed=changed, compared=8, output_bytes=10),
        estimate(1.0, output_bytes=100),
    ]
    plan = plan_of([(), (0,)], [MISS, MAYBE], estimates)

    assert report_of(plan, 2).write_bytes == written
