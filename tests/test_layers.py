"""Imports point down the layers only; what shares a layer does not know each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import stagemake

ROOT = Path(stagemake.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# From the bottom up, each as low as what it imports allows. A package may know itself.
LAYERS = (
    "durable freshness awaiting contents process_age",
    "model program tree hook_thread core_stages touched links",
    "checkpoint kept_snapshot history_tables past git observe staged jobserver processes",
    (
        "stagefile resolve fingerprint cache runner report history hooks materialize recorded"
        " records memo seen schema_check state start storage dispatch hook"
    ),
    (
        "recalled plan digesting settings calling stage_class logs recording hooking plugins lifecycle"
        " remembered project_lock"
    ),
    "plan_files identities",
    (
        "capturing execute project overlap reading assumed explaining cleaning sweeping operations"
        " remembering noop_programs page"
    ),
    "conflicts input_check what_if declared_before noop_rows foretelling",
    "forecasting affected assembling",
    "jobs_shared",
    "executing noop_record foreseeing outlining extending starting serving",
    "finishing left_over cache_reader",
    "building",
    "verify asking",
    "manager",
    "doctor throughput watch",
    "cli",
    "door",
    "__main__",
)
LEVEL = {name: level for level, line in enumerate(LAYERS) for name in line.split()}

# Names of types that an annotation needs, and nothing that runs.
TYPES_ONLY = {
    ("__init__", "hooks"), ("__init__", "manager"), ("__init__", "model"), ("__init__", "stagefile"),
    ("executing", "building"), ("forecasting", "building"), ("foretelling", "building"),  # the request's parts
    ("starting", "building"), ("serving", "building"), ("executing", "starting"), ("assembling", "building"),  # as above
    ("assembling", "starting"), ("jobs_shared", "building"), ("finishing", "building"), ("left_over", "building"),
    ("report", "doctor"), ("report", "plugins"), ("report", "stagefile"), ("report", "throughput"),  # what is put into words
}  # fmt: skip


def unit_of(path: Path) -> str:
    """Return the package or top-level module that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Return the units that a module imports, and those it imports for annotations only."""
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    real: set[str] = set()
    types: set[str] = set()
    for node in ast.walk(tree):
        found = types if id(node) in for_types else real
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the module that owns the thing"
            if node.module == "stagemake":
                found |= {alias.name for alias in node.names}
            elif node.module and node.module.startswith("stagemake."):
                found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("stagemake.")}
    return real, types


def test_every_package_and_module_has_its_layer() -> None:
    units = {unit_of(path) for path in MODULES} - {"__init__"}

    assert units == set(LEVEL)


def test_modules_import_lower_layers_only() -> None:
    upwards, used = set(), set()
    for path in MODULES:
        unit = unit_of(path)
        own = LEVEL.get(unit, -1)  # __init__ imports nothing at all
        real, types = imports_of(ast.parse(path.read_bytes()))
        name = str(path.relative_to(ROOT))
        upwards |= {(name, each) for each in real - {unit} if LEVEL[each] >= own}
        used |= {(unit, each) for each in types - {unit} if LEVEL[each] >= own}

    assert upwards == set()
    assert used == TYPES_ONLY  # no exception is left over


FRESHNESS_MAY_USE = {
    "__future__",
    "errno",
    "fcntl",
    "gc",
    "marshal",
    "os",
    "stagemake",
    "sys",
    "time",
    "zlib",
}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "freshness").glob("*.py")), ids=lambda path: path.name
)
def test_freshness_imports_next_to_nothing(path: Path) -> None:
    tree = ast.parse(path.read_bytes())
    _, for_types = imports_of(tree)
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }

    tops = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            tops |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            tops.add(node.module.split(".")[0])

    assert tops <= FRESHNESS_MAY_USE
    assert for_types == set()
