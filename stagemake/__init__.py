"""stagemake: a build tool with a Python Stagefile, a content-addressed cache and an honest dry run.

Names are looked up when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stagemake.manager import StageManager
    from stagemake.model.context import ExecutionMode, StageContext
    from stagemake.model.error import StagemakeError
    from stagemake.model.plan import Plan, Verdict
    from stagemake.model.report import DryRunReport
    from stagemake.model.request import BuildRequest
    from stagemake.model.result import BuildOutcome, Outcome, StageResult
    from stagemake.model.seed import BaseStage, StageHook
    from stagemake.model.stage import DependencyOrder, Stage, StageDependency
    from stagemake.stagefile.capture import capture
    from stagemake.stagefile.include import include
    from stagemake.stagefile.language import command, config, env, glob, pipeline, pool, stage
    from stagemake.stagefile.matrix import matrix
    from stagemake.stagefile.output_paths import output_for
    from stagemake.stagefile.program_words import need, which

__version__ = "0.1.0"

_HOME_BY_NAME = {
    "BaseStage": "stagemake.model.seed",
    "BuildOutcome": "stagemake.model.result",
    "BuildRequest": "stagemake.model.request",
    "DependencyOrder": "stagemake.model.stage",
    "DryRunReport": "stagemake.model.report",
    "ExecutionMode": "stagemake.model.context",
    "Outcome": "stagemake.model.result",
    "Plan": "stagemake.model.plan",
    "Stage": "stagemake.model.stage",
    "StageContext": "stagemake.model.context",
    "StageDependency": "stagemake.model.stage",
    "StageHook": "stagemake.model.seed",
    "StageManager": "stagemake.manager",
    "StageResult": "stagemake.model.result",
    "StagemakeError": "stagemake.model.error",
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
    "pool": "stagemake.stagefile.language",
    "stage": "stagemake.stagefile.language",
    "which": "stagemake.stagefile.program_words",
}

__all__ = [  # noqa: PLE0604 - the table above is the one list
    "__version__",
    *_HOME_BY_NAME,
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
