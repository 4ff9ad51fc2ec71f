"""Why does a stage need work? Every difference between its last result and now, in one order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.freshness import snapshot as trace_columns
from stagemake.model.difference import CODE_PREFIX, Difference
from stagemake.model.plan import Reason
from stagemake.plan import declaration as columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.freshness.snapshot import Trace
    from stagemake.model.stage import Stage
    from stagemake.plan.fresh import Sight
    from stagemake.plan.judge import Judgement
    from stagemake.plan.world import World


def first_difference(
    stage: Stage,
    trace: Trace,
    made: Judgement,
    world: World,
    sight: Sight,
) -> tuple[Reason, str]:
    """Return reason and subject of the most telling difference."""
    for difference in differences(stage, trace, made, world, sight):
        return difference.reason, difference.subject
    return Reason.OUTPUT_MODIFIED, ""


def all_differences(
    stage: Stage, made: Judgement, world: World, sight: Sight
) -> tuple[Difference, ...]:
    """Return everything that differs from the stage's last result here; nothing without one.

    Cost: one look-up for each input, discovered input, program and output.
    """
    trace = world.snapshot.traces.get(stage.name)
    if trace is None or not trace[trace_columns.KEY] or not made.declaration:
        return ()
    return tuple(differences(stage, trace, made, world, sight))


def differences(
    stage: Stage,
    trace: Trace,
    made: Judgement,
    world: World,
    sight: Sight,
) -> Iterator[Difference]:
    """Yield everything that differs from the last result: declared things, inputs, outputs."""
    old, new = trace[trace_columns.DECLARATION], made.declaration
    is_same = old == new
    if not is_same:
        yield from _declared(old, new)
    if not is_same or trace[trace_columns.ENTRIES] != made.entries:
        yield from _inputs(stage, trace, made)
    if trace[trace_columns.PROGRAMS] != made.programs:
        yield from _programs(trace, made)
    for path, entry in trace[trace_columns.DISCOVERED]:
        now = sight.entry(path)
        if now not in {None, entry}:
            yield _changed_input(path, entry, now or "")
    if made.values:
        known_values = dict(trace[trace_columns.VALUES][0])
        for name, value in made.values:
            if value is not None and known_values.get(name) != value:
                yield Difference(Reason.VALUE_CHANGED, name, known_values.get(name) or "", value)
    yield from _outputs(stage, trace, world)


def _declared(old: columns.Declaration, new: columns.Declaration) -> Iterator[Difference]:
    if old[columns.KIND] != new[columns.KIND] or (
        old[columns.COMMAND] != new[columns.COMMAND] and new[columns.KIND] != "call"
    ):
        yield Difference(
            Reason.COMMAND_CHANGED,
            "",
            " ".join(old[columns.COMMAND]),
            " ".join(new[columns.COMMAND]),
        )
    elif old[columns.COMMAND] != new[columns.COMMAND]:
        yield from _code(old, new)
    yield from _pairs(Reason.ENV_CHANGED, old[columns.ENV], new[columns.ENV])
    yield from _pairs(Reason.CONFIG_CHANGED, old[columns.CONFIG], new[columns.CONFIG])
    yield from _pairs(
        Reason.PARAMS_CHANGED,
        tuple((name, shown) for name, _, shown in old[columns.PARAMS]),
        tuple((name, shown) for name, _, shown in new[columns.PARAMS]),
    )
    if old[columns.PLATFORM] != new[columns.PLATFORM]:
        yield Difference(
            Reason.PLATFORM_CHANGED, "", str(old[columns.PLATFORM]), str(new[columns.PLATFORM])
        )
    before = (*old[columns.INPUTS], *old[columns.IMPLICIT])
    after = (*new[columns.INPUTS], *new[columns.IMPLICIT])
    yield from (Difference(Reason.INPUT_ADDED, path) for path in after if path not in before)
    yield from (Difference(Reason.INPUT_REMOVED, path) for path in before if path not in after)
    if old[columns.OUTPUTS] != new[columns.OUTPUTS]:
        yield Difference(
            Reason.OUTPUTS_CHANGED,
            "",
            " ".join(old[columns.OUTPUTS]),
            " ".join(new[columns.OUTPUTS]),
        )
    if old[columns.VERSION] != new[columns.VERSION]:
        yield Difference(
            Reason.DECLARATION_CHANGED, "version", old[columns.VERSION], new[columns.VERSION]
        )
    for column, word in ((columns.DEPFILE, "depfile"), (columns.USES, "uses"),
                         (columns.PROVIDES, "provides"), (columns.TOOLS, "tools"),
                         (columns.CWD, "cwd"), (columns.CONSOLE, "console")):  # fmt: skip
        if old[column] != new[column]:
            yield Difference(
                Reason.DECLARATION_CHANGED, word, _shown(old[column]), _shown(new[column])
            )
    if before != after and set(before) == set(after):
        yield Difference(Reason.DECLARATION_CHANGED, "order of inputs")


def _shown(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _code(old: columns.Declaration, new: columns.Declaration) -> Iterator[Difference]:
    before, after = dict(old[columns.COMPONENTS]), dict(new[columns.COMPONENTS])
    found = False

    def rank(label: str) -> tuple[int, str]:  # what is reached no more follows from what was edited
        return (0 if label in before and label in after else 1 if label in after else 2, label)

    for label in sorted(before.keys() | after.keys(), key=rank):
        if before.get(label) != after.get(label):
            found = True
            yield Difference(
                Reason.CODE_CHANGED,
                label,
                _code_text(before.get(label)),
                _code_text(after.get(label)),
            )
    if not found:
        yield Difference(Reason.CODE_CHANGED)


def _code_text(digest: str | None) -> str:
    return "not used" if digest is None else CODE_PREFIX + digest


def _pairs(
    reason: Reason,
    old: tuple[tuple[str, str | None], ...],
    new: tuple[tuple[str, str | None], ...],
) -> Iterator[Difference]:
    before, after = dict(old), dict(new)
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name, "not declared"), after.get(name, "not declared")
        if was != now:
            yield Difference(
                reason, name, "unset" if was is None else was, "unset" if now is None else now
            )


def _inputs(stage: Stage, trace: Trace, made: Judgement) -> Iterator[Difference]:
    old = trace[trace_columns.DECLARATION]
    before = dict(
        zip(
            (*old[columns.INPUTS], *old[columns.IMPLICIT]),
            trace[trace_columns.ENTRIES],
            strict=True,
        )
    )
    for path, entry in zip((*stage.inputs, *stage.implicit), made.entries, strict=True):
        if entry is not None and path in before and before[path] != entry:
            yield _changed_input(path, before[path], entry)


def _changed_input(path: str, old: str, new: str) -> Difference:
    reason = Reason.INPUT_MISSING if new == "-" else Reason.INPUT_CHANGED
    return Difference(reason, path, old, new)


def _programs(trace: Trace, made: Judgement) -> Iterator[Difference]:
    before = {name: entry for name, _, entry in trace[trace_columns.PROGRAMS]}
    for name, _, entry in made.programs:
        if entry is not None and name in before and before[name] != entry:
            yield Difference(Reason.PROGRAM_CHANGED, name, before[name], entry)


def _outputs(stage: Stage, trace: Trace, world: World) -> Iterator[Difference]:
    known = dict(
        zip(
            trace[trace_columns.DECLARATION][columns.OUTPUTS],
            trace[trace_columns.OUTPUTS],
            strict=True,
        )
    )
    for path in stage.outputs:
        now = world.disk.output_entry(path.rstrip("/"))
        if path in known and now != known[path]:
            reason = Reason.OUTPUT_MISSING if now == "-" else Reason.OUTPUT_MODIFIED
            yield Difference(reason, path, known[path], now)
