"""What `build -v` shows beside a stage: what changed, line by line where that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.pipeline import Pipeline

if TYPE_CHECKING:
    from stagemake.manager import StageManager
    from stagemake.model.explanation import Change
    from stagemake.model.result import StageResult


def changes_of(manager: StageManager, result: StageResult) -> tuple[Change, ...]:
    """Return what differed when a stage had to be done. Cost: opens history and cache each time."""
    stage = manager.get_stage(result.name)
    with manager.explainer((), Pipeline((stage,), (), ((),))) as explainer:
        return tuple(explainer.changes(stage, result.differences))
