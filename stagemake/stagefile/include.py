"""`include`: a Stagefile that reads another one, whose names get a prefix and whose paths are its own."""

from __future__ import annotations

import os
from types import ModuleType
from typing import TYPE_CHECKING, Any

from attrs import evolve

from stagemake.freshness.place import NAMES
from stagemake.model.error import (
    BadPath,
    BadValue,
    EvaluationFailed,
    NoStagefile,
    StagefileError,
    StagemakeError,
    UsageError,
    did_you_mean,
)
from stagemake.stagefile.declare import check_name
from stagemake.stagefile.imports import ProjectImports
from stagemake.stagefile.loader import Evaluation, run
from stagemake.stagefile.paths import canonical
from stagemake.stagefile.session import current
from stagemake.stagefile.shown import shown_value

if TYPE_CHECKING:
    from stagemake.model.stage import SourceLocation, Stage
    from stagemake.stagefile.session import Session


class UnknownName(StagefileError, AttributeError):
    """An included Stagefile has no such name."""


class Included(ModuleType):
    """An included Stagefile, as the module that it ran as.

    Attributes are the names of the file (`page.site`), items its stages, as it names them
    (`page["site"]`). Being the module itself, what functions use of it counts as their code.
    """

    __slots__ = ("_session",)  # beside the file's names, not among them

    def __init__(self, name: str, session: Session) -> None:
        super().__init__(name)
        self._session = session

    def __getattr__(self, name: str) -> Any:  # Any: whatever the file has
        """Complain about a name that isn't there.

        Raises:
            UnknownName: Always; with near matches.
        """
        if name.startswith("__") or name == "_session":  # asked by Python itself
            raise AttributeError(name)
        file = self._session.shown(self.__file__ or "")
        known = [each for each in vars(self) if not each.startswith("__")]
        hint = did_you_mean(name, known)
        if self._session.prefix + name in self._session.registry:
            hint = f'a stage is reached by its name as ["{name}"]'
        place = current().location(1)
        raise UnknownName(f"`{file}` has no name `{name}`", facts=[("used", str(place))], hint=hint)

    def __getitem__(self, name: str) -> Stage:
        """Return the stage that the file declares as `name`.

        Raises:
            UsageError: There is none; with near matches.
        """
        session = self._session
        full = f"{session.prefix}{name}"
        if full in session.registry:
            return session.registry.get(full)
        own = [each.name for each in session.registry.stages()]
        names = [each[len(session.prefix) :] for each in own if each.startswith(session.prefix)]
        file = session.shown(self.__file__ or "")
        raise UsageError(
            f"`{file}` declares no stage `{name}`",
            facts=[("used", str(current().location(1)))],
            hint=did_you_mean(name, names),
        )


def include(path: str | os.PathLike[str], *, prefix: str | None = None) -> Included:
    """Read another Stagefile of the project, and return it with its names as attributes.

    Its paths are relative to it, its actions run in its directory; the names of its stages and
    pipelines get the prefix and a dot in front.

    Args:
        path: A directory with a Stagefile, or a file; relative to this Stagefile.
        prefix: Default: the path, with dots for slashes. Empty: names stay as they are.

    Raises:
        StagefileError: There is none, it lies outside the project, or something in it is wrong.
    """
    session = current()
    location = session.location(1)
    if session.home is None:
        raise UsageError("include() works in a Stagefile only", hint="use StageManager.load")
    try:
        file = _locate(session, path)
        full_prefix = session.prefix + _prefix(session, file, prefix)
        _check_circle(session, file, location)
        _check_once(session, file, full_prefix, location)
    except StagemakeError as error:
        raise error.at("include()", location) from None
    return _read(session, file, full_prefix, location)


def _read(session: Session, file: str, prefix: str, location: SourceLocation) -> Included:
    outer = session.home
    assert outer is not None, "checked by the caller"
    full = os.path.join(session.root, file)
    imports = outer.imports
    if os.path.dirname(full) != os.path.dirname(outer.path):
        imports = ProjectImports(session.root, os.path.dirname(full), outer.texts, outer.imports)
    evaluation = Evaluation(session, full, outer.texts, imports)
    own = session.shown(outer.path)
    reading = evolve(
        session,
        base=os.path.dirname(file),
        prefix=prefix,
        home=evaluation,
        including=(*session.including, (own, location)),
    )
    # No two of one chain have the same name; the first part says that it is ours.
    module = Included("Stagefile." + file.replace("/", "."), reading)
    try:
        run(reading, evaluation, module)
    except StagemakeError as error:
        if all(value != str(location) for _, value in error.facts):
            error.facts = (*error.facts, ("called from", str(location)))
        raise
    return module


def _locate(session: Session, given: object) -> str:
    """Return the file that `given` means, relative to the root."""
    if not isinstance(given, (str, os.PathLike)) or not isinstance(os.fspath(given), str):
        raise BadValue(f"include() takes a path, not {shown_value(given)}")
    path: str = canonical(str(os.fspath(given)), session.root, session.base)
    if os.path.isabs(path):
        raise BadPath(
            f"an included Stagefile lies outside the project: `{given}`",
            hint="run stagemake in a directory above both",
        )
    if path.split("/", 1)[0] == ".stagemake":
        raise BadPath(f"an included Stagefile lies in stagemake's own directory: `{given}`")
    full = os.path.join(session.root, path)
    if os.path.isdir(full):
        name = next((name for name in NAMES if os.path.isfile(os.path.join(full, name))), None)
        if name is None:
            raise NoStagefile(f"there is no Stagefile in `{path}`")
        path = os.path.normpath(os.path.join(path, name))
    elif not os.path.isfile(full):
        raise NoStagefile(
            f"there is no Stagefile or directory `{path}` to include",
            hint=_near(session.root, path),
        )
    directory = os.path.dirname(path)
    real = os.path.realpath(os.path.join(session.root, directory))
    if real != os.path.join(os.path.realpath(session.root), directory).rstrip("/"):
        raise BadPath(
            f"`{directory}` is reached through a symbolic link, behind which `..` leads elsewhere",
            facts=[("leads to", f"`{session.shown(real)}`")],
            hint="include what it leads to",
        )
    return path


def _near(root: str, path: str) -> str:
    """Return a hint naming what the path may be a slip for."""
    parent = os.path.dirname(path)
    try:
        names = os.listdir(os.path.join(root, parent))
    except OSError:
        return ""
    return did_you_mean(path, [f"{parent}/{each}" if parent else each for each in sorted(names)])


def _prefix(session: Session, file: str, given: object) -> str:
    """Return the prefix of names with its final dot, or an empty text."""
    if given is None:
        place = (
            os.path.dirname(file) if os.path.basename(file) in NAMES else file.removesuffix(".py")
        )
        relative = os.path.relpath(place or ".", session.base or ".")
        given = relative.replace("/", ".")
        hint = f'give one: include("{relative}", prefix="…")'
    else:
        hint = 'a prefix is a name, as prefix="text"; prefix="" leaves names as they are'
    if given == "":
        return ""
    try:
        name = check_name(given)
    except BadValue:
        name = "."
    if "" in name.split("."):
        raise BadValue(f"{shown_value(given)} can't be the prefix of names", hint=hint)
    return f"{name}."


def _check_circle(session: Session, file: str, location: SourceLocation) -> None:
    assert session.home is not None, "checked before"
    chain = [*session.including, (session.shown(session.home.path), location)]
    files = [each for each, _ in chain]
    if file not in files:
        return
    circle = chain[files.index(file) :]
    following = [*(each for each, _ in circle[1:]), file]
    raise EvaluationFailed(
        f"`{file}` includes itself"
        if len(circle) == 1
        else f"{len(circle)} Stagefiles include each other in a circle",
        facts=[
            (f"`{one}` -> `{other}`", str(place))
            for (one, place), other in zip(circle, following, strict=True)
        ],
        hint="take one of these away; names of an outer Stagefile can be used without including it",
    )


def _check_once(session: Session, file: str, prefix: str, location: SourceLocation) -> None:
    first = session.included.get((file, prefix))
    if first is not None:
        raise EvaluationFailed(
            f"`{file}` is included twice with the same prefix",
            facts=[("first", str(first)), ("second", str(location))],
            hint="keep what the first include() returned, or give one of them another prefix",
        )
    session.included[file, prefix] = location
