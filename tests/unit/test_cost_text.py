"""What a plan would cost, as people read it: whole, and within 80 columns."""

from __future__ import annotations

import textwrap

from attrs import evolve
from plan_kit import estimate, plan_of, stage

from stagemake.model.hindsight import hindsight_of
from stagemake.model.pace import Pace
from stagemake.model.plan import Verdict
from stagemake.plan.estimate import Circumstances, report_of
from stagemake.report.cost_text import cost_lines

FREE = Pace(before=0, after=0, launch=0, gap=0, settle=0, restore=0, check=0)


def cost_text(pairs: int, changed: int) -> str:
    """Return the lines for pairs of stages, of which the first changed its output so often in 20 runs."""
    upstream: list[tuple[int, ...]] = [() if i % 2 == 0 else (i - 1,) for i in range(2 * pairs)]
    plan = plan_of(
        upstream,
        [Verdict.MAYBE if above else Verdict.MISS for above in upstream],
        [
            estimate(1.0 if above else 0.2, 0.1, output_bytes=100_000, changed=changed, compared=20)
            for above in upstream
        ],
        [evolve(stage(i), name=f"package.part.{i}") for i in range(2 * pairs)],
    )
    around = Circumstances(pace=FREE, processors=4, hindsight=hindsight_of(()))
    return "".join(f"{line}\n" for line in cost_lines(report_of(plan, 2, around), 80))


def test_where_cut_offs_may_take_much_of_it_both_ends_are_said() -> None:
    text = cost_text(12, changed=10)

    assert text == textwrap.dedent(
        """\
        runs   12 for certain, 24 at most
        time   ~4.6 s with 2 jobs; 9 times in 10 under 9.0 s
               4 jobs would save 1.7 s
               longest chain ~0.7 s: package.part.0 > package.part.1
        disk   1.5 MiB to write, 0 B to restore
               9 times in 10 under 2.3 MiB to write
        """
    )
    assert all(len(line) <= 80 for line in text.splitlines())


def test_where_all_is_sure_to_run_one_amount_is_enough() -> None:
    text = cost_text(2, changed=20)

    assert "9 times in 10 under" not in text.partition("disk")[2]
