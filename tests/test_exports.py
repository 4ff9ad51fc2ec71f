"""The public names are there, are what they say, and nothing inside the package hides them."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

import stagemake

NAMES = {
    # The Stagefile language.
    "capture", "command", "config", "env", "glob", "include", "matrix", "need", "output_for", "pipeline", "plugin",
    "pool", "stage", "which",
    # The Python API.
    "BaseStage", "DependencyOrder", "DryRunReport", "ExecutionMode", "Stage", "StageContext",
    "StageDependency", "StageHook", "StageManager",
    # What class-based stages and hooks meet.
    "ConfigStore", "DryRunContext", "DryRunnable", "HookId", "OperationKind", "Pipeline",
    "PlannedOperation", "SharedData", "StageLike", "StageRegistry", "StorageProvider",
    # What its methods take, return and raise.
    "BuildOutcome", "BuildRequest", "Outcome", "Plan", "Plugin", "StageResult", "StagemakeError", "Verdict",
    "__version__",
}  # fmt: skip


def test_the_public_names_are_exactly_these() -> None:
    assert set(stagemake.__all__) == NAMES
    assert set(dir(stagemake)) == NAMES
    assert {*stagemake._HOME_BY_NAME, "__version__"} == NAMES


@pytest.mark.parametrize("name", sorted(NAMES - {"__version__"}))
def test_a_public_name_is_a_class_or_function_of_the_package(name: str) -> None:
    found = getattr(stagemake, name)

    assert callable(found)
    assert found.__name__ == name
    assert found.__module__.startswith("stagemake.")


def test_no_module_hides_a_public_name() -> None:
    modules = [info.name for info in pkgutil.walk_packages(stagemake.__path__, "stagemake.")]
    for module in modules:
        if not module.endswith("__main__"):
            importlib.import_module(module)

    assert {module.split(".")[1] for module in modules} & NAMES == set()
    assert all(callable(getattr(stagemake, name)) for name in NAMES - {"__version__"})


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'stagemake' has no attribute 'nothing'"):
        stagemake.nothing  # noqa: B018 - looking it up is the test


def test_the_package_tells_type_checkers_that_it_is_typed() -> None:
    assert Path(stagemake.__file__).with_name("py.typed").is_file()
