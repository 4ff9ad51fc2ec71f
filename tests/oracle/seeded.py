"""Bugs kept as patches: reading one, and applying it to a copy of the package.

A patch looks like a unified diff without line numbers. `@@ name` names the function or class (dotted for
methods) that holds the lines; they are found there by their text, however deep they are indented.
"""

from __future__ import annotations

import ast
import glob
import importlib
import inspect
import os
import shutil
from types import CodeType, FunctionType

from attrs import frozen


class DoesNotApply(Exception):
    """A patch and the code it breaks have drifted apart; the text says where."""


@frozen
class Hunk:
    """Lines of one file to be replaced by others."""

    file: str
    scope: str  # qualified name of a function or class; empty for the whole file
    old: tuple[str, ...]
    new: tuple[str, ...]


@frozen
class SeededBug:
    """One patch. Lines before the first `---` say what it breaks and which acts show it."""

    name: str
    what: str
    acts: tuple[str, ...]
    driver: str  # by whom it is caught; those that only the command line can show say so
    seed: int  # of the first history to try
    hunks: tuple[Hunk, ...]


def read_bug(path: str) -> SeededBug:
    """Return what is in a patch file."""
    with open(path, encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("--- "))
    head = [line.removeprefix("#").strip() for line in lines[:start]]
    fields = dict(line.split(": ", 1) for line in head[1:])
    return SeededBug(
        name=os.path.basename(path).removesuffix(".patch"),
        what=head[0],
        acts=tuple(fields["acts"].split()),
        driver=fields.get("driver", "in-process"),
        seed=int(fields.get("seed", "0")),
        hunks=tuple(_hunks(lines[start:])),
    )


def _hunks(lines: list[str]) -> list[Hunk]:
    found: list[Hunk] = []
    file, scope = "", ""
    old: list[str] = []
    new: list[str] = []
    for line in [*lines, "@@"]:
        if line.startswith("--- "):
            continue
        if line.startswith(("+++ ", "@@")):
            if old:
                found.append(Hunk(file, scope, tuple(old), tuple(new)))
            old, new = [], []
            if line.startswith("+++ "):
                file, scope = line.removeprefix("+++ b/").strip(), ""
            else:
                scope = line.removeprefix("@@").strip()
            continue
        if line[:1] in {" ", "-"}:
            old.append(line[1:])
        if line[:1] in {" ", "+"}:
            new.append(line[1:])
    return found


def broken_files(bug: SeededBug, home: str) -> dict[str, str]:
    """Return the texts of the files below `home` that a bug is in, with the bug, by path from there.

    Raises:
        DoesNotApply: The lines to replace aren't there exactly once.
    """
    found: dict[str, str] = {}
    for hunk in bug.hunks:
        try:
            if hunk.file not in found:
                with open(f"{home}/{hunk.file}", encoding="utf-8") as stream:
                    found[hunk.file] = stream.read()
            found[hunk.file] = replaced(found[hunk.file], hunk)
            ast.parse(found[hunk.file])
        except (OSError, DoesNotApply, SyntaxError) as error:
            raise DoesNotApply(
                f"{bug.name}.patch no longer applies to {hunk.file}, `{hunk.scope}`: {error};"
                " write the patch anew:\n" + "\n".join(hunk.old)
            ) from None
    return found


def become_broken(bug: SeededBug, home: str) -> None:
    """Break the package that this process has loaded, for good: its functions do what those of the patch do.

    Raises:
        DoesNotApply: As for `broken_files`; or something else than the body of a function is changed.
    """
    codes = {
        path: _functions_of(compile(text, f"{home}/{path}", "exec"))
        for path, text in broken_files(bug, home).items()
    }
    for hunk in bug.hunks:
        found: object = importlib.import_module(
            hunk.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        )
        for name in hunk.scope.split("."):
            found = inspect.getattr_static(found, name)
        function = inspect.unwrap(getattr(found, "__func__", found))  # type: ignore[arg-type]  # else refused below
        code = codes[hunk.file].get(hunk.scope)
        if not isinstance(function, FunctionType) or code is None:
            raise DoesNotApply(f"{bug.name}.patch: `{hunk.scope}` is no plain function")
        function.__code__ = code


def _functions_of(code: CodeType) -> dict[str, CodeType]:
    """Return the code of all functions of a module and of its classes, by qualified name."""
    found: dict[str, CodeType] = {}
    for one in code.co_consts:
        if isinstance(one, CodeType):
            found |= {one.co_qualname: one, **_functions_of(one)}
    return found


def copy_with(bug: SeededBug, home: str, target: str) -> None:
    """Copy the package from `home` to `target` and break it.

    Raises:
        DoesNotApply: The lines to replace aren't there exactly once.
    """
    shutil.copytree(f"{home}/stagemake", f"{target}/stagemake")  # what is compiled spares a second
    for file, broken in broken_files(bug, home).items():
        path = f"{target}/{file}"
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(broken)
        folder, name = os.path.split(path)
        for compiled in glob.glob(f"{folder}/__pycache__/{name.removesuffix('.py')}.*.pyc"):
            os.unlink(compiled)  # it goes by size and second, which may be the same


def replaced(text: str, hunk: Hunk) -> str:
    """Return a file's text with a hunk's old lines replaced by the new ones.

    Raises:
        DoesNotApply: There is no such function, or the lines aren't there exactly once.
    """
    lines = text.splitlines()
    first, last = _span(text, hunk.scope) if hunk.scope else (0, len(lines))
    wanted = [line.strip() for line in hunk.old]
    count = len(wanted)
    places = [
        at for at in range(first, last - count + 1)
        if [line.strip() for line in lines[at : at + count]] == wanted
    ]  # fmt: skip
    if len(places) != 1:
        raise DoesNotApply(f"these lines stand there {len(places)} times, not once")
    at = places[0]
    moved = _indent(lines[at]) - _indent(hunk.old[0])
    new = [" " * (_indent(line) + moved) + line.strip() for line in hunk.new]
    return "\n".join([*lines[:at], *new, *lines[at + count :]]) + "\n"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _span(text: str, scope: str) -> tuple[int, int]:
    """Return first and last line (from 0, exclusive) of a function or class."""
    body: list[ast.stmt] = ast.parse(text).body
    node: ast.stmt | None = None
    for name in scope.split("."):
        node = next((one for one in body if getattr(one, "name", None) == name), None)
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            raise DoesNotApply(f"there is no `{name}`")
        body = node.body
    assert node is not None, "a scope has a name"
    return node.lineno - 1, node.end_lineno or node.lineno
