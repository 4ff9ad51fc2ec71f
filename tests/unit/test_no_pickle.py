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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_imports_a_pickler(path: Path) -> None:
    tree = ast.parse(path.read_bytes())

    tops = {name.split(".")[0] for name in imports(tree)}

    assert tops & FORBIDDEN_MODULES == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_diskcache_is_used_in_two_places_and_for_nothing_that_pickles(path: Path) -> None:
    tree = ast.parse(path.read_bytes())

    users = {name for name in imports(tree) if name.split(".")[0] == "diskcache"}
    names = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "diskcache"
    }

    if str(path.relative_to(ROOT)) not in DISKCACHE_USERS:
        assert users == set()
    assert users <= {"diskcache"}
    assert names & FORBIDDEN_NAMES == set()


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
