"""What carrying out a plan works with, made from a request's parts: hooks, cache, workshop. What runs is `starting`."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from stagemake.cache.disk import DiskStore, open_store
from stagemake.cache.volume import volume_bytes
from stagemake.dispatch import ToolEvents
from stagemake.execute.environment import stage_environment
from stagemake.execute.workshop import Workshop
from stagemake.hooking import BoundHooks, ResultsByName
from stagemake.model.event import Notice
from stagemake.model.record import references
from stagemake.report.amount import size

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.building import Builder
    from stagemake.cache.guarded import GuardedStore
    from stagemake.digesting import Digester
    from stagemake.hooks import Facts
    from stagemake.model.context import StageContext
    from stagemake.model.event import Event
    from stagemake.model.result import StageResult
    from stagemake.model.stage import Stage
    from stagemake.plan.world import World
    from stagemake.runner.guarded import GuardedRunner
    from stagemake.runner.local import LocalRunner
    from stagemake.starting import Ear

    Opened = DiskStore | GuardedStore


def hooks_of(builder: Builder, ear: Ear) -> BoundHooks:
    """Return the hooks round each stage, with the context that they get."""
    base, root, scratch = builder.base_env(), builder.root, builder.state.scratch
    ids = {str(stage.name): stage_id for stage_id, stage in enumerate(ear.pipeline.stages)}

    def context_of(stage: Stage, facts: Facts, own: StageResult | None) -> StageContext:
        from stagemake.calling import Circumstances, make_context  # noqa: PLC0415 - gate, 10 ms with all three, hooks only
        from stagemake.model.context import SharedData  # noqa: PLC0415 - as above
        from stagemake.storage import LiveStorage, Places  # noqa: PLC0415 - as above

        known = [name for name in (*stage.uses, *stage.provides) if name in facts.values]
        values = {name: json.loads(facts.values[name]) for name in known}
        around = Circumstances(
            root=root,
            scratch=scratch,
            env=stage_environment(base, builder.environ, stage, root),
            shared=SharedData(
                stage,
                {name: values[name] for name in stage.uses if name in values},
                {name: values[name] for name in stage.provides if name in values},
            ),
            storage=LiveStorage(Places(root, scratch)),
            events=ToolEvents(
                builder.subscriptions,
                builder.emit,
                stage.name,
                lambda: time.monotonic() - ear.began_s,
            ),
            results=ResultsByName(facts.results, ids, own),
        )
        return make_context(stage, around)

    return BoundHooks(builder.hooks, context_of, builder.loop)


def workshop_of(  # noqa: PLR0917 - what a workshop is put together from
    builder: Builder,
    world: World,
    digester: Digester,
    runner: LocalRunner | GuardedRunner,
    open_store: Callable[[], Opened | None],
    emit: Callable[[Event], None],
) -> Workshop:
    """Return all that stages are carried out with."""
    guard = None
    if builder.request.held is not None:
        from stagemake.execute.guard import Guard  # noqa: PLC0415 - gate, 1 ms, where a plan is held to

        guard = Guard(builder.request.held)
    return Workshop(
        guard=guard,
        watching=builder.watching,
        root=builder.root,
        request=builder.request,
        jobs=builder.jobs,
        world=world,
        digester=digester,
        state=builder.state,
        open_store=open_store,
        runner=runner,
        emit=emit,
        base_env=builder.base_env(),
        environ=builder.environ,
        pools={pool.name: pool.depth for pool in builder.project.registry.pools.values()},
        interrupt=builder.interrupt,
        kept_at=f".stagemake/kept/{time.strftime('%Y-%m-%dT%H-%M-%S')}",
    )


def open_cache(builder: Builder) -> Opened | None:
    """Return the cache as the request wants it; None where it wants none or none can be used, which is told."""
    cache = builder.request.cache
    if not cache.reads and not cache.writes:
        return None
    store: Opened | None
    if builder.make_store is not None:
        store, problem = builder.make_store(builder.cache.made_with(reads_only=False))
    else:
        store, problem = open_store(
            builder.cache_directory,
            budget_bytes=builder.settings.cache_bytes,
            max_age_s=builder.settings.cache_age_s,
        )
    builder.cache.tell(problem)
    return store


def close_cache(builder: Builder, store: Opened) -> int:
    """Keep the cache within its budget, say once what was wrong with it, and let go of it.

    Returns:
        What it took before it was collected; -1 where that can't be read, as of a plugin's.
    """
    volume = -1
    if isinstance(store, DiskStore):
        volume = volume_bytes(store)
    if isinstance(store, DiskStore) and volume > store.budget_bytes:
        from stagemake.cache.collect import collect  # noqa: PLC0415 - gate, 6 ms, where the cache is full

        done = collect(store, references)
        builder.emit(Notice(f"cache: removed {size(done.freed_bytes)} that was used longest ago"))
    for text in store.faults.first.values():
        builder.cache.tell(text)
    store.close()
    return volume
