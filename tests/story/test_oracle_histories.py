"""Random histories: after every act an incremental build equals a clean one, and the dry run told the truth.

A failure names its seed. `STAGEMAKE_SEED=7 pytest tests/story/test_oracle_histories.py -k seed` replays that
history alone; `STAGEMAKE_HISTORIES=2000` makes the fresh part longer.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from oracle.coverage import Tally, save, shortfalls, total
from oracle.driver import InProcess
from oracle.run import STEPS, run_history

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

HISTORIES = 200  # always the same ones
CHUNK = 5
CLEAN_SHARE = 0.12  # of the steps; all others are compared with what the harness computes itself
SEED = os.environ.get("STAGEMAKE_SEED")


def run_chunk(first: int, count: int) -> Tally:
    tally: Tally = Counter()
    for seed in range(first, first + count):
        # All that depends on chance comes from the seed, so one history can be had without the others.
        tally += run_history(seed, STEPS, InProcess(), clean_share=CLEAN_SHARE)
    return tally


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory that all processes of this test run have in common."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "oracle-coverage"


@pytest.mark.skipif(SEED is not None, reason="STAGEMAKE_SEED asks for one history only")
@pytest.mark.parametrize("first", range(0, HISTORIES, CHUNK))
def test_every_build_of_a_history_equals_a_clean_build(first: int, shared: Path) -> None:
    save(shared, first, run_chunk(first, CHUNK))

    tally = total(shared, HISTORIES // CHUNK)

    if tally is not None:  # the last chunk of all
        lines = shortfalls(tally)
        assert not lines, "\n".join(lines)


@pytest.mark.skipif(SEED is None, reason="STAGEMAKE_SEED names no history to replay")
def test_the_history_of_one_seed_is_right() -> None:
    run_chunk(int(SEED or 0), 1)


@pytest.mark.skipif(SEED is not None, reason="STAGEMAKE_SEED asks for one history only")
def test_histories_nobody_has_seen_before_are_right_too() -> None:
    first = random.SystemRandom().randrange(10**6, 10**9)
    count = int(os.environ.get("STAGEMAKE_HISTORIES", "5"))
    print(f"seeds {first} to {first + count - 1}")

    run_chunk(first, count)
