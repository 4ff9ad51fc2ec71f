"""A dry run changes nothing and says what the build then does."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle.driver import Ask, InProcess, Place
from oracle.effect import Effect
from oracle.history import History
from oracle.run import acts_for
from oracle.tree import changes, listing

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ACTS = acts_for(InProcess())
LOUD = {"crash", "fault", "race", "damage_cache", "collect_cache", "verify_cache", "other_checkout"}
QUIET = sorted(ACTS.keys() - LOUD - {"part", "force", "stop_at_failure"})


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 10**6), names=st.lists(st.sampled_from(QUIET), min_size=1, max_size=4))
def test_the_build_does_what_the_dry_run_said(
    tmp_path_factory: pytest.TempPathFactory, seed: int, names: list[str]
) -> None:
    history = History(str(tmp_path_factory.mktemp("dry")), random.Random(seed), InProcess(), 0.0)
    history.log.append(f"seed {seed}")
    history.check(Effect())

    for name in names:  # `step` makes a dry run before each build and compares both
        history.step(name, ACTS[name])


def test_two_dry_runs_in_a_row_say_the_same_and_leave_no_trace(tmp_path: Path) -> None:
    history = History(str(tmp_path), random.Random(3), InProcess(), 0.0)
    history.check(Effect())
    ACTS["edit"](history)
    before = listing(str(tmp_path))

    first = history.driver.plan(history.place(), Ask())
    second = history.driver.plan(history.place(), Ask())

    assert first == second
    assert changes(before, listing(str(tmp_path))) == []


def test_a_dry_run_of_a_project_never_built_makes_no_directory(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/Stagefile").write_text(
        'from stagemake import command\ncommand("a", "echo 1 > {outputs}", outputs=["out/a"])\n'
    )
    before = listing(str(tmp_path))
    place = Place(str(tmp_path / "p"), str(tmp_path / "cache"), {"PATH": "/usr/bin:/bin"}, {})

    foreseen = InProcess().plan(place, Ask())

    assert foreseen.verdicts == {"a": "miss"}
    assert foreseen.runs == (1, 1)
    assert changes(before, listing(str(tmp_path))) == []
