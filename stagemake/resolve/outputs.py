"""Which stage writes a path? One index over all declared outputs, and the mistakes it makes visible.

The resolver asks it for edges, target selection asks it for the owner of a path.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.error import DuplicateOutput, NestedOutput

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from stagemake.model.stage import Stage

ROOT = "."
"""The canonical path of the project's root."""


@frozen(eq=False)
class OutputIndex:
    """The outputs of some stages, by path. No path in it lies inside another one.

    An id is the position of the stage in the sequence that was indexed.
    """

    owner_by_path: Mapping[str, int]  # paths without trailing slash
    directories: frozenset[str]  # the directory outputs among them, without trailing slash
    folders: frozenset[str]  # every directory that holds an output at any depth

    @cached_property
    def _sorted_paths(self) -> list[str]:
        return sorted(self.owner_by_path)

    @cached_property
    def _owners_by_folder(self) -> dict[str, tuple[int, ...]]:
        return {}

    def owners(self, path: str) -> tuple[int, ...]:
        """Return who writes `path`, something in it, or a directory output around it.

        Returns:
            Ids in ascending order, each once; empty for a path that no stage writes.

        Cost: O(depth of `path`); for a directory, once, O(outputs in it), and a sort the first time.
        """
        owner = self.owner_by_path.get(path)
        if owner is not None:
            return (owner,)
        if path in self.folders:
            return self._owners_below(path)
        around = self.owner_around(path) if self.directories else None
        return () if around is None else (around,)

    def owner_around(self, path: str) -> int | None:
        """Return who owns the directory output that `path` lies in. Cost: O(depth of `path`)."""
        directory = self._directory_around(path)
        return self.owner_by_path[directory] if directory else None

    def first_meeting(self, path: str) -> str:
        """Return the first output at, in or around `path`, as declared; one that `owners` found."""
        if path in self.owner_by_path:
            return self.shown(path)
        if path in self.folders:
            return self.shown(self.paths_below(path)[0])
        return self.shown(self._directory_around(path))

    def shown(self, path: str) -> str:
        """Return the output `path` as it is declared: a directory with its trailing slash."""
        return f"{path}/" if path in self.directories else path

    def paths_below(self, folder: str) -> list[str]:
        """Return the outputs inside `folder`, sorted. Cost: O(outputs in it), after one sort."""
        paths = self._sorted_paths
        if folder == ROOT:
            return [path for path in paths if path != ROOT]
        # "0" is the character after "/": everything between the two starts with `folder/`.
        return paths[bisect_left(paths, f"{folder}/") : bisect_left(paths, f"{folder}0")]

    def _directory_around(self, path: str) -> str:
        directories = self.directories
        folder = path.rpartition("/")[0]
        while folder:
            if folder in directories:
                return folder
            folder = folder.rpartition("/")[0]
        return ROOT if ROOT in directories and not path.startswith("/") else ""

    def _owners_below(self, folder: str) -> tuple[int, ...]:
        known = self._owners_by_folder.get(folder)
        if known is None:
            owner_by_path = self.owner_by_path
            known = tuple(sorted({owner_by_path[path] for path in self.paths_below(folder)}))
            self._owners_by_folder[folder] = known
        return known


def index_outputs(stages: Sequence[Stage]) -> OutputIndex:
    """Index the outputs of `stages` by path.

    Raises:
        DuplicateOutput: a path is an output twice.
        NestedOutput: an output lies inside another one.

    Cost: O(outputs).
    """
    rows = [stage.outputs for stage in stages]
    owner_by_path: dict[str, int] = {
        path: stage_id for stage_id, outputs in enumerate(rows) for path in outputs
    }
    slashed = [path for path in owner_by_path if path[-1:] == "/"]
    for path in slashed:
        owner_by_path.setdefault(path[:-1], owner_by_path.pop(path))
    if len(owner_by_path) < sum(map(len, rows)):
        raise _duplicate_output(stages)
    folders = folders_around(owner_by_path)
    index = OutputIndex(owner_by_path, frozenset([path[:-1] for path in slashed]), folders)
    if not owner_by_path.keys().isdisjoint(folders):
        raise _nested_output(stages, index)
    return index


def folders_around(paths: Collection[str]) -> frozenset[str]:
    """Return every directory that holds one of `paths` at any depth; paths are relative, without final slash."""
    folders = {path.rpartition("/")[0] for path in paths}
    # Above a known folder everything is known: on the whole O(1) a path.
    for known in tuple(folders):
        folder = known.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    folders.discard("")
    if len(paths) > (ROOT in paths):
        folders.add(ROOT)
    return frozenset(folders)


def declared(stage: Stage) -> str:
    """Return where `stage` was declared, as shown in the facts of an error."""
    return str(stage.location) if stage.location is not None else "registered without a Stagefile"


def declarations(*stages: Stage) -> tuple[tuple[str, str], ...]:
    """Return one fact a stage, its name and where it was declared; each stage once."""
    by_name = {f"`{stage.name}`": declared(stage) for stage in stages}
    return tuple(by_name.items())


def _duplicate_output(stages: Sequence[Stage]) -> DuplicateOutput:
    owner_by_path: dict[str, Stage] = {}
    for stage in stages:
        for output in stage.outputs:
            path = output.rstrip("/")
            if path in owner_by_path:
                return _two_owners(owner_by_path[path], stage, path)
            owner_by_path[path] = stage
    raise AssertionError("BUG: fewer paths than outputs, and none of them twice")


def _two_owners(first: Stage, second: Stage, path: str) -> DuplicateOutput:
    if first is second:
        return DuplicateOutput(
            f"stage `{first.name}` declares the output `{path}` twice",
            facts=[("declared", declared(first))],
            hint="name it once",
        )
    return DuplicateOutput(
        f"two stages own the output `{path}`",
        facts=declarations(first, second),
        hint="give each its own path, or make one stage of the two",
    )


def _nested_output(stages: Sequence[Stage], index: OutputIndex) -> NestedOutput:
    outer_path = min(index.owner_by_path.keys() & index.folders)
    inner_path = index.paths_below(outer_path)[0]
    outer = stages[index.owner_by_path[outer_path]]
    inner = stages[index.owner_by_path[inner_path]]
    shown_outer, shown_inner = index.shown(outer_path), index.shown(inner_path)
    if shown_outer == outer_path:
        hint = f"`{outer_path}` can't be a file and a directory at once"
    elif outer is inner:
        hint = f"`{shown_outer}` already holds it: leave `{shown_inner}` out"
    else:
        hint = f"all of `{shown_outer}` belongs to `{outer.name}`: write `{shown_inner}` elsewhere"
    return NestedOutput(
        f"output `{shown_inner}` of stage `{inner.name}` lies inside output `{shown_outer}` "
        f"of {'the same stage' if outer is inner else f'stage `{outer.name}`'}",
        facts=declarations(outer, inner),
        hint=hint,
    )
