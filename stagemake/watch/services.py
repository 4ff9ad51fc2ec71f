"""The services of a watch: started by builds that went well, and anew where they would not be the same any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.execute.environment import mask
from stagemake.report.amount import printable
from stagemake.watch.follower import how_it_ended
from stagemake.watch.mailbox import Ended
from stagemake.watch.service_run import ServiceRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from stagemake.model.result import BuildOutcome
    from stagemake.model.stage import Stage
    from stagemake.serving import ServiceStart


@define
class Services:
    """Runs each service once, as its key was at the last build that went well. For one thread.

    Args:
        starts: Gives the services that there are now, as they would be started.
        root: The project's directory, absolute.
        environ: The tool's environment; values of secrets are not shown.
        tell: Takes the news that one has ended by itself, from a thread.
        notice: Says something to people.
        show: Takes the name of a service and a line that it printed, from a thread.
    """

    starts: Callable[[], Iterable[ServiceStart]]
    root: str
    environ: Mapping[str, str]
    tell: Callable[[Ended], object]
    notice: Callable[[str], object]
    show: Callable[[str, bytes], object]
    _running: dict[str, ServiceRun] = field(factory=dict)

    def follow(self, outcome: BuildOutcome, *, is_first: bool) -> None:
        """Start what does not run, and end and start what would be another than it was."""
        del outcome, is_first  # whatever was built: the keys tell
        try:
            now = {str(start.stage.name): start for start in self.starts()}
        except OSError as error:
            self.notice(f"the services stay as they are, because an input can't be read: {error}")
            return
        stale = [name for name, run in self._running.items() if not _is_same(run, now.get(name))]
        live = [name for name in stale if not self._running[name].has_ended]
        self._end(stale)
        for name in live:
            if name not in now:
                self.notice(f"service `{name}` is ended: it is no longer part of what is watched")
        for name, start in now.items():
            if start.missing:
                self._say_missing(start)
            elif name not in self._running:
                self._start(start, "restarted" if name in live else "started")

    def ended(self, message: Ended) -> None:
        """Say that one has ended by itself."""
        if not message.is_service:
            return
        run = self._running.get(message.name)
        if run is not None and run.has_ended:
            self._end([message.name])
        how = message.note or how_it_ended(message.exit_code)
        self.notice(f"service `{message.name}` {how}; it is started again after the next build")

    def close(self) -> None:
        """End all, side by side."""
        self._end(list(self._running))

    def _end(self, names: Iterable[str]) -> None:
        runs = [self._running.pop(name) for name in names]
        for run in runs:
            run.ask_to_end()
        for run in runs:
            run.close()

    def _start(self, start: ServiceStart, how: str) -> None:
        stage = start.stage
        name = str(stage.name)
        self.notice(f"service `{name}` is {how}")
        self._running[name] = ServiceRun(
            start,
            self.root,
            lambda line: self._show(stage, line),
            lambda ended: self.tell(Ended(name, ended.exit_code, ended.note, is_service=True)),
        )

    def _show(self, stage: Stage, line: bytes) -> None:
        self.show(stage.name, mask(line, self.environ, stage))

    def _say_missing(self, start: ServiceStart) -> None:
        more = f" and {len(start.missing) - 1} more" if len(start.missing) > 1 else ""
        self.notice(
            f"service `{start.stage.name}` is not started: "
            f"its input `{printable(start.missing[0])}`{more} is neither there nor made by a stage"
        )


def _is_same(run: ServiceRun, now: ServiceStart | None) -> bool:
    return now is not None and not run.has_ended and not now.missing and run.start.key == now.key
