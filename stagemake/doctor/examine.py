"""Looks at everything in turn. What can't be looked at is a finding too; the rest goes on."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from stagemake.cache.locate import cache_directory
from stagemake.doctor.bytecode_part import look_at_bytecode
from stagemake.doctor.cache_part import look_at_cache
from stagemake.doctor.finding import Findings, Level, told_shortly
from stagemake.doctor.machine import look_at_system, look_at_versions
from stagemake.doctor.project_part import look_at_project
from stagemake.doctor.state_part import look_at_state
from stagemake.model.error import NoStagefile, StagemakeError
from stagemake.settings import ProjectConfig
from stagemake.state import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagemake.doctor.finding import Finding
    from stagemake.manager import StageManager


def examine(
    load: Callable[[], StageManager],
    directory: str,
    cache_dir: str | None,
    environ: Mapping[str, str],
) -> tuple[Finding, ...]:
    """Return everything that was looked at, section by section. Changes nothing; runs the Stagefile.

    Args:
        load: Finds and runs the project's Stagefile.
        directory: Where to look when that fails; absolute.
        cache_dir: As on the command line.
        environ: This process's.
    """
    every = [look_at_versions(environ), look_at_system()]
    started_s = time.monotonic()
    project = Findings("project")
    settings = ProjectConfig()
    cache, root, name = "", "", "Stagefile"
    loaded = frozenset(sys.modules)
    try:
        manager = load()
        evaluation = manager.project.evaluations[0]
        name = os.path.basename(evaluation.path)
        root, settings, cache = manager.root, manager.settings, manager.cache_directory
        project = _guarded(
            "project", lambda: look_at_project(manager, name, time.monotonic() - started_s)
        )
        imported = {*(sys.modules.keys() - loaded), *manager.project.identities.looked_up()}
        look_at_bytecode(project, root, imported)
    except NoStagefile:
        hint = "`stagemake init` writes a first one"
        project.note("no_stagefile", f"no Stagefile in `{directory}` or above", hint)
    except StagemakeError as error:
        _note_error(project, error)
        root = directory
    every.append(project)
    if root:
        state = StateStore(root, name)
        every.append(_guarded("state", lambda: look_at_state(state, root)))
    cache = cache or cache_directory(cache_dir, environ, None)
    every.append(
        _guarded(
            "cache",
            lambda: look_at_cache(
                cache, settings, environ, is_given=cache_dir is not None, root=root
            ),
        )
    )
    return tuple(finding for findings in every for finding in findings.found)


def has_problem(findings: tuple[Finding, ...]) -> bool:
    """Whether anything has to be mended."""
    return any(finding.level is Level.PROBLEM for finding in findings)


def _note_error(project: Findings, error: StagemakeError) -> None:
    hint = error.hint or "mend it: `stagemake list` shows the place"
    project.problem("stagefile", told_shortly(error), hint)


def _guarded(section: str, look: Callable[[], Findings]) -> Findings:
    """Look; a mistake or a fault of the disk is then what was found."""
    try:
        return look()
    except StagemakeError as error:
        found = Findings(section)
        _note_error(found, error)
    except OSError as error:
        found = Findings(section)
        where = f": `{os.fsdecode(error.filename)}`" if error.filename else ""
        text = f"{(error.strerror or str(error)).lower()}{where}"
        found.problem("unreadable", text, "make it readable for this user")
    return found
