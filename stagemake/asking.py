"""What a request may ask without building: a dry run, what commits touch, why. Nothing of it changes anything."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import evolve

from stagemake.left_over import left_over
from stagemake.project_lock import is_locked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.building import Builder
    from stagemake.explaining import Explainer
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Plan
    from stagemake.model.plan_file import PlannedStage
    from stagemake.model.report import DryRunReport
    from stagemake.model.selection import Selection
    from stagemake.plan.world import World


def dry_run(
    builder: Builder, pipeline: Pipeline, seen: list[PlannedStage] | None = None
) -> DryRunReport:
    """Return a plan with its costs and conflicts; what it was seen from goes to `seen`. Changes nothing."""
    from stagemake.forecasting import full_forecast  # noqa: PLC0415 - gate, dry runs only

    builder.recall()
    disk = builder.disk()
    world = builder.world(disk)
    try:
        outlined = _outline(builder, pipeline, world) if seen is None else None
        if outlined is not None:
            return _foreseen(
                builder, full_forecast(builder, outlined, world, builder.cache.read_only()), world
            )
        plan = builder.planned(pipeline, world, disk, seen).plan
        report = _foreseen(
            builder, full_forecast(builder, plan, world, builder.cache.read_only()), world
        )
        if builder.what_if is None:
            return report
        return evolve(report, assumed=builder.what_if.assumptions(pipeline, world))
    finally:
        builder.cache.close()


def _outline(builder: Builder, pipeline: Pipeline, world: World) -> Plan | None:
    """Return a plan without keys where nobody wants them and nothing could match; else None."""
    if builder.request.keys:
        return None
    from stagemake.outlining import decides_nothing  # noqa: PLC0415 - gate, dry runs only

    if not decides_nothing(pipeline, builder.request, builder.state, builder.cache.read_only):
        return None
    from stagemake.plan.outline import UnreadDisk, outline  # noqa: PLC0415 - gate, as above

    world.disk = UnreadDisk(world.disk, builder.root)
    return outline(pipeline, world)


def _foreseen(builder: Builder, report: DryRunReport, world: World) -> DryRunReport:
    """Return the report with what stages say themselves, and with how to tell single operations."""
    from stagemake.operations import Foreseen  # noqa: PLC0415 - gate, dry runs only

    told = Foreseen()
    if any(stage.is_class_based for stage in report.plan.pipeline.stages):
        from stagemake.foreseeing import foresee  # noqa: PLC0415 - gate, 30 ms, with functions only

        evaluations = tuple(builder.project.evaluations)
        told = foresee(report.plan, world, evaluations, builder.environ, builder.jobs)
    return told.added_to(report, world)


def select(
    builder: Builder, pipeline: Pipeline, revision: str, wanted: frozenset[str]
) -> Selection:
    """Return which of the `wanted` stages of a pipeline a range of commits touches. Changes nothing."""
    from stagemake.affected import Affected  # noqa: PLC0415 - gate, 15 ms with subprocess

    world = builder.world(builder.disk())
    try:
        return Affected(builder.project, pipeline, world, builder.environ).since(revision, wanted)
    finally:
        builder.cache.close()


@contextmanager
def explainer(builder: Builder, pipeline: Pipeline) -> Iterator[Explainer]:
    """Give what explains the stages of a pipeline, as long as the cache is open. Changes nothing."""
    from stagemake.explaining import Explainer  # noqa: PLC0415 - gate, `why` and `-v` only
    from stagemake.past.shelf import Shelf  # noqa: PLC0415 - as above
    from stagemake.past.texts import Texts  # noqa: PLC0415 - as above
    from stagemake.remembered import Remembered  # noqa: PLC0415 - as above

    disk = builder.disk()
    world = builder.world(disk)
    shelf = Shelf(builder.state.builds, lambda: is_locked(builder.state))
    remembered = Remembered(
        builder.root, Texts(builder.state.history_path), builder.cache.read_only
    )
    try:
        orphans = left_over(builder, disk)
        yield Explainer(pipeline, world, shelf, remembered, builder.environ, orphans)
    finally:
        builder.cache.close()
