"""Who tells a build's story on stderr: `build` and `trace` ask."""

from __future__ import annotations

import functools
import gc
import os
import sys
from typing import TYPE_CHECKING

import click

from stagemake.cli.main import COMMANDS
from stagemake.model.event import PlanReady
from stagemake.report.terminal import Detail, TerminalReporter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagemake.cli.project_options import Place
    from stagemake.manager import StageManager
    from stagemake.model.event import Event
    from stagemake.model.request import BuildRequest
    from stagemake.report.style import Style


_LOG_LINES = 40  # of a failure, where somebody can open the file with all of them


def open_reporters(
    manager: StageManager,
    style: Style,
    detail: Detail,
    rerun: Callable[[str], str] = "stagemake {}".format,
) -> None:
    """Have a manager's builds told on stderr; a view that is open is closed with the command.

    Args:
        manager: Whose builds.
        style: Of what is printed.
        detail: How much of it.
        rerun: Gives the command that runs a stage again, by its name.
    """
    terminal = TerminalReporter(sys.stderr, style, detail, rerun)
    if sys.stderr.isatty() and detail is not Detail.VERBOSE and not is_ci(os.environ):
        terminal.most_log_lines = _LOG_LINES
    if detail is Detail.VERBOSE:
        from stagemake.cli.verbose import changes_of  # noqa: PLC0415 - gate, -v only

        terminal.changes_of = functools.partial(changes_of, manager)
    if sys.stderr.isatty() and detail is not Detail.SILENT:
        from stagemake.plan.remaining import Remaining  # noqa: PLC0415 - gate, 6 ms, terminals only

        if has_live_view(os.environ):
            from stagemake.report.live import LiveView  # noqa: PLC0415 - gate, 2 ms, terminals only

            view = LiveView(sys.stderr, Remaining(), has_colour=style.is_on)
            terminal.stream = view.stream
            manager.reporter.add(view)  # in front: it makes room for what the other prints
            click.get_current_context().call_on_close(view.close)
        else:
            terminal.countdown = Remaining()
    manager.reporter.add(terminal)
    manager.reporter.add(_CollectAgain())


def has_live_view(environ: Mapping[str, str]) -> bool:
    """Return whether a terminal can have a view that is drawn again and again: not in CI, not a dumb one."""
    return environ.get("TERM", "") not in {"", "dumb"} and not is_ci(environ)


def is_ci(environ: Mapping[str, str]) -> bool:
    """Return whether this is a machine that builds for nobody in particular: what is shown is read later."""
    return environ.get("CI", "").lower() not in {"", "0", "false"}


def rerun_command(place: Place, request: BuildRequest, stage: str) -> str:
    """Return what to type here to run a stage again as it was run."""
    import shlex  # noqa: PLC0415 - gate, 1 ms, failures only

    words = ["stagemake"]
    if stage in COMMANDS or stage.startswith("-"):
        words.append("build")
    directory = os.path.relpath(place.directory)
    words += ["-C", directory] if directory != "." else []
    words += ["-f", place.stagefile] if place.stagefile else []
    for value in place.values:
        words += ["-D", value]
    words += ["--cache-dir", place.cache_dir] if place.cache_dir else []
    words += ["--check"] if request.check else []
    words += ["--sandbox"] if request.sandbox else []
    words += ["--runner", request.runner] if request.runner else []
    words += ["--"] if stage.startswith("-") else []
    return shlex.join([*words, stage])


class _CollectAgain:
    """Turns garbage collection on when execution begins; what the plan is made of is left out."""

    def handle(self, event: Event) -> None:
        """Wait for the plan."""
        if isinstance(event, PlanReady) and not gc.isenabled():
            gc.freeze()
            gc.enable()
