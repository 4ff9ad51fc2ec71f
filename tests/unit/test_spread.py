"""When two sets of figures differ, and when that can't be told."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake.throughput.spread import LEAST_NOISE, Word, compare, spread

FIGURES = st.lists(st.floats(0.01, 100.0), min_size=1, max_size=9)


@pytest.mark.parametrize(
    ("before", "now", "word"),
    [
        ((1.0, 1.01, 0.99, 1.0, 1.0), (1.12, 1.13, 1.11, 1.12, 1.12), Word.SLOWER),
        ((1.0, 1.01, 0.99, 1.0, 1.0), (0.8, 0.81, 0.8, 0.79, 0.8), Word.FASTER),
        ((1.0, 1.01, 0.99, 1.0, 1.0), (1.01, 1.02, 1.0, 1.01, 1.01), Word.SAME),
        ((1.0, 1.5, 0.7, 1.1, 0.9), (1.12, 1.6, 0.8, 1.2, 1.0), Word.SAME),
        ((1.0, 1.0), (1.01, 1.01), Word.SAME),  # less than what runs of `bench` differ by
        ((1.0,), (3.0, 3.0, 3.0), Word.SAME),
    ],
)
def test_a_difference_counts_if_it_is_more_than_what_the_figures_differ_by(
    before: tuple[float, ...], now: tuple[float, ...], word: Word
) -> None:
    assert compare(spread(before), spread(now)).word is word


def test_one_figure_has_no_noise_that_is_known() -> None:
    assert compare(spread([1.0]), spread([2.0])).noise is None
    assert compare(spread([1.0, 1.0]), spread([2.0, 2.0])).noise == LEAST_NOISE


@given(before=FIGURES, now=FIGURES)
def test_what_is_told_is_more_than_the_noise_and_turns_round_with_the_sides(
    before: list[float], now: list[float]
) -> None:
    there, back = compare(spread(before), spread(now)), compare(spread(now), spread(before))

    if there.word is not Word.SAME:
        assert there.noise is not None
        assert abs(there.change) > there.noise >= LEAST_NOISE
        assert there.word is (Word.SLOWER if there.change > 0 else Word.FASTER)
    assert {there.word, back.word} != {Word.SLOWER}
    assert {there.word, back.word} != {Word.FASTER}


def test_of_sets_without_a_difference_few_are_told_to_have_one() -> None:
    """The seed is fixed: the count is the same each time. 1 in 20 is what the noise stands for."""
    dice = random.Random(6)
    told = 0
    for _ in range(1000):
        one, other = ([dice.gauss(1, 0.1) for _ in range(5)] for _ in range(2))
        told += compare(spread(one), spread(other)).word is not Word.SAME

    assert 10 < told < 120  # medians scatter somewhat more than means
