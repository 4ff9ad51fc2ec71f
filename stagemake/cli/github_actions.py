"""What a build in GitHub Actions says besides: folds and annotations in the log, a summary of the step."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stagemake import durable
from stagemake.report.github import GitHubMarks
from stagemake.report.github_summary import GitHubSummary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.manager import StageManager
    from stagemake.report.terminal import TerminalReporter


def add_marks(
    manager: StageManager, terminal: TerminalReporter, environ: Mapping[str, str]
) -> None:
    """Have a manager's builds marked up for the log, and summed up in the file that GitHub names."""
    workspace = environ.get("GITHUB_WORKSPACE") or manager.root
    marks = GitHubMarks(os.path.realpath(manager.root), os.path.realpath(workspace))
    terminal.marks = marks
    manager.reporter.add(marks)
    path = environ.get("GITHUB_STEP_SUMMARY", "")
    if path:
        manager.reporter.add(GitHubSummary(lambda data: _append(path, data)))


def _append(path: str, data: bytes) -> None:
    """Add to a file. Errors as the disk's: the reporter is left out then, and that is said."""
    fd = durable.open_append(path)
    try:
        durable.append(fd, data, path)
    finally:
        os.close(fd)
