"""Who tells a build's story on stderr: `build` and `trace` ask."""

from __future__ import annotations

import functools
import gc
import os
import sys
from typing import TYPE_CHECKING

import click

from stagemake.model.event import PlanReady
from stagemake.report.terminal import Detail, TerminalReporter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.manager import StageManager
    from stagemake.model.event import Event
    from stagemake.report.style import Style


def open_reporters(manager: StageManager, style: Style, detail: Detail) -> None:
    """Have a manager's builds told on stderr; a view that is open is closed with the command."""
    terminal = TerminalReporter(sys.stderr, style, detail)
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


class _CollectAgain:
    """Turns garbage collection on when execution begins; what the plan is made of is left out."""

    def handle(self, event: Event) -> None:
        """Wait for the plan."""
        if isinstance(event, PlanReady) and not gc.isenabled():
            gc.freeze()
            gc.enable()
