"""Hooks round every stage that is executed: who is registered. Called by `hooking`, in the tool's own process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NewType

from attrs import define, frozen

from stagemake.model.error import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagemake.hook_thread import HookThread
    from stagemake.model.result import StageResult

HookId = NewType("HookId", int)

BEFORE, AFTER = "before_stage", "after_stage"


@frozen
class Facts:
    """What is known of the build when a hook is called."""

    results: Sequence[StageResult | None]  # by stage id; None: not settled yet
    values: Mapping[str, str]  # shared values so far, as JSON


@define(eq=False)
class Registered:
    """One hook as it was registered."""

    hook: Any  # Any: whatever has the method
    method: str
    timeout_s: float | None = None  # None: as long as it takes
    thread: HookThread | None = None  # of a plain hook with a timeout

    @property
    def name(self) -> str:
        """What messages call it."""
        name = getattr(self.hook, "name", "")
        return name if isinstance(name, str) and name else type(self.hook).__name__


class HookBook:
    """The hooks of one manager, in order of registration."""

    def __init__(self) -> None:
        self._hooks: dict[HookId, Registered] = {}
        self._last = 0

    def add(self, method: str, hook: Any, timeout_s: float | None) -> HookId:  # Any: checked
        """Register a hook for `BEFORE` or `AFTER`; return what unregisters it.

        Raises:
            UsageError: It has no such method, or the timeout is no positive number.
        """
        if isinstance(hook, type):
            raise UsageError(
                f"`{hook.__qualname__}` is a class, not a hook",
                hint=f"register an instance: {hook.__qualname__}()",
            )
        if not callable(getattr(hook, method, None)):
            raise UsageError(
                f"a {type(hook).__qualname__} is no such hook: it has no {method}(stage_name, context)",
                hint="a subclass of StageHook has both methods",
            )
        if timeout_s is not None and not timeout_s > 0:
            raise UsageError(f"the timeout of a hook is a number of seconds, not {timeout_s!r}")
        self._last += 1
        self._hooks[HookId(self._last)] = Registered(hook, method, timeout_s)
        return HookId(self._last)

    def remove(self, hook_id: HookId) -> None:
        """Unregister a hook.

        Raises:
            UsageError: There is none of that id.
        """
        gone = self._hooks.pop(hook_id, None)
        if gone is None:
            raise UsageError(f"there is no hook {hook_id}")
        if gone.thread is not None:
            gone.thread.stop()

    def of(self, method: str) -> tuple[Registered, ...]:
        """Return the hooks for `BEFORE` or `AFTER` in order of registration."""
        return tuple(one for one in self._hooks.values() if one.method == method)
