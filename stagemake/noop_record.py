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
        rows.observed.update(searches(pipeline, self.world))
        guards = len(rows.ids)
        traces = self.state.snapshot.traces
        own_ids = []
        for stage in pipeline.stages:
            known = None if self.recalled is None else self.recalled.rows_of(stage)
            if self.recalled is not None and known is not None:
                own_ids.append(rows.taken_over(known, self.recalled.record))
            else:
                own_ids.append(tuple(rows.of_stage(stage, traces.get(stage.name), self.world)))
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


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return b""
