"""State and caches as other revisions left them: `fixtures/formats`, laid where the tool will look."""

from __future__ import annotations

import shutil
from pathlib import Path

FORMATS = Path(__file__).parent / "fixtures" / "formats"
NAMES = tuple(sorted(path.name for path in FORMATS.iterdir() if path.is_dir()))
"""The revisions' names, today's formats included."""


def lay_state(name: str, root: str | Path) -> None:
    """Give a project without state that of a revision."""
    _copy(FORMATS / name / "state", Path(root, ".stagemake"))


def lay_cache(name: str, directory: str | Path) -> None:
    """Make a cache as a revision left it; nothing may be there."""
    _copy(FORMATS / name / "cache", Path(directory))


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    target.chmod(0o700)  # as it was; a repository has no such modes
