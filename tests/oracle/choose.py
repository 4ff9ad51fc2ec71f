"""Chooses seeds for `oracle.seeds` by what they cover: `python -m oracle.choose --driver forks --histories 60`.

To be run when acts or kinds of stages change: then the same seeds make other histories. Takes half of a minute for
100 histories in process, on a quiet machine.
"""

from __future__ import annotations

import argparse
import sys

from oracle.coverage import Tally, cover, needs_by_command_line, needs_in_process
from oracle.effect import Difference
from oracle.run import DRIVERS, STEPS_BY_DRIVER, run_history

_MARGIN = (
    1.5  # how much more than what is needed: how stages ended hangs a little on who was faster
)


def main() -> int:
    """Run histories, print seeds that cover everything, and what no history came to."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", choices=[*DRIVERS], default="in-process")
    parser.add_argument("--histories", type=int, default=200)
    given = parser.parse_args()
    needs = needs_in_process() if given.driver == "in-process" else needs_by_command_line()
    tallies: dict[int, Tally] = {}
    for seed in range(given.histories):
        try:
            tallies[seed] = run_history(
                seed, STEPS_BY_DRIVER[given.driver], DRIVERS[given.driver], clean_share=0.0
            )
        except Difference as error:
            print(error, file=sys.stderr)
    more = {what: round(least * _MARGIN) for what, least in needs.items()}
    chosen, missing = cover(tallies, more)
    print(chosen)
    print(f"{len(chosen)} seeds; not covered: {', '.join(missing) or 'nothing'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
