"""No pickle anywhere: a cache that somebody else can write must not become code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import stagemake

ROOT = Path(stagemake.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
FORBIDDEN_MODULES = {"pickle", "_pickle", "cPickle", "shelve", "dill", "cloudpickle", "joblib"}
FORBIDDEN_NAMES = {
    "Deque", "DjangoCache", "FanoutCache", "Index", "JSONDisk", "Averager", "memoize", "memoize_stampede",
}  # fmt: skip
DISKCACHE_USERS = {"cache/database.py", "cache/raw_cache.py"}


def imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in ("import_module", "__import__"):
                found.add(str(node.args[0].value))
    return found


def test_nothing_imports_a_pickler_and_two_places_what_of_diskcache_pickles_nothing() -> None:
    picklers, diskcache_users, forbidden = {}, {}, {}
    for path in MODULES:
        name, tree = str(path.relative_to(ROOT)), ast.parse(path.read_bytes())
        imported = imports(tree)
        picklers[name] = {each.split(".")[0] for each in imported} & FORBIDDEN_MODULES
        diskcache_users[name] = {each for each in imported if each.split(".")[0] == "diskcache"}
        forbidden[name] = FORBIDDEN_NAMES & {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "diskcache"
        }

    assert {name: found for name, found in picklers.items() if found} == {}
    users = {name: found for name, found in diskcache_users.items() if found}
    assert users == {name: {"diskcache"} for name in DISKCACHE_USERS}
    assert {name: found for name, found in forbidden.items() if found} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "import pickle as p",
        "from pickle import loads",
        "def f():\n    import shelve",
        "import importlib; importlib.import_module('dill')",
        "__import__('cloudpickle')",
    ],
)
def test_the_walk_sees_a_pickler(text: str) -> None:
    found = imports(ast.parse(text))

    assert {name.split(".")[0] for name in found} & FORBIDDEN_MODULES
