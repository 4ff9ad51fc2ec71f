"""Why an action counts as failed, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.execute.environment import mask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.model.stage import Stage
    from stagemake.runner.port import Completion

_TRACEBACK = b"Traceback (most recent call last):"


def problem_of(completion: Completion, stage: Stage, environ: Mapping[str, str]) -> str:
    """Return why an action failed, one line; empty when it did not."""
    if completion.timed_out:
        return f"it took longer than its timeout of {stage.timeout_s:g} s"
    if completion.note and completion.exit_code:
        return completion.note
    if completion.exit_code < 0:
        return f"it was ended by signal {-completion.exit_code}"
    if completion.exit_code == 1 and stage.is_call and _TRACEBACK in completion.stderr:
        # What was raised says more than the status that every exception has.
        last = completion.stderr.strip().rpartition(b"\n")[2]
        return mask(last, environ, stage).decode("utf-8", "backslashreplace")[:300]
    if completion.exit_code:
        return f"exit status {completion.exit_code}"
    return ""
