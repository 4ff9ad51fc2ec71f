"""What it takes to start a service now, and the key that says whether one that runs is still the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.execute.environment import stage_environment
from stagemake.model.entry import MISSING
from stagemake.plan.judge import judge
from stagemake.plan.sight import DiskSight
from stagemake.runner.port import Work
from stagemake.stagefile.placeholder import argv_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.building import Builder
    from stagemake.model.stage import Stage


@frozen
class ServiceStart:
    """A service as it would be started now."""

    stage: Stage
    key: str  # of all that counts for it, as of any action
    missing: tuple[str, ...]  # inputs that are not there
    work: Work


def starts_of(builder: Builder, services: Iterable[Stage]) -> tuple[ServiceStart, ...]:
    """Return services as they would be started now, all that they need being made. Changes nothing.

    Args:
        builder: Of a request that forces: nothing is looked up in the cache.
        services: In the order of what is returned.

    Raises:
        OSError: An input can't be read.

    Cost: a stat for each input, and a read of what is not known.
    """
    found = []
    with builder.looking() as (world, digester):
        for stage in services:
            made = judge(stage, (), world, DiskSight(digester, {}))
            paths = (*stage.inputs, *stage.implicit)
            missing = tuple(
                path for path, entry in zip(paths, made.entries, strict=True) if entry == MISSING
            )
            env = stage_environment(builder.base_env(), builder.environ, stage, builder.root)
            work = Work(0, env, argv=argv_of(stage), cwd=stage.cwd, streams=True)
            assert made.key is not None, "nothing runs that it waits for"
            found.append(ServiceStart(stage, made.key, missing, work))
    return tuple(found)
