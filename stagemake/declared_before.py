"""What decides which stages there are, and what did it decide before some files changed? Asked for git ranges."""

from __future__ import annotations

import contextlib
import io
import os
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.git import Change
from stagemake.model.error import StagemakeError
from stagemake.plan.declaration import declare
from stagemake.project import Project
from stagemake.stagefile import audit, recorder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagemake.model.stage import Stage
    from stagemake.plan.declaration import Declaration, Identity

SETTINGS = "pyproject.toml"
_STARTS = ("subprocess.Popen", "os.system", "os.popen", "os.posix_spawn", "os.spawn", "os.exec", "os.fork")  # fmt: skip


@frozen
class Declared:
    """What counts of a stage, as far as it is declared."""

    declaration: Declaration
    always: bool
    dependencies: tuple[object, ...]
    outputs: tuple[str, ...]


def declared(stage: Stage, identity: Identity | None) -> Declared:
    """Return what counts of a stage; two that are equal have the same result from the same inputs."""
    return Declared(declare(stage, identity), stage.always, stage.dependencies, stage.outputs)


def dependence(project: Project, changes: Mapping[str, Change]) -> str:
    """Return how the Stagefile depends on files that differ, beside being made of them; empty where it doesn't."""
    for path, change in sorted(changes.items()):
        full = path if path[0] == "/" else os.path.join(project.root, path)
        how = _dependence_on(project, path, full, change)
        if how:
            return f"{how} `{path}`"
    noted = project.session.recorder
    blames = {} if noted is None else noted.blames
    if None in project.session.captured or any(
        word in blame for blame in blames for word in _STARTS
    ):
        return "the Stagefile starts programs, and nobody knows what they read"
    return ""


def _dependence_on(project: Project, path: str, full: str, change: Change) -> str:
    for inputs in project.session.captured:
        if inputs and any(path == one or path.startswith(f"{one}/") for one in inputs):
            return "the Stagefile asks a program about"
    noted = project.session.recorder
    if noted is None or full in made_of(project):
        return ""
    # Settings are looked for in any case.
    if _is_at_or_in(noted.opened if path == SETTINGS else noted.files, full):
        return "the Stagefile reads"
    if change is Change.EDITED:
        return ""
    if any(seen == full or seen.startswith(f"{full}/") for _, seen in noted.observed):
        return "the Stagefile asks for"
    if any(folder in noted.listings for folder in _folders(full)):
        return "the Stagefile lists the directory of"
    folder, name = os.path.split(full)
    imports = noted.imports
    if folder in imports.searched and name.partition(".")[0] in imports.looked_up - {"__init__"}:
        return "the Stagefile could import"
    return ""


def made_of(project: Project) -> set[str]:
    """Return the files that ran while Stagefiles were evaluated, absolute, as named and as they are without links."""
    run = {file for evaluation in project.evaluations for file in evaluation.run_files}
    return {*run, *map(os.path.realpath, run)}


def declared_before(
    project: Project,
    changes: Mapping[str, Change],
    texts: Mapping[str, str],
    more: Iterable[str],
    less: frozenset[str],
) -> dict[str, Declared] | str:
    """Return what each stage declared before; or why that can't be told.

    The Stagefile is run once more, with old texts, and globs that find old names.

    Args:
        project: As it is now.
        changes: What differs, by project path.
        texts: What edited files of the Stagefile held, by absolute path.
        more: Project paths that globs found then and don't now.
        less: Those that they find now and didn't then.
    """
    session = project.session
    if session.plugins or session.named_plugins or len(project.evaluations) != 1:
        return "plugins bring stages, and nobody knows what they brought before"
    other = Project.at(project.root, session.environ, session.config, session.stage_env or {})
    other.session.assumed, other.session.concealed = tuple(more), less
    other.session.capture_memo = session.capture_memo
    if audit.is_installed():
        other.session.recorder = recorder.Recorder(project.root)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            other.load(project.evaluations[0].path, texts)
        found: dict[str, Declared] = {
            stage.name: declared(stage, other.identify(stage)) for stage in other.registry.stages()
        }
    except StagemakeError:  # it may well read what isn't there any more
        return "the Stagefile of before can't be run"
    added = {path for path, change in changes.items() if change is Change.ADDED}
    new = {os.path.relpath(file, project.root) for file in made_of(other)} & added
    if new:
        return f"`{min(new)}` was not there before"
    return dependence(other, changes) or found


def _is_at_or_in(files: Iterable[str], full: str) -> bool:
    """Whether one of some files is at a path or below it."""
    below = f"{full}/"
    return any(file == full or file.startswith(below) for file in files)


def _folders(full: str) -> list[str]:
    found = []
    while full := full.rpartition("/")[0]:
        found.append(full)
    return found
