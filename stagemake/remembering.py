"""After a build: keep the small texts that its stages were made from, so that the next `why` can show what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.contents import read_if
from stagemake.freshness import snapshot as columns
from stagemake.model.entry import content_of
from stagemake.model.result import Outcome
from stagemake.past.texts import LARGEST_BYTES, Texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.freshness.snapshot import Trace
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.result import BuildOutcome
    from stagemake.plan.world import World

_SPEND_S = 0.05  # always; and this share of what the build took
_SHARE = 0.05


def remember(outcome: BuildOutcome, pipeline: Pipeline, world: World) -> int:
    """Keep source files and functions of what ran or came back; return how many texts are new.

    Left out: what the cache has, since a stage made it; files outside the root; what is larger than
    `LARGEST_BYTES` or no text. It ends when a twentieth of the build's time is over.
    """
    done = {
        result.name
        for result in outcome.results
        if result.outcome is Outcome.RAN or result.outcome is Outcome.RESTORED
    }
    codes: dict[str, str] = {}
    paths: dict[str, tuple[str, int]] = {}
    for stage in pipeline.stages:
        trace = world.snapshot.traces.get(stage.name)
        if stage.name not in done or trace is None or not trace[columns.KEY]:
            continue
        if stage.is_call:
            texts = getattr(world.identify(stage), "texts", None)
            codes.update(texts() if texts is not None else {})
        paths.update(_sources(trace, pipeline))

    def text_of(digest: str) -> bytes | None:
        if digest in codes:
            return codes[digest].encode("utf-8", "backslashreplace")
        path, size_bytes = paths[digest]
        return read_if(f"{world.root}/{path}", digest, size_bytes)

    if not codes and not paths:
        return 0
    spend_s = _SPEND_S + _SHARE * outcome.wall_s
    return Texts(world.history_path).note((*codes, *paths), text_of, spend_s)


def _sources(trace: Trace, pipeline: Pipeline) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield digest, and path with size, of the small files that a stage read and nobody made."""
    declaration = trace[columns.DECLARATION]
    inputs = zip((*declaration[2], *declaration[3]), trace[columns.ENTRIES], strict=True)
    for path, entry in (*inputs, *trace[columns.DISCOVERED]):
        content = content_of(entry)
        if (
            content is not None
            and content[1] <= LARGEST_BYTES
            and path[0] != "/"
            and pipeline.producer_of(path) is None
        ):
            yield content[0], (path, content[1])
