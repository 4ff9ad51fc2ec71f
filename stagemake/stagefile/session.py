"""One evaluation of a Stagefile: where declarations go while it runs, and what it read."""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from attrs import define, field, frozen

from stagemake.model.stage import SourceLocation
from stagemake.model.valued import Valued
from stagemake.stagefile.registry import StageRegistry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.model.error import MissingProgram
    from stagemake.stagefile.loader import Evaluation
    from stagemake.stagefile.recorder import Recorder

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


@frozen(eq=False, repr=False)
class Question(Valued):
    """What a Stagefile asks a program: all that the answer may depend on, contents aside."""

    argv: tuple[str, ...]
    is_shell: bool  # then argv is `/bin/sh -c TEXT`
    cwd: str  # relative to the root; empty for the root itself
    env: tuple[tuple[str, str], ...]  # all of it, by name
    inputs: tuple[str, ...] | None  # project paths; None: it is asked each time


class CaptureMemo(Protocol):
    """Answers from earlier evaluations."""

    def key(self, question: Question, program: str) -> str:
        """Return what the answer goes by, with contents as they are now."""

    def recall(self, key: str) -> bytes | None:
        """Return the answer under a key; None when it is not known."""

    def remember(self, key: str, answer: bytes) -> None:
        """Keep an answer."""


@define(eq=False, repr=False)
class Session:
    """What the language needs while a Stagefile runs, and what it noted.

    An included Stagefile has one of its own, with other words about where it stands and the same notes.
    `env_read` and `config_read` say what the words of the language looked at, `plugins` which versions took part.
    """

    root: str  # absolute
    environ: Mapping[str, str]
    config: Mapping[str, object]  # the project's table, overridden by -D
    stage_env: Mapping[str, str] | None = None  # what every stage gets; None: all of `environ`
    base: str = ""  # directory of the Stagefile being read, relative to the root
    prefix: str = ""  # of the names that it declares, with the final dot
    home: Evaluation | None = None  # the Stagefile being read
    including: tuple[
        tuple[str, SourceLocation], ...
    ] = ()  # who includes what is read, and where; outermost first
    included: dict[tuple[str, str], SourceLocation] = field(factory=dict)  # by file and prefix
    registry: StageRegistry = field(factory=StageRegistry)
    env_read: dict[str, str | None] = field(factory=dict)
    config_read: dict[str, object] = field(factory=dict)
    config_defaults: dict[str, object] = field(factory=dict)
    programs_sought: dict[str, str | None] = field(factory=dict)  # by which() and need(): the path
    missing_programs: list[MissingProgram] = field(factory=list)  # that need() did not find
    capture_memo: CaptureMemo | None = None
    named_plugins: dict[str, SourceLocation] = field(factory=dict)  # by plugin(), in order
    plugins: dict[str, str] = field(factory=dict)  # versions of the installed ones that take part
    awaits_plugins: bool = False  # names of stages can't be checked before plugins have joined
    notices: list[str] = field(factory=list)
    assumed: tuple[str, ...] = ()  # files that globs find although they aren't there: a what-if
    concealed: frozenset[str] = frozenset()  # paths that globs don't find although they are
    globs: list[tuple[str, str, tuple[str, ...], tuple[str, ...]]] = field(
        factory=list
    )  # directory, pattern, what is excluded, what was found
    captured: list[tuple[str, ...] | None] = field(factory=list)  # the inputs of captures
    recorder: Recorder | None = None  # of what evaluation depends on; None: nobody asks
    _locations: dict[tuple[str, int, int], SourceLocation] = field(factory=dict)
    _shown: dict[str, str] = field(factory=dict)

    @property
    def search_path(self) -> str:
        """The PATH that stages get unless they say otherwise."""
        given = self.environ if self.stage_env is None else self.stage_env
        return given.get("PATH", os.defpath)

    def tell_missing(self, error: BaseException) -> None:
        """Raise what `need` noted, if this error is that a Stagefile started that program all the same."""
        if isinstance(error, FileNotFoundError) and isinstance(error.filename, str):
            self.tell_missing_program(error.filename)

    def tell_missing_program(self, name: str) -> None:
        """Raise what `need` noted of a program."""
        for missing in self.missing_programs:
            if missing.names[0] == name:
                raise missing

    def location(self, depth: int) -> SourceLocation:
        """Return the nearest line outside stagemake, starting `depth` frames up."""
        frame = sys._getframe(depth + 1)  # noqa: SLF001 - inspect.stack costs milliseconds
        code = frame.f_code  # read once: an audit hook hears of it, at 1 us a time
        while code.co_filename.startswith(_PACKAGE) and frame.f_back is not None:
            frame = frame.f_back
            code = frame.f_code
        place = (code.co_filename, code.co_firstlineno, frame.f_lasti)
        found = self._locations.get(place)
        if found is None:  # a line number takes a walk through the code's table: remember it
            found = SourceLocation(self.shown(code.co_filename), frame.f_lineno)
            self._locations[place] = found
        return found

    def shown(self, filename: str) -> str:
        """Return a source file as users know it: relative to the root when inside it."""
        shown = self._shown.get(filename)
        if shown is None:
            prefix = self.root + os.sep
            shown = filename.removeprefix(prefix)
            self._shown[filename] = shown
        return shown


CURRENT: ContextVar[Session | None] = ContextVar("stagemake_session", default=None)


def current() -> Session:
    """Return the running evaluation, or a throw-away one when none runs.

    Outside an evaluation the language still makes stages, relative to the working directory, for
    programs that hand them to `StageManager.register_stage`.
    """
    session = CURRENT.get()
    if session is None:
        session = Session(root=os.getcwd(), environ=os.environ, config={})
    return session
