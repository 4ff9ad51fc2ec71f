"""Are an action's inputs, now that it has ended, what it read? Asked before its result is recorded."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from stagemake.freshness.signature import of_status, youngest_ns
from stagemake.plan.programs import own_paths

if TYPE_CHECKING:
    from stagemake.execute.storing import Run
    from stagemake.execute.workshop import Workshop
    from stagemake.model.pipeline import Pipeline


def moved_meanwhile(
    run: Run, discovered: tuple[str, ...], pipeline: Pipeline, shop: Workshop, absent: set[str]
) -> str:
    """Return what is wrong with an input that is not, or may not be, what the action read; empty when all are.

    Discovered inputs that were missing from beginning to end are put into `absent`.
    """
    changed = "input `{}` changed while the stage ran"
    after = shop.digester.signatures((*run.stage.inputs, *run.stage.implicit))
    if after != run.before:
        old = dict(run.before)
        new = dict(after)
        return changed.format(next(path for path in (*new, *old) if new.get(path) != old.get(path)))
    for path, signature in shop.digester.signatures(discovered):
        # Not looked at before the run, so a change since then has to show in its times. What a stage
        # of this build made may share a clock tick with our beginning: it had settled by then.
        leads_nowhere = signature and len(signature) == 6 and stat.S_ISLNK(signature[-1])
        if signature is None or (leads_nowhere and path in discovered):
            if not _was_absent(shop.root, path, run.begun_ns):
                return (
                    f"its depfile names `{path}`, which is not there, and may have been while the"
                    f" stage ran; have it leave `{path}` out"
                )
            absent.add(path)
            continue
        slack = 0 if pipeline.producer_of(path) is None else 1
        if youngest_ns(signature) >= run.begun_ns + slack:
            return changed.format(path)
    shop.digester.forget(own_paths(run.judgement.programs))
    for _, path, entry in run.judgement.programs:
        # By content: a stage may compile a program of its own each time and start it.
        if path and path[0] != "/" and shop.digester.entry(path) != entry:
            return changed.format(path)
    return ""


def _was_absent(root: str, path: str, begun_ns: int) -> bool:
    """Return whether nothing can have been at `path` since then; False in doubt.

    What comes to a directory or leaves it moves that directory's times, and what is renamed moves its own: so it was
    missing if none of the directories that are there on the way has a time of the run. A link on the way is a doubt, and so is
    another file system, whose clock may be behind or coarse.

    Args:
        root: The project's directory, absolute.
        path: Canonical: relative to the root, or absolute outside of it.
        begun_ns: When the action began, by the file system's clock.

    Cost: one look for each part of the path.
    """
    place = "" if path[0] == "/" else root
    on_the_way: list[os.stat_result] = []
    try:
        device = os.stat(root).st_dev
        top = os.lstat(place or "/")
        for name in path.strip("/").split("/"):
            place = f"{place}/{name}"
            on_the_way.append(os.lstat(place))
    except FileNotFoundError:
        looked_at = on_the_way or [top]
        return all(
            stat.S_ISDIR(status.st_mode)
            and status.st_dev == device
            and youngest_ns(of_status(status)) < begun_ns
            for status in looked_at
        )
    except OSError:
        return False
    return False
