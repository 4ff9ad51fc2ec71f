"""Which stages have to do with a file: read, find, start or make it, or have code in it."""

from __future__ import annotations

from bisect import bisect_left
from os.path import normpath
from typing import TYPE_CHECKING

from stagemake.freshness import snapshot as columns
from stagemake.links import Links
from stagemake.model.what_if import How
from stagemake.plan.programs import programs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stagemake.model.pipeline import Pipeline
    from stagemake.model.stage import Stage
    from stagemake.plan.world import World

_RANK = {how: rank for rank, how in enumerate(How)}


class Reading:
    """The files of a pipeline's stages, by place: links are followed. Made once, asked often.

    Args:
        pipeline: The stages.
        world: What past builds found out, and what functions are.

    Cost: some system calls for each directory with files in it, one for each file; the identities of functions.
    """

    def __init__(self, pipeline: Pipeline, world: World) -> None:
        self.links = Links(world.root)
        self._world = world
        self.unknown: list[int] = []  # stages with a depfile whose contents nobody has seen
        self._by_place: dict[str, dict[tuple[int, How], None]] = {}
        for stage_id, stage in enumerate(pipeline.stages):
            for path, how in self._files(stage):
                for place in self.links.way(path):
                    self._by_place.setdefault(place, {})[stage_id, how] = None
            lists = self._discovered(stage)
            if lists is None:
                self.unknown.append(stage_id)
            for path in {path for paths in lists or () for path in paths}:
                for place in self.links.way(path):
                    self._by_place.setdefault(place, {})[stage_id, How.DISCOVERED] = None
        self._places = sorted(self._by_place)

    def of(self, place: str) -> list[tuple[int, How]]:
        """Return which stages have to do with a place, or with a directory around it, or with what is below it.

        Returns:
            Stage ids and how, in no order.
        """
        found = dict(self._by_place.get(place, {}))
        above = place
        while above := above.rpartition("/")[0]:
            found.update(self._by_place.get(above, {}))
        if place[:1] != "/":
            found.update(self._by_place.get(".", {}))
        below = f"{place}/"
        at = 0 if place == "." else bisect_left(self._places, below)
        while at < len(self._places) and (place == "." or self._places[at].startswith(below)):
            found.update(self._by_place[self._places[at]])
            at += 1
        return list(found)

    def of_all(
        self, places: Iterable[str], ignoring: frozenset[How] = frozenset()
    ) -> dict[int, How]:
        """Return the stages that have to do with any of some places, ascending, each by what tells most."""
        found = {key for place in places for key in self.of(place)}
        best: dict[int, How] = {}
        for stage_id, how in sorted(found, key=lambda one: (one[0], _RANK[one[1]])):
            if how not in ignoring:
                best.setdefault(stage_id, how)
        return best

    def known(self) -> list[str]:
        """Return all places, sorted."""
        return self._places

    def _files(self, stage: Stage) -> Iterator[tuple[str, How]]:
        for path in (*stage.inputs, *stage.implicit):
            yield path, How.INPUT
        for path in stage.outputs:
            yield path.rstrip("/"), How.OUTPUT
        for name, found, _ in programs_of(stage, self._world):
            if found or "/" in name:
                yield found or normpath(name), How.PROGRAM
        if stage.is_call and not stage.ignore_code:
            identity = self._world.identify(stage)
            if identity is not None:
                yield from ((code, How.CODE) for code in (*identity.files, *identity.absent))

    def _discovered(self, stage: Stage) -> list[tuple[str, ...]] | None:
        """Return what past runs of a stage found, here and as far as the cache knows; None: it never ran."""
        if not stage.depfile:
            return []
        lists: list[tuple[str, ...]] = []
        trace = self._world.snapshot.traces.get(stage.name)
        if trace is not None and trace[columns.KEY]:
            lists.append(tuple(path for path, _ in trace[columns.DISCOVERED]))
        if stage.cache:
            hint = self._world.records.hint(self._world.weak_hex(stage))
            lists.extend(hint[0] if hint is not None else ())
        return lists or None
