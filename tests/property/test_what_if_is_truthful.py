"""What a dry run says under an assumption is what it says once the file has really been edited."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from attrs import define
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle.driver import InProcess
from oracle.effect import Effect
from oracle.history import STATE, History
from oracle.project import FOLDER, HEADERS, LISTING, SOURCES
from oracle.run import acts_for
from oracle.tree import changes, listing, walk

from stagemake.manager import StageManager
from stagemake.model.error import UnforeseeableChange
from stagemake.model.request import BuildRequest
from stagemake.what_if import new_files

if TYPE_CHECKING:
    from pathlib import Path

ACTS = acts_for(InProcess())
LOUD = {"crash", "fault", "race", "damage_cache", "collect_cache", "verify_cache", "other_checkout"}
QUIET = sorted(ACTS.keys() - LOUD - {"part", "force", "stop_at_failure"})
CODE = ("helper.py", "lib/", "one/", "two/", "part/")
EVALUATED = "tools/word"
"""What the Stagefile itself reads: only the command line notes that, see `docs/what-if.md`."""


@define
class Asked:
    """A project after a random history, and what is asked of it."""

    history: History

    def report(self, *assumed: str) -> dict[str, tuple[str, str, str]]:
        """Return verdict, reason and subject by stage name."""
        place = self.history.place()
        manager = StageManager(
            place.root, cache_dir=place.cache, config=place.values, environ=place.environ
        )
        manager.project.session.assumed = new_files(manager.root, assumed)
        manager.load("Stagefile")
        report = manager.dry_run_pipeline(BuildRequest(assume_changed=assumed))
        return {
            report.plan.pipeline.stages[step.stage_id].name: (
                step.verdict.value,
                step.reason.value,
                step.subject,
            )
            for step in report.plan.steps
        }

    def paths(self) -> list[str]:
        """Return files of the user's and of stages, and some that could come."""
        root = self.history.root
        there = [
            path for path in walk(root, (STATE,))
            if os.path.isfile(f"{root}/{path}") and not os.path.islink(f"{root}/{path}")
        ]  # fmt: skip
        there.remove(EVALUATED)
        return sorted({*there, *SOURCES, *HEADERS, LISTING, f"{FOLDER}/new", "glob/new.txt", "new"})

    def edit(self, path: str) -> None:
        """Give a file other content; its mode stays."""
        full = f"{self.history.root}/{path}"
        os.makedirs(os.path.dirname(full), exist_ok=True)
        os.chmod(full, os.stat(full).st_mode | 0o200) if os.path.exists(full) else None
        with open(full, "ab") as stream:
            stream.write(b"# a line that stands nowhere else\n")


@pytest.mark.slow
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 10**6),
    names=st.lists(st.sampled_from(QUIET), max_size=2),
    picks=st.lists(st.integers(0, 10**6), min_size=3, max_size=3),
    leaves_it=st.booleans(),
)
def test_a_what_if_says_what_the_edited_tree_says(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    names: list[str],
    picks: list[int],
    leaves_it: bool,
) -> None:
    history = History(str(tmp_path_factory.mktemp("if")), random.Random(seed), InProcess(), 0.0)
    history.check(Effect())
    for name in names:
        history.step(name, ACTS[name])
    if leaves_it:  # an edit that no build has seen yet
        ACTS["edit"](history)
    asked = Asked(history)

    for pick in picks:
        paths = asked.paths()
        path = paths[pick % len(paths)]
        before = listing(history.base)
        try:
            foreseen = asked.report(path)
        except UnforeseeableChange:
            assert path == "Stagefile" or path.startswith(CODE)
            continue
        assert changes(before, listing(history.base)) == []

        asked.edit(path)

        seen = asked.report()
        if path.startswith(CODE):  # the line is a comment, and that does not count
            assert busy(seen) <= busy(foreseen), path
        else:
            assert seen == foreseen, path


def busy(report: dict[str, tuple[str, str, str]]) -> set[str]:
    """Return what may run."""
    return {name for name, (verdict, *_) in report.items() if verdict in {"miss", "maybe"}}


def test_what_is_assumed_of_two_files_is_what_both_edits_do(tmp_path: Path) -> None:
    history = History(str(tmp_path), random.Random(5), InProcess(), 0.0)
    history.check(Effect())
    asked = Asked(history)

    foreseen = asked.report("src/a", "src/c")
    asked.edit("src/a")
    asked.edit("src/c")

    assert asked.report() == foreseen
    assert busy(foreseen)
