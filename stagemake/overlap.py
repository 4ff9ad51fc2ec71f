"""Outputs that lie in a directory which another stage reads, where the paths don't show it: through links.

By its path, such an output makes an edge, and the reader waits. Through a link it does not: what the reader
finds depends on who is faster.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stagemake.model.plan import Verdict
from stagemake.model.report import Conflict, ConflictKind

if TYPE_CHECKING:
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Plan
    from stagemake.plan.world import World


def outputs_in_inputs(plan: Plan, world: World) -> list[Conflict]:
    """Return outputs of stages that would run or come back, inside inputs of stages that don't wait for them.

    Cost: one look at each input that is known already, and a few system calls for each that is a link or a
    directory, and for each directory with outputs.
    """
    readers = _directory_inputs(plan, world)
    if not readers:
        return []
    found: list[Conflict] = []
    real_by_folder: dict[str, str] = {}
    for step in plan.steps:
        if step.verdict is Verdict.FRESH:
            continue
        maker = plan.pipeline.stages[step.stage_id]
        for output in maker.outputs:
            folder, _, name = output.rstrip("/").rpartition("/")
            if folder not in real_by_folder:
                real_by_folder[folder] = os.path.realpath(f"{world.root}/{folder}")
            real = f"{real_by_folder[folder]}/{name}"
            reader = _reader_of(real, readers, step.stage_id, plan.pipeline)
            if reader is not None:
                path, stage_id = reader
                name_of_reader = plan.pipeline.stages[stage_id].name
                hint = f'it reads `{path}`, a way there through a link; add after=["{maker.name}"]'
                if stage_id == step.stage_id:
                    hint = f"it reads `{path}`, a way there through a link: it would never be fresh"
                found.append(
                    Conflict(
                        ConflictKind.OUTPUT_IN_INPUT, output, (maker.name, name_of_reader), hint
                    )
                )
    return found


def _directory_inputs(plan: Plan, world: World) -> dict[str, list[tuple[str, int]]]:
    """Return inputs that are directories reached through links: input and reader, by real path."""
    found: dict[str, list[tuple[str, int]]] = {}
    real_by_path: dict[str, str] = {}
    real_root = os.path.realpath(world.root)
    for stage_id, stage in enumerate(plan.pipeline.stages):
        for path in (*stage.inputs, *stage.implicit):
            entry = world.seen.get(path)
            if entry is not None and entry[0] not in "ld":
                continue
            real = real_by_path.get(path)
            if real is None:
                full = f"{world.root}/{path}"
                real = os.path.realpath(full) if os.path.isdir(full) else ""
                real = "" if real == f"{real_root}/{path}" else real
                real_by_path[path] = real
            if real:
                found.setdefault(real, []).append((path, stage_id))
    return found


def _reader_of(
    real: str, readers: dict[str, list[tuple[str, int]]], maker: int, pipeline: Pipeline
) -> tuple[str, int] | None:
    """Return an input that holds this real path, and its stage, which does not wait for the maker."""
    folder = real
    while folder := folder.rpartition("/")[0]:
        for path, stage_id in readers.get(folder, ()):
            if stage_id == maker or not _waits_for(stage_id, maker, pipeline):
                return path, stage_id
    return None


def _waits_for(stage_id: int, other: int, pipeline: Pipeline) -> bool:
    """Whether `other` is somewhere upstream."""
    todo, seen = [stage_id], {stage_id}
    while todo:
        for above in pipeline.upstream[todo.pop()]:
            if above == other:
                return True
            if above > other and above not in seen:  # ids ascend in execution order
                seen.add(above)
                todo.append(above)
    return False
