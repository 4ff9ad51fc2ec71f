"""Small projects, written, loaded and identified; for tests of function identity."""

from __future__ import annotations

import builtins
import importlib
import json
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from stagemake.fingerprint.component import Component, digest_of
from stagemake.fingerprint.function import FileSources, FunctionIdentifier, FunctionIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stagemake.fingerprint.graph import Graph

F = "def target(context):\n"
G = F + "    return "

Files = str | dict[str, str]  # the text of a Stagefile, or texts by path


SHADOWED = {"statistics"}


@pytest.fixture(autouse=True)
def fresh_modules() -> Iterator[None]:
    before, path = set(sys.modules), list(sys.path)
    # Projects in these tests have modules of these names; other tests may have loaded the library's.
    hidden = {name: sys.modules.pop(name) for name in SHADOWED & before}
    patched = [(one, dict(vars(one))) for one in (builtins, json, json.JSONEncoder, os)]
    sys.dont_write_bytecode, written = True, sys.dont_write_bytecode
    yield
    sys.dont_write_bytecode = written
    sys.path[:] = path
    for name in (set(sys.modules) - before) | (SHADOWED & set(sys.modules)):
        del sys.modules[name]
    sys.modules.update(hidden)
    for one, held in patched:
        for name in [*vars(one)]:
            if name not in held:
                delattr(one, name)
            elif vars(one)[name] is not held[name]:
                setattr(one, name, held[name])


def load(root: Path, files: Files) -> ModuleType:
    """Write a project and run its Stagefile in a fresh module, helpers imported anew."""
    texts = {"Stagefile": files} if isinstance(files, str) else files
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if "/project-" in file:
            del sys.modules[name]
    sys.path[:] = [str(root), *(entry for entry in sys.path if "/project-" not in entry)]
    importlib.invalidate_caches()
    module = ModuleType("Stagefile")
    module.__file__ = str(root / "Stagefile")
    text = texts["Stagefile"]
    exec(compile(text, module.__file__, "exec", dont_inherit=True), vars(module))
    return module


def identity_of(root: Path, files: Files, name: str = "target") -> FunctionIdentity:
    root.mkdir()
    module = load(root, files)
    return FunctionIdentifier(str(root), FileSources()).identify(getattr(module, name))


def pair(text: str, before: object = 1, after: object = 2, **files: str) -> tuple[Files, Files]:
    """Return two projects that differ in what stands for `@@`; modules by name, `a__b` for `a/b.py`."""

    def one(value: object) -> Files:
        texts = {
            "Stagefile": text,
            **{f"{name.replace('__', '/')}.py": files[name] for name in files},
        }
        return {
            name.replace("init.py", "__init__.py"): each.replace("@@", str(value))
            for name, each in texts.items()
        }

    return one(before), one(after)


def shown(graph: Graph, component: Component) -> str:
    """Return a component's label, else what it stands for."""
    if component.label:
        return component.label
    if component.is_same:
        return "one object"
    if component.content == digest_of(b"module as a value"):
        return "module as a value"
    return next(" ".join(key).rstrip() for key, one in graph._by_key.items() if one is component)
