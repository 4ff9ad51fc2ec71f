"""Run a Stagefile. Every run compiles from source: a stale .pyc is never believed."""

from __future__ import annotations

import importlib.util
import os
import traceback
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

from attrs import define, evolve

from stagemake.freshness.regular import read_regular
from stagemake.model.error import EvaluationFailed, NoStagefile, StagemakeError, did_you_mean
from stagemake.stagefile.find import find_stagefile
from stagemake.stagefile.imports import ProjectImports
from stagemake.stagefile.session import CURRENT, Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import CodeType

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


@define(eq=False, repr=False)
class Evaluation:
    """A Stagefile that has run: what it declared and the modules it brought along."""

    session: Session
    path: str  # absolute
    texts: dict[str, str]  # source by absolute file name, exactly as compiled
    imports: ProjectImports  # the modules it brought along
    run_files: frozenset[str] = frozenset()  # those of `texts` that ran while it was evaluated

    def text_of(self, filename: str) -> str | None:
        """Return the text a project module was compiled from; None for other files."""
        return self.texts.get(filename)

    def pin(self, filename: str, text: str) -> None:
        """Have a module that is imported from now on compiled from this text, whatever the file holds."""
        self.texts.setdefault(filename, text)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the project's modules importable, as they were when the Stagefile ran."""
        with self.imports.active():
            yield

    def enter(self) -> None:
        """Make them importable until `leave`, in a process in which nobody else asks for any."""
        self.imports.enter()

    def leave(self) -> None:
        """Undo `enter`."""
        self.imports.leave()


def evaluate(
    session: Session, path: str, given_texts: Mapping[str, str] | None = None
) -> Evaluation:
    """Run the Stagefile at `path` and return what came of it; given texts stand for what files hold.

    Raises:
        StagemakeError: A declaration is wrong; with its line.
        EvaluationFailed: The file can't be read or parsed, or it raised.
    """
    texts = dict(given_texts or {})
    imports = ProjectImports(session.root, os.path.dirname(path), texts)
    evaluation = Evaluation(session, path, texts, imports)
    base = os.path.relpath(os.path.dirname(path), session.root)
    reading = evolve(session, base="" if base == "." else base, home=evaluation)
    try:
        run(reading, evaluation, ModuleType("Stagefile"))
    except StagemakeError:
        raise
    except SystemExit as error:
        raise _failed(session, error, _of_exit(error.code), path) from error
    except Exception as error:
        session.tell_missing(error)
        what = f"raised {type(error).__name__}: {error}".rstrip(": ")
        raise _failed(session, error, what, path) from error
    if not (session.awaits_plugins or session.named_plugins):
        session.registry.check_names()
    evaluation.run_files = frozenset(texts)
    return evaluation


def _of_exit(code: object) -> str:
    """Return what a Stagefile did that called exit: a text is its own message, for who builds."""
    return f"gave up: {code}" if isinstance(code, str) else f"called exit({code!r})"


def run(session: Session, evaluation: Evaluation, module: ModuleType) -> None:
    """Run a Stagefile as `module`. Whatever it raises passes.

    Raises:
        EvaluationFailed: The file can't be read or parsed.
    """
    path = evaluation.path
    module.__file__ = path
    token = CURRENT.set(session)
    try:
        with evaluation.active():
            evaluation.imports.add(module.__name__, module)
            code = _compiled(session, path, evaluation.texts)
            exec(code, module.__dict__)  # noqa: S102 - this is what a Stagefile is for
    finally:
        CURRENT.reset(token)


def _compiled(session: Session, path: str, texts: dict[str, str]) -> CodeType:
    try:
        if path not in texts:  # else it is included a second time: as it was the first time
            texts[path] = importlib.util.decode_source(read_regular(path))
        return compile(texts[path], path, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise _syntax_error(session, error, _outermost(session, path)) from error
    except (OSError, ValueError) as error:
        what = _called(session, path, _outermost(session, path))
        raise EvaluationFailed(f"{what} can't be read: {error}") from error


def _outermost(session: Session, path: str) -> str:
    """Return the Stagefile that includes all others, absolute; `path` if it is that one."""
    return os.path.join(session.root, session.including[0][0]) if session.including else path


def _called(session: Session, path: str, outermost: str) -> str:
    return "the Stagefile" if path == outermost else f"`{session.shown(path)}`"


def _syntax_error(session: Session, error: SyntaxError, path: str) -> EvaluationFailed:
    file = session.shown(error.filename or path)
    place = f"{file}:{error.lineno}" if error.lineno else file
    line = (error.text or "").rstrip()
    facts = [("at", place)]
    if line:
        indent = len(line) - len(line.lstrip())
        column = max((error.offset or 1) - 1 - indent, 0)
        facts.append(("line", f"{line.strip()}\n{' ' * column}^"))
    what = "the Stagefile" if file == session.shown(path) else f"`{file}`"
    return EvaluationFailed(f"{what} does not parse: {error.msg}", facts=facts)


def _failed(session: Session, error: BaseException, what: str, path: str) -> EvaluationFailed:
    """Describe an exception by the project's own frames, innermost last."""
    if isinstance(error, SyntaxError):  # in a helper module
        return _syntax_error(session, error, path)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_PACKAGE, "<frozen"))
    ]
    stagefiles = {path, *(os.path.join(session.root, file) for file, _ in session.included)}
    reading = [frame.filename for frame in frames if frame.filename in stagefiles]
    who = _called(session, reading[-1] if reading else path, path)
    headline, _, more = f"{who} {what}".partition("\n")
    facts = [("more", more)] if more else []
    if frames:
        last = frames[-1]
        own = [frame for frame in frames if frame.filename.startswith(session.root + os.sep)]
        if own:
            last = own[-1]
        facts.append(("at", f"{session.shown(last.filename)}:{last.lineno}"))
        if last.line:
            facts.append(("line", last.line))
        callers = [f"{session.shown(frame.filename)}:{frame.lineno}" for frame in own[-2::-1]]
        facts.extend(("called from", place) for place in list(dict.fromkeys(callers))[:4])
    if isinstance(error, ImportError) and (wanted := _wanted_of_us(error)):
        headline = f"{who} imports `{wanted}`, which stagemake does not have"
    return EvaluationFailed(headline, facts=facts, hint=_hint_on(error, frames, session.root))


def _hint_on(error: BaseException, frames: list[traceback.FrameSummary], root: str) -> str:
    """Return what to do about an exception that came out of the frames, which may be none; empty if that is not known."""
    if isinstance(error, NameError) and error.name:
        from stagemake.model.mistyped import names_in_reach  # noqa: PLC0415 - gate, mistakes only

        return _hint_on_name(error.name, names_in_reach(error))
    if isinstance(error, TypeError) and frames:
        from stagemake.stagefile.side_by_side import hint_on_missing_argument  # noqa: PLC0415 - gate, mistakes only

        return hint_on_missing_argument(error, frames[-1])
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _hint_on_module(root, error.name)
    if isinstance(error, ImportError) and (wanted := _wanted_of_us(error)):
        return did_you_mean(wanted, _names())
    return ""


def _hint_on_name(name: str, known: Sequence[str]) -> str:
    """Return what to do about a name that a Stagefile uses and that nobody defined, nor one of the `known` ones."""
    if name in _names():
        return f"add `from stagemake import {name}`"
    return did_you_mean(name, dict.fromkeys((*known, *_names())))


def _names() -> Sequence[str]:
    """Return what a Stagefile may import from the package."""
    import stagemake  # noqa: PLC0415 - only on errors; the package imports nothing

    return stagemake.__all__


def _wanted_of_us(error: ImportError) -> str:
    """Return the name that was to be imported from the package and isn't there; before Python 3.12 only the text has it."""
    said = error.msg.partition("cannot import name '")[2]
    return said.partition("'")[0] if error.name == "stagemake" else ""


def _hint_on_module(root: str, name: str) -> str:
    """Return what to do about a module that isn't there; it may belong to a Stagefile that includes this one."""
    try:
        above = os.path.dirname(find_stagefile(os.path.dirname(root)))
    except NoStagefile:
        return ""
    place = os.path.join(above, *name.split("."))
    if not (os.path.isfile(f"{place}.py") or os.path.isdir(place)):
        return ""
    return (
        f"it lies beside the Stagefile in `{os.path.relpath(above)}`: "
        f"if that one includes this one, run `stagemake -C {os.path.relpath(above)}`"
    )
