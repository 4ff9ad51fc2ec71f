"""The remaining time is never negative, ends at 0, and comes closer to the truth as stages finish."""

from __future__ import annotations

import heapq
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_kit import estimate, plan_of

from stagemake.model.event import PlanReady, StageSettled, StageStarted
from stagemake.model.plan import Estimate, Plan, Verdict
from stagemake.model.result import Outcome, StageResult
from stagemake.plan.agenda import Agenda, Limits
from stagemake.plan.cost import weights
from stagemake.plan.remaining import Remaining

MISS, MAYBE, HIT, FRESH = Verdict.MISS, Verdict.MAYBE, Verdict.HIT, Verdict.FRESH


class Clock:
    """Turned by hand."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def watch(
    plan: Plan, seconds: list[float | None], jobs: int
) -> list[tuple[float, float | None, float]]:
    """Build a plan with these durations, None for what is not run; return (clock, said, true rest)."""
    clock = Clock()
    remaining = Remaining(clock)
    said: list[tuple[float, float | None]] = []
    remaining.handle(PlanReady(plan, jobs))
    said.append((clock.now_s, remaining.left_s()))
    fresh = [step.stage_id for step in plan.steps if step.verdict is FRESH]
    agenda = Agenda.of(plan.pipeline, Limits(jobs, 0, {}), weights(plan), fresh)
    running: list[tuple[float, int]] = []
    done = len(fresh)

    def settle(stage_id: int, result: StageResult) -> None:
        agenda.settle(stage_id)
        remaining.handle(StageSettled(result, done, len(seconds)))
        said.append((clock.now_s, remaining.left_s()))

    while True:
        while (stage_id := agenda.next()) is not None:
            name, took_s = f"s{stage_id}", seconds[stage_id]
            if took_s is None:
                settle(stage_id, StageResult(name, Outcome.CUT_OFF))
                continue
            agenda.take(stage_id)
            remaining.handle(StageStarted(name, "", clock.now_s - 100))
            heapq.heappush(running, (clock.now_s + took_s, stage_id))
        if not running:
            end_s = clock.now_s
            return [(at_s, left_s, end_s - at_s) for at_s, left_s in said]
        middle_s = (clock.now_s + running[0][0]) / 2
        clock.now_s = middle_s
        said.append((clock.now_s, remaining.left_s()))
        clock.now_s, stage_id = heapq.heappop(running)
        agenda.give_back(stage_id)
        result = StageResult(
            f"s{stage_id}", Outcome.RAN, wall_s=seconds[stage_id] or 0.0, exit_code=0
        )
        settle(stage_id, result)


@st.composite
def builds(draw: st.DrawFn) -> tuple[Plan, list[float | None]]:
    count = draw(st.integers(1, 12))
    upstream = [
        tuple(sorted(draw(st.sets(st.integers(0, i - 1), max_size=3)))) if i else ()
        for i in range(count)
    ]
    verdicts, estimates, seconds = [], list[Estimate](), list[float | None]()
    for above in upstream:
        kinds = [MISS, FRESH, HIT] + [MAYBE] * bool(above)
        verdict = draw(st.sampled_from(kinds))
        if verdict is MAYBE and all(verdicts[i] in {FRESH, HIT} for i in above):
            verdict = MISS
        known = draw(st.sampled_from([None, 0.0, 0.5, 2.0, 30.0]))
        verdicts.append(verdict)
        estimates.append(estimate(known, 0.2))
        runs = verdict is MISS or (verdict is MAYBE and draw(st.booleans()))
        seconds.append(draw(st.sampled_from([0.0, 0.5, 3.0, 40.0])) if runs else None)
    return plan_of(upstream, verdicts, estimates), seconds


@given(builds(), st.integers(1, 4))
def test_it_is_never_negative_and_ends_at_nothing(
    build: tuple[Plan, list[float | None]], jobs: int
) -> None:
    plan, seconds = build

    said = watch(plan, seconds, jobs)

    assert all(left_s is None or 0 <= left_s < 1e6 for _, left_s, _ in said)
    assert said[-1][1] == 0


@given(builds(), st.integers(1, 4))
def test_what_takes_as_long_as_foreseen_is_foreseen_to_the_end(
    build: tuple[Plan, list[float | None]], jobs: int
) -> None:
    plan, _ = build
    seconds = [
        step.estimate.duration_s.p50 if step.estimate.duration_s else 1.0 for step in plan.steps
    ]
    runs = [MISS if step.estimate.duration_s else FRESH for step in plan.steps]
    certain = plan_of(plan.pipeline.upstream, runs, [step.estimate for step in plan.steps])
    shown = [one if verdict is MISS else None for one, verdict in zip(seconds, runs, strict=True)]

    said = watch(certain, shown, jobs)

    # The tool's milliseconds can bring stages into another order, and that up to twice as far from the best.
    slack_s = 0.05 * (1 + len(seconds))
    for _, left_s, true_s in said:
        assert left_s is not None
        assert 0.3 * true_s - slack_s <= left_s
        assert left_s <= true_s + said[0][2] + slack_s
    assert said[0][2] / 2 - slack_s <= (said[0][1] or 0.0) <= said[0][2] * 2 + slack_s


def test_it_is_right_all_along_where_nothing_surprises() -> None:
    plan = plan_of([()] * 40, [MISS] * 40, [estimate(1.0)] * 40)

    said = watch(plan, [1.0] * 40, 2)

    assert [left_s for _, left_s, _ in said] == pytest.approx(
        [true_s for _, _, true_s in said], abs=0.6
    )


def test_it_comes_closer_where_everything_takes_twice_as_long() -> None:
    noise = random.Random(4)
    plan = plan_of([()] * 40, [MISS] * 40, [estimate(1.0)] * 40)
    seconds: list[float | None] = [2 * noise.uniform(0.8, 1.2) for _ in range(40)]

    said = watch(plan, seconds, 2)

    off = [abs(left_s - true_s) for _, left_s, true_s in said if left_s is not None]
    assert off[0] > 15  # 40 s take 2 x 20
    assert max(off[len(off) // 2 :]) < 4
    assert max(off[-8:]) < 1.5


def test_a_first_build_learns_from_its_own_first_stages() -> None:
    plan = plan_of([()] * 40, [MISS] * 40, [estimate(None)] * 40)

    said = watch(plan, [1.0] * 40, 2)

    assert said[0][1] is None
    assert said[-30][1] == pytest.approx(said[-30][2], abs=1.5)


def test_a_cut_off_shortens_it_at_once() -> None:
    plan = plan_of(
        [(), (0,), (1,)], [MISS, MAYBE, MAYBE],
        [estimate(1.0, changed=20, compared=20)] + [estimate(50.0, changed=20, compared=20)] * 2,
    )  # fmt: skip

    said = watch(plan, [1.0, None, None], 1)

    assert said[0][1] == pytest.approx(99, rel=0.1)
    assert [left_s for _, left_s, _ in said][-1] == 0
