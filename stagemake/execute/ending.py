"""How an action ended, in words for people and as a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagemake.execute.environment import mask
from stagemake.model.difference import hide, secret_values
from stagemake.model.result import Outcome, StageResult
from stagemake.model.signal_words import signal_text
from stagemake.stagefile.placeholder import slips_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagemake.execute.storing import Run
    from stagemake.execute.workshop import Workshop
    from stagemake.model.plan import Reason
    from stagemake.model.stage import Stage
    from stagemake.runner.port import Completion

_TRACEBACK = b"Traceback (most recent call last):"


def result_of(
    run: Run,
    completion: Completion,
    outcome: Outcome,
    shop: Workshop,
    *,
    problem: str = "",
    **more: Any,  # Any: fields of StageResult
) -> StageResult:
    """Return the result of a run as far as its completion tells, and `more`; `started_s` is on the build's clock."""
    stage = run.stage
    if (
        completion.stdout
    ):  # a field that is left out takes no room: results are kept until the build ends
        more["stdout"] = mask(completion.stdout, shop.environ, stage)
    if completion.stderr:
        more["stderr"] = mask(completion.stderr, shop.environ, stage)
    if problem:
        more["problem"] = hide(problem, secret_values(stage, shop.environ))
    if run.judgement.subject:
        more["subject"] = run.judgement.subject
    if run.judgement.differences:
        more["differences"] = run.judgement.differences
    if completion.peak_rss_bytes:
        more["peak_rss_bytes"] = completion.peak_rss_bytes
    return StageResult.of(
        name=stage.name,
        outcome=outcome,
        reason=run.judgement.reason.code,
        started_s=completion.started_s - shop.began_s if completion.started_s else 0.0,
        wall_s=completion.wall_s,
        cpu_s=completion.cpu_s,
        exit_code=completion.exit_code,
        **more,
    )


def failure_of(
    stage: Stage, reason: Reason, problem: str, shop: Workshop, *, subject: str = ""
) -> StageResult:
    """Return the result of a stage that failed before its action could start."""
    return StageResult(
        stage.name, Outcome.FAILED, reason.code, subject, problem=problem,
        started_s=shop.now_s() - shop.began_s,
    )  # fmt: skip


def notes_of(stage: Stage, moved: Sequence[str]) -> list[str]:
    """Return what to know besides of a stage that failed.

    Args:
        stage: The stage.
        moved: Where what it left at its outputs is now.
    """
    return [*slips_in(stage), *(f"what it left is in `{path}`" for path in moved[:3])]


def problem_of(completion: Completion, stage: Stage, environ: Mapping[str, str]) -> str:
    """Return why an action failed, one line; empty when it did not."""
    if completion.timed_out:
        return f"it took longer than its timeout of {stage.timeout_s:g} s"
    if completion.note and completion.exit_code:
        return completion.note
    if completion.exit_code < 0:
        return f"it was ended by {signal_text(-completion.exit_code)}"
    if completion.exit_code == 1 and stage.is_call and _TRACEBACK in completion.stderr:
        # What was raised says more than the status that every exception has.
        last = completion.stderr.strip().rpartition(b"\n")[2]
        return mask(last, environ, stage).decode("utf-8", "backslashreplace")[:300]
    if completion.exit_code:
        return f"exit status {completion.exit_code}"
    return ""
