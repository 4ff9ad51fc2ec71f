"""Whatever a build would have to do after an edit is among what `--affected` selects."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from git_kit import commit_all
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle.driver import Ask, InProcess
from oracle.effect import Effect
from oracle.history import STATE, History
from oracle.render import render
from oracle.run import acts_for
from oracle.tree import walk

from stagemake.manager import StageManager
from stagemake.model.error import StagemakeError

if TYPE_CHECKING:
    from stagemake.model.selection import Selection

ACTS = acts_for(InProcess())
# Not `directory_members`: it makes empty directories, and git has none.
EDITS = ("edit", "headers", "glob_files", "extra_tool", "reached_code", "remove_source")  # fmt: skip


def select(history: History) -> Selection:
    """Return what differs from the last commit, and whom it touches."""
    place = history.place()
    manager = StageManager(
        place.root, cache_dir=place.cache, config=place.values,
        environ={**place.environ, "HOME": history.base},
    )  # fmt: skip
    manager.load("Stagefile")
    return manager.affected("HEAD")


@pytest.mark.slow
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 10**6),
    names=st.lists(st.sampled_from(EDITS), min_size=1, max_size=3),
    pick=st.integers(0, 10**6),
    removes=st.booleans(),
)
def test_what_has_to_be_done_was_selected(
    tmp_path_factory: pytest.TempPathFactory, seed: int, names: list[str], pick: int, removes: bool
) -> None:
    history = History(str(tmp_path_factory.mktemp("git")), random.Random(seed), InProcess(), 0.0)
    history.check(Effect())
    always = busy(history)  # what can't become fresh, or failed
    commit_all(Path(history.root))
    assert select(history).names == ()

    for name in names:
        ACTS[name](history)
    render(history.project, history.root)
    files = sorted(
        path for path in walk(history.root, (STATE, ".git", "Stagefile"))
        if not os.path.isdir(f"{history.root}/{path}")
    )  # fmt: skip
    if removes:
        os.unlink(f"{history.root}/{files[pick % len(files)]}")
    try:
        selection = select(history)
    except StagemakeError:
        assert removes  # the Stagefile does not load without it
        return

    assert busy(history) - always <= set(selection.names), (names, selection)


def busy(history: History) -> set[str]:
    """Return the stages for which a build would do anything."""
    verdicts = history.driver.plan(history.place(), Ask()).verdicts
    return {name for name, verdict in verdicts.items() if verdict != "fresh"}
