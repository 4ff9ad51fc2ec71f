"""A hook that measures every executed stage: time by the clock, processor time, peak memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.seed import StageHook

if TYPE_CHECKING:
    from stagemake.model.context import StageContext


@frozen
class Measurement:
    """What one stage took."""

    stage: str
    outcome: str  # `ran`, `failed` or `cancelled`
    started_s: float  # since the start of the build
    wall_s: float
    cpu_s: float  # of the action and the children it waited for
    peak_rss_bytes: int | None  # None: unknown, as for small programs
    output_bytes: int | None  # None: it failed


class PerformanceMonitor(StageHook):
    """Collects a measurement for each executed stage, in the order they ended. Register it after stages."""

    name = "performance monitor"

    def __init__(self) -> None:
        self.measurements: list[Measurement] = []

    def after_stage(self, stage_name: str, context: StageContext) -> None:
        """Take down what the stage took."""
        result = context.results[stage_name]
        self.measurements.append(
            Measurement(
                stage=stage_name,
                outcome=result.outcome.value,
                started_s=result.started_s,
                wall_s=result.wall_s,
                cpu_s=result.cpu_s,
                peak_rss_bytes=result.peak_rss_bytes or None,
                output_bytes=result.output_bytes,
            )
        )

    def clear(self) -> None:
        """Forget what was measured: the next build starts from nothing."""
        self.measurements.clear()

    def slowest(self, most: int = 10) -> tuple[Measurement, ...]:
        """Return the stages that took longest by the clock, longest first."""
        return tuple(sorted(self.measurements, key=lambda one: -one.wall_s)[:most])

    def table(self) -> str:
        """Return all measurements as lines of text with a head, longest first; ends with a newline."""
        lines = [f"{'wall':>10} {'cpu':>10} {'peak':>10}  stage"]
        for one in self.slowest(len(self.measurements)):
            peak = "?" if one.peak_rss_bytes is None else f"{one.peak_rss_bytes / 2**20:.1f} MiB"
            lines.append(f"{one.wall_s:>8.3f} s {one.cpu_s:>8.3f} s {peak:>10}  {one.stage}")
        return "\n".join(lines) + "\n"
