"""Write down what has to be as it is now for the next build to have nothing to do. See `freshness.noop`.

Called at the end of a build, under the project's lock. Wherever the least thing is not as it
should be there is no record, and the next build looks at everything.
"""

from __future__ import annotations

import marshal
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import define

import stagemake
from stagemake import durable
from stagemake.freshness import noop
from stagemake.freshness.regular import read_regular
from stagemake.freshness.signature import link_signature
from stagemake.noop_programs import Unclear, searches
from stagemake.noop_rows import Rows
from stagemake.plan.fresh import may_follow
from stagemake.stagefile.declared import kept, named

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from stagemake.digesting import Digester
    from stagemake.freshness.noop import Record
    from stagemake.freshness.signature import FileClock
    from stagemake.freshness.snapshot import Trace
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.stage import Stage
    from stagemake.plan.world import World
    from stagemake.recalled import Evidence, Recalled
    from stagemake.stagefile.recorder import Recorder
    from stagemake.stagefile.registry import StageRegistry
    from stagemake.state import StateStore

_MOST_NOTED = 1000  # rows beside a record: they take 1 ms to read


@define(eq=False, repr=False)
class Finish:
    """A build that has ended, and what it went by."""

    state: StateStore  # saved
    pipeline: Pipeline
    world: World
    digester: Digester  # settled
    clock: FileClock
    recorder: Recorder | Evidence  # of what evaluation depended on
    variables: Mapping[str, str | None]  # that the Stagefile's words read, and PATH
    covers_all: bool  # whether this is what is built without targets
    registry: StageRegistry | None  # what was declared; None where that can't be kept
    recalled: (
        Recalled | None
    )  # where the last record still says what is at the paths of most stages
    open: Collection[str] = ()  # names of stages that failed or were not reached

    def write(self) -> None:
        """Write the record, or beside it which rows are others now. An unclear case leaves none.

        An older one names the snapshot and the journal that it belongs to.

        Cost: O(paths), and a stat for everything in directories; less where few rows have changed.

        Raises:
            OSError: It can't be written.
        """
        path, touched = f"{self.state.directory}/noop", f"{self.state.directory}/touched"
        try:
            rows = self._guards()
            changed, loose = self._changed(rows)
            if changed is not None and self._is_note(rows, changed, loose):
                assert self.recalled is not None, "else nothing is known to have changed"
                record = self.recalled.record
                _put(touched, noop.encoded_touched(changed, record, stagemake.__version__))
                return
            data = noop.encoded(self._record(rows, changed, loose), stagemake.__version__)
        except (Unclear, OSError, ValueError):
            return
        _put(path, data)
        with suppress(FileNotFoundError):  # else of an older one
            durable.remove(touched)

    def _keep(self) -> int:
        """Have what was declared kept; return its checksum, -1 where there is no saying it in plain values."""
        if self.recalled is not None:
            checksum: int = self.recalled.record[noop.DECLARED]
            return checksum
        if self.registry is None:
            return -1
        try:
            data = noop.encoded(kept(self.registry), stagemake.__version__)
        except ValueError:  # a parameter of an unusual type
            return -1
        _put(f"{self.state.directory}/declared", data)
        return noop.checksum_of(data, stagemake.__version__)

    def _guards(self) -> Rows:
        """Return the rows that count for every stage."""
        recorder, directory = self.recorder, self.state.directory
        if recorder.blames or recorder.is_late:
            raise Unclear
        rows = Rows(self.world.root, self.digester, self.clock)
        rows.add_guards(recorder)
        if self.recalled is None and self.registry is not None:
            self._keep_names(rows, self.registry)
        for path in (f"{directory}/snapshot", f"{directory}/journal"):
            rows.add(rows.relative(path), link_signature(path))
        return rows

    def _changed(self, rows: Rows) -> tuple[noop.Noted | None, set[str]]:
        """Return which rows are others than in the last record, None where that is not all; and the loose stages."""
        recalled, world, traces = self.recalled, self.world, self.state.snapshot.traces
        anew = self.pipeline.stages
        if recalled is not None:
            anew = tuple([stage for stage in anew if stage.name in recalled.affected])
        rows.observed.update(searches([one for one in anew if one.name not in self.open], world))
        loose = _loose(anew, traces)
        if recalled is None:
            return None, loose
        graph = recalled.graph
        loose |= {graph.names[i] for i in graph.loose} - recalled.affected
        if recalled.built is not self.pipeline:
            return None, loose
        by_name = {str(stage.name): (stage, traces.get(stage.name)) for stage in anew}
        now = {i: by_name[name] for i, name in enumerate(graph.names) if name in by_name}
        return rows.changed(recalled.record, graph.rows, now, world, self.open), loose

    def _is_note(self, rows: Rows, changed: noop.Noted, loose: set[str]) -> bool:
        """Return whether nothing but few rows differs from the last record: these are then noted beside it."""
        assert self.recalled is not None, "as above"
        record, graph = self.recalled.record, self.recalled.graph
        return (
            len(record[noop.TOUCHED].keys() | changed.keys()) <= _MOST_NOTED
            and self.covers_all == record[noop.COVERS_ALL]
            and self._open_ids() == record[noop.OPEN]
            and loose == {graph.names[i] for i in graph.loose}
            and self._evaluated(rows) == record[: noop.PATHS]
        )

    def _record(self, rows: Rows, changed: noop.Noted | None, loose: set[str]) -> Record:
        guards = len(rows.ids)
        graph = self._graph(rows, changed, loose)
        declared = self._keep()
        return (
            *self._evaluated(rows),
            tuple(rows.ids),
            tuple(rows.signatures),
            guards,
            self.covers_all,
            self._open_ids(),
            graph,
            b"".join(rows.digests),
            declared,
        )

    def _evaluated(self, rows: Rows) -> Record:
        """Return the columns up to NAMES: what evaluation depended on, and what else `rows` has observed."""
        recorder = self.recorder
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
        )

    def _keep_names(self, rows: Rows, registry: StageRegistry) -> None:
        """Have names kept for TAB; `rows` has what evaluation depended on, and nothing else yet."""
        guards = zip(rows.ids, rows.signatures, strict=True)
        data = noop.encoded_names(
            self._evaluated(rows), guards, named(registry), stagemake.__version__
        )
        _put(f"{self.state.directory}/names", data)

    def _graph(self, rows: Rows, changed: noop.Noted | None, loose: set[str]) -> bytes:
        """Add the rows of each stage; return the column GRAPH."""
        recalled, pipeline = self.recalled, self.pipeline
        if recalled is None or recalled.built is not pipeline:
            own, names = self._own_ids(rows), pipeline.names
            loose_ids = tuple([i for i, name in enumerate(names) if name in loose])
            return marshal.dumps((names, pipeline.upstream, own, pipeline.targets, loose_ids))
        graph = recalled.graph
        loose_ids = tuple([i for i, name in enumerate(graph.names) if name in loose])
        if changed is not None:
            rows.take_over(recalled.record, changed)
            if loose_ids == graph.loose:
                known: bytes = recalled.record[noop.GRAPH]
                return known
            own = graph.rows
        else:
            stage_by_name = {str(stage.name): stage for stage in pipeline.stages}
            own = tuple(
                [
                    self._rows_of(stage_by_name[name], rows)
                    if name in recalled.affected
                    else rows.taken_over(ids, recalled.record)
                    for name, ids in zip(graph.names, graph.rows, strict=True)
                ]
            )
        return marshal.dumps((graph.names, graph.upstream, own, graph.targets, loose_ids))

    def _own_ids(self, rows: Rows) -> tuple[tuple[int, ...], ...]:
        """Add the rows of each stage; return their ids by stage."""
        recalled = self.recalled
        known_rows = {} if recalled is None else recalled.known_rows()
        own_ids = []
        for stage in self.pipeline.stages:
            if recalled is None or stage.name in recalled.affected:
                own_ids.append(self._rows_of(stage, rows))
            else:
                own_ids.append(rows.taken_over(known_rows[stage.name], recalled.record))
        return tuple(own_ids)

    def _rows_of(self, stage: Stage, rows: Rows) -> tuple[int, ...]:
        if stage.name in self.open:
            return tuple(rows.of_open(stage))
        return tuple(rows.of_stage(stage, self.state.snapshot.traces.get(stage.name), self.world))

    def _open_ids(self) -> tuple[int, ...]:
        if not self.open:
            return ()
        return tuple([i for i, name in enumerate(self.pipeline.names) if name in self.open])


def _loose(stages: Iterable[Stage], traces: Mapping[str, Trace]) -> set[str]:
    """Return the names of stages that may follow others without sharing a path with them."""
    return {
        stage.name
        for stage in stages
        if stage.is_class_based or stage.name not in traces or may_follow(traces[stage.name])
    }


def _put(path: str, data: bytes) -> None:
    if _content(path) != data:
        durable.write_atomic(path, data, mode=0o600)


def _content(path: str) -> bytes:
    try:
        return read_regular(path, follows=False)
    except OSError:
        return b""
