"""Plans made up for tests of forecasting: no disk, no process, any durations."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

from stagemake.model.pipeline import Pipeline
from stagemake.model.plan import P90, Estimate, Interval, Plan, Reason, Source, Step, Verdict
from stagemake.model.result import ActionResult
from stagemake.model.stage import Command, ProjectPath, Stage, StageName

if TYPE_CHECKING:
    from collections.abc import Sequence


def stage(number: int, *, reads: Sequence[int] = (), **words: object) -> Stage:
    """Return a stage that makes `o<number>` and reads what others make."""
    return Stage(
        StageName(f"s{number}"),
        Command(("run", str(number))),
        inputs=tuple(ProjectPath(f"o{other}") for other in reads),
        outputs=(ProjectPath(f"o{number}"),),
        **words,  # type: ignore[arg-type]  # the stage's own fields
    )


def estimate(
    seconds: float | None, sigma: float = 0.0, *, changed: int = 0, compared: int = 0,
    output_bytes: int = 0, new_bytes: int = 0,
) -> Estimate:  # fmt: skip
    """Return an estimate from history; None: nothing is known."""
    if seconds is None:
        return Estimate()
    return Estimate(
        Interval(seconds, seconds * exp(P90 * sigma)), output_bytes, 5, None, changed, compared,
        new_bytes=new_bytes, source=Source.HISTORY,
    )  # fmt: skip


def plan_of(
    upstream: Sequence[Sequence[int]],
    verdicts: Sequence[Verdict],
    estimates: Sequence[Estimate],
    stages: Sequence[Stage] | None = None,
) -> Plan:
    """Return a plan of stages that read what their upstream makes."""
    made = stages or [stage(number, reads=above) for number, above in enumerate(upstream)]
    pipeline = Pipeline(tuple(made), (), tuple(map(tuple, upstream)))  # type: ignore[arg-type]  # ids
    steps = tuple(
        Step(
            number, verdict, Reason.INPUT_CHANGED,
            subject=f"o{upstream[number][0]}" if upstream[number] else "",
            cached=ActionResult() if verdict is Verdict.HIT else None, estimate=estimates[number],
        )
        for number, verdict in enumerate(verdicts)
    )  # fmt: skip
    return Plan(pipeline, steps)
