"""Into the cache with what a run made: contents, record, hint, what it was made from. And the run itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.model.event import Notice
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
    from stagemake.execute.settle import Settled
    from stagemake.execute.workshop import Workshop
    from stagemake.freshness.snapshot import Trace
    from stagemake.model.result import ActionResult
    from stagemake.model.stage import Stage
    from stagemake.plan.judge import Judgement

Contents = tuple[tuple[str, int], ...]
"""Digest and size of what is to be stored; without it the record alone is a miss."""

_HINT_LISTS = 8
_RUSH_S = 0.02  # results that come slower than this are stored one by one
_MOST_WAITING = 64
_MOST_BYTES = 4 << 20


@define(eq=False, repr=False)
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


@define(eq=False, repr=False)
class Storing:
    """Puts results into the cache, in groups where they come fast: that costs half of one by one.

    What waits is in memory and small. A kill loses it to the cache; what is built stays up to date.
    """

    shop: Workshop
    left_out: list[str] = field(factory=list)  # stages whose contents were not worth keeping
    _waiting: list[tuple[Run, Settled, Contents]] = field(factory=list)
    _waiting_bytes: int = 0
    _last_s: float = 0.0

    def add(self, run: Run, settled: Settled) -> None:
        """Take a result that is for the cache; contents that were not read yet are put there at once."""
        if not self._is_worth_keeping(settled.result):
            settled.keeps_contents = False
            self.left_out.append(run.stage.name)
        now_s, last_s = self.shop.now_s(), self._last_s
        self._last_s = now_s
        contents = settled.result.blobs if settled.keeps_contents else ()
        self._waiting.append((run, settled, contents))
        self._waiting_bytes += sum(map(len, settled.small.values()))
        if (
            now_s - last_s > _RUSH_S
            or len(self._waiting) >= _MOST_WAITING
            or self._waiting_bytes >= _MOST_BYTES
            or any(digest not in settled.small for digest, _ in contents)
        ):
            self.flush()

    def _is_worth_keeping(self, result: ActionResult) -> bool:
        """Whether making a result anew takes longer than bringing it back would, by what past restores took."""
        if self.shop.request.cache.keeps_all or not result.blobs:
            return True
        return result.duration_s >= self.shop.world.history.pace.restore_s(result.output_bytes)

    def finish(self) -> None:
        """Put what still waits into the cache, and say whose contents it did not get."""
        self.flush()
        names = self.left_out
        if names:
            shown = ", ".join(f"`{name}`" for name in names[:2])
            more = f" and {len(names) - 2} more" if len(names) > 2 else ""
            text = (
                f"cache: without the outputs of {shown}{more}: made anew sooner than brought back"
            )
            self.shop.emit(Notice(text))

    def flush(self) -> None:
        """Put everything that waits into the cache."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        for run, settled, contents in waiting:
            _store(run, settled, contents, self.shop)


def _store(run: Run, settled: Settled, contents: Contents, shop: Workshop) -> None:
    """Put contents, then the record, then the hint under the weak key, then what it was made from."""
    store, result, small = shop.store, settled.result, settled.small
    assert store is not None, "storing needs a store"
    assert settled.key is not None, "and a result that holds"
    large = [digest for digest, _ in contents if digest not in small]
    wanted = store.missing(large) if large else ()
    paths = {row.digest: row.path for row in result.outputs if row.digest} if large else {}
    for digest, _ in contents:
        data = small.get(digest)
        if data is not None:  # putting it is cheaper than asking whether it is there
            stored = store.put_bytes(digest, data)
        elif digest in wanted:
            path = f"{shop.root}/{paths[digest]}"
            try:
                stored = store.put_file(digest, path, os.stat(path).st_size)
            except OSError:  # somebody has removed it since
                return
        else:
            continue
        if not stored:
            return
    store.put(settled.key, encode_result(result))
    weak = run.judgement.weak
    if weak is not None:
        store.put(weak, _hint(weak, result, shop))
    if settled.keeps_contents:
        _note_near(run, settled, shop)


def _note_near(run: Run, settled: Settled, shop: Workshop) -> None:
    """Note what the result was made from, so that a later miss can be compared with it."""
    made, key = run.judgement, settled.key or ""
    components = components_of(
        made.declaration, made.entries, made.programs, settled.found, made.values
    )
    body = encode_near(NearResult(key, settled.result.created_s, components))
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
