"""From a class-based stage to the Stage value that it stands for. Asked when one is registered."""

from __future__ import annotations

from types import CodeType
from typing import TYPE_CHECKING, Any

from attrs import evolve

from stagemake.model.error import StagemakeError, UsageError
from stagemake.model.seed import StageLike
from stagemake.model.stage import (
    Call,
    DependencyOrder,
    SourceLocation,
    Stage,
    StageDependency,
)
from stagemake.stagefile.declare import build_stage, stage_words
from stagemake.stagefile.shown import shown_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.stagefile.session import Session

_IS_GENERATOR = 0x20 | 0x200  # flags of code objects; `inspect` costs milliseconds
_TAKES_ANY = 0x04
_MEMBERS = ("name", "dependencies", "execute")


def stage_of(session: Session, given: StageLike) -> Stage:
    """Return the value of an object with `name`, `dependencies()` and `execute(context)`.

    Attributes named like keywords of a stage are these keywords; paths are relative to the root.

    Raises:
        UsageError: It has not all of these members, or one of them is not what it should be.
        StagefileError: A keyword has a wrong value.
    """
    _check_members(given)
    what = f"class {type(given).__qualname__}"
    location = _location(session, given)
    base, session.base = session.base, ""
    try:
        words: dict[str, Any] = {}  # Any: checked by whoever reads the word
        for word in stage_words():
            value = getattr(given, word, None)
            if value is not None and not (isinstance(value, (tuple, str)) and not value):
                words[word] = value
        words["description"] = _description(given)
        _check_execute(given)
        action = Call(given.execute, returns_nothing=True)
        made = build_stage(session, given.name, action, words, location)  # type: ignore[arg-type]  # checked inside
        return evolve(
            made,
            dependencies=tuple(dict.fromkeys((*made.dependencies, *_dependencies(given)))),
            supports_dry_run=_supports_dry_run(given),
        )
    except StagemakeError as error:
        raise error.at(what, location or f"module {type(given).__module__}") from None
    finally:
        session.base = base


def _check_members(given: object) -> None:
    if isinstance(given, type):
        raise UsageError(
            f"`{given.__qualname__}` is a class, not a stage",
            hint=f"register an instance: {given.__qualname__}()",
        )
    if isinstance(given, StageLike):
        return
    missing = [member for member in _MEMBERS if not hasattr(given, member)]
    facts = [("lacks", ", ".join(f"`{member}`" for member in missing))]
    raise UsageError(
        f"{shown_value(given)} is no stage",
        facts=facts if len(missing) < len(_MEMBERS) else (),
        hint="a stage has name, dependencies() and execute(context)",
    )


def _location(session: Session, given: StageLike) -> SourceLocation | None:
    code = getattr(given.execute, "__code__", None)
    if not isinstance(code, CodeType):
        return None
    return SourceLocation(session.shown(code.co_filename), code.co_firstlineno)


def _check_execute(given: StageLike) -> None:
    if not callable(given.execute):
        raise UsageError(f"`execute` is {shown_value(given.execute)}, not a method")
    code = getattr(given.execute, "__code__", None)
    if not isinstance(code, CodeType):
        return
    is_bound = getattr(given.execute, "__self__", None) is not None
    if code.co_argcount - is_bound < 1 and not code.co_flags & _TAKES_ANY:
        raise UsageError(
            "execute() takes no argument, but is called with a StageContext",
            hint="write def execute(self, context)",
        )
    if code.co_flags & _IS_GENERATOR:
        raise UsageError("execute() is a generator: calling it would do nothing")


def _asked(given: StageLike, method: Callable[[], Any]) -> Any:  # Any: the caller checks it
    """Return what one of the stage's own methods answers; it may raise anything."""
    try:
        return method()
    except StagemakeError:
        raise
    except Exception as error:
        name = getattr(method, "__name__", "a method")
        raise UsageError(
            f"{name}() of stage `{given.name}` raised {type(error).__name__}: {error}"
        ) from error


def _description(given: StageLike) -> str:
    describe = getattr(given, "dry_run_description", None)
    if not callable(describe):
        found = getattr(given, "description", None)
        return found if isinstance(found, str) else ""
    text = _asked(given, describe)
    if not isinstance(text, str):
        raise UsageError(f"dry_run_description() returned {shown_value(text)}, not a text")
    return text.strip().partition("\n")[0].strip()


def _supports_dry_run(given: StageLike) -> bool:
    supports = getattr(given, "supports_dry_run", None)
    if supports is None:
        return True
    answer = _asked(given, supports) if callable(supports) else supports
    if not isinstance(answer, bool):
        raise UsageError(f"supports_dry_run() returned {shown_value(answer)}, not True or False")
    return answer


def _dependencies(given: StageLike) -> tuple[StageDependency, ...]:
    answer = _asked(given, given.dependencies)
    if isinstance(answer, (str, StageDependency, Stage)):
        answer = (answer,)
    try:
        items = list(answer)
    except TypeError:
        raise UsageError(f"dependencies() returned {shown_value(answer)}, not a list") from None
    found = []
    for item in items:
        if isinstance(item, (str, Stage)):
            found.append(StageDependency(item.name if isinstance(item, Stage) else item))
        elif not isinstance(item, StageDependency):
            raise UsageError(
                f"dependencies() holds {shown_value(item)}, not a StageDependency",
                hint='write StageDependency("its.name")',
            )
        elif not isinstance(item.stage, str) or not isinstance(item.order, DependencyOrder):
            raise UsageError(
                f"StageDependency({item.stage!r}, {item.order!r}) is not what it should be",
                hint='write StageDependency("its.name", DependencyOrder.BEFORE, required=False)',
            )
        else:
            found.append(item)
    return tuple(found)
