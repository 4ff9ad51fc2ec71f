"""`stagemake watch`: build again whenever something changes."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
from typing import TYPE_CHECKING

import click
from attrs import define, evolve, field

from stagemake.cli.building_options import (
    cache_option,
    jobs_option,
    keep_going_option,
    silent_option,
    verbose_option,
)
from stagemake.cli.project_options import color_option, project_options
from stagemake.cli.raw_output import terminal_columns
from stagemake.cli.reporters import open_reporters, rerun_command
from stagemake.cli.signals import PATIENCE, Ended, handled
from stagemake.model.event import StageSettled, StageStarted
from stagemake.model.mode import CacheMode, ExecutionMode
from stagemake.model.request import BuildRequest
from stagemake.report.amount import printable
from stagemake.report.error_text import error_text
from stagemake.report.log_text import shown_log
from stagemake.report.style import style_for
from stagemake.report.terminal import Detail
from stagemake.report.watch_text import changed_text, keys_text, waiting_text, why_text
from stagemake.watch.follower import Command
from stagemake.watch.keys import Keys
from stagemake.watch.mailbox import Mailbox
from stagemake.watch.services import Services
from stagemake.watch.session import Watch
from stagemake.watch.watcher import FileWatcher, Poller, check_watchfiles
from stagemake.watch.workbench import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import FrameType

    from stagemake.cli.place import Place
    from stagemake.manager import StageManager
    from stagemake.model.error import StagemakeError
    from stagemake.model.event import Event
    from stagemake.model.result import BuildOutcome
    from stagemake.report.style import Style
    from stagemake.stagefile.recorder import Recorder
    from stagemake.watch.mailbox import Changed
    from stagemake.watch.port import Follower
    from stagemake.watch.watcher import Watcher


@click.command("watch")
@click.argument("targets", nargs=-1)
@jobs_option
@keep_going_option
@silent_option
@verbose_option
@cache_option
@click.option("--poll", type=click.FloatRange(min=0.05), default=None, metavar="SECONDS",
              help="Look at all files every so often, where the system tells of no changes.")  # fmt: skip
@click.option("--exec", "then", default="", metavar="COMMAND",
              help="Run a shell command after each build that made something.")  # fmt: skip
@color_option
@project_options
def command(  # noqa: PLR0917 - click passes keywords
    place: Place,
    targets: tuple[str, ...],
    jobs: int | None,
    keep_going: bool,
    silent: bool,
    verbose: bool,
    cache: str,
    poll: float | None,
    then: str,
    color: str,
) -> int:
    """Build TARGETS, and build them again whenever something changes that they depend on.

    Press h for the keys, ^C to end.
    """
    if poll is None:
        check_watchfiles()
    stagefile = place.path()
    request = BuildRequest(
        targets=targets,
        jobs=jobs or 0,
        keep_going=keep_going,
        cache=CacheMode(cache),
        cwd=place.cwd(os.path.dirname(stagefile)),
    )
    style = style_for(color, os.environ, is_terminal=sys.stderr.isatty())
    detail = Detail.SILENT if silent else Detail.VERBOSE if verbose else Detail.NORMAL
    screen = _Screen(style, detail, functools.partial(rerun_command, place, request))
    with contextlib.ExitStack() as stack:
        managers = _Managers(place, request, screen)
        stack.callback(managers.close)
        stack.callback(screen.close)
        bench = Workbench(
            stagefile, request, managers.open, screen.open, has_values=bool(place.values)
        )

        def make_watcher(tell: Callable[[Changed], None]) -> Watcher:
            return FileWatcher(tell) if poll is None else Poller(tell, poll)

        mailbox = Mailbox()
        root, environ = os.path.dirname(stagefile), dict(os.environ)
        followers: tuple[Follower, ...] = (
            Services(
                bench.service_starts, root, environ, mailbox.put, screen.notice, screen.show_line
            ),
        )
        if then:
            followers += (Command(then, root, environ, mailbox.put, screen.notice),)
        watch = Watch(bench, screen, make_watcher, followers, mailbox)
        stack.enter_context(_signals(watch))
        if sys.stdin.isatty():
            screen.keys = Keys(sys.stdin.fileno(), watch.press)
            stack.enter_context(screen.keys.open())
        return watch.run()


@define
class _Managers:
    """Opens managers of one project one after another; each closes the one before."""

    place: Place
    request: BuildRequest
    screen: _Screen
    _current: Place | None = None

    def open(self, notes: Recorder | None) -> StageManager:
        """Run the Stagefile. Errors as `Place.manager`."""
        self.close()
        self._current = evolve(self.place, opened=[], handlers={}, closers=[])
        return self._current.manager(
            ExecutionMode.LIVE,
            self.screen.open,
            jobs=self.request.jobs,
            records=True,
            notes=notes,
        )

    def close(self) -> None:
        """End the session of the last one."""
        current, self._current = self._current, None
        if current is not None:
            current.close()


@define
class _Screen:
    """Says on stderr what goes on, and has the keyboard, unless a stage has it."""

    style: Style
    detail: Detail
    rerun: Callable[[str], str]  # the command that failures name, by stage
    keys: Keys | None = None
    _views: list[Callable[[], None]] = field(factory=list)  # close what shows the last build

    def open(self, manager: StageManager) -> None:
        """Have a manager's next build told."""
        self.close()
        if self.keys is not None:
            manager.reporter.add(_Lender(self.keys))
        open_reporters(manager, self.style, self.detail, self.rerun, at_end=self._views.append)

    def close(self) -> None:
        """Leave nothing on the terminal that is drawn again."""
        while self._views:
            self._views.pop()()

    def _say(self, text: str, colour: str = "dim") -> None:
        if self.detail is not Detail.SILENT:
            sys.stderr.write(self.style.paint(f"stagemake: {text}", colour) + "\n")
            sys.stderr.flush()

    def changed(self, paths: Collection[str]) -> None:
        """Say what a build is about to be made for."""
        self._say(changed_text(paths))

    def given_up(self, path: str) -> None:
        """Say that a build was overtaken."""
        self._say(f"given up, because `{printable(path)}` changed meanwhile", "yellow")

    def mistake(self, error: StagemakeError) -> None:
        """Print an error."""
        self.close()
        sys.stderr.write(error_text(error, self.style, terminal_columns(sys.stderr)))
        sys.stderr.flush()

    def waiting(self) -> None:
        """Say that nothing is to be done."""
        self.close()
        self._say(waiting_text(has_keys=self.keys is not None))

    def notice(self, text: str) -> None:
        """Say something else."""
        self._say(text, "yellow")

    def show_line(self, name: str, line: bytes) -> None:
        """Print what a service has printed, behind its name; also from a thread."""
        text = shown_log(line.rstrip(b"\r"), keep_colour=self.style.is_on)
        sys.stderr.write(f"{self.style.paint(name, 'bold')} | {text}\n")
        sys.stderr.flush()

    def why(self, outcome: BuildOutcome | None) -> None:
        """Print why stages ran."""
        sys.stderr.write(why_text(outcome))
        sys.stderr.flush()

    def help(self) -> None:
        """Print the keys."""
        sys.stderr.write(keys_text())
        sys.stderr.flush()


@define
class _Lender:
    """Gives the keyboard to stages that have the terminal, and takes it back."""

    keys: Keys
    _lent_to: str = ""

    def handle(self, event: Event) -> None:
        """Follow a build."""
        if isinstance(event, StageStarted) and event.console:
            self._lent_to = event.name
            self.keys.lend()
        elif isinstance(event, StageSettled) and self._lent_to == event.result.name:
            self._lent_to = ""
            self.keys.take_back()


@contextlib.contextmanager
def _signals(watch: Watch) -> Iterator[None]:
    """Have INT, TERM, HUP and QUIT end the watch in order; further ones end what runs at once, then the tool."""
    numbers: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        numbers.append(number)
        watch.ask_to_end(number)
        if len(numbers) > PATIENCE:
            raise Ended(numbers[0])

    with handled((signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT), note):
        yield
