"""Hooks round every stage that runs: registered by programs, called in the tool's own process."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NewType

from stagemake.model.error import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagemake.model.context import StageContext
    from stagemake.model.stage import Stage

HookId = NewType("HookId", int)


class HookBook:
    """The hooks of one manager, in order of registration."""

    def __init__(self) -> None:
        self.pre: dict[HookId, Any] = {}  # Any: whatever has `before_stage`
        self.post: dict[HookId, Any] = {}  # Any: whatever has `after_stage`
        self._last = 0

    def add(self, table: dict[HookId, Any], hook: Any) -> HookId:
        """Register a hook in `pre` or `post`; return what unregisters it."""
        self._last += 1
        table[HookId(self._last)] = hook
        return HookId(self._last)

    def remove(self, hook_id: HookId) -> None:
        """Unregister a hook.

        Raises:
            UsageError: There is none of that id.
        """
        if self.pre.pop(hook_id, None) is None and self.post.pop(hook_id, None) is None:
            raise UsageError(f"there is no hook {hook_id}")


class BoundHooks:
    """The hooks of one build, with what makes the context they see."""

    def __init__(self, book: HookBook, context_of: Callable[[Stage], StageContext]) -> None:
        self._book = book
        self._context_of = context_of

    def before(self, stage: Stage) -> str:
        """Run the pre hooks; return what went wrong, naming the hook; empty for nothing."""
        return self._call(self._book.pre, "before_stage", stage)

    def after(self, stage: Stage) -> str:
        """Run all post hooks, also after one of them failed; return the first trouble."""
        return self._call(self._book.post, "after_stage", stage)

    def _call(self, hooks: Mapping[HookId, Any], method: str, stage: Stage) -> str:
        problem = ""
        if not hooks:
            return problem
        context = self._context_of(stage)
        for hook in list(hooks.values()):
            try:
                answer = getattr(hook, method)(stage.name, context)
                if inspect.isawaitable(answer):
                    import asyncio  # noqa: PLC0415 - gate, 44 ms, paid by async hooks only

                    asyncio.run(_awaited(answer))
            except Exception as error:
                name = getattr(hook, "name", "") or type(hook).__name__
                problem = problem or f"hook `{name}` raised {type(error).__name__}: {error}"
                if method == "before_stage":
                    break
        return problem


async def _awaited(answer: Any) -> Any:
    return await answer
