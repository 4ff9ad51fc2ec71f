"""A hook that logs every executed stage: by the standard library's logging, or as lines of JSON."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

from stagemake.model.result import Outcome
from stagemake.model.seed import StageHook

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from stagemake.model.context import StageContext


class StructuredLog(StageHook):
    """Says when a stage starts and how it ended. Register it before and after stages.

    Fields: `event` (`stage_started`, `stage_finished`), `time_s` (unix), `stage`, `description`; at the end also
    `outcome`, `wall_s`, `cpu_s`, `peak_rss_bytes`, `exit_code`, `output_bytes`, `problem`, `key`. None is unknown.

    Args:
        logger: Gets a record for each, with the fields in `record.stagemake`; a failure is an error, all
            else is information. Default: the logger `stagemake`, unless there is a stream.
        stream: Gets a line of JSON for each.
        now_s: The clock.
    """

    name = "structured log"

    def __init__(
        self,
        logger: logging.Logger | None = None,
        *,
        stream: TextIO | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        if logger is None and stream is None:
            logger = logging.getLogger("stagemake")
        self._logger = logger
        self._stream = stream
        self._now_s = now_s

    def before_stage(self, stage_name: str, context: StageContext) -> None:
        """Log the start."""
        self._say(logging.INFO, f"stage {stage_name} started", "stage_started", context, {})

    def after_stage(self, stage_name: str, context: StageContext) -> None:
        """Log how it ended."""
        result = context.results[stage_name]
        fields = {
            "outcome": result.outcome.value,
            "wall_s": round(result.wall_s, 6),
            "cpu_s": round(result.cpu_s, 6),
            "peak_rss_bytes": result.peak_rss_bytes or None,
            "exit_code": result.exit_code,
            "output_bytes": result.output_bytes,
            "problem": result.problem,
            "key": result.key,
        }
        level = logging.ERROR if result.outcome is Outcome.FAILED else logging.INFO
        why = f": {result.problem}" if result.problem else ""
        text = f"stage {stage_name} {result.outcome.value} after {result.wall_s:.3f} s{why}"
        self._say(level, text, "stage_finished", context, fields)

    def _say(
        self, level: int, text: str, event: str, context: StageContext, more: dict[str, Any]
    ) -> None:
        fields = {
            "event": event,
            "time_s": round(self._now_s(), 6),
            "stage": context.name,
            "description": context.stage.description,
            **more,
        }
        if self._logger is not None:
            self._logger.log(level, "%s", text, extra={"stagemake": fields})
        if self._stream is not None:
            self._stream.write(json.dumps(fields) + "\n")
            self._stream.flush()
