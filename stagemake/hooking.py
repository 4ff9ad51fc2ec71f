"""Calls the hooks of one build, plain and async ones, with the context that they see."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field

from stagemake.hook_thread import HookThread, HookTimeout
from stagemake.hooks import AFTER, BEFORE

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator, Sequence

    from stagemake.hooks import Facts, HookBook, Registered
    from stagemake.model.context import StageContext
    from stagemake.model.result import StageResult
    from stagemake.model.stage import Stage


class ResultsByName(Mapping[str, "StageResult"]):
    """How the stages of a build have ended so far; a view, so that ten thousand hooks cost nothing more.

    Args:
        results: By stage id; None: not settled yet.
        ids: The id of each stage, by name.
        own: What is known of the stage that a post hook is called for.
    """

    def __init__(
        self,
        results: Sequence[StageResult | None],
        ids: Mapping[str, int],
        own: StageResult | None,
    ) -> None:
        self._results = results
        self._ids = ids
        self._own = own

    def __getitem__(self, name: str) -> StageResult:
        if self._own is not None and name == self._own.name:
            return self._own
        found = self._results[self._ids[name]]
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._ids if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@define(eq=False)
class BoundHooks:
    """The hooks of one build, with what makes the context they see. Closed when the build ends.

    Args:
        book: Who is registered, at each moment.
        context_of: Makes a context of a stage, the facts, and the stage's own result after it ran.
        loop: The event loop that awaits this build, where async hooks run; None: one of our own.
    """

    book: HookBook
    context_of: Callable[[Stage, Facts, StageResult | None], StageContext]
    loop: asyncio.AbstractEventLoop | None = None
    _runner: asyncio.Runner | None = field(default=None, init=False)
    _helper: HookThread | None = field(default=None, init=False)

    @property
    def is_empty(self) -> bool:
        """Whether nobody wants to be called after a stage."""
        return not self.book.of(AFTER)

    def before(self, stage: Stage, facts: Facts) -> str:
        """Run the pre hooks up to the first that fails; return what went wrong, empty for nothing."""
        hooks = self.book.of(BEFORE)
        context = self.context_of(stage, facts, None) if hooks else None
        for one in hooks:
            problem = self._call(one, stage, context)
            if problem:
                return problem
        return ""

    def after(self, stage: Stage, facts: Facts, result: StageResult) -> str:
        """Run all post hooks, also after one of them failed; return the first trouble."""
        hooks = self.book.of(AFTER)
        context = self.context_of(stage, facts, result) if hooks else None
        problems = [self._call(one, stage, context) for one in hooks]
        return next((problem for problem in problems if problem), "")

    def close(self) -> None:
        """Let go of the event loop and the thread that this build had of its own."""
        runner, self._runner = self._runner, None
        helper, self._helper = self._helper, None
        if runner is not None:
            helper.run(runner.close, None) if helper is not None else runner.close()
        if helper is not None:
            helper.stop()

    def _call(self, one: Registered, stage: Stage, context: StageContext | None) -> str:
        method = getattr(one.hook, one.method)
        try:
            if one.timeout_s is None or inspect.iscoroutinefunction(method):
                answer = method(stage.name, context)
            else:
                if one.thread is None:
                    one.thread = HookThread()
                answer = one.thread.run(lambda: method(stage.name, context), one.timeout_s)
            if inspect.isawaitable(answer):
                self._wait_for(answer, one.timeout_s)
        except (HookTimeout, TimeoutError) as error:
            if isinstance(error, HookTimeout) and one.timeout_s is not None:
                return f"hook `{one.name}` took longer than its timeout of {one.timeout_s:g} s"
            return f"hook `{one.name}` raised {type(error).__name__}: {error}"
        except Exception as error:
            return f"hook `{one.name}` raised {type(error).__name__}: {error}"
        return ""

    def _wait_for(self, answer: Any, timeout_s: float | None) -> None:  # Any: an awaitable
        import asyncio  # noqa: PLC0415 - gate, 44 ms, paid by async hooks only

        work = _awaited(answer, timeout_s)
        if self.loop is not None:
            asyncio.run_coroutine_threadsafe(work, self.loop).result()
            return
        runner = self._runner = self._runner or asyncio.Runner()
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            runner.run(work)
        else:  # built from inside a coroutine, whose loop stands still until we are done
            self._helper = self._helper or HookThread()
            self._helper.run(lambda: runner.run(work), None)


async def _awaited(answer: Any, timeout_s: float | None) -> None:  # Any: an awaitable
    import asyncio  # noqa: PLC0415 - loaded by now

    if timeout_s is None:
        await answer
        return
    work = asyncio.ensure_future(answer)
    done, _ = await asyncio.wait({work}, timeout=timeout_s)
    if not done:
        work.cancel()
        raise HookTimeout
    await work
