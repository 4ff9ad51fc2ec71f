"""The rows of the record that `noop_record` writes: every path that counts, with its signature and digest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.freshness import noop
from stagemake.freshness import snapshot as columns
from stagemake.freshness.signature import CLOCK_LAG_NS, link_signature, of_status, signature
from stagemake.model.entry import MISSING
from stagemake.noop_programs import Unclear
from stagemake.stagefile.paths import tidy
from stagemake.tree import walk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from stagemake.digesting import Digester
    from stagemake.freshness.noop import Record
    from stagemake.freshness.signature import FileClock, Signature
    from stagemake.freshness.snapshot import Trace
    from stagemake.model.stage import Stage
    from stagemake.plan.world import World
    from stagemake.recalled import Evidence
    from stagemake.stagefile.recorder import Recorder


@define(eq=False, repr=False)
class Rows:
    """Paths and their signatures, each once. Lives for one record."""

    root: str
    digester: Digester
    clock: FileClock
    ids: dict[str, int] = field(factory=dict)
    signatures: list[Signature | None] = field(factory=list)
    digests: list[bytes] = field(factory=list)  # as in the column of that name
    observed: dict[tuple[str, str], object] = field(factory=dict)
    _loose: set[int] = field(factory=set)  # ids of rows that may be replaced, once
    _taken: dict[int, int] = field(factory=dict)  # by id in an earlier record, the id here
    _directories: dict[str, tuple[int, ...]] = field(factory=dict)
    _chains: dict[str, tuple[int, ...]] = field(
        factory=dict
    )  # by link: of shells and compilers, most often

    def relative(self, full: str) -> str:
        """Return a path as the record has it: relative to the root where it lies in there."""
        return full.removeprefix(f"{self.root}/")

    def add(self, path: str, signature: Signature | None, entry: str = "") -> int:
        """Return the id of a row; the same path always has the same signature. `entry` is a file's, if known."""
        known = self.ids.get(path)
        if known is None:
            known = self.ids[path] = len(self.signatures)
            self.signatures.append(signature)
            self.digests.append(_digest(entry))
        elif known in self._loose:  # as in an earlier record
            self._loose.discard(known)
            self.signatures[known] = signature
            self.digests[known] = _digest(entry)
        elif self.signatures[known] != signature:
            raise Unclear
        elif (
            entry and self.digests[known] == noop.NO_DIGEST
        ):  # a stage that failed had named it first
            self.digests[known] = _digest(entry)
        return known

    def changed(
        self,
        record: Record,
        known: Sequence[tuple[int, ...]],
        anew: Mapping[int, tuple[Stage, Trace | None]],
        world: World,
        open_names: Collection[str] = (),
    ) -> noop.Noted | None:
        """Return the rows of an earlier record that are others now, where all the paths are the same.

        That is how the record looks nearly always when something was built.

        Args:
            record: The earlier one.
            known: By stage, the ids of its paths in there.
            anew: By its id, each stage whose paths may have other signatures now, and its trace.
            world: For what judging knows.
            open_names: Of stages that failed or were not reached.

        Returns:
            None where a stage, or evaluation, has other paths than it had, or a row that moved is another stage's, too.

        Cost: 0.1 us a stage, and what `of_stage` costs for those that are `anew`.
        """
        paths, guards = record[noop.PATHS], range(record[noop.GUARDS])
        if tuple(self.ids) != paths[: len(guards)]:
            return None
        own = [
            *guards,
            *dict.fromkeys(i for stage_id in anew for i in known[stage_id] if i not in guards),
        ]
        rows = Rows(
            self.root, self.digester, self.clock,
            ids={paths[path_id]: at for at, path_id in enumerate(own)},
            signatures=[*self.signatures, *(record[noop.SIGNATURES][i] for i in own[len(guards) :])],
            digests=[noop.digest_of(record, i) for i in own],
        )  # fmt: skip
        rows._loose.update(range(len(guards), len(own)))
        for stage_id, (stage, trace) in anew.items():
            is_open = stage.name in open_names
            found = rows.of_open(stage) if is_open else rows.of_stage(stage, trace, world)
            if [own[at] if at < len(own) else -1 for at in found] != list(known[stage_id]):
                return None
        moved = {
            path_id: (rows.signatures[at], rows.digests[at])
            for at, path_id in enumerate(own)
            if rows.signatures[at] != record[noop.SIGNATURES][path_id]
            or rows.digests[at] != noop.digest_of(record, path_id)
        }
        beside = moved.keys() - guards
        is_ours = all(beside.isdisjoint(ids) for i, ids in enumerate(known) if i not in anew)
        return moved if is_ours and not rows._loose else None

    def take_over(self, record: Record, changed: noop.Noted) -> None:
        """Take in all rows of an earlier record but for those that `changed`."""
        paths, width = record[noop.PATHS], noop.DIGEST_BYTES
        self.signatures, data = noop.with_noted(record, changed)
        self.ids = dict(zip(paths, range(len(paths)), strict=True))
        self.digests = [data[start : start + width] for start in range(0, len(data), width)]

    def taken_over(self, ids: Iterable[int], record: Record) -> tuple[int, ...]:
        """Return the ids of rows that are as in an earlier record."""
        found = []
        for old in ids:
            known = self._taken.get(old)
            if known is None:
                known = self.add(record[noop.PATHS][old], record[noop.SIGNATURES][old])
                self.digests[known] = noop.digest_of(record, old)
                self._taken[old] = known
            found.append(known)
        return tuple(found)

    def add_guards(self, recorder: Recorder | Evidence) -> None:
        """Take in what evaluation depended on, if it still is as it was then."""
        before_ns = recorder.began_ns - CLOCK_LAG_NS
        for full, known in recorder.files.items():
            if link_signature(full) != known or not self._trusts(known, before_ns):
                raise Unclear
            self.add(self.relative(full), known)
        for directory, known in recorder.listings.items():
            if signature(directory) != known or not self._trusts(known, before_ns):
                raise Unclear
        self._add_globs(recorder, before_ns)
        looked = frozenset(recorder.imports.looked_up)
        for directory, (before, names) in recorder.imports.searched.items():
            now = signature(directory)
            if now != before or not self._trusts(before, before_ns):
                found = noop.names_in(directory)
                if noop.is_archive(now) or noop.looked_up(found, looked) != noop.looked_up(
                    names, looked
                ):
                    raise Unclear
                # Its time may have moved for another reason; from now on it is compared with this one.
                recorder.imports.searched[directory] = (
                    (None, found) if not self._trusts(now, before_ns) else (now, found)
                )
        for (call, path), answer in recorder.observed.items():
            if noop.observe(call, path) != answer:
                raise Unclear
            self.observed[call, path] = answer

    def _add_globs(self, recorder: Recorder | Evidence, before_ns: int) -> None:
        known = recorder.directories
        moved: dict[str, Signature | None] = {}
        for (base, pattern, excluded, paths), listed in recorder.globs.items():
            now = {each: signature(each) for each in listed}
            if all(
                now[each] == known[each] and self._trusts(known[each], before_ns) for each in listed
            ):
                continue
            from stagemake.stagefile.glob import expand  # noqa: PLC0415 - gate, 2 ms, where a globbed directory moved

            since_ns = min((self.clock.taken_at(one) for one in now.values() if one), default=0)
            if expand(self.root, base, pattern, exclude=excluded)[0] != paths:
                raise Unclear
            # They moved for another reason. One that may move again unseen is expanded each time.
            moved.update(
                (each, one if self._trusts(one, since_ns) else None) for each, one in now.items()
            )
        known.update(moved)

    def _trusts(self, signature: Signature | None, before_ns: int) -> bool:
        return signature is None or self.clock.trusts(signature, before_ns)

    def of_stage(self, stage: Stage, trace: Trace | None, world: World) -> Iterable[int]:
        """Yield the rows of one stage, whose trace says what is at its paths."""
        if trace is None or not trace[columns.KEY] or stage.runs_always:
            raise Unclear
        if stage.is_call and world.is_unidentified(stage):
            raise Unclear
        for path, entry in zip(
            (*stage.inputs, *stage.implicit), trace[columns.ENTRIES], strict=True
        ):
            yield from self._of_input(path, entry)
        for path, entry in trace[columns.DISCOVERED]:
            yield from self._of_input(path, entry)
        for _, path, entry in trace[columns.PROGRAMS]:
            if path:
                yield from self._of_input(path, entry)
        for path, entry in zip(stage.outputs, trace[columns.OUTPUTS], strict=True):
            name = path.rstrip("/")
            if entry[0] == "l":
                yield self._of_link(name)
            else:
                yield from self._of_input(name, entry)

    def of_open(self, stage: Stage) -> Iterable[int]:
        """Yield rows of what a stage names whose result is not known: it is judged whatever they say."""
        for given in (*stage.inputs, *stage.implicit, *stage.outputs):
            path = given.rstrip("/") or "/"
            known = self.ids.get(path)
            if known is None or known in self._loose:
                known = self.add(path, link_signature(self._full(path)))
            yield known

    def _of_input(self, given: str, entry: str) -> Iterable[int]:
        path = given.rstrip("/") or "/"
        kind = entry[0]
        if kind in "fx":
            record = self.digester.memo.get(path)
            if record is None or record[1] != entry:
                raise Unclear
            return (self.add(path, record[0], entry),)
        if entry == MISSING:
            return (self.add(path, None),)
        if kind == "d":
            return self._of_directory(path, entry)
        if self.digester.entry(path) != entry:
            raise Unclear
        chain = self._chains.get(path)
        if chain is None:
            chain = self._chains[path] = tuple(self._of_chain(path))
        return chain

    def _of_link(self, path: str) -> int:
        return self.add(path, link_signature(self._full(path)))

    def _of_chain(self, path: str) -> Iterable[int]:
        """Return the rows of a link and of all that it leads to; the end has to be a file."""
        found = []
        full = self._full(path)
        for _ in range(40):
            try:
                target = os.readlink(full)
            except OSError:
                break
            found.append(self._of_link(self.relative(full)))
            full = tidy(os.path.join(os.path.dirname(full), target))
        known = link_signature(full)
        real = os.path.realpath(full)
        record = self.digester.memo.get(self.relative(real))
        if known is None or record is None or record[0] != link_signature(real):
            raise Unclear
        found.append(self.add(self.relative(full), known))
        return found

    def _of_directory(self, path: str, entry: str) -> Iterable[int]:
        known = self._directories.get(path)
        if known is not None:
            return known
        full = self._full(path)
        before_ns = self.clock.reading_ns
        signatures = [(path, os.lstat(full))]
        signatures += [(f"{path}/{inner}", status) for inner, status in walk(full)]
        self.digester.forget((f"{path}/",))
        if self.digester.entry(path) != entry:  # looked at after the signatures were taken
            raise Unclear
        found = []
        for inner, status in signatures:
            now = of_status(status)
            if not self.clock.trusts(now, before_ns):
                raise Unclear
            record = self.digester.memo.get(inner)
            is_known = record is not None and record[0] == now
            found.append(self.add(inner, now, record[1] if record and is_known else ""))
        self._directories[path] = tuple(found)
        return found

    def _full(self, path: str) -> str:
        return path if path[:1] == "/" else f"{self.root}/{path}"


def _digest(entry: str) -> bytes:
    """Return a file's entry as the column of digests has it; of anything else nothing."""
    return entry[0].encode() + bytes.fromhex(entry[2:34]) if entry else noop.NO_DIGEST
