"""The oracle by the command line: typed plainly, so that the entry, and what is recalled, answer too.

Command lines run in forks of a process that has everything loaded; those that are killed, or run at once, and one
whole history, in processes of their own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from oracle import acts_command_line
from oracle.coverage import needs_by_command_line, save, shortfalls, total
from oracle.run import DRIVERS, STEPS_BY_DRIVER, acts_for, run_history
from oracle.seeds import FORKS, KILLED, TOUCHED

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

CLEAN_SHARE = 0.1

_DEALT = [name for name in acts_for(DRIVERS["forks"]) if name not in acts_command_line.ACTS]

PLOTS: list[tuple[str, int, tuple[str, ...], bool]] = [
    *(("forks", seed, tuple(_DEALT[at :: len(FORKS)]), True) for at, seed in enumerate(FORKS)),
    *(("forks", seed, KILLED, False) for seed in range(1000, 1004)),
    *(("forks", seed, TOUCHED, False) for seed in range(2000, 2004)),
    ("forks", 8159, ("edit", "rename_output", "collect_cache", "nothing", "verify"), True),
    ("processes", 0, (), False),
]


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory that all processes of this test run have in common."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "command-line-coverage"


@pytest.mark.parametrize("at", range(len(PLOTS)))
def test_every_build_by_command_line_equals_a_clean_build(at: int, shared: Path) -> None:
    name, seed, only, in_order = PLOTS[at]
    steps = len(only) if in_order else STEPS_BY_DRIVER[name]

    save(
        shared,
        at,
        run_history(
            seed, steps, DRIVERS[name], only=only, in_order=in_order, clean_share=CLEAN_SHARE
        ),
    )

    tally = total(shared, len(PLOTS))
    if tally is not None:  # the last one of all
        lines = shortfalls(tally, needs_by_command_line())
        assert not lines, "choose seeds anew by `oracle.choose`:\n" + "\n".join(lines)


def test_histories_nobody_has_seen_before_are_right_by_command_line_too(fresh_seed: int) -> None:
    run_history(fresh_seed, STEPS_BY_DRIVER["forks"], DRIVERS["forks"], clean_share=CLEAN_SHARE)
