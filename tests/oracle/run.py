"""Runs histories by seed. Also by hand: `python -m oracle.run --histories 20 --seed 7`."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING

from oracle import acts_command_line, acts_faults, acts_outputs, acts_sources
from oracle.driver import CommandLine, Driver, InProcess
from oracle.history import Difference, Effect, History

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OFTEN = (
    "edit",
    "edit",
    "edit",
    "crash",
    "crash",
    "kill",
    "kill",
    "race",
    "rename_output",
    "remove_output",
)

_PATIENCE = 10  # tries per step: some acts do not apply to some projects


def acts_for(driver: Driver) -> Mapping[str, Callable[[History], Effect | None]]:
    """Return the acts that fit a driver, by name."""
    acts = {**acts_sources.ACTS, **acts_outputs.ACTS, **acts_faults.ACTS}
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
) -> None:
    """Run one history; the same seed does the same.

    Raises:
        Difference: Something that has to be true is not; with the seed in its text.
    """
    known = acts or acts_for(driver)
    names = [*(only or (*known, *(name for name in _OFTEN if name in known)))]
    base = os.path.realpath(tempfile.mkdtemp(prefix="oracle-"))
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
    except Difference as error:
        raise Difference(f"seed {seed}: {error}") from None
    finally:
        shutil.rmtree(base, ignore_errors=True)


def main() -> int:
    """Run histories and print what is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--histories", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--acts", default="")
    parser.add_argument("--command-line", action="store_true")
    parser.add_argument("--go-on", action="store_true")
    given = parser.parse_args()
    driver: Driver = CommandLine() if given.command_line else InProcess()
    only = tuple(filter(None, given.acts.split(",")))
    wrong = 0
    for seed in range(given.seed, given.seed + given.histories):
        try:
            run_history(seed, given.steps, driver, only=only)
        except Difference as error:
            print(error, flush=True)
            wrong += 1
            if not given.go_on:
                return 1
    print(f"{given.histories - wrong} of {given.histories} histories right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
