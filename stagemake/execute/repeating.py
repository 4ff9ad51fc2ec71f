"""Has this action key made something else before? Asked after each run, before its result replaces the earlier one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from stagemake.freshness import snapshot as columns
from stagemake.model.difference import hide, secret_values
from stagemake.model.record import decode_result
from stagemake.recorded import recorded_entries

if TYPE_CHECKING:
    from stagemake.execute.storing import Run
    from stagemake.execute.workshop import Workshop
    from stagemake.model.repeat import Divergence
    from stagemake.model.result import ActionResult
    from stagemake.model.stage import Stage
    from stagemake.plan.judge import Judgement


def compared(
    run: Run, key: str, result: ActionResult, shop: Workshop
) -> tuple[ActionResult, Divergence | None]:
    """Return the result of a run, marked where its key has made two things, and how this one differs.

    Compared with what the stage had left here last, if that was under the same key, else with the cache's
    record. Stages that run in every build promise nothing, so nothing is compared.

    Cost: nothing for a key that the plan did not find in the cache, else one look-up.
    """
    stage = run.stage
    if stage.runs_always or shop.world.is_unidentified(stage):
        return result, None
    entries = {row.path: row.entry for row in result.outputs}
    record = _record(run, key, shop)
    old = run.old
    if old is not None and old[columns.KEY] == key:
        before, provided = recorded_entries(old), old[columns.VALUES][1]
    elif record is not None:
        before, provided = {row.path: row.entry for row in record.outputs}, record.provided
    else:
        return result, None
    from stagemake.model.repeat import first_divergence  # noqa: PLC0415 - gate, 1 ms, seldom

    found = first_divergence(before, entries, provided, result.provided)
    if found is not None:
        secrets = secret_values(stage, shop.environ)
        found = evolve(found, how=hide(found.how, secrets))
    if found is not None or (record is not None and record.is_disputed):
        result = evolve(result, is_disputed=True)
    return result, found


def _record(run: Run, key: str, shop: Workshop) -> ActionResult | None:
    """Return what the cache holds under a key, whole or not; None where the plan has seen that it holds nothing."""
    stage, store, records = run.stage, shop.store, shop.world.records
    if store is None or not stage.cache or records.is_absent(key):
        return None
    if stage.depfile and not shop.world.force:
        # Its key was not known to the plan; where nothing was noted under the weak key, there is no record.
        weak = run.judgement.weak
        if weak is None or (shop.request.cache.reads and records.hint(weak) is None):
            return None
    body = store.get([key]).get(key)
    return decode_result(body) if body is not None else None


def note_divergence(run: Run, found: Divergence, shop: Workshop) -> None:
    """Remember, at once and for later builds, that a stage made something else from the same."""
    weak = run.judgement.weak
    if weak is None:
        return
    from stagemake.past.repeats import Repeats  # noqa: PLC0415 - gate, 2 ms, seldom

    try:
        Repeats(shop.state.repeats_path).note(
            [(run.stage.name, weak, found)], found_by="build", now_s=int(shop.wall_clock_s())
        )
    except OSError:
        return  # a hint: the build goes on without it


def notes_on_restoring(stage: Stage, made: Judgement, shop: Workshop) -> tuple[str, ...]:
    """Return what to know about a result from the cache that running the stage might not give."""
    known = shop.world.unrepeated(stage)
    if known is not None:
        return (f"not reproducible: a run may give another `{known.output}`",)
    if made.cached is not None and made.cached.is_disputed:
        return ("not reproducible: another run from the same inputs gave something else",)
    return ()
