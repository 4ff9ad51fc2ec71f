"""A plan without keys, of a project that nothing is known of: no past, and a cache that holds nothing.

What is in a file decides nothing then: every stage runs. So no file is read and no key is made. Asked by dry runs for
people; whoever wants keys, and every build, asks the planner.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from stagemake.model.entry import MISSING
from stagemake.model.plan import Plan, Reason, Step, Verdict
from stagemake.plan.cost import add_estimates
from stagemake.plan.judge import Judgement, reason_without_past
from stagemake.plan.programs import programs_of
from stagemake.plan.sight import PlannedSight
from stagemake.tree import unreadable_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagemake.model.pipeline import Pipeline
    from stagemake.model.stage import Stage
    from stagemake.plan.world import Disk, World

UNREAD = "f:unread:0"
"""The entry of a file that is there and that its reader owns. It must get into no key and no trace."""


class UnreadDisk:
    """A disk whose files are looked at and not read, where their status says that they can be.

    Everything else, as directories, links and what others own, is read as always. See `World` for the port.
    """

    def __init__(self, disk: Disk, root: str) -> None:
        self._disk = disk
        self._prefix = root.rstrip("/") + "/"
        self._user = os.geteuid()
        self._seen: dict[str, str] = {}

    def entry(self, path: str) -> str:
        """Return the entry of an input, `UNREAD` for a file."""
        known = self._seen.get(path)
        if known is None:
            known = self._seen[path] = self._look(path)
        return known

    def _look(self, path: str) -> str:
        try:
            status = os.lstat(path if path[0] == "/" else self._prefix + path)
        except (FileNotFoundError, NotADirectoryError):
            return MISSING
        if stat.S_ISREG(status.st_mode) and status.st_uid == self._user and status.st_mode & 0o400:
            return UNREAD  # the owner's bit is what counts for the owner, whatever lists there are
        return self._disk.entry(path)

    def output_entry(self, path: str) -> str:
        """Return the entry of an output, which is read."""
        return self._disk.output_entry(path)

    def end_of_link(self, path: str) -> str:
        """Return the project path of what a link leads to in the end."""
        return self._disk.end_of_link(path)

    def link_text(self, path: str) -> str:
        """Return the text of a link that is there."""
        return self._disk.link_text(path)

    def rows(self, path: str) -> list[tuple[str, str]]:
        """Return what is in a directory."""
        return self._disk.rows(path)

    def directory_bytes(self, entry: str) -> int | None:
        """Return the size of a directory that was seen."""
        return self._disk.directory_bytes(entry)

    def survey(self, inputs: Iterable[str], outputs: Iterable[str]) -> Mapping[str, str]:
        """Look at all of these; return the entries of inputs seen so far, by path."""
        self._disk.survey((), outputs)
        for path in inputs:
            try:
                self.entry(path)
            except OSError:  # for whoever asks for it
                continue
        return self._seen

    def forget(self, paths: Iterable[str]) -> None:
        """Look again when asked for anything."""
        self._seen.clear()
        self._disk.forget(paths)


def outline(pipeline: Pipeline, world: World) -> Plan:
    """Return what a build would do where it has to do all. Changes nothing.

    Verdicts, reasons and subjects are those of `plan_pipeline`; keys are left out.

    Args:
        pipeline: The stages, in order.
        world: Without traces, records and a history, on an `UnreadDisk`.

    Cost: one stat for each path. Directories, links and what others own are read.
    """
    stages = pipeline.stages
    if world.identify_all is not None:
        world.identify_all(stages)
    world.seen = world.disk.survey(
        [path for stage in stages for path in stage.inputs],
        [path for stage in stages for path in stage.outputs],
    )
    sight = PlannedSight(world.disk)
    steps: list[Step] = []
    for stage_id, stage in enumerate(stages):
        subject = ""
        try:
            reason = _reason(stage, world, sight)
        except OSError as error:
            reason, subject = Reason.INPUT_UNREADABLE, unreadable_path(error, world.root)
        sight.add_open(stage_id, stage)
        step = Step.of(stage_id=stage_id, verdict=Verdict.MISS, reason=reason, subject=subject)
        steps.append(step)
    # Without a history only stages that do nothing have an estimate.
    made = Judgement(Verdict.MISS, Reason.NEVER_BUILT)
    idle = [(stage_id, made) for stage_id, stage in enumerate(stages) if stage.action is None]
    if idle:
        add_estimates(steps, idle, pipeline, world)
    return Plan(pipeline, tuple(steps))


def _reason(stage: Stage, world: World, sight: PlannedSight) -> Reason:
    """Return why a stage runs, once all has been looked at that its key would be made from.

    Raises:
        OSError: Something that it reads can't be read.
    """
    programs_of(stage, world)
    for path in stage.inputs:
        sight.entry(path)
    for path in stage.implicit:
        sight.entry(path)
    if stage.params or stage.is_call:
        world.declaration(stage)  # which is where mistakes in parameters show
    return reason_without_past(stage, world)
