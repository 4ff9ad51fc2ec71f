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
    acts_asked,
    acts_code,
    acts_command_line,
    acts_declared,
    acts_faults,
    acts_memory,
    acts_outputs,
    acts_sources,
    acts_tool,
)
from oracle.driver import Driver, InProcess
from oracle.effect import Difference, Effect
from oracle.history import History
from oracle.typed import CommandLine, in_fork, in_process

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping

_OFTEN = (
    *("edit", "edit", "edit", "crash", "crash", "kill", "kill", "race", "remove_output"),
    *("rename_output", "reached_code", "reached_code", "reached_code", "headers", "headers"),
    *("extra_tool", "working_directory", "drop_stage", "stop_at_failure", "held_plan"),
    *("old_state", "included", "word", "collect_cache", "exchange_outputs"),
)
"""Acts that are drawn more often than others: what matters most, and what does not apply everywhere."""

DRIVERS: Mapping[str, Driver] = {
    "in-process": InProcess(),
    "forks": CommandLine(in_fork),
    "processes": CommandLine(in_process),
}

STEPS = 9  # of a history, unless said otherwise
STEPS_BY_DRIVER = {"in-process": STEPS, "forks": 7, "processes": 3}
PLAN_SHARE = 0.4  # in how many steps a dry run comes before the build, by the command line
_PATIENCE = 10  # tries per step: some acts do not apply to some projects


def acts_for(driver: Driver) -> Mapping[str, Callable[[History], Effect | None]]:
    """Return the acts that fit a driver, by name."""
    groups = (
        *(acts_sources, acts_declared, acts_code, acts_outputs, acts_faults, acts_memory),
        *(acts_tool, acts_asked),
    )
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
    in_order: bool = False,
    clean_share: float = 1.0,
) -> Counter[tuple[str, str]]:
    """Run one history; the same seed does the same. Return how often each act led to each outcome.

    Args:
        seed: What the project, the acts and all else comes from.
        steps: How many acts.
        driver: Who builds.
        only: The acts to choose from; all by default.
        in_order: Whether these come one after the other, not by chance; one that does not apply is left out.
        clean_share: In how many steps a clean build is made as well.

    Raises:
        Difference: Something that has to be true is not; with the seed in its text.
    """
    known = acts_for(driver)
    names = [*(only or (*known, *(name for name in _OFTEN if name in known)))]
    base = os.path.realpath(tempfile.mkdtemp(prefix="oracle-"))
    history: History | None = None
    try:
        plan_share = 1.0 if isinstance(driver, InProcess) else PLAN_SHARE
        history = History(base, random.Random(seed), driver, clean_share, plan_share)
        history.log.append("start")
        history.check(Effect())
        done = 0
        for turn in range(steps * _PATIENCE):
            name = names[turn % len(names)] if in_order else history.rnd.choice(names)
            done += history.step(name, known[name])
            if done == steps:
                break
        return history.tally
    except Difference as error:
        again = replay(seed, steps, driver, only, in_order=in_order)
        raise Difference(f"seed {seed}: {error}\n  again: {again}") from None
    except Exception as error:
        after = " | ".join(history.log[-6:]) if history else "nothing"
        again = replay(seed, steps, driver, only, in_order=in_order)
        raise Difference(
            f"seed {seed} crashed: {error!r}\n  after: {after}\n  again: {again}"
        ) from error
    finally:
        shutil.rmtree(base, ignore_errors=True)


def replay(seed: int, steps: int, driver: Driver, only: tuple[str, ...], *, in_order: bool) -> str:
    """Return the command that plays one history again, to be given at the top of the repository."""
    name = next((name for name, one in DRIVERS.items() if one == driver), "in-process")
    acts = f" --acts {','.join(only)}" if only else ""
    acts += " --in-order" if in_order else ""
    return (
        f"PYTHONPATH=tests python -m oracle.run --driver {name}"
        f" --seed {seed} --histories 1 --steps {steps}{acts}"
    )


def main() -> int:
    """Run histories and print what is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--histories", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--acts", default="")
    parser.add_argument("--driver", choices=[*DRIVERS], default="in-process")
    parser.add_argument("--clean-share", type=float, default=1.0)
    parser.add_argument("--in-order", action="store_true")
    parser.add_argument("--go-on", action="store_true")
    given = parser.parse_args()
    driver = DRIVERS[given.driver]
    only = tuple(filter(None, given.acts.split(",")))
    wrong = 0
    for seed in range(given.seed, given.seed + given.histories):
        try:
            run_history(
                seed, given.steps, driver, only=only, in_order=given.in_order,
                clean_share=given.clean_share,
            )  # fmt: skip
        except Difference as error:
            print(error, flush=True)
            wrong += 1
            if not given.go_on:
                return 1
    print(f"{given.histories - wrong} of {given.histories} histories right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
