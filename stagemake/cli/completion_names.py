"""Names for a command line from the Stagefile it is about: stages, pipelines, outputs, configuration."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stagemake.manager import StageManager


@frozen
class Candidate:
    """One word that could stand at the cursor."""

    text: str  # the whole word
    help: str = ""
    goes_on: bool = False  # more of the same word follows: a path below, a value behind `=`


@frozen
class Where:
    """Which Stagefile, and how it is configured: -C, -f and -D."""

    directory: str  # absolute
    stagefile: str  # as given; empty: the nearest
    values: tuple[str, ...]


def target_names(where: Where, incomplete: str, *, is_named: bool) -> list[Candidate]:
    """Return pipelines and stages; outputs if nothing is named as typed so far, or a path is typed."""
    manager = _manager(where)
    if manager is None:
        return []
    found = [
        Candidate(pipeline.name, "a pipeline")
        for pipeline in manager.project.registry.pipelines.values()
    ]
    for stage in manager.get_stages():
        made = f"makes {stage.outputs[0]}" if stage.outputs else ""
        found.append(Candidate(stage.name, stage.description or made))
    found = matching(found, incomplete)
    if not (found or is_named) or "/" in incomplete:
        start = os.path.realpath(where.directory)
        outputs = (
            os.path.relpath(os.path.join(manager.root, output), start)
            + ("/" if output.endswith("/") else "")
            for stage in manager.get_stages()
            for output in stage.outputs
        )
        found += _next_parts(outputs, incomplete)
    return found


def _next_parts(paths: Iterable[str], incomplete: str) -> list[Candidate]:
    """Return paths that begin as typed, each up to the next `/`, sorted."""
    found: dict[str, bool] = {}
    start = len(incomplete)
    for path in paths:
        if path.startswith(incomplete):
            slash = path.find("/", start)
            part = path if slash < 0 else path[: slash + 1]
            found[part] = found.get(part, False) or part != path
    return [Candidate(part, goes_on=goes_on) for part, goes_on in sorted(found.items())]


def config_names(where: Where) -> list[Candidate]:
    """Return what `-D` can set, each with its `=`."""
    manager = _manager(where)
    if manager is None:
        return []
    session = manager.project.session
    return [Candidate(f"{name}=", goes_on=True) for name in sorted(session.config_defaults)]


def matching(candidates: Iterable[Candidate], incomplete: str) -> list[Candidate]:
    """Return those that begin as typed, without such as could drive a terminal."""
    return [
        each for each in candidates if each.text.startswith(incomplete) and each.text.isprintable()
    ]


def _manager(where: Where) -> StageManager | None:
    """Run the Stagefile; None when there is none or it fails."""
    from stagemake.cli.project_options import Place  # noqa: PLC0415 - gate, 60 ms, when names are wanted

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
