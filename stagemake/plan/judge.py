"""What does one stage need? The heart: planning, dry run and execution all ask here, nobody else."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from attrs import define
from xxhash import xxh3_128_hexdigest

from stagemake.freshness import snapshot as trace_columns
from stagemake.model.plan import Reason, Verdict
from stagemake.plan.declaration import canonical_bytes
from stagemake.plan.explain import first_difference
from stagemake.plan.fresh import as_seen, fresh_key, outputs_hold
from stagemake.plan.programs import programs_of

if TYPE_CHECKING:
    from stagemake.freshness.snapshot import Trace
    from stagemake.model.difference import Difference
    from stagemake.model.result import ActionResult
    from stagemake.model.stage import Stage
    from stagemake.plan.declaration import Declaration
    from stagemake.plan.fresh import Sight
    from stagemake.plan.world import Programs, World

FRESH = Verdict.FRESH
Entries = tuple[str | None, ...]
Found = tuple[tuple[str, str], ...]


@define(eq=False, repr=False)
class Judgement:
    """A verdict and what it was based on; execution stores the latter with the result."""

    verdict: Verdict
    reason: Reason
    subject: str = ""
    key: str | None = None
    weak: str | None = None
    cached: ActionResult | None = None
    declaration: Declaration = ()
    entries: Entries = ()
    programs: Programs = ()
    values: tuple[tuple[str, str | None], ...] = ()
    old_outputs: tuple[str, ...] | None = None  # entries of the outputs as last recorded
    old_key: str = ""  # what they were recorded under
    refreshed: Trace | None = None  # a trace to replace the old one
    differences: tuple[Difference, ...] = ()  # from the last result, where somebody asked for all


def judge(stage: Stage, upstream: tuple[int, ...], world: World, sight: Sight) -> Judgement:
    """Return what `stage` needs, given that everything upstream has been judged (or has settled).

    Args:
        stage: The stage.
        upstream: Ids of the stages it waits for.
        world: What is on disk, in past traces and in the cache.
        sight: How inputs look that upstream stages make.
    """
    key = fresh_key(stage, upstream, world, sight)
    if key is not None:
        return Judgement(FRESH, Reason.UNCHANGED, key=key)
    return judge_stale(stage, world, sight)


def judge_stale(stage: Stage, world: World, sight: Sight) -> Judgement:
    """Return what `judge` does of a stage that `fresh_key` says nothing of."""
    trace = world.snapshot.traces.get(stage.name)
    programs = world.shared(as_seen(programs_of(stage, world), sight))
    # Lists, here and below: of nearly every stage so short that a generator takes twice as long.
    entries = tuple([sight.entry(path) for path in stage.inputs + stage.implicit])
    values = tuple([(name, sight.value(name)) for name in stage.uses])
    weak = world.weak_bytes(stage)
    weak_hex = world.weak_hex(stage)
    made = Judgement(
        Verdict.MISS,
        Reason.FORCED,
        weak=weak_hex,
        declaration=world.declaration(stage),
        entries=entries,
        programs=programs,
        values=values,
    )
    if trace is not None:
        made.old_outputs, made.old_key = trace[trace_columns.OUTPUTS], trace[trace_columns.KEY]
    made.reason, made.subject = _why(stage, trace, made, world, sight)
    is_open = (
        None in entries
        or None in [value for _, value in values]
        or None in [entry for _, _, entry in programs]
    )
    is_forced = world.force or stage.name in world.traced
    never_cached = is_forced or stage.runs_always or world.is_unidentified(stage)
    if never_cached:
        if not is_open:
            made.key = strong_key(weak, made, ())
        if stage.resumable and not is_forced and trace is not None:
            _resume(stage, trace, made, world, sight)
        return made
    lists, known = _discovered_lists(stage, trace, weak_hex, world, needs_hint=is_open)
    if not is_open:
        is_open = _look_up(stage, trace, weak, lists, made, world, sight)
    if made.verdict is Verdict.MISS and is_open and known:
        made.verdict, made.reason = Verdict.MAYBE, Reason.UPSTREAM_RUNS
        made.subject = _open_subject(stage, lists, made, sight)
    return made


def _resume(stage: Stage, trace: Trace, made: Judgement, world: World, sight: Sight) -> None:
    """Turn `made` into FRESH where an unfinished build has done just this, or MAYBE where that is open."""
    known = world.finished_key(stage.name)
    if not known or trace[trace_columns.KEY] != known:
        return
    found = tuple((path, sight.entry(path)) for path, _ in trace[trace_columns.DISCOVERED])
    is_open = made.key is None or any(entry is None for _, entry in found)
    if is_open and trace[trace_columns.DECLARATION] == made.declaration:
        made.verdict, made.reason = Verdict.MAYBE, Reason.UPSTREAM_RUNS
        made.subject = _open_subject(stage, [tuple(path for path, _ in found)], made, sight)
    elif (
        not is_open
        and strong_key(world.weak_bytes(stage), made, found) == known
        and len(trace[trace_columns.OUTPUTS]) == len(stage.outputs)
        and outputs_hold(stage, trace, world)
    ):
        made.verdict, made.reason, made.subject, made.key = FRESH, Reason.RESUMED, "", known


def _discovered_lists(
    stage: Stage,
    trace: Trace | None,
    weak_hex: str,
    world: World,
    *,
    needs_hint: bool,
) -> tuple[list[tuple[str, ...]], bool]:
    """Return lists of inputs to discover, likeliest first, and whether a past record is known."""
    lists: list[tuple[str, ...]] = [] if stage.depfile else [()]
    known = False
    if trace is not None:
        known = bool(trace[trace_columns.KEY]) and trace[
            trace_columns.DECLARATION
        ] == world.declaration(stage)
        if stage.depfile:
            lists.append(tuple(path for path, _ in trace[trace_columns.DISCOVERED]))
    if stage.cache and (stage.depfile or (needs_hint and not known)):
        hint = world.records.hint(weak_hex)
        if hint is not None:
            known = True
            lists.extend(paths for paths in hint[0] if paths not in lists)
    return lists, known


def _look_up(  # noqa: PLR0917 - one step of judging, cut out for length
    stage: Stage,
    trace: Trace | None,
    weak: bytes,
    lists: list[tuple[str, ...]],
    made: Judgement,
    world: World,
    sight: Sight,
) -> bool:
    """Turn `made` into FRESH or HIT where a record says so; return whether some key is open."""
    is_open = False
    for paths in lists:
        found = tuple([(path, sight.entry(path)) for path in paths])
        if None in [entry for _, entry in found]:
            is_open = True
            continue
        key = strong_key(weak, made, found)
        made.key = made.key or key
        if (
            trace is not None
            and trace[trace_columns.KEY] == key
            and len(trace[trace_columns.OUTPUTS]) == len(stage.outputs)
            and outputs_hold(stage, trace, world)
        ):
            # The text of the declaration or the way to a program moved, nothing that counts.
            made.verdict, made.reason, made.subject, made.key = FRESH, Reason.UNCHANGED, "", key
            kept = trace[trace_columns.OUTPUTS :]
            made.refreshed = (
                made.declaration, key, made.entries, made.programs, found, *kept
            )  # fmt: skip
            return False
        if stage.cache:
            cached = world.look_up(key)
            if cached is not None:
                made.verdict, made.key, made.cached = Verdict.HIT, key, cached
                if made.reason is Reason.NEVER_BUILT:
                    made.reason = Reason.NO_RECORD
                return False
    if is_open or not lists:
        made.key = None
    return is_open


def _open_subject(stage: Stage, lists: list[tuple[str, ...]], made: Judgement, sight: Sight) -> str:
    for path, entry in zip((*stage.inputs, *stage.implicit), made.entries, strict=True):
        if entry is None:
            return path
    for name, value in (*made.values, *((path, entry) for _, path, entry in made.programs)):
        if value is None:
            return name
    return next((p for paths in lists for p in paths if sight.entry(p) is None), "")


def _why(
    stage: Stage,
    trace: Trace | None,
    made: Judgement,
    world: World,
    sight: Sight,
) -> tuple[Reason, str]:
    """Return the first thing that differs from the last result."""
    reason = reason_without_past(stage, world)
    if reason is not Reason.NEVER_BUILT:
        return reason, ""
    if trace is None or not trace[trace_columns.KEY]:
        if trace is not None or stage.name in world.snapshot.interrupted:
            return Reason.INTERRUPTED, ""
        return reason, ""
    return first_difference(stage, trace, made, world, sight)


def reason_without_past(stage: Stage, world: World) -> Reason:
    """Return why a stage runs that nothing is known of: most were just never built."""
    if world.force or stage.name in world.traced:
        return Reason.FORCED
    if stage.runs_always:
        return Reason.ALWAYS
    if world.is_unidentified(stage):
        return Reason.UNIDENTIFIED
    return Reason.NEVER_BUILT


def strong_key(
    weak: bytes, made: Judgement, found: Found | tuple[tuple[str, str | None], ...]
) -> str:
    """Return the action key: the declared part plus the content of everything the action reads."""
    parts = (
        weak,
        b"(4:",
        canonical_bytes(made.entries),
        _in_keys(made.programs),
        canonical_bytes(found),
        canonical_bytes(made.values),
    )
    return xxh3_128_hexdigest(b"".join(parts))


@lru_cache(maxsize=256)  # most stages run what others run
def _in_keys(programs: Programs) -> bytes:
    """Return the bytes of programs: their names without the places, and what they are."""
    return canonical_bytes(tuple((name.rpartition("/")[2], entry) for name, _, entry in programs))
