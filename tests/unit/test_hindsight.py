"""How far past builds came from what was said of them, and what passes before a build."""

from __future__ import annotations

import random
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake.model.hindsight import Foretold, Hindsight, Opening, hindsight_of
from stagemake.model.plan import P90, Interval

SAID = Interval(10.0, 11.0)


def took(seconds: float, opening: Opening = Opening.EVALUATED, outside_s: float = 0.2) -> Foretold:
    return Foretold(opening, outside_s, SAID.p50, SAID.p90, seconds)


def reach(hindsight: Hindsight, said: Interval = SAID) -> float:
    """Return how much later than its median the ninth decile is, as a factor."""
    corrected = hindsight.corrected(said)
    assert corrected.p50 == said.p50
    return corrected.p90 / corrected.p50


def test_first_builds_have_room_for_what_is_not_simulated() -> None:
    assert 1.15 < reach(hindsight_of(())) < 1.25
    assert reach(hindsight_of(()), Interval(10.0, 10.0)) > 1.1


def test_p90_comes_to_where_nine_in_ten_builds_were() -> None:
    rnd = random.Random(3)
    for sigma in (0.05, 0.15, 0.25):
        past: list[Foretold] = []
        inside = 0
        for _ in range(400):
            seconds = 10.0 * exp(rnd.gauss(0, sigma))
            inside += seconds <= hindsight_of(past).corrected(SAID).p90
            past = [took(seconds), *past][:30]
        assert 0.85 <= inside / 400 <= 0.96, sigma


def test_one_odd_build_moves_it_by_little() -> None:
    steady = [took(10.0 * factor) for factor in (1.05, 0.95, 1.0, 1.1, 0.9) * 4]

    assert reach(hindsight_of([took(1000.0), *steady])) < 1.1 * reach(hindsight_of(steady))
    assert reach(hindsight_of([took(1000.0)])) < 1.4


@given(st.lists(st.floats(0.001, 1e6), max_size=30))
def test_it_is_bounded_whatever_came(seconds: list[float]) -> None:
    found = reach(hindsight_of([took(each) for each in seconds]))

    step = (log(1.1) ** 2 + 0.1**2) ** 0.5
    assert exp(0.2 * step) <= found * (1 + 1e-9)
    assert found <= exp(2.5 * step) * (1 + 1e-9)


def test_builds_without_a_forecast_say_nothing_of_it() -> None:
    unknown = Foretold(Opening.EVALUATED, 0.2, 0.0, 0.0, 50.0)

    assert reach(hindsight_of([unknown] * 30)) == reach(hindsight_of(()))


def test_what_passes_before_a_build_is_told_apart_by_how_it_begins() -> None:
    past = [
        *(took(1.0, Opening.RECALLED, 0.1 + 0.001 * age) for age in range(5)),
        took(1.0, Opening.EVALUATED, 9.0),  # once
        *(took(1.0, Opening.EVALUATED, 0.7) for _ in range(5)),
    ]

    found = hindsight_of(past).opening_s

    assert found[Opening.RECALLED] == pytest.approx(0.102, abs=0.002)
    assert found[Opening.EVALUATED] == pytest.approx(0.7)
    assert found[Opening.EMBEDDED] == 0.0
    assert hindsight_of(()).opening_s[Opening.EVALUATED] > 0


def test_the_prior_is_a_simulation_that_is_right() -> None:
    assert 1.0 <= hindsight_of(()).reach <= 1.28
    assert pytest.approx(1.2816, abs=1e-3) == P90
