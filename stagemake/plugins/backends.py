"""Runners and caches of plugins, as a build opens them: checked, and behind their fences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.cache.guarded import GuardedStore
from stagemake.model.error import PluginError
from stagemake.plugins.check import check_runner, check_store
from stagemake.plugins.fault import described, place_of
from stagemake.runner.guarded import GuardedRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.cache.port import CacheSettings
    from stagemake.plugins.named import NamedParts
    from stagemake.runner.port import RunnerSettings

    MakeRunner = Callable[[RunnerSettings], GuardedRunner]
    MakeStore = Callable[[CacheSettings], tuple[GuardedStore | None, str]]


def runner_maker(parts: NamedParts, name: str) -> MakeRunner:
    """Return what makes the runner of that name, which some plugin brings.

    What it returns raises PluginError: no action can run without a runner.
    """
    who = f"runner `{name}` of plugin `{parts.owner('runners', name)}`"

    def make(settings: RunnerSettings) -> GuardedRunner:
        factory = parts.use("runners", name)
        try:
            runner = factory(settings)
            check_runner(runner)
        except (Exception, SystemExit) as error:
            facts = [("why", described(error))]
            if place_of(error):
                facts.append(("at", place_of(error)))
            hint = "choose `local`, or mend the plugin"
            raise PluginError(f"{who} can't be made", facts=facts, hint=hint) from error
        return GuardedRunner(runner, who)

    return make


def store_maker(parts: NamedParts, name: str) -> MakeStore:
    """Return what makes the cache of that name, or says in one line why the build goes on without one."""
    who = f"cache `{name}` of plugin `{parts.owner('caches', name)}`"

    def make(settings: CacheSettings) -> tuple[GuardedStore | None, str]:
        try:
            store = parts.use("caches", name)(settings)
            check_store(store)
        except PluginError as error:
            why = next((value for label, value in error.facts if label == "why"), error.headline)
            return None, f"{who} can't be used: {why}"
        except (Exception, SystemExit) as error:
            return None, f"{who} can't be used: {described(error)}"
        return GuardedStore(store, who), ""

    return make
