"""What the stages of a pipeline read and none of them makes, found without a record of the last build."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from stagemake.freshness import snapshot as columns
from stagemake.freshness.signature import link_signature, of_status
from stagemake.tree import walk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from stagemake.freshness.signature import Signature
    from stagemake.freshness.snapshot import Snapshot, Trace
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.stage import Stage


def sources_of(
    pipeline: Pipeline, snapshot: Snapshot, root: str, *, was_built: bool
) -> dict[str, Signature | None]:
    """Return what stages read, with signatures, by path.

    Args:
        pipeline: The stages.
        snapshot: What past builds left: inputs that were discovered, and files as they were when they were read.
        root: The project's directory, absolute.
        was_built: Whether to go by what the last build saw; else by what is there now.

    Cost: a stat for each path that the snapshot does not know, and for all that is in directories.
    """
    made = {path.rstrip("/") for stage in pipeline.stages for path in stage.outputs}
    made |= {stage.depfile for stage in pipeline.stages if stage.depfile is not None}
    below = tuple(path for stage in pipeline.stages for path in stage.outputs if path[-1] == "/")
    found: dict[str, Signature | None] = {}
    for stage in pipeline.stages:
        for given in _read_by(stage, snapshot.traces.get(stage.name)):
            path = given.rstrip("/") or "/"
            if path in found or path in made or (below and path.startswith(below)):
                continue
            known = snapshot.memo.get(path) if was_built else None
            full = path if path[:1] == "/" else f"{root}/{path}"
            found[path] = known[0][:6] if known is not None else link_signature(full)
            found.update(_behind(path, full, found[path], root))
    return found


def service_sources(
    services: Collection[Stage], pipeline: Pipeline, root: str
) -> dict[str, Signature | None]:
    """Return what services read and no stage of the pipeline makes, as it is now, by path."""
    if not services:
        return {}
    made = {path.rstrip("/") for stage in pipeline.stages for path in stage.outputs}
    below = tuple(path for stage in pipeline.stages for path in stage.outputs if path[-1] == "/")
    found: dict[str, Signature | None] = {}
    for stage in services:
        for given in (*stage.inputs, *stage.implicit):
            path = given.rstrip("/")
            if path not in made and not path.startswith(below):
                full = path if path[:1] == "/" else f"{root}/{path}"
                found[path] = link_signature(full)
                found.update(_behind(path, full, found[path], root))
    return found


def _read_by(stage: Stage, trace: Trace | None) -> Iterator[str]:
    yield from stage.inputs
    yield from stage.implicit
    if trace is not None:
        yield from (path for path, _ in trace[columns.DISCOVERED])
        yield from (path for _, path, _ in trace[columns.PROGRAMS] if path)


def _behind(
    path: str, full: str, known: Signature | None, root: str
) -> Iterator[tuple[str, Signature | None]]:
    """Yield what counts with a link, which is the file that it leads to, or with a directory: all in there."""
    if known is None:
        return
    if stat.S_ISLNK(known[5]):
        goal = os.path.realpath(full)
        yield goal.removeprefix(f"{root}/"), link_signature(goal)
    elif stat.S_ISDIR(known[5]):
        try:
            for inner, status in walk(full):
                yield f"{path}/{inner}", of_status(status)
        except OSError:  # the build will say what is wrong with it
            return
