"""Random histories: after every act an incremental build equals a clean one, and the dry run told the truth.

`STAGEMAKE_SEED=7 pytest tests/story/test_oracle_histories.py` replays one history;
`STAGEMAKE_HISTORIES=2000` makes the fresh part longer.
"""

from __future__ import annotations

import os
import random

import pytest
from oracle.driver import InProcess
from oracle.run import run_history

pytestmark = pytest.mark.slow

STEPS = 12
CHUNK = 5
SEEDS = (
    [int(os.environ["STAGEMAKE_SEED"])] if "STAGEMAKE_SEED" in os.environ else range(0, 100, CHUNK)
)
"""First seed of each chunk; the same in every run."""


@pytest.mark.parametrize("first", SEEDS)
def test_every_build_of_a_history_equals_a_clean_build(first: int) -> None:
    count = 1 if "STAGEMAKE_SEED" in os.environ else CHUNK

    for seed in range(first, first + count):
        run_history(seed, STEPS, InProcess(), clean_share=0.35)


def test_histories_nobody_has_seen_before_are_right_too() -> None:
    first = random.SystemRandom().randrange(10**6, 10**9)
    count = int(os.environ.get("STAGEMAKE_HISTORIES", "3"))

    # A failure names its seed: set STAGEMAKE_SEED to it to see it again.
    for seed in range(first, first + count):
        run_history(seed, STEPS, InProcess())
