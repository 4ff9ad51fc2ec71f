"""Who tells a build's story on stderr: `build` and `trace` ask."""

from __future__ import annotations

import functools
import gc
import os
import sys
from typing import TYPE_CHECKING

from stagemake.cli.command_names import COMMANDS
from stagemake.cli.raw_output import terminal_columns
from stagemake.model.event import PlanReady
from stagemake.report.terminal import Detail, TerminalReporter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagemake.cli.place import Place
    from stagemake.manager import StageManager
    from stagemake.model.event import Event
    from stagemake.model.request import BuildRequest
    from stagemake.report.style import Style

    AtEnd = Callable[[Callable[[], None]], object]

_LOG_LINES = 40  # of a failure, where somebody can open the file with all of them


def open_reporters(
    manager: StageManager,
    style: Style,
    detail: Detail,
    rerun: Callable[[str], str] = "stagemake {}".format,
    *,
    at_end: AtEnd,
    stdout_is_busy: bool = False,
) -> None:
    """Have a manager's builds told on stderr.

    Args:
        manager: Whose builds.
        style: Of what is printed.
        detail: How much of it.
        rerun: Gives the command that runs a stage again, by its name.
        at_end: Is given what closes a view that was opened; to be called when the command ends.
        stdout_is_busy: Whether lines for programs go to stdout meanwhile.
    """
    terminal = TerminalReporter(sys.stderr, style, detail, rerun)
    terminal.columns = functools.partial(terminal_columns, sys.stderr)
    is_seen = sys.stderr.isatty() and not is_ci(os.environ)
    is_shared = stdout_is_busy and sys.stdout.isatty()  # nothing can be drawn between these lines
    if detail is Detail.VERBOSE:
        from stagemake.cli.verbose import changes_of  # noqa: PLC0415 - gate, -v only

        terminal.changes_of = functools.partial(changes_of, manager)
    elif is_seen:
        terminal.most_log_lines = _LOG_LINES
    if detail is not Detail.SILENT:
        add = _add_view if is_seen and not is_shared else _add_heartbeat
        add(manager, terminal, at_end)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        from stagemake.cli.github_actions import add_marks  # noqa: PLC0415 - gate, 5 ms, there only

        add_marks(manager, terminal, os.environ)
    manager.reporter.add(terminal)
    manager.reporter.add(_CollectAgain())


def _add_view(manager: StageManager, terminal: TerminalReporter, at_end: AtEnd) -> None:
    """Have somebody at a terminal see what runs, or at least how long it still takes."""
    from stagemake.plan.remaining import Remaining  # noqa: PLC0415 - gate, 6 ms, terminals only

    if has_live_view(os.environ):
        from stagemake.report.live import LiveView  # noqa: PLC0415 - gate, 2 ms, terminals only

        view = LiveView(sys.stderr, Remaining(), has_colour=terminal.style.is_on)
        terminal.stream = view.stream
        manager.reporter.add(view)  # in front: it makes room for what the other prints
        at_end(view.close)
    else:
        terminal.countdown = Remaining()
        _add_heartbeat(manager, terminal, at_end)


def _add_heartbeat(manager: StageManager, terminal: TerminalReporter, at_end: AtEnd) -> None:
    """Have a pipe or a log show once a minute that the build is alive."""
    from stagemake.report.heartbeat import Heartbeat  # noqa: PLC0415 - gate, 4 ms, not with -s

    heartbeat = Heartbeat(sys.stderr)
    terminal.stream = heartbeat.stream
    manager.reporter.add(heartbeat)
    at_end(heartbeat.close)


def has_live_view(environ: Mapping[str, str]) -> bool:
    """Return whether a terminal can have a view that is drawn again and again."""
    return environ.get("TERM", "") not in {"", "dumb"}


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
    """Turns garbage collection on when actions are to begin; what the plan is made of is left out.

    Bringing results back leaves no garbage that needs it.
    """

    def handle(self, event: Event) -> None:
        """Wait for the plan."""
        if not isinstance(event, PlanReady) or gc.isenabled():
            return
        if any(step.may_run for step in event.plan.steps):
            gc.freeze()
            gc.enable()
