"""A plan as it is written down: what was foreseen of each stage, and what that was seen from."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - attrs field type, read by tools

from attrs import field, frozen

from stagemake.model.record import Component  # noqa: TC001 - as above


@frozen
class PlannedStage:
    """One stage of a plan that is held to."""

    name: str
    verdict: str  # as in `model.plan.Verdict`
    key: str | None
    components: tuple[Component, ...]  # of its key, as far as known then
    outputs: tuple[tuple[str, str], ...]  # path and entry of what lay at its outputs


@frozen
class PlanFile:
    """A plan to be carried out exactly, or not at all."""

    version: str  # of the stagemake that made it
    root: str  # absolute
    stagefile: str  # its name in the root
    targets: tuple[str, ...]
    cwd: str  # relative to the root, for targets that are paths
    force: bool
    cache: str  # as in `model.request.CacheMode`
    cache_store: str  # by name, as it was asked for; empty: the project's
    runner: str  # as above
    values: Mapping[str, str]  # given with -D
    stages: tuple[PlannedStage, ...]  # in execution order
    orphans: tuple[str, ...]
    by_name: Mapping[str, PlannedStage] = field(init=False, eq=False, repr=False)

    @by_name.default
    def _index(self) -> Mapping[str, PlannedStage]:
        return {stage.name: stage for stage in self.stages}
