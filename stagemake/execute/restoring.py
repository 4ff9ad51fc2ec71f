"""A stage whose result is in the cache: its outputs brought back, its trace noted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.cache.rows import INLINE_BYTES
from stagemake.cache.store import DiskStore
from stagemake.durable import Holding
from stagemake.execute.ending import failure_of
from stagemake.execute.outputs import obstacle_to, written_by
from stagemake.execute.repeating import notes_on_restoring
from stagemake.execute.settle import trace_of
from stagemake.materialize import Restored, restore
from stagemake.model.event import Notice
from stagemake.model.result import Outcome, StageResult

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from stagemake.execute.outputs import OutputKeeper
    from stagemake.execute.workshop import Workshop
    from stagemake.model.result import ActionResult
    from stagemake.model.stage import Stage
    from stagemake.plan.judge import Judgement


@define(eq=False, repr=False)
class Restorer:
    """Brings back results, and counts them. One a build."""

    shop: Workshop
    keeper: OutputKeeper
    values: dict[str, str]  # shared values so far, as JSON; gets those of what comes back
    last: ActionResult | None = None  # what was brought back last
    hits: int = 0
    bytes_read: int = 0
    _holding: Holding = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._holding = Holding(self.shop.root)

    def expect(self, results: Iterable[ActionResult]) -> None:
        """Note what will be brought back, in this order as far as is known."""
        if isinstance(self.shop.store, DiskStore):
            self.shop.store.expect(
                digest for one in results for digest, size in one.blobs if size < INLINE_BYTES
            )

    def close(self) -> None:
        """Let go of the directories that results were brought back to."""
        self._holding.close()

    def bring_back(self, stage: Stage, made: Judgement, cached: ActionResult) -> StageResult | None:
        """Bring back a cached result; None when that turns out impossible: then it's a miss."""
        shop = self.shop
        store, key = shop.store, made.key
        if store is None or key is None:
            return None
        began_s = shop.now_s()
        shop.state.begin_restoring(stage.name, written_by(stage))
        made_files: list[tuple[str, str, os.stat_result]] = []
        try:
            self.keeper.clear_crashed(stage)
            outcome = self._restore(stage, cached, made_files)
        except OSError as error:  # something in the way, or the disk is full
            why = obstacle_to(stage, shop.root, error)
            return failure_of(stage, made.reason, f"its outputs can't be restored: {why}", shop)
        finally:
            shop.digester.forget(stage.outputs)
        if outcome is not Restored.DONE:
            # Contents that are gone may just have been collected by another process.
            what = "gone or damaged" if outcome is Restored.INCOMPLETE else "damaged"
            shop.emit(Notice(f"the cached result of `{stage.name}` is {what}; running it instead"))
            return None
        for path, entry, status in made_files:
            shop.digester.learn(path, entry, status)
        self.keeper.note(cached.outputs)
        self.keeper.adopt(stage)
        found = tuple((path, shop.digester.entry(path)) for path in cached.discovered)
        shop.state.settle_soon(stage.name, trace_of(stage, made, key, found, cached))
        self.values.update(cached.provided)
        if shop.request.cache.writes:
            store.touch([key, *([made.weak] if made.weak else [])])
        self.last = cached
        self.hits += 1
        self.bytes_read += cached.output_bytes
        stdout, stderr = self._log(cached)
        return StageResult(
            stage.name, Outcome.RESTORED, made.reason.code, made.subject, key,
            started_s=began_s - shop.began_s, wall_s=shop.now_s() - began_s,
            output_bytes=cached.output_bytes, stdout=stdout, stderr=stderr, changed=True,
            differences=made.differences, notes=notes_on_restoring(stage, made, shop),
        )  # fmt: skip

    def _restore(
        self,
        stage: Stage,
        cached: ActionResult,
        made_files: list[tuple[str, str, os.stat_result]],
    ) -> Restored:
        from stagemake.staged import Contents  # noqa: PLC0415 - gate, 1 ms, where results come back

        shop, store = self.shop, self.shop.store
        assert store is not None, "a result comes from a store"

        def fetch(digest: str, size: int, target: str, mode: int) -> bool:
            return store.fetch(digest, size, target, mode & ~shop.umask)

        return restore(
            cached.outputs,
            stage.outputs,
            Contents(fetch, store.read, shop.umask),
            holding=self._holding,
            entry_at=shop.digester.output_entry,
            displace=self._displace,
            learn=lambda path, entry, status: made_files.append((path, entry, status)),
        )

    def _log(self, cached: ActionResult) -> tuple[bytes, bytes]:
        store = self.shop.store
        texts = [
            (store.read(log.digest, log.size_bytes) or b"") if store and log.size_bytes else b""
            for log in (cached.stdout, cached.stderr)
        ]
        return texts[0], texts[1]

    def _displace(self, path: str) -> None:
        self.keeper.displace(path)
