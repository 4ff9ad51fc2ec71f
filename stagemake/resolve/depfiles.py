"""Is every depfile its stage's own? A depfile is written by the action and read by stagemake alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.error import (
    BadPath,
    DuplicateOutput,
    NestedOutput,
    OutputIsInput,
    StagefileError,
)
from stagemake.resolve.outputs import declarations, declared, folders_around

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagemake.model.stage import Stage
    from stagemake.resolve.outputs import OutputIndex

_HINT = "a depfile is read by stagemake alone: give it a path that nothing else names"


def check_depfiles(stages: Sequence[Stage], index: OutputIndex) -> None:
    """Refuse depfiles that are anything else as well.

    A depfile inside its own stage's directory output is fine.

    Raises:
        DuplicateOutput: a depfile is an output, or the depfile of two stages.
        NestedOutput: it lies inside another stage's directory output.
        OutputIsInput: its own stage reads it, or a directory that it lies in.
        BadPath: another stage reads it.

    Cost: O(stages + inputs) where there are depfiles, else O(stages).
    """
    writer_by_depfile: dict[str, Stage] = {}
    for stage in stages:
        if stage.depfile is not None:
            first = writer_by_depfile.setdefault(stage.depfile, stage)
            if first is not stage:
                raise DuplicateOutput(
                    f"two stages write the depfile `{stage.depfile}`",
                    facts=declarations(first, stage),
                    hint=_HINT,
                )
    if not writer_by_depfile:
        return
    _check_outputs(stages, index, writer_by_depfile)
    # One look per stage in the usual case, where no input is a depfile or a directory around one.
    suspects = folders_around(writer_by_depfile) | writer_by_depfile.keys()
    for stage in stages:
        if not suspects.isdisjoint(stage.inputs) or not suspects.isdisjoint(stage.implicit):
            _check_inputs(stage, writer_by_depfile)


def _check_outputs(
    stages: Sequence[Stage], index: OutputIndex, writer_by_depfile: Mapping[str, Stage]
) -> None:
    for depfile in sorted(writer_by_depfile.keys() & index.owner_by_path.keys()):
        writer, owner = writer_by_depfile[depfile], stages[index.owner_by_path[depfile]]
        whose = "the same stage" if owner is writer else f"stage `{owner.name}`"
        raise DuplicateOutput(
            f"the depfile `{depfile}` of stage `{writer.name}` is an output of {whose}",
            facts=declarations(writer, owner),
            hint=_HINT,
        )
    for depfile, writer in writer_by_depfile.items() if index.directories else ():
        around = index.owner_around(depfile)
        if around is not None and stages[around] is not writer:
            raise NestedOutput(
                f"the depfile `{depfile}` of stage `{writer.name}` lies inside output "
                f"`{index.first_meeting(depfile)}` of stage `{stages[around].name}`",
                facts=declarations(writer, stages[around]),
                hint=_HINT,
            )


def _check_inputs(stage: Stage, writer_by_depfile: Mapping[str, Stage]) -> None:
    own_folders = folders_around((stage.depfile,)) if stage.depfile is not None else ()
    for path in (*stage.inputs, *stage.implicit):
        if path in writer_by_depfile:
            raise _read_depfile(writer_by_depfile[path], stage, path)
        if path in own_folders:
            raise OutputIsInput(
                f"stage `{stage.name}` reads what it writes",
                facts=[
                    ("input", f"`{path}`"),
                    ("depfile", f"`{stage.depfile}`"),
                    ("declared", declared(stage)),
                ],
                hint="write to another path, or read the files of the directory by name",
            )


def _read_depfile(writer: Stage, reader: Stage, path: str) -> StagefileError:
    if writer is reader:
        return OutputIsInput(
            f"stage `{writer.name}` names `{path}` as input and as depfile",
            facts=[("declared", declared(writer))],
            hint=_HINT,
        )
    return BadPath(
        f"stage `{reader.name}` reads the depfile `{path}` of stage `{writer.name}`",
        facts=declarations(reader, writer),
        hint=_HINT,
    )
