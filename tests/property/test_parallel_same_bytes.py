"""How many stages run side by side changes no byte."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle.driver import Ask, InProcess, Place, environment
from oracle.history import STATE
from oracle.invent import random_project
from oracle.project import OWN, write_sources
from oracle.render import render
from oracle.tree import results

if TYPE_CHECKING:
    import pytest


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 10**6), jobs=st.integers(2, 9))
def test_many_side_by_side_make_the_same_bytes_as_one_after_the_other(
    tmp_path_factory: pytest.TempPathFactory, seed: int, jobs: int
) -> None:
    base = tmp_path_factory.mktemp("parallel")
    made = {}
    for count in (1, jobs):
        project = random_project(random.Random(seed))
        root = str(base / f"by{count}" / "p")
        write_sources(root)
        render(project, root)
        place = Place(
            root, str(base / f"by{count}" / "cache"), environment(**project.environ), project.values
        )

        built = InProcess().build(place, Ask(jobs=count))

        assert built.names("failed", "blocked") == set(), project
        made[count] = results(root, (*OWN, STATE))
    assert made[1] == made[jobs]
