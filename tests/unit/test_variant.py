"""What a stage takes under other flags, parameters or code than most of its runs had."""

from __future__ import annotations

from math import exp, log

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from stagemake.model.fit import Run, fit
from stagemake.model.packed import pack, unpack
from stagemake.model.variant import UNKNOWN, Variant, variants_of

QUICK, SLOW = 1, 2


def run(seconds: float, variant: int) -> Run:
    return Run("s", 1, seconds, seconds, 10, None, 20, 100, "cc", variant=variant)


def found(*runs: Run) -> dict[int, Variant]:
    return {each.number: each for each in variants_of(runs, fit(runs))}


def test_one_run_under_other_flags_says_more_of_them_than_all_runs_before() -> None:
    runs = [run(1.0, QUICK), *[run(2.0, SLOW)] * 9]

    variants = found(*runs)

    assert variants[QUICK].of(fit(runs)).median_s == pytest.approx(1.0, rel=0.2)
    assert variants[SLOW].of(fit(runs)).median_s == pytest.approx(2.0, rel=0.02)


def test_what_was_done_last_does_not_hide_what_other_flags_took() -> None:
    runs = [*[run(1.0, QUICK)] * 6, *[run(2.0, SLOW)] * 6]

    variants = found(*runs)

    assert fit(runs).median_s < 1.2
    assert variants[SLOW].of(fit(runs)).median_s > 1.85


def test_what_variants_differ_by_is_not_taken_for_unsteadiness() -> None:
    runs = [run(1.0 + number % 2, 1 + number % 2) for number in range(20)]

    assert fit(runs).sigma > 0.3
    assert {each.sigma < 0.1 for each in found(*runs).values()} == {True}


def test_runs_of_one_variant_need_no_telling_apart() -> None:
    assert found(run(1.0, QUICK), run(3.0, QUICK)) == {}
    assert found(run(1.0, UNKNOWN), run(3.0, UNKNOWN)) == {}


def test_runs_of_which_nobody_noted_what_they_were_told_are_no_variant() -> None:
    assert list(found(run(1.0, QUICK), run(2.0, UNKNOWN))) == [QUICK]


def test_variants_that_ran_once_each_are_as_unsteady_as_the_stage() -> None:
    runs = [run(1.0 + 0.1 * number, 1 + number) for number in range(8)]

    assert {each.sigma for each in found(*runs).values()} == {fit(runs).sigma}


@given(st.lists(st.tuples(st.floats(1e-3, 1e4), st.integers(1, 4)), min_size=2, max_size=20))
def test_a_variant_takes_what_some_run_took(pairs: list[tuple[float, int]]) -> None:
    runs = [run(seconds, variant) for seconds, variant in pairs]
    least, most = (log(edge(seconds for seconds, _ in pairs)) for edge in (min, max))
    whole = fit(runs)

    for each in variants_of(runs, whole):
        made = each.of(whole)
        assert exp(least) * 0.999 <= made.median_s <= exp(most) * 1.001
        assert made.sigma > 0
        assert made.samples == whole.samples


RUNS = st.builds(
    Run, st.just("s"), st.integers(0, 2**40), st.floats(0, 1e6), st.floats(0, 1e6),
    st.integers(0, 2**50), st.sampled_from([None, True, False]), st.integers(0, 2**50),
    st.integers(0, 2**50), st.just("cc"), st.just(False), st.floats(1, 9), st.integers(0, 2**63 - 1),
)  # fmt: skip


@given(st.lists(RUNS, max_size=20), st.booleans(), st.booleans())
def test_runs_come_back_from_bytes_as_they_were(
    runs: list[Run], was_maybe: bool, was_told: bool
) -> None:
    runs = [
        evolve(one, was_maybe=was_maybe, was_told=was_told) if one.changed is not None else one
        for one in runs
    ]

    assert unpack("s", "cc", pack(runs)) == runs


@pytest.mark.parametrize("packed", [None, "text", b"\0", b"\0" * 57])
def test_bytes_of_another_form_hold_no_runs(packed: object) -> None:
    assert unpack("s", "cc", packed) == []
