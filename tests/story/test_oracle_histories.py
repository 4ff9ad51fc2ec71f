"""Random histories: after every act an incremental build equals a clean one, and the dry run told the truth.

A failure tells the seed, the last acts, and the command that plays the same history again. Beside fixed seeds each
run has fresh ones; `STAGEMAKE_HISTORIES=2000` makes more of them.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from oracle.coverage import Tally, needs_in_process, save, shortfalls, total
from oracle.driver import InProcess
from oracle.run import STEPS, run_history
from oracle.seeds import IN_PROCESS, SELDOM, SELDOM_ACTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytestmark = pytest.mark.slow

CHUNK = 4
FURTHER = range(5000, 5120)  # seeds; not chosen for what is in their histories
CLEAN_SHARE = 0.12  # of the steps; all others are compared with what the harness computes itself


PLOTS: list[tuple[int, tuple[str, ...]]] = [
    *((seed, ()) for seed in IN_PROCESS),
    *((seed, SELDOM_ACTS) for seed in SELDOM),
]


def played(plots: Iterable[tuple[int, tuple[str, ...]]]) -> Tally:
    tally: Tally = Counter()
    for seed, only in plots:
        # All that depends on chance comes from the seed, so one history can be had without the others.
        tally += run_history(seed, STEPS, InProcess(), only=only, clean_share=CLEAN_SHARE)
    return tally


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory that all processes of this test run have in common."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "oracle-coverage"


@pytest.mark.parametrize("first", range(0, len(PLOTS), CHUNK))
def test_every_build_of_a_history_equals_a_clean_build(first: int, shared: Path) -> None:
    save(shared, first, played(PLOTS[first : first + CHUNK]))

    tally = total(shared, -(-len(PLOTS) // CHUNK))

    if tally is not None:  # the last chunk of all
        lines = shortfalls(tally, needs_in_process())
        assert not lines, "choose seeds anew by `oracle.choose`:\n" + "\n".join(lines)


@pytest.mark.parametrize("first", range(FURTHER.start, FURTHER.stop, CHUNK))
def test_so_does_every_build_of_further_histories(first: int) -> None:
    played((seed, ()) for seed in range(first, first + CHUNK))


def test_histories_nobody_has_seen_before_are_right_too(fresh_seed: int) -> None:
    count = int(os.environ.get("STAGEMAKE_HISTORIES", "4"))

    played((seed, ()) for seed in range(fresh_seed, fresh_seed + count))
