"""What past runs of a stage say about the next one."""

from __future__ import annotations

import random
from math import log

import pytest
from attrs import evolve, fields
from hypothesis import given
from hypothesis import strategies as st

from stagemake.model.fit import (
    USUAL_VARIANCE,
    Fit,
    Run,
    _fit_of_several,
    fit,
    pooled,
    told_variance,
    usual_variance,
)
from stagemake.model.quantile import weighted_quantile


def runs(*seconds: float, sizes: list[int] | None = None) -> list[Run]:
    """Return runs, newest first."""
    read = sizes or [100] * len(seconds)
    return [
        Run("s", 1, one, one / 2, 10, None, 20, size, "cc")
        for one, size in zip(seconds, read, strict=True)
    ]


@given(st.lists(st.floats(1e-3, 1e5), min_size=1, max_size=20))
def test_what_is_typical_lies_between_what_was_measured(seconds: list[float]) -> None:
    found = fit(runs(*seconds))

    assert min(seconds) * 0.999 <= found.median_s <= max(seconds) * 1.001
    assert found.sigma > 0
    assert found.samples == len(seconds)


RUNS = st.builds(
    Run,
    stage=st.just("s"),
    started_s=st.just(1),
    duration_s=st.floats(0, 1e4),
    cpu_s=st.floats(0, 1e4),
    output_bytes=st.integers(0, 1 << 40),
    changed=st.none() | st.booleans(),
    stored_bytes=st.integers(0, 1 << 40),
    input_bytes=st.integers(0, 1 << 40),
    kind=st.sampled_from(("", "sh")),
    was_maybe=st.booleans(),
    was_told=st.booleans(),
    stretch=st.floats(1, 50),
)


@given(RUNS, st.floats(1, 50))
def test_a_run_that_was_stretched_is_the_same_but_for_that(run: Run, stretch: float) -> None:
    assert run.stretched(stretch) == evolve(run, stretch=stretch)


@given(RUNS)
def test_a_first_run_says_the_same_by_its_short_way(run: Run) -> None:
    short, general = fit([run]), _fit_of_several([run])

    assert [getattr(general, each.name) for each in fields(Fit)] == [
        getattr(short, each.name) for each in fields(Fit)
    ]


def test_one_odd_run_moves_nothing_and_is_counted_as_odd() -> None:
    found = fit(runs(1.0, 1.01, 30.0, 0.99, 1.0, 1.02, 0.98, 1.0))

    assert found.median_s == pytest.approx(1.0, abs=0.02)
    assert found.sigma < 0.2
    assert found.outliers == 1
    assert found.outlier_log == pytest.approx(log(30), abs=0.05)


def test_a_lasting_change_takes_over_soon() -> None:
    found = fit(runs(*[2.0] * 5, *[1.0] * 15))

    assert found.median_s > 1.9


def test_a_steady_stage_of_many_runs_has_a_small_spread_and_one_of_few_does_not() -> None:
    assert fit(runs(*[1.0] * 20)).sigma < 0.08
    assert fit(runs(1.0, 1.0)).sigma > 0.12


def test_larger_inputs_take_longer_where_they_did_so_far() -> None:
    sizes = [1000 * (1 + number % 7) for number in range(20)]
    noise = random.Random(1)
    seconds = [size / 1000 * noise.uniform(0.95, 1.05) for size in sizes]

    found = fit(runs(*seconds, sizes=sizes))

    assert found.seconds(14_000) == pytest.approx(14, rel=0.15)
    assert found.seconds(1000) == pytest.approx(1, rel=0.15)
    assert found.seconds(None) == found.median_s
    assert found.seconds(10**9) == found.seconds(28_000)  # far beyond what was seen


def test_sizes_that_make_no_difference_are_left_alone() -> None:
    noise = random.Random(2)
    sizes = [noise.randrange(1000, 9000) for _ in range(20)]

    found = fit(runs(*[noise.uniform(0.9, 1.1) for _ in sizes], sizes=sizes))

    assert found.slope == 0.0
    assert found.seconds(10**6) == found.median_s


def test_outputs_are_compared_only_where_there_was_something_to_compare() -> None:
    past = [
        Run("s", 1, 1.0, 1.0, 10, changed, was_maybe=was_maybe)
        for changed, was_maybe in ((True, True), (False, False), (None, True), (True, False))
    ]

    found = fit(past)

    assert (found.changed, found.compared) == (2, 3)
    assert (found.passed_on, found.reached) == (1, 1)
    assert (found.told_changed, found.told) == (0, 0)


def test_runs_that_were_told_other_things_are_counted_apart() -> None:
    past = [
        Run("s", 1, 1.0, 1.0, 10, changed, was_told=was_told)
        for changed, was_told in ((True, True), (False, True), (None, True), (True, False))
    ]

    assert (fit(past).told_changed, fit(past).told) == (1, 2)


def test_others_of_a_kind_say_what_is_usual_and_how_far_they_are_apart() -> None:
    found = pooled([fit(runs(*[seconds] * 5)) for seconds in (1.0, 2.0, 4.0)])

    assert found.median_s == pytest.approx(2.0)
    assert found.sigma > 0.4
    assert (found.changed, found.compared) == (0, 0)


def test_of_a_kind_where_large_ones_take_longer_the_size_tells() -> None:
    sizes = [1000 * number for number in range(1, 8)]
    found = pooled([fit(runs(size / 1000, sizes=[size])) for size in sizes])

    assert found.seconds(2000) == pytest.approx(2.0, rel=0.01)
    assert found.seconds(14_000) == pytest.approx(14.0, rel=0.01)
    assert found.seconds(None) == pytest.approx(4.0, rel=0.01)
    assert pooled([fit(runs(1.0, sizes=[size])) for size in sizes]).seconds(14_000) == 1.0
    assert pooled([fit(runs(size / 1000, sizes=[size])) for size in sizes[:4]]).slope == 0.0


def test_pairs_of_runs_far_apart_in_size_say_most_of_it() -> None:
    sizes = [1000, 1020, 1040, 1060, 1080, 4000]
    seconds = [1.0, 0.9, 1.1, 0.95, 1.0, 4.0]  # what is nearly as large varies for other reasons

    assert fit(runs(*seconds, sizes=sizes)).slope == pytest.approx(1.0, abs=0.1)


@given(st.lists(st.integers(0, 9), min_size=1), st.floats(0, 1))
def test_a_weighted_quantile_lies_among_the_values_and_rises(
    values: list[int], share: float
) -> None:
    weights = [1.0] * len(values)

    found = weighted_quantile(values, weights, share)

    assert min(values) <= found <= max(values)
    assert found <= weighted_quantile(values, weights, min(share + 0.1, 1.0))


def test_few_runs_are_taken_to_vary_as_those_of_other_stages() -> None:
    one, many = fit(runs(1.0)), fit(runs(*[1.0, 1.05, 0.95] * 6))
    steady, wild = 0.02**2, 0.6**2

    assert one.sigma_among(USUAL_VARIANCE) == pytest.approx(one.sigma)
    assert one.sigma_among(steady) < one.sigma / 2 < 2 * one.sigma < one.sigma_among(wild)
    assert abs(many.sigma_among(steady) - many.sigma) < 0.05  # it speaks for itself
    assert many.sigma_among(0.0) > 0


def test_how_stages_vary_in_a_project_is_learned_from_many_runs() -> None:
    assert usual_variance(0, 0.0) == pytest.approx(USUAL_VARIANCE)
    assert usual_variance(10_000, 10_000 * 0.01) == pytest.approx(0.01, rel=0.02)


@given(st.integers(1, 20), st.floats(0.0, 2.0))
def test_a_variance_is_told_without_what_it_was_drawn_towards(samples: int, spread: float) -> None:
    sigma = fit(runs(1.0)).sigma  # of one run: half of it is the prior

    drawn = ((samples * spread**2 + 3 * USUAL_VARIANCE) / (samples + 3)) ** 0.5

    assert told_variance(samples, drawn) == pytest.approx(samples * spread**2, abs=1e-9)
    assert told_variance(1, sigma) == pytest.approx(0.0, abs=1e-9)
