"""What stages say themselves of what they would do: their `plan_operations`, called in a process of its own.

Asked by dry runs. Nothing that happens in there stays: the storage only notes, the process ends.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attrs import asdict, define

from stagemake.calling import Circumstances, make_context
from stagemake.dispatch import WorkerEvents
from stagemake.execute.environment import base_environment, stage_environment
from stagemake.freshness import snapshot as columns
from stagemake.model.context import SharedData
from stagemake.model.error import BadValue
from stagemake.model.operation import DryRunContext, OperationKind, PlannedOperation
from stagemake.model.plan import Verdict
from stagemake.model.report import Conflict, ConflictKind
from stagemake.model.seed import BaseStage
from stagemake.model.stage import Call
from stagemake.operations import Foreseen
from stagemake.recording import RecordingStorage
from stagemake.runner.local import LocalRunner
from stagemake.runner.port import Work
from stagemake.stagefile.imports import undisturbed_imports
from stagemake.storage import Places

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagemake.model.operation import DryRunnable
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Plan
    from stagemake.model.stage import Stage
    from stagemake.plan.world import World
    from stagemake.runner.port import Completion
    from stagemake.stagefile.loader import Evaluation

TIMEOUT_S = 60.0  # of one stage's plan_operations
_UNDECLARED = "it is not among the outputs of the stage: a restored result would lack it"


def planner_of(stage: Stage) -> Callable[[Any], object] | None:
    """Return a stage's own `plan_operations`; None when it has none to speak of."""
    if not isinstance(stage.action, Call):
        return None
    owner = getattr(stage.action.function, "__self__", None)
    method = getattr(owner, "plan_operations", None)
    if not callable(method) or getattr(method, "__func__", None) is BaseStage.plan_operations:
        return None
    found: Callable[[Any], object] = method
    return found


def foresee(
    plan: Plan,
    world: World,
    evaluations: Sequence[Evaluation],
    environ: Mapping[str, str],
    jobs: int,
) -> Foreseen:
    """Ask every stage that would or might run, and can say what it would do.

    Cost: nothing where no stage can; else one process for each, `jobs` at a time.
    """
    stages = plan.pipeline.stages
    busy = [step.stage_id for step in plan.steps if step.may_run]
    asked = [one for one in busy if stages[one].supports_dry_run and planner_of(stages[one])]
    found = Foreseen()
    if not asked:
        return found
    values = _known_values(plan, world)
    base = base_environment(environ, inherit=world.inherits)
    call = _Asker(world.root, plan.pipeline, evaluations)
    runner = LocalRunner(world.root, call=call, marker=os.urandom(8).hex())
    try:
        with undisturbed_imports():
            runner.prepare()
        waiting, running = asked[::-1], 0
        while waiting or running:
            while waiting and running < jobs:
                stage = stages[waiting[-1]]
                env = stage_environment(base, environ, stage, world.root)
                uses = {name: json.loads(values[name]) for name in stage.uses if name in values}
                payload = json.dumps({"uses": uses, "env": dict(env)}).encode("ascii")
                runner.start(Work(waiting.pop(), env, payload=payload, timeout_s=TIMEOUT_S))
                running += 1
            for completion in runner.wait(None):
                running -= 1
                _take(completion, stages[completion.stage_id], found)
    finally:
        runner.close()
    return found


def _known_values(plan: Plan, world: World) -> dict[str, str]:
    """Return the shared values that are known without running anything, as JSON."""
    values: dict[str, str] = {}
    for step in plan.steps:
        stage = plan.pipeline.stages[step.stage_id]
        if step.verdict is Verdict.FRESH and stage.provides:
            values.update(world.snapshot.traces[stage.name][columns.VALUES][1])
        elif step.cached is not None:
            values.update(step.cached.provided)
    return values


def _take(completion: Completion, stage: Stage, found: Foreseen) -> None:
    """Note what a stage said, or that it could not."""
    if completion.exit_code or completion.value is None:
        last = completion.stderr.strip().rpartition(b"\n")[2].decode("utf-8", "replace")
        why = f"it took longer than {TIMEOUT_S:g} s" if completion.timed_out else last
        found.failed.append(completion.stage_id)
        found.conflicts.append(
            Conflict(
                ConflictKind.NOT_FORESEEN,
                ".",
                (stage.name,),
                why or completion.note or f"exit status {completion.exit_code}",
            )
        )
        return
    rows = json.loads(completion.value)
    operations = tuple(
        PlannedOperation(**{**row, "kind": OperationKind(row["kind"])}) for row in rows
    )
    found.operations[completion.stage_id] = operations
    if stage.runs_always:
        return
    paths = {path for operation in operations for path in _changed_by(operation)}
    for path in sorted(paths):
        if not any(_lies_in(path, output) for output in stage.outputs):
            found.conflicts.append(
                Conflict(ConflictKind.UNDECLARED_WRITE, path, (stage.name,), _UNDECLARED)
            )


def _changed_by(operation: PlannedOperation) -> tuple[str, ...]:
    kind = operation.kind
    if kind in {OperationKind.RUN, OperationKind.OTHER}:
        return ()
    if kind is OperationKind.COPY:
        return (operation.target.rstrip("/"),)
    if kind is OperationKind.MOVE:
        return operation.path.rstrip("/"), operation.target.rstrip("/")
    return (operation.path.rstrip("/"),)


def _lies_in(path: str, output: str) -> bool:
    return path == output.rstrip("/") or (output.endswith("/") and path.startswith(output))


@define
class _Asker:
    """Calls one stage's `plan_operations`; in a fork of the supervisor."""

    root: str
    pipeline: Pipeline
    evaluations: Sequence[Evaluation]

    def __call__(self, stage_id: int, payload: bytes, _say: Callable[[bytes], None]) -> bytes:
        stage = self.pipeline.stages[stage_id]
        method = planner_of(stage)
        assert method is not None, "only stages that can say are asked"
        told = json.loads(payload)
        noted = DryRunContext(stage.name)
        scratch = f"{self.root}/.stagemake/scratch"
        around = Circumstances(
            root=self.root,
            scratch=scratch,
            env=told["env"],
            shared=SharedData(stage, told["uses"]),
            storage=RecordingStorage(Places(self.root, scratch), noted),
            events=WorkerEvents(stage.name, lambda _data: None),  # nobody listens to what isn't so
            dry_run=noted,
        )
        context = make_context(stage, around)
        with contextlib.ExitStack() as stack:
            for evaluation in self.evaluations:
                stack.enter_context(evaluation.active())
            answer = method(context)
            if inspect.isawaitable(answer):
                import asyncio  # noqa: PLC0415 - gate, 44 ms, paid by async stages only

                answer = asyncio.run(_awaited(answer))
            if answer is not None:
                if isinstance(answer, (str, bytes)) or not isinstance(answer, Iterable):
                    kind = type(answer).__qualname__
                    raise BadValue(
                        f"plan_operations() of stage `{stage.name}` returned a {kind}",
                        hint="it returns operations in a list, or nothing",
                    )
                noted.extend(answer)
        rows = [asdict(_plain(one, stage.name)) for one in noted.planned_operations]
        return json.dumps([{**row, "kind": row["kind"].value} for row in rows]).encode("ascii")


def _plain(operation: DryRunnable, stage: str) -> PlannedOperation:
    """Return an operation as a value: a DryRunnable of the program's own is asked what it is."""
    if isinstance(operation, PlannedOperation):
        return operation if operation.stage else _of_stage(operation, stage)
    return PlannedOperation(
        OperationKind.OTHER,
        stage=stage,
        detail=str(operation.dry_run_description()),
        is_foreseen=bool(operation.supports_dry_run()),
    )


def _of_stage(operation: PlannedOperation, stage: str) -> PlannedOperation:
    return PlannedOperation(**{**asdict(operation), "stage": stage})


async def _awaited(answer: Any) -> Any:  # Any: whatever users return
    return await answer
