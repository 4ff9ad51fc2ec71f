"""The statistics of `benchmarks/forecast.py`, by hand."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def calibration():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module("calibration")
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture
def trial(calibration):
    def make(number, repeat, took_s, p50_s=10.0, p90_s=12.0, **more):
        return calibration.Trial(**{
            "project": "p", "jobs": 2, "number": number, "repeat": repeat, "edit": "e",
            "p50_s": p50_s, "p90_s": p90_s, "took_s": took_s, "process_s": took_s + 0.2,
            "said_bytes": 100, "done_bytes": 100, "verdict_errors": (), "least_runs": 1,
            "most_runs": 2, "runs": 1, **more,
        })  # fmt: skip

    return make


def test_shares_and_errors_are_counted_from_the_third_build_on(calibration, trial):
    trials = [
        trial(1, 0, 99.0), trial(2, 0, 99.0),  # too early
        trial(3, 0, 10.0), trial(4, 0, 11.0), trial(5, 0, 12.5), trial(6, 0, 8.0),
    ]  # fmt: skip

    found = calibration.score(trials)

    assert found.trials == 6
    assert (found.below_p50.count, found.below_p50.total) == (2, 4)
    assert (found.below_p90.count, found.below_p90.total) == (3, 4)
    errors = sorted([0.0, 1 / 11, 2.5 / 12.5, 2 / 8])
    assert found.error.median == pytest.approx((errors[1] + errors[2]) / 2)
    assert found.error.floor is None  # nothing was repeated


def test_the_floor_is_the_error_of_the_median_of_the_other_repeats(calibration, trial):
    trials = [trial(3, 0, 10.0), trial(3, 1, 12.0), trial(3, 2, 20.0)]

    found = calibration.score(trials)

    # 10 by (12+20)/2 = 16: 0.6; 12 by (10+20)/2 = 15: 0.25; 20 by (10+12)/2 = 11: 0.45
    assert found.error.floor == pytest.approx(0.45)
    assert calibration.score(trials[:1], trials).error.floor == pytest.approx(0.6)


def test_short_builds_count_for_shares_and_not_for_the_long_error(calibration, trial):
    found = calibration.score([trial(3, 0, 1.0, 2.0, 3.0), trial(4, 0, 4.0, 3.0, 5.0)])

    assert found.long_error.total == 1
    assert found.long_error.median == pytest.approx(0.25)
    assert (found.error.total, found.below_p90.total) == (2, 2)


def test_what_could_not_be_foreseen_is_no_forecast(calibration, trial):
    found = calibration.score([trial(3, 0, 5.0, None, None), trial(4, 0, 0.0)])

    assert found.below_p50.total == found.error.total == 0
    assert found.error.median is None


def test_wrong_verdicts_and_runs_out_of_range_count_in_every_build(calibration, trial):
    trials = [
        trial(1, 0, 1.0, verdict_errors=("a: said fresh, ran", "b: said miss, cut_off"), runs=3),
        trial(2, 0, 1.0, runs=0),
        trial(3, 0, 1.0, runs=2),
    ]

    found = calibration.score(trials)

    assert (found.verdict_errors, found.out_of_range) == (2, 2)


def test_bytes_are_judged_where_any_were_written_or_restored(calibration, trial):
    trials = [
        trial(3, 0, 1.0, said_bytes=90),
        trial(3, 1, 1.0, said_bytes=120, done_bytes=125),
        trial(4, 0, 1.0, said_bytes=0, done_bytes=0),
    ]

    found = calibration.score(trials).disk_error

    assert (found.total, found.median) == (2, pytest.approx((0.1 + 5 / 125) / 2))
    assert found.floor == pytest.approx((25 / 100 + 25 / 125) / 2)


def test_the_range_of_a_perfect_forecast_is_that_of_the_binomial_distribution(calibration):
    assert calibration.expected_range(0, 0.9) == (0.0, 1.0)
    assert calibration.expected_range(1, 0.9) == (0.0, 1.0)  # 0 in 10 % of cases
    assert calibration.expected_range(4, 0.5) == (0.0, 1.0)  # 1 in 16 is more than 5 %
    assert calibration.expected_range(10, 0.5) == (0.2, 0.8)
    assert calibration.expected_range(100, 0.9) == (0.85, 0.95)
