"""The session pipeline: the core stages and what hangs on them, ordered by the resolver and run inline.

Nobody imports this before a plugin is named or a program asks for a session.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from attrs import frozen

from stagemake.core_stages import IN_ORDER, PREFIX, READY, SHUTDOWN
from stagemake.hook_thread import HookThread
from stagemake.model.context import StageContext
from stagemake.model.error import (
    DuplicateStage,
    LifecycleFailed,
    StagemakeError,
    UnknownDependency,
    UsageError,
)
from stagemake.model.stage import Stage, StageDependency, StageName
from stagemake.resolve.build import build_pipeline
from stagemake.resolve.cycle import Cycle, cycle_error
from stagemake.resolve.edges import infer_edges
from stagemake.resolve.order import order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagemake.model.pipeline import Pipeline
    from stagemake.resolve.edges import EdgeTable

_SESSION_WIDE = ("inputs", "implicit", "outputs", "uses", "provides", "depfile")


@frozen
class SessionContext(StageContext):
    """What a stage of the session sees: what every stage does, and the manager whose session it is."""

    manager: Any = None  # Any: the StageManager; this module lies below it


class SessionPipeline:
    """The stages of one session. It begins once and ends once; stages may join while it begins.

    A stage that says it comes before a core stage runs just before that, as late as it can; all others as
    soon as they can, and after `core.ready` if they come after nothing. So what says it comes before
    `core.shutdown` runs behind the project's pipeline, whatever it comes after.

    Args:
        steps: What each core stage does.
        call: Runs a stage that is none of them.
    """

    def __init__(
        self, steps: Mapping[str, Callable[[], None]], call: Callable[[Stage], None]
    ) -> None:
        self._steps = steps
        self._call = call
        self._stages: dict[str, Stage] = {name: _core_stage(name) for name in IN_ORDER}
        self._done: dict[str, bool] = {}  # whether it went well, in order of running
        self._ordered: tuple[Pipeline, int] | None = (
            None  # with how many stages belong to the beginning
        )
        self.has_begun = False
        self.has_ended = False

    @property
    def ran(self) -> tuple[str, ...]:
        """The stages that ran so far, in order."""
        return tuple(self._done)

    @property
    def is_extended(self) -> bool:
        """Whether there are other stages than the core stages."""
        return len(self._stages) > len(IN_ORDER)

    def add(self, stage: Stage) -> None:
        """Have a stage run in this session.

        Raises:
            DuplicateStage: There is one of that name.
            UsageError: Its name is kept for core stages, it declares files or values, or the session is over.
        """
        if self.has_ended:
            raise UsageError(f"the session is over: `{stage.name}` can't join it")
        if stage.name in self._stages and not stage.name.startswith(PREFIX):
            raise DuplicateStage(
                f"two stages of the session are named `{stage.name}`",
                facts=[("first", _where(self._stages[stage.name])), ("second", _where(stage))],
                hint="give one of them another name",
            )
        if stage.name.startswith(PREFIX):
            raise UsageError(
                f"`{stage.name}` can't be a stage of the session: `core.` is kept for stagemake's own",
                facts=[("declared", _where(stage))],
            )
        for word in _SESSION_WIDE:
            if getattr(stage, word):
                raise UsageError(
                    f"stage `{stage.name}` of the session declares {word}; it has none: it runs in every session",
                    facts=[("declared", _where(stage))],
                    hint="a stage with files is one of the project: register_stage, or `stagemake.stages`",
                )
        self._stages[stage.name] = stage
        self._ordered = None

    def remove(self, name: str) -> None:
        """Take a stage out that was added; one that has run stays."""
        if name in self._stages and name not in self._done:
            del self._stages[name]
            self._ordered = None

    def order(self) -> tuple[str, ...]:
        """Return the names of all stages in the order they run, or ran.

        Raises:
            DependencyCycle: They wait for each other.
            UnknownDependency: A required one is not there, or should run before what has run.
        """
        pipeline, _ = self._order()
        return tuple(stage.name for stage in pipeline.stages)

    def begin(self) -> None:
        """Run everything up to `core.ready`, and what comes directly after it. Once; again it does nothing.

        Raises:
            LifecycleFailed: A stage raised. `end` is still to be called.
            StagemakeError: As `order`; or a core stage found a mistake.
        """
        if self.has_begun:
            return
        self.has_begun = True
        while (stage := self._next()) is not None:
            self._run(stage)

    def end(self) -> None:
        """Run the rest: what comes before `core.shutdown`, that, and what comes after it. Once.

        All of it runs, whatever fails of it; a stage is left out if one that it runs after did not go well.

        Raises:
            LifecycleFailed: The first that raised.
        """
        if not self.has_begun or self.has_ended:
            return
        self.has_ended = True
        first: Exception | None = None
        for stage, above in self._last_part():
            went_well = all(self._done.get(name, False) or name in IN_ORDER for name in above)
            if stage.name in self._done or not (went_well or stage.name in IN_ORDER):
                continue
            try:
                self._run(stage)
            except Exception as error:
                first = first or error
        if first is not None:
            raise first

    def _last_part(self) -> list[tuple[Stage, list[str]]]:
        """Return what belongs to the end, in order, each with the names of what it runs after."""
        try:
            pipeline, count = self._order()
        except StagemakeError:  # it never began: nothing hangs on its end
            return [(self._stages[SHUTDOWN], [])]
        return [
            (stage, [pipeline.stages[above].name for above in pipeline.upstream[stage_id]])
            for stage_id, stage in enumerate(pipeline.stages)
            if stage_id >= count
        ]

    def _next(self) -> Stage | None:
        pipeline, count = self._order()
        for stage in pipeline.stages[:count]:
            if stage.name not in self._done:
                return stage
        return None

    def _run(self, stage: Stage) -> None:
        self._done[stage.name] = False
        step = self._steps.get(stage.name)
        try:
            if step is not None:
                step()
            else:
                self._call(stage)
        except StagemakeError:
            raise
        except Exception as error:
            raise LifecycleFailed(
                f"stage `{stage.name}` of the session failed: {type(error).__name__}: {error}",
                facts=[("declared", _where(stage))],
            ) from error
        self._done[stage.name] = True

    def _order(self) -> tuple[Pipeline, int]:
        if self._ordered is None:
            table = infer_edges(tuple(self._stages.values()))
            ordered = order(table.upstream)
            if isinstance(ordered, Cycle):
                raise cycle_error(table, ordered)
            first, last = self._roots(table, ordered)
            pipeline = build_pipeline(table, range(len(table.stages)), [*first, *last])
            rank_of = {stage.name: rank for rank, stage in enumerate(pipeline.stages)}
            count = 1 + max(rank_of[table.stages[root].name] for root in first)
            self._check_past(pipeline)
            self._ordered = pipeline, count
        return self._ordered

    def _roots(self, table: EdgeTable, ordered: Sequence[int]) -> tuple[list[int], list[int]]:
        """Return what to reach first, in order: each core stage, then what comes after it; split behind ready.

        What a core stage waits for itself is no root: it is reached from that.
        """
        core = {table.id_by_name[name]: at for at, name in enumerate(IN_ORDER)}
        behind = [-1] * len(ordered)  # the last core stage that comes before it, or itself
        for stage_id in ordered:
            ranks = [behind[above] for above in table.upstream[stage_id]]
            behind[stage_id] = core.get(stage_id, max(ranks, default=-1))
        direct = {above for stage_id in core for above in table.upstream[stage_id]}
        leads = set(core)  # what some core stage waits for, if only through others
        for stage_id in reversed(ordered):
            if stage_id in leads:
                leads.update(table.upstream[stage_id])
        groups: list[list[int]] = [[table.id_by_name[name]] for name in IN_ORDER]
        for name in self._stages:  # in order of registration
            stage_id = table.id_by_name[name]
            is_after = behind[stage_id] >= 0 and stage_id not in direct
            if stage_id not in core and (is_after or stage_id not in leads):
                rank = behind[stage_id] if behind[stage_id] >= 0 else IN_ORDER.index(READY)
                groups[rank].append(stage_id)
        ready = IN_ORDER.index(READY) + 1
        return list(chain(*groups[:ready])), list(chain(*groups[ready:]))

    def _check_past(self, pipeline: Pipeline) -> None:
        """Refuse a stage that should run before one that has run."""
        for stage_id, stage in enumerate(pipeline.stages):
            for above in pipeline.upstream[stage_id] if stage.name in self._done else ():
                late = pipeline.stages[above]
                if late.name not in self._done:
                    raise UnknownDependency(
                        f"stage `{late.name}` runs before `{stage.name}`, which was over when it joined the session",
                        facts=[("declared", _where(late))],
                        hint="a plugin's stages join in `core.plugin_load`, those of a plugin that only the "
                        "Stagefile names in `core.config_load`",
                    )


def run_to_end(work: Any) -> None:  # Any: an awaitable
    """Wait for an awaitable, also inside a coroutine, whose loop stands still meanwhile."""
    import asyncio  # noqa: PLC0415 - gate, 44 ms, paid by async stages only

    async def awaited() -> None:
        await work

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(awaited())
        return
    thread = HookThread()
    try:
        thread.run(lambda: asyncio.run(awaited()), None)
    finally:
        thread.stop()


def _core_stage(name: str) -> Stage:
    at = IN_ORDER.index(name)
    before = (StageDependency(StageName(IN_ORDER[at - 1])),) if at else ()
    return Stage(StageName(name), dependencies=before, cache=False)


def _where(stage: Stage) -> str:
    return str(stage.location) if stage.location is not None else "registered by a program"
