"""What happens when an action has ended well: look at its outputs and say what came of it. Storing is another's."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import define, field
from xxhash import xxh3_128_hexdigest

from stagemake import durable
from stagemake.execute.environment import mask
from stagemake.execute.meanwhile import moved_meanwhile
from stagemake.execute.repeating import compared
from stagemake.freshness.regular import read_regular
from stagemake.model.difference import secret_values
from stagemake.model.entry import MISSING, check_manifest, entries_of
from stagemake.model.result import ActionResult, LogBlob
from stagemake.plan.judge import strong_key
from stagemake.stagefile.paths import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagemake.execute.storing import Run
    from stagemake.execute.workshop import Workshop
    from stagemake.freshness.snapshot import Trace
    from stagemake.model.entry import Manifest, OutputFile
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.repeat import Divergence
    from stagemake.model.stage import Stage
    from stagemake.plan.judge import Judgement
    from stagemake.runner.port import Completion

_MOST_DEPFILE_BYTES = 64 << 20  # some 500 000 names
_SECRET = 8  # characters from which on a secret is refused in a shared value
_NO_FILES = frozenset(("/dev/null", "/dev/stdin", "/dev/fd/0"))
"""What compilers list when they were given these in place of a file: there is nothing to look at."""


class StageProblem(Exception):
    """An action ended well but did not do what its stage declares. One line for people."""

    may_go_away = True  # when it is tried again


class HookProblem(StageProblem):
    """A hook had an objection, or failed itself: the action was fine."""

    may_go_away = False


@define(eq=False, repr=False)
class Settled:
    """What came of a run. Where `trace` has no key, the result counts for this build only."""

    result: ActionResult
    key: str | None
    trace: Trace
    notes: tuple[str, ...] = ()
    found: tuple[tuple[str, str], ...] = ()  # discovered inputs and their entries
    small: dict[str, bytes] = field(factory=dict)  # contents that have been read, by digest
    is_for_cache: bool = False
    keeps_contents: bool = True  # in the cache; False: the record only
    divergence: Divergence | None = None


def settle(
    run: Run,
    completion: Completion,
    pipeline: Pipeline,
    shop: Workshop,
    approve: Callable[[int, Mapping[str, str]], None],
) -> Settled:
    """Return what a successful action made, recorded and stored as far as it may be.

    Args:
        run: The action as it was started.
        completion: How it ended.
        pipeline: All stages of the build.
        shop: What the build works with.
        approve: Called with the size of the outputs and the shared values when nothing is wrong with
            them and nothing is recorded yet; raises HookProblem where a hook has an objection.

    Raises:
        StageProblem: Outputs are missing or of the wrong kind, the depfile can't be read, or `--check`
            is on and the action did what is not declared.
    """
    stage = run.stage
    discovered, depfile_notes = _discovered(run, pipeline, shop)
    doubt = "" if shop.watching is None else shop.watching.check(run, discovered)
    small: dict[str, bytes] = {}
    manifest = _scan(stage, shop, small)
    provided = _provided(stage, completion, secret_values(stage, shop.environ))
    if not shop.hooks.is_empty:
        approve(sum(row.size_bytes for row in manifest), dict(provided))
        shop.digester.forget(stage.outputs)  # a hook may have signed, stripped, …: look again
        manifest = _scan(stage, shop, small)
    stdout = mask(completion.stdout, shop.environ, stage)
    stderr = mask(completion.stderr, shop.environ, stage)
    result = ActionResult(
        outputs=manifest,
        discovered=discovered,
        provided=provided,
        stdout=_log(stdout, small),
        stderr=_log(stderr, small),
        duration_s=round(completion.wall_s, 6),
        cpu_s=round(completion.cpu_s, 6),
        stage=stage.name,
        created_s=int(shop.wall_clock_s()),
    )
    absent: set[str] = set()
    moved = moved_meanwhile(run, discovered, pipeline, shop, absent)
    if moved or doubt:
        note = doubt or f"not recorded: {moved}"
        left = trace_of(stage, run.judgement, "", (), result)
        return Settled(result, None, left, (*depfile_notes, note))
    shop.digester.forget(discovered)  # the plan may have looked before somebody edited them
    found = tuple(
        (path, MISSING if path in absent else shop.digester.entry(path)) for path in discovered
    )
    key = run.judgement.key
    if key is None or stage.depfile:  # else nothing has joined what it was judged by
        key = strong_key(shop.world.weak_bytes(stage), run.judgement, found)
    if depfile_notes:
        left = trace_of(stage, run.judgement, "", found, result)
        return Settled(result, key, left, depfile_notes)
    notes: tuple[str, ...] = ()
    result, divergence = compared(run, key, result, shop)
    is_for_cache = stage.cache and shop.request.cache.writes and shop.store is not None
    if is_for_cache:
        try:
            check_manifest(manifest)
        except ValueError as error:  # a link that leaves the project: right here, wrong elsewhere
            notes, is_for_cache = (f"not cached: {error}",), False
    trace = trace_of(stage, run.judgement, key, found, result)
    return Settled(result, key, trace, notes, found, small, is_for_cache, divergence=divergence)


def trace_of(
    stage: Stage,
    judgement: Judgement,
    key: str,
    found: tuple[tuple[str, str], ...],
    result: ActionResult,
) -> Trace:
    """Return the trace that lets the next build find this result fresh.

    With an empty key it only says what lies at the outputs, so that a later edit is known for one.
    """
    inside: tuple[tuple[str, str], ...] = ()
    if not any(output[-1] == "/" for output in stage.outputs):
        entries = {row.path: row.entry for row in result.outputs}  # one row each
    else:
        entries = entries_of(result.outputs)
        files = {output for output in stage.outputs if not output.endswith("/")}
        inside = tuple((row.path, row.entry) for row in result.outputs if row.path not in files)
    return (
        judgement.declaration,
        key,
        judgement.entries,
        judgement.programs,
        found,
        tuple(entries[output.rstrip("/")] for output in stage.outputs),
        inside,
        (judgement.values, result.provided),
        (result.duration_s, result.cpu_s, result.output_bytes),
    )


def _discovered(
    run: Run, pipeline: Pipeline, shop: Workshop
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the inputs that the depfile names, sorted, and what is wrong with them."""
    stage = run.stage
    if stage.depfile is None:
        return (), ()
    from stagemake.fingerprint.depfile import parse_depfile  # noqa: PLC0415 - gate, 0.6 ms, for who writes one

    full = f"{shop.root}/{stage.depfile}"
    try:
        listed = parse_depfile(read_regular(full, _MOST_DEPFILE_BYTES))
    except FileNotFoundError:
        raise StageProblem(f"it did not write its depfile `{stage.depfile}`") from None
    except (OSError, ValueError) as error:
        raise StageProblem(f"its depfile `{stage.depfile}` can't be read: {error}") from None
    durable.remove(full)  # read; what it said is in the trace
    own = {*stage.inputs, *stage.implicit, *(path.rstrip("/") for path in stage.outputs)}
    paths = sorted({canonical(path, shop.root, stage.cwd) for path in listed} - own - _NO_FILES)
    above: set[int] | None = None
    notes = []
    for path in paths:
        producer = pipeline.producer_of(path)
        if producer is None or producer == run.stage_id:
            continue
        above = above if above is not None else _everything_above(run.stage_id, pipeline)
        if producer not in above:
            name = pipeline.stages[producer].name
            notes.append(
                f"not recorded: it read `{path}`, which `{name}` makes, without waiting for it;"
                f' add after=["{name}"] or the path to its inputs'
            )
    return tuple(paths), tuple(notes)


def _everything_above(stage_id: int, pipeline: Pipeline) -> set[int]:
    above: set[int] = set()
    todo = [*pipeline.upstream[stage_id]]
    while todo:
        other = todo.pop()
        if other not in above:
            above.add(other)
            todo.extend(pipeline.upstream[other])
    return above


def _scan(stage: Stage, shop: Workshop, small: dict[str, bytes]) -> Manifest:
    rows: list[OutputFile] = []
    for output in stage.outputs:
        path = output.rstrip("/")
        try:
            rows.extend(
                shop.digester.scan_output(
                    path, declared_dir=output.endswith("/"), on_small=small.__setitem__
                )
            )
        except FileNotFoundError:
            raise StageProblem(f"it did not make its output `{output}`") from None
        except NotADirectoryError:
            raise StageProblem(
                f"its output `{output}` is declared as a directory and isn't one"
            ) from None
        except IsADirectoryError:
            raise StageProblem(
                f"its output `{output}` is a directory; declare it as `{output}/`"
            ) from None
        except OSError as error:
            why = error.strerror or error
            raise StageProblem(f"its output `{output}` can't be read: {why}") from None
    if len(rows) > 1:
        rows.sort(key=attrgetter("path"))
    return tuple(rows)


def _provided(
    stage: Stage, completion: Completion, secrets: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    if not stage.provides:
        return ()
    values = json.loads(completion.value or b"{}")
    for name in stage.provides:
        if name not in values:
            raise StageProblem(f"it did not set the shared value `{name}` that it provides")
        # What is shared is kept in the state and in the cache. A short one may be there by chance.
        if any(len(one) >= _SECRET and json.dumps(one)[1:-1] in values[name] for one in secrets):
            raise StageProblem(f"its shared value `{name}` holds a secret, and would be stored")
    return tuple((name, values[name]) for name in sorted(stage.provides))


def _log(text: bytes, small: dict[str, bytes]) -> LogBlob:
    if not text:
        return LogBlob()
    digest = xxh3_128_hexdigest(text)
    small[digest] = text
    return LogBlob(digest, len(text))
