"""The oracle's own proof: every bug in `tests/seeded/` is caught, and the same histories pass without it."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

import pytest
from oracle.driver import InProcess
from oracle.effect import Difference
from oracle.run import DRIVERS, run_history
from oracle.seeded import (
    DoesNotApply,
    Hunk,
    SeededBug,
    become_broken,
    copy_with,
    read_bug,
    replaced,
)

pytestmark = pytest.mark.slow

TESTS = Path(__file__).resolve().parents[1]
PATCHES = sorted((TESTS / "seeded").glob("*.patch"))
STEPS = 5
MOST_HISTORIES = (
    40  # each patch names a seed that shows its bug; more are tried when code has moved
)


def run_oracle(package: Path, bug: SeededBug) -> str:
    """Return what an oracle says that works with the package in a directory."""
    done = subprocess.run(
        [
            sys.executable, "-P", "-m", "oracle.run", "--steps", str(STEPS),
            "--seed", str(bug.seed), "--histories", str(MOST_HISTORIES),
            "--acts", ",".join(bug.acts), "--clean-share", "0", "--driver", bug.driver,
        ],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{package}{os.pathsep}{TESTS}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1, f"not caught: {bug.what}\n{done.stdout}{done.stderr}"
    return done.stdout


def run_oracle_here(bug: SeededBug) -> str:
    """Return what an oracle says in a fork of this process, whose package has the bug: a third of what a new process costs."""
    end, begin = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads of a worker only wait
        pid = os.fork()
    if pid == 0:
        with open(begin, "w", encoding="utf-8") as told:
            told.write(_said_by_the_broken(bug))
        os._exit(0)
    os.close(begin)
    with open(end, encoding="utf-8") as told:
        text = told.read() if select.select([told], [], [], 300)[0] else "it has not ended"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return text


def _said_by_the_broken(bug: SeededBug) -> str:
    try:
        become_broken(bug, str(TESTS.parent))
        for seed in range(bug.seed, bug.seed + MOST_HISTORIES):
            try:
                run_history(seed, STEPS, DRIVERS[bug.driver], only=bug.acts, clean_share=0.0)
            except Difference as error:
                return str(error)
    except BaseException:
        return traceback.format_exc()
    return "all histories are right"


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_the_oracle_catches_the_bug_and_only_the_bug(patch: Path, tmp_path: Path) -> None:
    bug = read_bug(str(patch))

    if DRIVERS[bug.driver] == InProcess():
        text = run_oracle_here(bug)
    else:
        copy_with(bug, str(TESTS.parent), str(tmp_path))
        text = run_oracle(tmp_path, bug)

    caught = re.match(r"seed (\d+): ", text)
    assert caught, f"not caught: {bug.what}\n{text}"
    # Without the bug the same history is right, or this raises.
    run_history(int(caught[1]), STEPS, DRIVERS[bug.driver], only=bug.acts, clean_share=0.0)


def test_a_patch_finds_its_lines_wherever_they_have_moved_inside_their_function() -> None:
    text = "def one():\n    a = 1\n\n\nclass Two:\n    def three(self):\n        if self:\n            a = 1\n"
    hunk = Hunk("f.py", "Two.three", ("    a = 1",), ("    a = 2", "    b = 3"))

    assert replaced(text, hunk) == text[:-6] + "a = 2\n            b = 3\n"


@pytest.mark.parametrize("scope", ["declare", "no_such_function"])
def test_a_patch_whose_code_has_changed_fails_and_says_where(scope: str, tmp_path: Path) -> None:
    hunk = Hunk("stagemake/plan/declaration.py", scope, ("never = there",), ("never = here",))

    with pytest.raises(DoesNotApply, match=f"drifted.patch no longer applies to .*`{scope}`"):
        copy_with(
            SeededBug("drifted", "", (), "in-process", 0, (hunk,)), str(TESTS.parent), str(tmp_path)
        )


def test_no_seeded_bug_was_lost() -> None:
    assert len(PATCHES) >= 39
