"""`verify` from end to end: what to rerun, in batches, compared as it ends, remembered, and cleared away."""

from __future__ import annotations

import os
import random
import time
from functools import partial
from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen
from xxhash import xxh3_128_hexdigest

from stagemake import durable
from stagemake.digesting import Digester
from stagemake.hooks import AFTER
from stagemake.model.difference import secret_values
from stagemake.model.result import Outcome
from stagemake.model.verification import Checked, Found, Verification
from stagemake.past.repeats import Repeats
from stagemake.verify.compare import Comparer, as_divergence
from stagemake.verify.rerun import Batch
from stagemake.verify.scratch import CannotBring, Source, batches, bring
from stagemake.verify.subject import survey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stagemake.building import Builder
    from stagemake.model.entry import OutputFile
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.repeat import Divergence
    from stagemake.model.result import LogBlob, StageResult
    from stagemake.verify.subject import Subject, Survey

_BATCH = 64
_BATCH_BYTES = 512 << 20
_LOG_BYTES = 20_000
_SEEDS = 1_000_000


@frozen
class Wanted:
    """How to verify."""

    sample: int = 0  # so many, at random; 0: all
    seed: int | None = None  # of the sample; None: a new one
    keep: bool = False  # leave the trees of what differs or failed
    scratch: str = ""  # where they are made; empty: TMPDIR, else /tmp


@define
class Verifier:
    """Verifies the targets of one pipeline; used once. Holds the project's lock meanwhile."""

    builder: Builder
    pipeline: Pipeline
    wanted: Wanted
    on_checked: Callable[
        [Checked, int, int], None
    ]  # what came of one, how many so far, of how many
    _base: str = ""
    _done: int = 0
    _total: int = 0
    _found: dict[str, Checked] = field(factory=dict)
    _kept: str = ""

    def run(self) -> Verification:
        """Rerun and compare. The project's outputs, its state and the cache stay as they are.

        Raises:
            ProjectLocked: A build holds the project and waiting was declined.
            OSError: The scratch directory can't be written.
        """
        builder = self.builder
        with builder.holding() as lock_fd:
            if lock_fd < 0:
                return Verification((), 0, interrupted_by=builder.interrupt.take())
            builder.state.reload()
            with builder.looking() as (world, disk):
                world.foresees_hits = True  # what is brought is what the cache holds now
                found = survey(self.pipeline, world, disk)
            chosen, seed = self._chosen(found.subjects)
            self._total = len(chosen)
            with builder.interrupt.armed():
                number = self._rerun(chosen, found, lock_fd)
        return self._verification(found, chosen, seed, number)

    def _chosen(self, subjects: Sequence[Subject]) -> tuple[Sequence[Subject], int | None]:
        """Return what to rerun, in execution order, and the seed by which it was chosen."""
        count = self.wanted.sample
        if not count:
            return subjects, None
        seed = self.wanted.seed
        if seed is None:
            seed = random.SystemRandom().randrange(_SEEDS)
        picked = random.Random(seed).sample(range(len(subjects)), min(count, len(subjects)))  # noqa: S311 - a choice, no secret
        return [subjects[at] for at in sorted(picked)], seed

    def _rerun(self, chosen: Sequence[Subject], found: Survey, lock_fd: int) -> int:
        """Rerun batch by batch; return the signal that ended it early, 0 for none."""
        place = self.wanted.scratch or self.builder.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - a directory of our own in it
        top = f"{os.path.realpath(place)}/stagemake-verify-{os.urandom(6).hex()}"
        rows = {row.path: row for row in found.restorable}
        try:
            for number, batch in enumerate(batches(chosen, _BATCH, _BATCH_BYTES)):
                self._base = f"{top}/{number}"
                durable.make_dirs(self._base, 0o700)
                signal = self._batch(batch, rows, lock_fd) or self.builder.interrupt.signal
                if signal:
                    return signal
        finally:
            if self._kept:
                self._kept = top
            else:
                durable.remove_any(top)
        return 0

    def _batch(self, subjects: Sequence[Subject], rows: dict[str, OutputFile], lock_fd: int) -> int:
        """Bring what a batch reads, rerun it, and remember what was found."""
        builder = self.builder
        ready: list[Subject] = []
        try:
            source = Source(
                builder.root,
                rows,
                lambda digest, size: builder.cache.read_only().read(digest, size),
            )
            for subject in subjects:
                if builder.interrupt.count:
                    break
                top = f"{self._base}/{len(ready)}"
                try:
                    bring(subject, source, top)
                except OSError as error:
                    durable.remove_any(top)
                    self._note(_not_copied(subject, error))
                except CannotBring as error:
                    durable.remove_any(top)
                    self._note(
                        Checked(str(subject.stage.name), Found.SKIPPED, str(error), subject.key)
                    )
                else:
                    ready.append(subject)
        finally:
            builder.cache.close()  # the runner forks before there are open databases
        before = Digester(builder.root)
        seen = [before.signatures(one.stage.outputs) for one in ready]
        try:
            batch = Batch(
                builder, ready, self._base, lock_fd,
                lambda number, result, provided: self._settled(
                    number, ready[number], result, provided, is_touched=seen[number]
                    != before.signatures(ready[number].stage.outputs),
                ),
            )  # fmt: skip
            return batch.run()
        finally:
            builder.cache.close()
            self._remember(ready)

    def _settled(
        self,
        number: int,
        subject: Subject,
        result: StageResult,
        provided: tuple[tuple[str, str], ...],
        *,
        is_touched: bool,
    ) -> None:
        """Compare what one rerun made, and clear it away."""
        top = f"{self._base}/{number}"
        checked = self._checked(number, subject, result, provided)
        if is_touched:
            checked = evolve(
                checked,
                found=Found.FAILED,
                reason="it wrote its outputs in the project itself, by an absolute path",
            )
        if self.wanted.keep and checked.found in {Found.DIFFERS, Found.FAILED}:
            self._kept = top
        else:
            durable.remove_any(top)
        self._note(checked)

    def _checked(
        self,
        number: int,
        subject: Subject,
        result: StageResult,
        provided: tuple[tuple[str, str], ...],
    ) -> Checked:
        name, top = str(subject.stage.name), f"{self._base}/{number}"
        if result.outcome is Outcome.CANCELLED:
            return Checked(name, Found.CANCELLED, "interrupted", subject.key)
        secrets = secret_values(subject.stage, self.builder.environ)
        comparer = Comparer(self._reader_of(subject), top, self.builder.root, secrets)
        if result.outcome is not Outcome.RAN:
            reason = result.problem.replace(f"`{number}/", "`")
            log = (result.stdout + result.stderr)[-_LOG_BYTES:].decode("utf-8", "backslashreplace")
            return Checked(name, Found.FAILED, reason, subject.key, result.wall_s, log=log)
        mismatches, count = comparer.mismatches(subject, provided)
        return Checked(
            name,
            Found.DIFFERS if count else Found.SAME,
            key=subject.key,
            wall_s=result.wall_s,
            mismatches=mismatches,
            mismatch_count=count,
            log_differs=_log_differs(subject.logs, comparer, result),
        )

    def _reader_of(self, subject: Subject) -> Callable[[OutputFile], bytes | None]:
        if subject.in_cache:
            return lambda row: self.builder.cache.read_only().read(row.digest, row.size_bytes)
        return partial(_read, self.builder.root)

    def _note(self, checked: Checked) -> None:
        self._found[checked.name] = checked
        self._done += 1
        self.on_checked(checked, self._done, self._total)

    def _remember(self, subjects: Sequence[Subject]) -> None:
        """Remember what was found, so that plans, doctor and history know."""
        found: list[tuple[str, str, Divergence | None]] = []
        for subject in subjects:
            checked = self._found.get(str(subject.stage.name))
            if checked is None or checked.holds_place:
                continue  # in one place it does make the same
            if checked.found is Found.DIFFERS:
                divergence = as_divergence(checked.mismatches, checked.mismatch_count)
                found.append((checked.name, subject.weak, divergence))
            elif checked.found is Found.SAME:
                found.append((checked.name, subject.weak, None))
        try:
            Repeats(self.builder.state.repeats_path).note(
                found, found_by="verify", now_s=int(time.time())
            )
        except OSError:
            return  # a hint: what was found is told all the same

    def _verification(
        self, found: Survey, chosen: Sequence[Subject], seed: int | None, number: int
    ) -> Verification:
        every = {name: Checked(name, Found.SKIPPED, why) for name, why in found.skipped}
        for subject in chosen:
            name = str(subject.stage.name)
            every[name] = self._found.get(name) or Checked(
                name, Found.CANCELLED, "interrupted", subject.key
            )
        names = [str(stage.name) for stage in self.pipeline.stages]
        return Verification(
            tuple(every[name] for name in names if name in every),
            len(found.subjects),
            seed,
            number,
            self._kept,
            ignores_hooks=bool(self.builder.hooks.of(AFTER)),
        )


def _not_copied(subject: Subject, error: OSError) -> Checked:
    """Return what came of a stage whose inputs can't be copied: a full disk, a file that may not be read."""
    where = f": `{os.fsdecode(error.filename)}`" if error.filename else ""
    reason = f"what it reads can't be copied: {(error.strerror or str(error)).lower()}{where}"
    return Checked(str(subject.stage.name), Found.FAILED, reason, subject.key)


def _read(root: str, row: OutputFile) -> bytes | None:
    try:
        with open(f"{root}/{row.path}", "rb") as stream:
            return stream.read()
    except OSError:
        return None


def _log_differs(
    logs: tuple[LogBlob, LogBlob] | None, comparer: Comparer, result: StageResult
) -> bool | None:
    """Return whether a rerun printed something else than what is recorded; None when that was not kept."""
    if logs is None:
        return None
    return any(
        (xxh3_128_hexdigest(comparer.at_home(text)) if text else "") != log.digest
        for log, text in zip(logs, (result.stdout, result.stderr), strict=True)
    )
