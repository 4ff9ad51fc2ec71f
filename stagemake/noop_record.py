"""Write down what has to be as it is now for the next build to have nothing to do. See `freshness.noop`.

Called when a build has left nothing to do, under the project's lock. Wherever the least thing is not as it
should be there is no record, and the next build looks at everything.
"""

from __future__ import annotations

import marshal
import os
from typing import TYPE_CHECKING

from attrs import define

import stagemake
from stagemake import durable
from stagemake.freshness import noop
from stagemake.freshness.signature import link_signature
from stagemake.noop_programs import Unclear, searches
from stagemake.noop_rows import Rows
from stagemake.stagefile.declared import kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.digesting import Digester
    from stagemake.freshness.noop import Record
    from stagemake.freshness.signature import FileClock
    from stagemake.model.pipeline import Pipeline
    from stagemake.plan.world import World
    from stagemake.recalled import Evidence, Recalled
    from stagemake.stagefile.recorder import Recorder
    from stagemake.stagefile.registry import StageRegistry
    from stagemake.state import StateStore


@define
class Finish:
    """A build that left nothing to do, and what it went by."""

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

    def write(self) -> None:
        """Write the record; an unclear case leaves none. An older one names the snapshot that it belongs to.

        Cost: O(paths), and a stat for everything in directories.

        Raises:
            OSError: It can't be written.
        """
        path = f"{self.state.directory}/noop"
        try:
            record = self._record(self._keep())
            data = noop.encoded(record, stagemake.__version__)
        except (Unclear, OSError, ValueError):
            return
        if _content(path) != data:
            durable.write_atomic(path, data, mode=0o600)
        if os.path.exists(touched := f"{self.state.directory}/touched"):  # of an older one
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
        path = f"{self.state.directory}/declared"
        if _content(path) != data:
            durable.write_atomic(path, data, mode=0o600)
        return noop.checksum_of(data, stagemake.__version__)

    def _record(self, declared: int) -> Record:
        recorder, pipeline, directory = self.recorder, self.pipeline, self.state.directory
        if recorder.blames or recorder.is_late:
            raise Unclear
        rows = Rows(self.world.root, self.digester, self.clock)
        rows.add_guards(recorder)
        for path in (f"{directory}/snapshot", f"{directory}/journal"):
            rows.add(rows.relative(path), link_signature(path))
        guards = len(rows.ids)
        own_ids = self._own_ids(rows)
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
            marshal.dumps((names, pipeline.upstream, tuple(own_ids), pipeline.targets)),
            b"".join(rows.digests),
            declared,
        )

    def _own_ids(self, rows: Rows) -> tuple[tuple[int, ...], ...]:
        """Add the rows of each stage; return their ids by stage."""
        recalled, world, stages = self.recalled, self.world, self.pipeline.stages
        traces = self.state.snapshot.traces
        if recalled is None:
            rows.observed.update(searches(stages, world))
            return tuple(
                [tuple(rows.of_stage(stage, traces.get(stage.name), world)) for stage in stages]
            )
        anew = [stage for stage in stages if recalled.rows_of(stage) is None]
        rows.observed.update(searches(anew, world))
        if recalled.pipeline() is self.pipeline:
            known = [recalled.known_rows(stage) for stage in stages]
            now = {
                stage_id: (stage, traces.get(stage.name))
                for stage_id, stage in enumerate(stages)
                if stage.name in recalled.affected
            }
            if rows.replace(recalled.record, known, now, world):
                return tuple(known)
        own_ids = []
        for stage in stages:
            ids = recalled.rows_of(stage)
            if ids is not None:
                own_ids.append(rows.taken_over(ids, recalled.record))
            else:
                own_ids.append(tuple(rows.of_stage(stage, traces.get(stage.name), world)))
        return tuple(own_ids)


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return b""
