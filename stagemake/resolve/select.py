"""Which stages does a user mean? The only place where a target's text becomes a stage."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cached_property
from posixpath import normpath, relpath
from typing import TYPE_CHECKING

from attrs import field, frozen

from stagemake.model.error import UnknownDependency, UnknownTarget, did_you_mean, either
from stagemake.resolve.outputs import ROOT, index_outputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stagemake.model.stage import Stage
    from stagemake.resolve.outputs import OutputIndex

_MOST_NAMED = 3  # that end with what was typed


def select(
    targets: Sequence[str],
    *,
    stages: Sequence[Stage],
    pipelines: Mapping[str, tuple[str, ...]],
    cwd_prefix: str,
) -> tuple[int, ...]:
    """Return the stages that `targets` name, in that order, each once.

    A target is, in this order of precedence, a stage's name, a pipeline's name, an output or a path inside a
    directory output, or a pattern over stage names.

    Args:
        targets: As typed. None at all gives no stage: what is built by default is the caller's affair.
        stages: All of them, sorted by name; an id is a position in it.
        pipelines: Names of stages by pipeline name.
        cwd_prefix: The working directory relative to the root, without trailing slash; "" for the root.

    Raises:
        UnknownTarget: a target names nothing; with near matches.
        UnknownDependency: a pipeline names a stage that isn't there.

    Cost: O(stages) once, and O(stages) per pattern.
    """
    names = _Names(stages, pipelines, cwd_prefix)
    selected: dict[int, None] = {}
    for target in targets:
        selected.update(dict.fromkeys(names.find(target)))
    return tuple(selected)


def closure(wanted: Iterable[int], pulls: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return `wanted` and all that they pull, directly or not, in ascending order.

    Cost: O(stages and edges reached), and a sort.
    """
    taken = set(wanted)
    pending = list(taken)
    while pending:
        for stage_id in pulls[pending.pop()]:
            if stage_id not in taken:
                taken.add(stage_id)
                pending.append(stage_id)
    return tuple(sorted(taken))


@frozen(eq=False)
class _Names:
    """All that a target may mean; lives for one selection."""

    stages: Sequence[Stage]
    pipelines: Mapping[str, tuple[str, ...]]
    cwd_prefix: str
    id_by_name: dict[str, int] = field(init=False)

    @id_by_name.default
    def _index_names(self) -> dict[str, int]:
        return {stage.name: stage_id for stage_id, stage in enumerate(self.stages)}

    @cached_property
    def outputs(self) -> OutputIndex:
        return index_outputs(self.stages)

    def find(self, target: str) -> Sequence[int]:
        stage_id = self.id_by_name.get(target)
        if stage_id is not None:
            return (stage_id,)
        if target in self.pipelines:
            return self._members(target)
        path = self._from_root(target)
        if path != ROOT and path not in self.outputs.folders:
            owners = self.outputs.owners(path)
            if owners:
                return owners
        matches = self._matches(target)
        if not matches:
            raise self._unknown(target, path)
        return matches

    def _members(self, pipeline: str) -> list[int]:
        members: list[int] = []
        for name in self.pipelines[pipeline]:
            stage_id = self.id_by_name.get(name)
            if stage_id is None:
                raise UnknownDependency(
                    f"pipeline `{pipeline}` names `{name}`, which is no stage",
                    hint=did_you_mean(name, self.id_by_name),
                )
            members.append(stage_id)
        return members

    def _from_root(self, target: str) -> str:
        return normpath(f"{self.cwd_prefix}/{target}" if self.cwd_prefix else target)

    def _matches(self, pattern: str) -> list[int]:
        if not any(character in pattern for character in "*?["):
            return []
        return [
            stage_id for name, stage_id in self.id_by_name.items() if fnmatchcase(name, pattern)
        ]

    def _unknown(self, target: str, path: str) -> UnknownTarget:
        start = self.cwd_prefix or ROOT
        known = [*self.id_by_name, *self.pipelines]
        known.extend(relpath(output, start) for output in self.outputs.owner_by_path)
        known = list(dict.fromkeys(known))
        facts = [("as a path", f"`{path}`")] if self.cwd_prefix else []
        near = self._needing(path) or _ending_with(target, known) or did_you_mean(target, known)
        error = UnknownTarget(
            f"no stage, pipeline or output is called `{target}`",
            facts=facts,
            hint=near or "`stagemake list` shows what there is",
        )
        error.target, error.is_near = target, bool(near)
        return error

    def _needing(self, path: str) -> str:
        """Return a hint naming the stages that have this path as an input."""
        found = [
            f"`{stage.name}`" for stage in self.stages if path in (*stage.inputs, *stage.implicit)
        ]
        more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        return f"it is an input, of {', '.join(found[:_MOST_NAMED])}{more}" if found else ""


def _ending_with(target: str, known: Sequence[str]) -> str:
    """Return a hint naming what has the target as the end of its path (`build/app`) or name (`compile.app`)."""
    ends = (f"/{target}", f".{target}")
    found = [f"`{name}`" for name in known if name.rstrip("/").endswith(ends)]
    return f"did you mean {either(found)}?" if 0 < len(found) <= _MOST_NAMED else ""
