"""Runs histories by seed. Also by hand: `python -m oracle.run --histories 20 --seed 7`."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING

from oracle import (
    acts_code,
    acts_command_line,
    acts_declared,
    acts_faults,
    acts_outputs,
    acts_sources,
    acts_tool,
)
from oracle.driver import CommandLine, Driver, InProcess
from oracle.effect import Difference, Effect
from oracle.history import History

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping

_OFTEN = (
    *("edit", "edit", "edit", "crash", "crash", "kill", "kill", "race", "remove_output"),
    *("rename_output", "reached_code", "reached_code", "reached_code", "headers", "headers"),
    *("extra_tool", "working_directory", "drop_stage", "stop_at_failure"),
)
"""Acts that are drawn more often than others: what matters most, and what does not apply everywhere."""

STEPS = 9  # of a history, unless said otherwise
_PATIENCE = 10  # tries per step: some acts do not apply to some projects


def acts_for(driver: Driver) -> Mapping[str, Callable[[History], Effect | None]]:
    """Return the acts that fit a driver, by name."""
    groups = (acts_sources, acts_declared, acts_code, acts_outputs, acts_faults, acts_tool)
    acts = {name: act for group in groups for name, act in group.ACTS.items()}
    if isinstance(driver, InProcess):
        acts.update(acts_faults.IN_PROCESS_ACTS)
    else:
        acts.update(acts_command_line.ACTS)
    return acts


def run_history(
    seed: int,
    steps: int,
    driver: Driver,
    *,
    only: tuple[str, ...] = (),
    acts: Mapping[str, Callable[[History], Effect | None]] | None = None,
    clean_share: float = 1.0,
) -> Counter[tuple[str, str]]:
    """Run one history; the same seed does the same. Return how often each act led to each outcome.

    Raises:
        Difference: Something that has to be true is not; with the seed in its text.
    """
    known = acts or acts_for(driver)
    names = [*(only or (*known, *(name for name in _OFTEN if name in known)))]
    base = os.path.realpath(tempfile.mkdtemp(prefix="oracle-"))
    history: History | None = None
    try:
        history = History(base, random.Random(seed), driver, clean_share)
        history.log.append("start")
        history.check(Effect())
        done = 0
        for _ in range(steps * _PATIENCE):
            name = history.rnd.choice(names)
            done += history.step(name, known[name])
            if done == steps:
                break
        return history.tally
    except Difference as error:
        raise Difference(f"seed {seed}: {error}") from None
    except Exception as error:
        after = " | ".join(history.log[-6:]) if history else "nothing"
        raise Difference(f"seed {seed} crashed: {error!r}\n  after: {after}") from error
    finally:
        shutil.rmtree(base, ignore_errors=True)


def main() -> int:
    """Run histories and print what is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--histories", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--acts", default="")
    parser.add_argument("--command-line", action="store_true")
    parser.add_argument("--clean-share", type=float, default=1.0)
    parser.add_argument("--go-on", action="store_true")
    given = parser.parse_args()
    driver: Driver = CommandLine() if given.command_line else InProcess()
    only = tuple(filter(None, given.acts.split(",")))
    wrong = 0
    for seed in range(given.seed, given.seed + given.histories):
        try:
            run_history(seed, given.steps, driver, only=only, clean_share=given.clean_share)
        except Difference as error:
            print(error, flush=True)
            wrong += 1
            if not given.go_on:
                return 1
    print(f"{given.histories - wrong} of {given.histories} histories right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
