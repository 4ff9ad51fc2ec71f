"""Whether a maybe will run, by what those it hangs on did so far."""

from __future__ import annotations

import pytest
from attrs import evolve
from plan_kit import estimate, plan_of, stage

from stagemake.model.plan import Estimate, Reason, Verdict
from stagemake.plan.chance import chances, changes_p

MISS, MAYBE, HIT, FRESH = Verdict.MISS, Verdict.MAYBE, Verdict.HIT, Verdict.FRESH


def past(changed: int, compared: int) -> Estimate:
    return estimate(1.0, changed=changed, compared=compared)


def test_a_maybe_hangs_on_the_open_stages_that_make_what_it_reads() -> None:
    stages = [stage(0), stage(1), stage(2), stage(3, reads=[0, 1])]  # it only comes after s2
    plan = plan_of(
        [(), (), (), (0, 1, 2)], [MISS, HIT, MISS, MAYBE], [past(1, 8), past(8, 8)] * 2, stages
    )

    found = chances(plan)[3]

    assert found.deciders == (0,)
    assert found.decider == 0
    assert found.runs_p == pytest.approx(2.5 / 10, abs=1e-3)


def test_the_likeliest_decides_and_all_count() -> None:
    plan = plan_of([(), (), (0, 1)], [MISS, MISS, MAYBE], [past(0, 8), past(8, 8), past(0, 0)])

    found = chances(plan)[2]

    assert found.decider == 1
    assert found.deciders == (0, 1)
    assert found.runs_p == pytest.approx(1 - (1 - 1.5 / 10) * (1 - 9.5 / 10), abs=1e-3)


def test_a_maybe_behind_a_maybe_needs_both_to_change() -> None:
    plan = plan_of([(), (0,), (1,)], [MISS, MAYBE, MAYBE], [past(2, 5)] * 3)

    found = chances(plan)

    assert found[2].runs_p == pytest.approx(found[1].runs_p * changes_p(plan.steps[1]), abs=1e-3)
    assert found[2].decider == 1


def test_a_maybe_passes_on_what_reached_it_as_it_did_so_far() -> None:
    plan = plan_of([(), (0,)], [MISS, MAYBE], [past(3, 12), past(3, 12)])
    told = evolve(plan.steps[1], estimate=evolve(past(3, 12), passed_on=3, reached=3))

    assert changes_p(plan.steps[1]) == changes_p(plan.steps[0])
    assert changes_p(told) > 0.7


def test_what_edits_did_says_less_of_another_command_and_the_other_way_round() -> None:
    plan = plan_of([()], [MISS], [evolve(past(8, 16), told_changed=8, told=8)])  # edits did nothing

    edited = changes_p(plan.steps[0])
    told = changes_p(evolve(plan.steps[0], reason=Reason.COMMAND_CHANGED))

    assert edited == pytest.approx((0.3 * 8 + 1.5) / (8 + 0.3 * 8 + 2))
    assert told == pytest.approx((8 + 1.5) / (8 + 0.3 * 8 + 2))


def test_directories_and_values_decide_as_well() -> None:
    stages = [
        stage(0),
        evolve(stage(1), outputs=("out/deep/x",)),
        evolve(stage(2), provides=("v",)),
        evolve(stage(3), inputs=("out",), uses=("v",)),
    ]
    plan = plan_of([(), (), (), (0, 1, 2)], [MISS, MISS, MISS, MAYBE], [past(1, 2)] * 4, stages)

    assert chances(plan)[3].deciders == (0, 1, 2)


def test_a_maybe_behind_a_hit_that_can_not_be_foreseen_hangs_on_that() -> None:
    plan = plan_of([(), (0,)], [HIT, MAYBE], [past(1, 8), past(0, 0)])

    found = chances(plan)[1]

    assert (found.decider, found.deciders) == (0, (0,))
    assert found.runs_p == pytest.approx(2.5 / 10, abs=1e-3)
