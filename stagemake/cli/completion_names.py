"""Names for a command line from the Stagefile it is about: stages, pipelines, outputs, configuration."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.cli.completion_offer import Candidate, Declared
    from stagemake.manager import StageManager


@frozen
class Where:
    """Which Stagefile, and how it is configured: -C, -f and -D."""

    directory: str  # absolute
    stagefile: str  # as given; empty: the nearest
    values: tuple[str, ...]


def declared(where: Where) -> Declared | None:
    """Return what a Stagefile declares; None when there is none or it fails."""
    manager = _manager(where)
    if manager is None:
        return None
    from stagemake.stagefile.declared import named  # noqa: PLC0415 - gate, when names are wanted

    return (manager.root, *named(manager.project.registry))


def config_names(where: Where) -> list[Candidate]:
    """Return what `-D` can set, each with its `=`."""
    manager = _manager(where)
    if manager is None:
        return []
    session = manager.project.session
    return [(f"{name}=", "", True) for name in sorted(session.config_defaults)]


def _manager(where: Where) -> StageManager | None:
    """Run the Stagefile; None when there is none or it fails."""
    from stagemake.cli.place import Place  # noqa: PLC0415 - gate, 60 ms, when names are wanted

    place = Place(where.directory, where.stagefile, where.values, None)
    if not os.path.isdir(place.directory):
        return None
    try:
        with _quiet():
            manager = place.manager()
            place.close()  # what has joined stays known
            return manager
    except (Exception, SystemExit):  # the build will tell; here a message would garble the line
        return None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Send what is printed meanwhile, by programs too, to stderr: stdout is the answer's alone."""
    stdout = sys.stdout
    stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        stdout.flush()  # what was written to it directly, past the redirection
        os.dup2(kept, 1)
        os.close(kept)
