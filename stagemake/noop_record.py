"""Write down what has to be as it is now for the next build to have nothing to do. See `freshness.noop`.

Called when a build has left nothing to do, under the project's lock. Wherever the least thing is not as it
should be there is no record, and the next build looks at everything.
"""

from __future__ import annotations

import marshal
import os
from typing import TYPE_CHECKING

from attrs import define, field

import stagemake
from stagemake import durable
from stagemake.freshness import noop
from stagemake.freshness import snapshot as columns
from stagemake.freshness.signature import link_signature, of_status, signature
from stagemake.model.entry import MISSING
from stagemake.noop_programs import Unclear, searches
from stagemake.stagefile.glob import expand
from stagemake.stagefile.paths import tidy
from stagemake.stagefile.recorder import CLOCK_LAG_NS
from stagemake.tree import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagemake.digesting import Digester
    from stagemake.freshness.noop import Record
    from stagemake.freshness.signature import FileClock, Signature
    from stagemake.freshness.snapshot import Trace
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.stage import Stage
    from stagemake.plan.world import World
    from stagemake.stagefile.recorder import Recorder
    from stagemake.state import StateStore


@define
class Finish:
    """A build that left nothing to do, and what it went by."""

    state: StateStore  # saved
    pipeline: Pipeline
    world: World
    digester: Digester  # settled
    clock: FileClock
    recorder: Recorder  # of what evaluation depended on
    variables: Mapping[str, str | None]  # that the Stagefile's words read, and PATH
    covers_all: bool  # whether this is what is built without targets

    def write(self) -> None:
        """Write the record; an unclear case leaves none. An older one names the snapshot that it belongs to.

        Cost: O(paths), and a stat for everything in directories.

        Raises:
            OSError: It can't be written.
        """
        path = f"{self.state.directory}/noop"
        try:
            data = noop.encoded(self._record(), stagemake.__version__)
        except (Unclear, OSError, ValueError):
            return
        if _content(path) != data:
            durable.write_atomic(path, data, mode=0o600)
        if os.path.exists(touched := f"{self.state.directory}/touched"):  # of an older one
            durable.remove(touched)

    def _record(self) -> Record:
        recorder, pipeline, directory = self.recorder, self.pipeline, self.state.directory
        if recorder.blames or recorder.is_late:
            raise Unclear
        rows = _Rows(self.world.root, self.digester, self.clock)
        rows.add_guards(recorder)
        for path in (f"{directory}/snapshot", f"{directory}/journal"):
            rows.add(rows.relative(path), link_signature(path))
        rows.observed.update(searches(pipeline, self.world))
        guards = len(rows.ids)
        traces = self.state.snapshot.traces
        own_ids = tuple(
            [
                tuple(rows.of_stage(stage, traces.get(stage.name), self.world))
                for stage in pipeline.stages
            ]
        )
        names = tuple([stage.name for stage in pipeline.stages])
        looked = frozenset(recorder.imports.looked_up)
        return (
            recorder.identity,
            self.world.root,
            tuple({**recorder.variables, **self.variables}.items()),
            tuple(recorder.values.items()),
            tuple([(*asked, known) for asked, known in rows.observed.items()]),
            tuple(recorder.listings.items()),
            tuple(
                [
                    (*glob, tuple([(each, recorder.directories[each]) for each in listed]))
                    for glob, listed in recorder.globs.items()
                ]
            ),
            tuple(
                [
                    (directory, signature, noop.looked_up(found, looked))
                    for directory, (signature, found) in recorder.imports.searched.items()
                ]
            ),
            looked,
            tuple(rows.ids),
            tuple(rows.signatures),
            guards,
            self.covers_all,
            marshal.dumps((names, pipeline.upstream, own_ids)),
            b"".join(rows.digests),
        )


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


@define
class _Rows:
    """Paths and their signatures, each once."""

    root: str
    digester: Digester
    clock: FileClock
    ids: dict[str, int] = field(factory=dict)
    signatures: list[Signature | None] = field(factory=list)
    digests: list[bytes] = field(factory=list)  # as in the column of that name
    observed: dict[tuple[str, str], object] = field(factory=dict)
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
            self.digests.append(
                entry[0].encode() + bytes.fromhex(entry[2:34]) if entry else noop.NO_DIGEST
            )
        elif self.signatures[known] != signature:
            raise Unclear
        return known

    def add_guards(self, recorder: Recorder) -> None:
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

    def _add_globs(self, recorder: Recorder, before_ns: int) -> None:
        known = recorder.directories
        moved: dict[str, Signature | None] = {}
        for (base, pattern, excluded, paths), listed in recorder.globs.items():
            now = {each: signature(each) for each in listed}
            if all(
                now[each] == known[each] and self._trusts(known[each], before_ns) for each in listed
            ):
                continue
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
        before_ns = self.clock.taken_at((0, 0, 0, 0, 0, 0))
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
