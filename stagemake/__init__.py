"""stagemake: a build tool with a Python Stagefile, a content-addressed cache and an honest dry run.

Names are looked up when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stagemake.hooks import HookId
    from stagemake.manager import StageManager
    from stagemake.model.config_store import ConfigStore
    from stagemake.model.context import SharedData, StageContext
    from stagemake.model.error import StagemakeError
    from stagemake.model.mode import ExecutionMode
    from stagemake.model.operation import (
        DryRunContext,
        DryRunnable,
        OperationKind,
        PlannedOperation,
    )
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Plan, Verdict
    from stagemake.model.plugin import Plugin
    from stagemake.model.report import DryRunReport
    from stagemake.model.request import BuildRequest
    from stagemake.model.result import BuildOutcome, Outcome, StageResult
    from stagemake.model.seed import BaseStage, StageHook, StageLike
    from stagemake.model.services import StorageProvider
    from stagemake.model.stage import DependencyOrder, Stage, StageDependency
    from stagemake.stagefile.capture import capture
    from stagemake.stagefile.include import include
    from stagemake.stagefile.language import (
        command,
        config,
        env,
        glob,
        pipeline,
        plugin,
        pool,
        stage,
    )
    from stagemake.stagefile.matrix import matrix
    from stagemake.stagefile.output_paths import output_for
    from stagemake.stagefile.program_words import need, which
    from stagemake.stagefile.registry import StageRegistry

__version__ = "0.1.0"

_HOME_BY_NAME = {
    "BaseStage": "stagemake.model.seed",
    "BuildOutcome": "stagemake.model.result",
    "BuildRequest": "stagemake.model.request",
    "ConfigStore": "stagemake.model.config_store",
    "DependencyOrder": "stagemake.model.stage",
    "DryRunContext": "stagemake.model.operation",
    "DryRunReport": "stagemake.model.report",
    "DryRunnable": "stagemake.model.operation",
    "ExecutionMode": "stagemake.model.mode",
    "HookId": "stagemake.hooks",
    "OperationKind": "stagemake.model.operation",
    "Outcome": "stagemake.model.result",
    "Pipeline": "stagemake.model.pipeline",
    "Plan": "stagemake.model.plan",
    "PlannedOperation": "stagemake.model.operation",
    "Plugin": "stagemake.model.plugin",
    "SharedData": "stagemake.model.context",
    "Stage": "stagemake.model.stage",
    "StageContext": "stagemake.model.context",
    "StageDependency": "stagemake.model.stage",
    "StageHook": "stagemake.model.seed",
    "StageLike": "stagemake.model.seed",
    "StageManager": "stagemake.manager",
    "StageRegistry": "stagemake.stagefile.registry",
    "StageResult": "stagemake.model.result",
    "StagemakeError": "stagemake.model.error",
    "StorageProvider": "stagemake.model.services",
    "Verdict": "stagemake.model.plan",
    "capture": "stagemake.stagefile.capture",
    "command": "stagemake.stagefile.language",
    "config": "stagemake.stagefile.language",
    "env": "stagemake.stagefile.language",
    "glob": "stagemake.stagefile.language",
    "include": "stagemake.stagefile.include",
    "matrix": "stagemake.stagefile.matrix",
    "need": "stagemake.stagefile.program_words",
    "output_for": "stagemake.stagefile.output_paths",
    "pipeline": "stagemake.stagefile.language",
    "plugin": "stagemake.stagefile.language",
    "pool": "stagemake.stagefile.language",
    "stage": "stagemake.stagefile.language",
    "which": "stagemake.stagefile.program_words",
}

# Written out once more for type checkers, which don't follow the table.
__all__ = [
    "BaseStage",
    "BuildOutcome",
    "BuildRequest",
    "ConfigStore",
    "DependencyOrder",
    "DryRunContext",
    "DryRunReport",
    "DryRunnable",
    "ExecutionMode",
    "HookId",
    "OperationKind",
    "Outcome",
    "Pipeline",
    "Plan",
    "PlannedOperation",
    "Plugin",
    "SharedData",
    "Stage",
    "StageContext",
    "StageDependency",
    "StageHook",
    "StageLike",
    "StageManager",
    "StageRegistry",
    "StageResult",
    "StagemakeError",
    "StorageProvider",
    "Verdict",
    "__version__",
    "capture",
    "command",
    "config",
    "env",
    "glob",
    "include",
    "matrix",
    "need",
    "output_for",
    "pipeline",
    "plugin",
    "pool",
    "stage",
    "which",
]


def __getattr__(name: str) -> object:
    """Import the module that owns `name` when it is first asked for."""
    home = _HOME_BY_NAME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - gate, 1 ms, already loaded in most programs

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
