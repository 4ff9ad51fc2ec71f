"""Forecasts against builds by the real scheduler, in a world whose durations are known: no time passes."""

from __future__ import annotations

import random
from statistics import median
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from timed_kit import MEMORY_BYTES, TimedProject

from stagemake.plan.agenda import Limits
from stagemake.plan.simulate import Course, Tool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def graph_text(rnd: random.Random, count: int) -> str:
    """Return a Stagefile of stages that wait for each other in all the ways there are."""
    lines = ['pool("narrow", 1)']
    for number in range(count):
        above = sorted(rnd.sample(range(number), min(number, rnd.choice([0, 1, 1, 2, 3]))))
        words = ""
        if rnd.random() < 0.2:
            words += ', pool="narrow"'
        if rnd.random() < 0.15:
            words += f", cpus={rnd.choice([0.5, 2, 9])}"
        if rnd.random() < 0.15:
            words += f", memory={rnd.choice([3, 5, 20])} * 1024**3"
        inputs = [f"o{other}" for other in above]
        lines.append(f'command("s{number}", "x", inputs={inputs}, outputs=["o{number}"]{words})')
    return "\n".join(lines) + "\n"


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 10**6), jobs=st.integers(1, 4))
def test_the_simulation_takes_exactly_as_long_as_the_scheduler(
    tmp_path_factory: pytest.TempPathFactory, seed: int, jobs: int
) -> None:
    rnd = random.Random(seed)
    project = TimedProject(tmp_path_factory.mktemp("timed"), graph_text(rnd, 9))
    took_s = {f"s{number}": float(rnd.randint(1, 9)) for number in range(9)}
    project.build(jobs, took_s.__getitem__)  # now durations are known, and ranks with them

    foreseen, outcome = project.build(jobs, took_s.__getitem__)

    plan = foreseen.plan
    seconds = [took_s[stage.name] for stage in plan.pipeline.stages]
    free = Tool(0.0, 0.0, [0.0] * 9, [0.0] * 9)
    course = Course.of(plan, Limits(jobs, MEMORY_BYTES, {"narrow": 1}), free)
    assert course.wall_s(seconds) == pytest.approx(outcome.wall_s, abs=1e-9)


def score(
    root: Path, builds: int, jobs: int, seconds: Callable[[int, str], float]
) -> tuple[float, float]:
    """Return the share of builds that took no longer than p90, and the median error of p50."""
    rnd = random.Random(8)
    project = TimedProject(root, graph_text(rnd, 20))
    inside, errors = [], []
    for number in range(builds):
        foreseen, outcome = project.build(jobs, lambda name, n=number: seconds(n, name))
        if number >= 5:
            assert foreseen.wall_s is not None
            inside.append(outcome.wall_s <= foreseen.wall_s.p90)
            errors.append(abs(outcome.wall_s - foreseen.wall_s.p50) / outcome.wall_s)
    return sum(inside) / len(inside), median(errors)


def world(*, load: float, far: float, drift: float) -> Callable[[int, str], float]:
    """Return how long stages take: lognormal, with a common load, runs far out, and a lasting change."""
    rnd = random.Random(21)
    usual = {f"s{number}": rnd.lognormvariate(0.5, 1.0) for number in range(20)}
    loads: dict[int, float] = {}

    def seconds(build: int, name: str) -> float:
        common = loads.setdefault(build, rnd.lognormvariate(0, load))
        odd = 4.0 if rnd.random() < far else 1.0
        later = drift if build > 40 and name < "s15" else 1.0
        return usual[name] * rnd.lognormvariate(0, 0.2) * common * odd * later

    return seconds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("jobs", "load", "far", "drift", "most_error"),
    [
        pytest.param(1, 0.02, 0.0, 1.0, 0.06, id="steady"),
        pytest.param(2, 0.15, 0.0, 1.0, 0.15, id="machine under load"),
        pytest.param(2, 0.05, 0.02, 1.0, 0.12, id="runs far out"),
        pytest.param(3, 0.05, 0.0, 1.6, 0.12, id="a lasting change"),
    ],
)
def test_nine_builds_in_ten_take_no_longer_than_p90(  # noqa: PLR0917 - one world's parts
    tmp_path: Path, jobs: int, load: float, far: float, drift: float, most_error: float
) -> None:
    coverage, error = score(tmp_path / "p", 85, jobs, world(load=load, far=far, drift=drift))
    print(f"coverage {coverage:.3f}, median error {error:.3f}")

    assert 0.85 <= coverage <= 0.95
    assert error <= most_error


def test_stages_crowded_in_one_build_are_foreseen_alone_in_the_next(tmp_path: Path) -> None:
    # 24 stages, 4 at a time on 2 processors, three in four computing; then one alone, then few.
    lines = [
        f'command("s{i}", "x", inputs=["a{i}"], outputs=["o{i}"])\n' for i in range(24)
    ]  # fmt: skip
    for number in range(24):
        path = tmp_path / "p" / f"a{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_text("1")
    project = TimedProject(tmp_path / "p", "".join(lines))
    rnd = random.Random(4)
    took_s = {f"s{number}": rnd.lognormvariate(0.5, 0.5) for number in range(24)}

    def computes(name: str) -> bool:
        return int(name[1:]) % 4 > 0

    def build(*edited: int) -> tuple[float, float]:
        for number in edited:
            with (tmp_path / "p" / f"a{number}").open("a") as file:
                file.write("1")
        foreseen, outcome = project.build(
            4, took_s.__getitem__, force=False, computes=computes, processors=2
        )
        assert foreseen.wall_s is not None
        return foreseen.wall_s.p50, outcome.wall_s

    project.build(4, took_s.__getitem__, force=False, computes=computes, processors=2)
    for edited in ([13], [14, 15], [0, 5, 6, 7, 9], range(24)):
        foreseen_s, took = build(*edited)
        assert took == pytest.approx(foreseen_s, rel=0.1)
