"""Into the cache with what a run made: contents, record, hint, what it was made from. And the run itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.model.record import (
    NearResult,
    decode_hint,
    encode_hint,
    encode_near,
    encode_result,
    near_key,
    near_slot,
)
from stagemake.plan.components import components_of

if TYPE_CHECKING:
    from stagemake.execute.workshop import Workshop
    from stagemake.freshness.snapshot import Trace
    from stagemake.model.result import ActionResult
    from stagemake.model.stage import Stage
    from stagemake.plan.judge import Judgement

_HINT_LISTS = 8


@define
class Run:
    """One action under way: what it was judged by, and how its inputs looked just before."""

    stage_id: int
    stage: Stage
    judgement: Judgement
    before: tuple[tuple[str, tuple[int, ...] | None], ...]
    begun_ns: int  # the file system's clock when the intent was noted
    old: Trace | None = None  # what its last result had left here
    was_maybe: bool = False  # in the plan
    attempt: int = 0
    kept: list[str] = field(factory=list)
    has_told_hooks: bool = False  # post hooks are called once, however often it is tried


def store_result(  # noqa: PLR0917 - all that a result consists of
    run: Run,
    key: str,
    found: tuple[tuple[str, str], ...],
    result: ActionResult,
    small: dict[str, bytes],
    shop: Workshop,
) -> None:
    """Put contents, then the record, then the hint under the weak key, then what it was made from.

    Args:
        run: What was run, and what it was judged by.
        key: The result's action key.
        found: Path and entry of its discovered inputs.
        result: What came of it.
        small: Contents that have been read already, by digest.
        shop: Has the store.
    """
    store = shop.store
    assert store is not None, "storing needs a store"
    paths = {row.digest: row.path for row in result.outputs if row.digest}
    large = [digest for digest, _ in result.blobs if digest not in small]
    wanted = store.missing(large) if large else ()
    for digest, _ in result.blobs:
        data = small.get(digest)
        if data is not None:  # putting it is cheaper than asking whether it is there
            stored = store.put_bytes(digest, data)
        elif digest in wanted:
            path = f"{shop.root}/{paths[digest]}"
            stored = store.put_file(digest, path, os.stat(path).st_size)
        else:
            continue
        if not stored:
            return
    store.put(key, encode_result(result))
    weak = run.judgement.weak
    if weak is not None:
        store.put(weak, _hint(weak, result, shop))
    _note_near(run, key, found, result, shop)


def _note_near(
    run: Run, key: str, found: tuple[tuple[str, str], ...], result: ActionResult, shop: Workshop
) -> None:
    """Note what the result was made from, so that a later miss can be compared with it."""
    made = run.judgement
    components = components_of(made.declaration, made.entries, made.programs, found, made.values)
    body = encode_near(NearResult(key, result.created_s, components))
    if body is not None and shop.store is not None:
        shop.store.put(near_key(run.stage.name, near_slot(key, made.old_key)), body)


def _hint(weak: str, result: ActionResult, shop: Workshop) -> bytes:
    lists = [result.discovered]
    if result.discovered and shop.store is not None:
        old = shop.store.get([weak]).get(weak)
        known = decode_hint(old) if old is not None else None
        if known is not None:
            lists.extend(paths for paths in known[0] if paths != result.discovered)
    return encode_hint(lists[:_HINT_LISTS], result.duration_s, result.output_bytes)
