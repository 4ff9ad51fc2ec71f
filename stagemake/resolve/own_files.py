"""Does a stage write a Stagefile that the build is made from? Asked before edges are sought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.error import BadPath
from stagemake.resolve.outputs import declared, folders_around

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stagemake.model.stage import Stage


def check_own_files(stages: Sequence[Stage], stagefiles: Collection[str]) -> None:
    """Refuse stages that would replace a Stagefile: the build would put it away as a file of the user's.

    Args:
        stages: All of them.
        stagefiles: Paths of the Stagefile and of those that it includes, relative to the root; may be none.

    Raises:
        BadPath: One of them is an output or a depfile, lies in a directory that is, or has one below its path.

    Cost: O(stages + outputs).
    """
    taken = {path: path for path in stagefiles}
    for path in stagefiles:
        taken.update(dict.fromkeys(folders_around((path,)), path))
    taken.update({f"{path}/": file for path, file in taken.items()})
    for stage in stages:
        if not taken.keys().isdisjoint(stage.outputs) or stage.depfile in taken:
            written = next(path for path in (*stage.outputs, stage.depfile) if path in taken)
            assert written is not None, "only paths are taken"
            raise _refusal(stage, written, taken[written])


def _refusal(stage: Stage, written: str, file: str) -> BadPath:
    what = "depfile" if written == stage.depfile else "output"
    how = "is a Stagefile" if written.rstrip("/") == file else f"holds the Stagefile `{file}`"
    return BadPath(
        f"{what} `{written}` of stage `{stage.name}` {how} that this build is made from",
        facts=[("declared", declared(stage))],
        hint="write to another path: a build would move the Stagefile away and put the output in its place",
    )
