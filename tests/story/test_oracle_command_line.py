"""The oracle by the command line: real processes, killed and interrupted at any moment."""

from __future__ import annotations

import os

import pytest
from oracle.driver import CommandLine
from oracle.run import run_history

pytestmark = pytest.mark.slow

STEPS = 5
SEEDS = [int(os.environ["STAGEMAKE_SEED"])] if "STAGEMAKE_SEED" in os.environ else range(4)
DISTURBED = ("kill", "kill", "interrupt", "edit", "remove_output")


@pytest.mark.parametrize("seed", SEEDS)
def test_every_build_by_command_line_equals_a_clean_build(seed: int) -> None:
    run_history(seed, STEPS, CommandLine(), clean_share=0.1)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_build_after_a_killed_or_interrupted_one_equals_a_clean_build(seed: int) -> None:
    run_history(1000 + seed, STEPS, CommandLine(), only=DISTURBED, clean_share=0.0)
