"""Where a command works: which directory, Stagefile and configuration, and the manager that they describe."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from stagemake.cli.command_names import COMMANDS
from stagemake.cli.signals import Ended
from stagemake.freshness import noop
from stagemake.model.error import StagemakeError, UsageError
from stagemake.model.mode import ExecutionMode
from stagemake.model.valued import Valued
from stagemake.report.amount import printable
from stagemake.stagefile.find import find_stagefile

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.manager import StageManager
    from stagemake.model.event import Event
    from stagemake.recalled import Found
    from stagemake.stagefile.recorder import Recorder
    from stagemake.state import StateStore


@frozen(eq=False, repr=False)
class Place(Valued):
    """Where to work, from -C, -f, -D and --cache-dir."""

    directory: str  # absolute
    stagefile: str  # as given; empty: the nearest
    values: tuple[str, ...]
    cache_dir: str | None
    opened: list[StageManager] = field(factory=list, eq=False)  # to be closed at the command's end
    handlers: dict[int, Any] = field(factory=dict, eq=False)  # of signals, from before the session
    closers: list[Callable[[], None]] = field(
        factory=list, eq=False
    )  # called last, whatever happens

    def path(self) -> str:
        """Return where the Stagefile is, absolute, without reading it.

        Raises:
            StagemakeError: There is none.
        """
        path = (
            os.path.realpath(os.path.join(self.directory, self.stagefile))
            if self.stagefile
            else os.path.realpath(find_stagefile(self.directory))
        )
        if not os.path.isfile(path):
            raise UsageError(f"there is no Stagefile `{self.stagefile}`")
        return path

    def state(self) -> StateStore:
        """Return the project's memory, without running the Stagefile.

        Raises:
            StagemakeError: There is no Stagefile, or the memory can't be trusted.
        """
        from stagemake.state import StateStore  # noqa: PLC0415 - gate, 2 ms, not for `--help`

        path = self.path()
        return StateStore(os.path.dirname(path), os.path.basename(path)).checked()

    def manager(
        self,
        mode: ExecutionMode = ExecutionMode.DRY_RUN,
        open_ui: Callable[[StageManager], None] | None = None,
        *,
        found: Found | None = None,
        builds_all: bool = False,
        tolerates_unknown_plugins: bool = False,
        assume_changed: tuple[str, ...] = (),
        records: bool = False,
        notes: Recorder | None = None,
        **keywords: Any,
    ) -> StageManager:  # Any: passed on to StageManager
        """Return a manager with the project's Stagefile loaded, and its plugins.

        Args:
            mode: What stages of plugins in the session are told; LIVE where the command may change files.
            open_ui: Adds reporters.
            found: What the entry found out; the Stagefile is then run only where a function of it is needed.
            builds_all: Whether all is built that is built without targets.
            tolerates_unknown_plugins: Whether plugins that are named and not installed are only noted.
            assume_changed: What a what-if is about: globs find those that are not there yet.
            records: Whether it has to be known what the Stagefile reads, whatever -D says.
            notes: The recorder to take for it, if the caller wants to know it also of one that fails.
            **keywords: For the StageManager.

        Raises:
            StagemakeError: There is no Stagefile, or something in it or in a plugin is wrong.
        """
        from stagemake.manager import StageManager  # noqa: PLC0415 - gate, 60 ms, not for `--help`
        from stagemake.stagefile import audit  # noqa: PLC0415 - as above

        path = self.path()
        root = os.path.dirname(path)
        recalled = None
        if found is not None:
            from stagemake.recalled import recall  # noqa: PLC0415 - gate, 2 ms, plain builds only

            recalled = recall(found, is_build=builds_all)
        recorded = None
        if (
            recalled is None
            and audit.is_installed()
            and (assume_changed or records or not self.values)
        ):
            # What comes of -D is of this run only. Settings are read before the Stagefile is.
            from stagemake.stagefile import recorder  # noqa: PLC0415 - gate, 10 ms, where the Stagefile is run

            recorded = notes or recorder.Recorder(root)
            recorded.note_file(f"{root}/pyproject.toml")
        manager = StageManager(
            root,
            cache_dir=self.cache_dir,
            config=dict(map(_pair, self.values)),
            name=""
            if found is None
            else os.path.basename(path),  # else the file's, once it is loaded
            **keywords,
        )
        manager.project.session.recorder = recorded
        if assume_changed:
            from stagemake.what_if import new_files  # noqa: PLC0415 - gate, what-if only

            manager.project.session.assumed = new_files(root, assume_changed)
        self.opened.append(manager)
        if recalled is not None:
            if (
                manager.extensions is not None
            ):  # what names them was read before: a session has to begin
                raise noop.Overtaken
            manager.project.recall(recalled)
        elif manager.extensions is None:
            manager.load(os.path.basename(path))  # it may name plugins
        else:
            manager.extensions.stagefile = os.path.basename(path)
        if manager.extensions is not None:
            manager.extensions.mode = mode
            manager.extensions.roster.tolerates_unknown = tolerates_unknown_plugins
            self._begin(manager, open_ui or tell_notices)
        elif open_ui is not None:
            open_ui(manager)
        return manager

    def _begin(self, manager: StageManager, open_ui: Callable[[StageManager], None]) -> None:
        """Begin a manager's session; it has one."""
        extensions = manager.extensions
        assert extensions is not None, "there are plugins"
        extensions.roster.named_parts.taken_commands = COMMANDS
        extensions.open_ui = lambda: open_ui(manager)
        self._end_in_order_on_signals()
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for the command's own answer
            manager.begin()

    def close(self) -> None:
        """End the sessions of all managers, then all that was open besides. Errors as `StageManager.close`."""
        try:
            for manager in self.opened:
                if manager.extensions is not None:
                    sys.stdout.flush()  # so that the command's answer comes first
                    with contextlib.redirect_stdout(sys.stderr):
                        manager.close()
        finally:
            if self.handlers:
                import signal  # noqa: PLC0415 - gate, 1 ms, with a session only

                while self.handlers:
                    signal.signal(*self.handlers.popitem())
            while self.closers:
                self.closers.pop()()

    def closed_after(self, work: Callable[[], int]) -> int:
        """Do some work, close this, and return what the work gave. Of two errors the first one counts."""
        try:
            status = work()
        except BaseException as error:
            try:
                self.close()
            except StagemakeError as second:
                error.add_note(str(second))
            raise
        self.close()
        return status

    def _end_in_order_on_signals(self) -> None:
        """Have SIGTERM and SIGHUP raise, as SIGINT does, so that the session ends as it should."""
        import signal  # noqa: PLC0415 - gate, 1 ms, with a session only
        import threading  # noqa: PLC0415 - as above

        if self.handlers or threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGHUP):
            self.handlers[number] = signal.signal(number, _raise_ended)

    def project_path(self, typed: str, root: str) -> str:
        """Return what a path on the command line is: relative to `root`, or absolute outside of it."""
        folder, name = os.path.split(os.path.join(self.directory, typed).rstrip("/"))
        place = os.path.realpath(folder)
        if name in {"", ".", ".."}:
            full = os.path.realpath(os.path.join(place, name))
        else:
            full = os.path.join(place, name)
        return "." if full == root else full.removeprefix(root.rstrip("/") + "/")

    def cwd(self, root: str) -> str:
        """Return the working directory relative to `root`; empty for the root itself."""
        relative = os.path.relpath(os.path.realpath(self.directory), root)
        return "" if relative == "." or relative.startswith("..") else relative


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"`-D` takes NAME=VALUE, not `{text}`")
    return name, value


def _raise_ended(number: int, _frame: object) -> None:
    raise Ended(number)


class _Notices:
    """Tells notices, where nothing else is reported."""

    def handle(self, event: Event) -> None:
        """Print a notice on stderr, and what is waited for."""
        from stagemake.model.event import Notice, WaitingForLock  # noqa: PLC0415 - who sends one has it

        if isinstance(event, Notice):
            sys.stderr.write(f"stagemake: {printable(event.text)}\n")
        elif isinstance(event, WaitingForLock):
            text = f"waiting for another build of this project ({event.holder})"
            sys.stderr.write(f"stagemake: {text}\n")


def tell_nothing(manager: StageManager) -> None:
    """Open no reporter at all."""
    del manager


def tell_notices(manager: StageManager) -> None:
    """Print notices on stderr."""
    manager.reporter.add(_Notices())
