"""Feed bytes to every reader for as long as one likes: `python tests/fuzz.py --minutes 10 [--seed N] [TARGET…]`.

Prints the seed first, and what did harm with the target's name; exit status 1 then. A reader that takes
longer than ten seconds for some kilobytes does harm too.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
import traceback
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from fuzz_targets import TARGETS, Target  # noqa: E402 - found by the line above
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

LONGEST_S = 10
BATCH = 100


def batch(target: Target, number: int) -> None:
    """Feed one batch of bytes, drawn by `number`; raises what did harm, shrunk."""

    @seed(number)
    @settings(
        max_examples=BATCH, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    @given(st.data())
    def fed(data: st.DataObject) -> None:
        drawn = data.draw(target.inputs)
        signal.alarm(LONGEST_S)
        target.check(drawn)
        signal.alarm(0)

    fed()


def main() -> int:
    """Feed batches in turns until the time is over; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("targets", nargs="*")
    given_ = parser.parse_args()
    chosen = [one for one in TARGETS if not given_.targets or one.name in given_.targets]
    print(f"seed {given_.seed}", flush=True)
    number, end_s, harmed = given_.seed, time.monotonic() + given_.minutes * 60, 0
    fed = dict.fromkeys((one.name for one in chosen), 0)
    while time.monotonic() < end_s and chosen:
        for target in list(chosen):
            try:
                batch(target, number)
            except Exception:
                print(
                    f"{target.name}: harmed, by batch {number}\n{traceback.format_exc()}",
                    flush=True,
                )
                chosen.remove(target)
                harmed += 1
            fed[target.name] += BATCH
            if time.monotonic() > end_s:
                break
        number += 1
    print(*(f"{count:>8} {name}" for name, count in fed.items()), sep="\n")
    return 1 if harmed else 0


if __name__ == "__main__":
    sys.exit(main())
