"""How long a build is going to take: asked before each build, whose time is then held against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.execute.workshop import physical_memory_bytes
from stagemake.plan.estimate import Circumstances, wall_forecast

if TYPE_CHECKING:
    from stagemake.building import Builder
    from stagemake.model.plan import Interval, Plan
    from stagemake.plan.world import World


def wall_forecast_of(builder: Builder, plan: Plan, world: World) -> Interval | None:
    """Return how long a build of the plan would take, without hindsight; None if some stage that may run is unknown."""
    return wall_forecast(plan, builder.jobs, circumstances_of(builder, world))


def circumstances_of(builder: Builder, world: World) -> Circumstances:
    """Return what a forecast goes by, besides the plan."""
    pools = {pool.name: pool.depth for pool in builder.project.registry.pools.values()}
    history = world.history
    hindsight = history.hindsight
    return Circumstances(
        pools, physical_memory_bytes(), history.pace, history.tail(), hindsight=hindsight,
        outside_s=hindsight.opening_s[builder.opening],
    )  # fmt: skip
