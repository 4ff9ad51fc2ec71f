"""Who tells a build's story on stderr: `build` and `trace` ask."""

from __future__ import annotations

import functools
import gc
import sys
from typing import TYPE_CHECKING

from stagemake.model.event import PlanReady
from stagemake.report.terminal import Detail, TerminalReporter

if TYPE_CHECKING:
    from stagemake.manager import StageManager
    from stagemake.model.event import Event
    from stagemake.report.style import Style


def open_reporters(manager: StageManager, style: Style, detail: Detail) -> None:
    """Have a manager's builds told on stderr."""
    terminal = TerminalReporter(sys.stderr, style, detail)
    if detail is Detail.VERBOSE:
        from stagemake.cli.verbose import changes_of  # noqa: PLC0415 - gate, -v only

        terminal.changes_of = functools.partial(changes_of, manager)
    if sys.stderr.isatty() and detail is not Detail.SILENT:
        from stagemake.plan.remaining import Remaining  # noqa: PLC0415 - gate, 6 ms, terminals only

        terminal.countdown = Remaining()
    manager.reporter.add(terminal)
    manager.reporter.add(_CollectAgain())


class _CollectAgain:
    """Turns garbage collection on when execution begins; what the plan is made of is left out."""

    def handle(self, event: Event) -> None:
        """Wait for the plan."""
        if isinstance(event, PlanReady) and not gc.isenabled():
            gc.freeze()
            gc.enable()
