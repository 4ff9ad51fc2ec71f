"""How a Python action is called, in a fork of the supervisor: its context, its modules, its values."""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import define, frozen

from stagemake.dispatch import WorkerEvents
from stagemake.model.config_store import ConfigStore
from stagemake.model.context import SharedData, StageContext
from stagemake.model.error import BadValue
from stagemake.model.mode import ExecutionMode
from stagemake.model.stage import Call
from stagemake.runner.port import REHEARSALS
from stagemake.stagefile.shown import shown_value
from stagemake.storage import LiveStorage, Places

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagemake.model.operation import DryRunContext
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.result import StageResult
    from stagemake.model.services import EventDispatcher, StorageProvider
    from stagemake.model.stage import Stage, Surroundings
    from stagemake.stagefile.loader import Evaluation


@define(eq=False, repr=False)
class Caller:
    """Calls the functions of one pipeline. What it does happens in a process of its own."""

    root: str
    pipeline: Pipeline
    evaluations: Sequence[Evaluation]
    scratch: str  # absolute; below it each call gets a directory of its own

    def __call__(self, stage_id: int, payload: bytes, say: Callable[[bytes], None]) -> bytes:
        """Call one stage's function; return the shared values it provided, as JSON.

        Args:
            stage_id: Which one.
            payload: The values it uses and its environment, as JSON.
            say: Takes the events that it emits.

        Raises:
            Exception: Whatever the function raised.
        """
        return self.ready(stage_id, payload)(say)

    def ready(self, stage_id: int, payload: bytes) -> ReadyCall:
        """Return a call of one stage's function that only waits to be made; arguments as above."""
        action = self.pipeline.stages[stage_id].action
        assert isinstance(action, Call), "only calls come here"
        return self._ready(stage_id, payload, action.function)

    def rehearse(self, stage_id: int, payload: bytes) -> None:
        """Go through a call some times with a function that does nothing.

        Python fills caches inside of its code as it runs. Filled here they are there in all forks; each
        fork that fills its own has to copy that memory first.
        """
        for _ in range(REHEARSALS):
            call = self._ready(stage_id, payload, lambda _context: None)
            call(lambda _data: None)
            call.leave()

    def _ready(
        self, stage_id: int, payload: bytes, function: Callable[[StageContext], object]
    ) -> ReadyCall:
        stage = self.pipeline.stages[stage_id]
        assert isinstance(stage.action, Call), "only calls come here"
        told = json.loads(payload)
        scratch = _Scratch(f"{self.scratch}/{stage_id}-{os.urandom(8).hex()}")
        events = WorkerEvents(stage.name)
        around = Circumstances(
            root=self.root,
            scratch=scratch.path,
            env=told["env"],
            shared=SharedData(stage, told["uses"]),
            storage=LiveStorage(Places(self.root, scratch.path)),
            events=events,
            make_scratch=scratch.make,
        )
        home = stage.action.home
        surroundings: Sequence[Surroundings] = self.evaluations if home is None else (home,)
        context = make_context(stage, around)
        return ReadyCall(function, context, events, scratch, surroundings, stage.action)

    def take_texts(self, data: bytes) -> None:
        """Have modules that are imported from now on compiled from these sources.

        Args:
            data: For each evaluation the texts by absolute file name, as JSON.
        """
        for evaluation, texts in zip(self.evaluations, json.loads(data), strict=True):
            for file, text in texts.items():
                evaluation.pin(file, text)


async def _awaited(answer: Any) -> Any:  # Any: whatever users return
    return await answer


@define(eq=False, repr=False)
class _Scratch:
    """A directory of one run. Few ask for theirs, and to make and remove one costs half a millisecond."""

    path: str  # absolute; of no other run
    is_made: bool = False

    def make(self) -> None:
        """Have it there from now on."""
        if not self.is_made:
            os.makedirs(self.path, mode=0o700, exist_ok=True)  # threads may ask at once
            self.is_made = True

    def remove(self) -> None:
        """Take it away, with all that is in it."""
        if self.is_made:
            import shutil  # noqa: PLC0415 - gate, 8 ms, for those who had it made

            shutil.rmtree(self.path, ignore_errors=True)


@define(eq=False, repr=False)
class ReadyCall:
    """One call with all that its function will see; made once, in a process of its own.

    After it the project's modules stay importable, for threads that the function has left.
    """

    _function: Callable[[StageContext], object]
    _context: StageContext
    _events: WorkerEvents
    _scratch: _Scratch
    _surroundings: Sequence[Surroundings]
    _action: Call

    def __call__(self, say: Callable[[bytes], None]) -> bytes:
        """Make it; see `Caller`."""
        self._events.begin(say)
        for surroundings in self._surroundings:
            surroundings.enter()
        is_good = False
        try:
            provided = self._provided()
            is_good = True
        finally:
            if not is_good or self._scratch.is_made:
                self.leave()  # what tidies up or tells of it imports no module of the project
            self._scratch.remove()
        return provided

    def leave(self) -> None:
        """Have the project's modules not importable any more: no threads of the function are waited for."""
        for surroundings in reversed(self._surroundings):
            surroundings.leave()

    def _provided(self) -> bytes:
        answer = self._function(self._context)
        if inspect.isawaitable(answer):
            import asyncio  # noqa: PLC0415 - gate, 44 ms, paid by async stages only

            answer = asyncio.run(_awaited(answer))
        if answer is not None and self._action.returns_nothing:
            raise BadValue(
                f"execute() of stage `{self._context.name}` returned {shown_value(answer)}; it returns None",
                hint="results are outputs, or shared values by context.shared",
            )
        shared = self._context.shared.encoded()
        return json.dumps(shared).encode("ascii") if shared else b"{}"


@frozen
class Circumstances:
    """What of a context comes from outside of the stage."""

    root: str
    scratch: str  # absolute
    env: Mapping[str, str]
    shared: SharedData
    storage: StorageProvider
    events: EventDispatcher
    dry_run: DryRunContext | None = None  # None: live
    results: Mapping[str, StageResult] | None = None  # None: for an action
    make_scratch: Callable[[], object] | None = None  # None: it stays as it is


def make_context(stage: Stage, around: Circumstances) -> StageContext:
    """Return what an action or a hook of `stage` sees."""
    top = Path(around.root)
    return StageContext(
        stage=stage,
        mode=ExecutionMode.LIVE if around.dry_run is None else ExecutionMode.DRY_RUN,
        root=top,
        scratch=Path(around.scratch),
        inputs=tuple(top / path for path in stage.inputs),
        outputs=tuple(top / path for path in stage.outputs),
        env=MappingProxyType(dict(around.env)),
        params=MappingProxyType(dict(stage.params)),
        config=ConfigStore(stage.name, dict(stage.config)),
        shared=around.shared,
        storage=around.storage,
        events=around.events,
        dry_run=around.dry_run,
        results=around.results,
        make_scratch=around.make_scratch,
    )
