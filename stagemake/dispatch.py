"""Events of stages and programs: said in a worker, heard in the tool."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stagemake.model.difference import hide
from stagemake.model.error import BadValue, UsageError
from stagemake.model.event import StageEvent
from stagemake.model.plain import NotPlain, plain_text

if TYPE_CHECKING:
    from stagemake.model.event import Event

LARGEST_EVENT_BYTES = 1 << 16
MOST_BYTES = 16 << 20  # of all events of one run of a stage

Handler = Callable[[Any], object]  # Any: events
_IS_COROUTINE = 0x80  # flag of code objects; `inspect` costs milliseconds


def encoded_event(name: str, payload: Any) -> bytes:  # Any: checked here
    """Return an event as JSON, with the time in it.

    Raises:
        BadValue: The name is no text, or the payload is not what JSON can hold, or too large.
    """
    if not isinstance(name, str) or not name:
        raise BadValue(f"the name of an event is a text, not {name!r}")
    try:
        text = plain_text(payload)
    except NotPlain as error:
        raise BadValue(
            f"the event `{name}` holds what can't be passed on: {error}",
            hint="payloads are text, finite numbers, booleans, None, lists, and mappings by text",
        ) from None
    if len(text) > LARGEST_EVENT_BYTES:
        raise BadValue(
            f"the event `{name}` holds {len(text)} bytes; {LARGEST_EVENT_BYTES} is the most",
            hint="write a file, and pass on its name",
        )
    return f'{{"name":{json.dumps(name)},"payload":{text},"at":{time.monotonic()!r}}}'.encode(
        "ascii"
    )


def decoded_event(
    stage: str, data: bytes, began_s: float, secrets: tuple[str, ...] = ()
) -> StageEvent:
    """Return what `encoded_event` wrote, as said by a stage.

    Args:
        stage: Its name.
        data: What it said.
        began_s: When the build began.
        secrets: What is shown of the event as `***`, wherever it stands; from `secret_values`.
    """
    said = json.loads(data)
    name, payload = said["name"], said["payload"]
    if secrets:
        name, payload = hide(name, secrets), _without(payload, secrets)
    return StageEvent(stage, name, payload, max(0.0, said["at"] - began_s))


def _without(payload: Any, secrets: tuple[str, ...]) -> Any:  # Any: what JSON can hold
    if isinstance(payload, str):
        return hide(payload, secrets)
    if isinstance(payload, list):
        return [_without(one, secrets) for one in payload]
    if isinstance(payload, dict):
        return {hide(key, secrets): _without(one, secrets) for key, one in payload.items()}
    # A secret may be a number: the text of one is what a variable holds.
    return hide(json.dumps(payload), secrets) if json.dumps(payload) in secrets else payload


class Subscriptions:
    """Handlers by number. One that raises is not called again."""

    def __init__(self) -> None:
        self._by_id: dict[int, tuple[Handler, str]] = {}
        self._last = 0
        self.faults: list[str] = []

    def add(self, handler: Handler, name: str) -> int:
        """Take in a handler for all events, or for those of a name.

        Raises:
            UsageError: It can't be called, or is a coroutine function.
        """
        if not callable(handler):
            raise UsageError(f"{handler!r} can't be called with an event")
        code = getattr(handler, "__code__", None)
        if code is not None and code.co_flags & _IS_COROUTINE:
            raise UsageError(
                f"`{code.co_name}` is a coroutine function; handlers of events are plain ones",
                hint="have it say loop.call_soon_threadsafe(…)",
            )
        self._last += 1
        self._by_id[self._last] = handler, name
        return self._last

    def remove(self, subscription: int) -> None:
        """Forget a handler; unknown ones are fine."""
        self._by_id.pop(subscription, None)

    def tell(self, event: Event) -> list[str]:
        """Call all handlers for an event, in order; return what went wrong, one line each."""
        faults = []
        for subscription, (handler, name) in list(self._by_id.items()):
            if name and not (isinstance(event, StageEvent) and event.name == name):
                continue
            try:
                handler(event)
            except Exception as error:
                self.remove(subscription)
                who = getattr(handler, "__qualname__", type(handler).__qualname__)
                faults.append(
                    f"the subscriber `{who}` raised {type(error).__name__}: {error};"
                    " it is not called any more"
                )
        return faults


class WorkerEvents:
    """The EventDispatcher of a running stage: what it says goes to the tool.

    Args:
        stage: The stage's name.
        say: Passes bytes on to the tool; nobody listens until `begin` tells who does.
    """

    def __init__(self, stage: str, say: Callable[[bytes], None] = lambda _data: None) -> None:
        self._stage = stage
        self._said_bytes = 0
        self._own = Subscriptions()
        self.begin(say)

    def begin(self, say: Callable[[bytes], None]) -> None:
        """Take in that the stage begins to run, and who passes on what it says."""
        self._say = say
        self._began_s = time.monotonic()

    def subscribe(self, handler: Handler, *, name: str = "") -> int:
        """Have a handler told of what this stage says."""
        return self._own.add(handler, name)

    def unsubscribe(self, subscription: int) -> None:
        """Stop that."""
        self._own.remove(subscription)

    def emit(self, name: str, payload: Any = None) -> None:  # Any: checked
        """Tell the tool, then subscribers of this process."""
        data = encoded_event(name, payload)
        self._said_bytes += len(data)
        if self._said_bytes > MOST_BYTES:
            raise BadValue(
                f"the events of stage `{self._stage}` hold more than {MOST_BYTES >> 20} MiB",
                hint="emit less often",
            )
        self._say(data)
        self._own.tell(decoded_event(self._stage, data, self._began_s))


class ToolEvents:
    """The EventDispatcher of a manager and its hooks: tells subscribers and reporters.

    Args:
        subscriptions: Who subscribed; shared by a manager and its hooks.
        emit: Passes an event on to everyone.
        stage: Who speaks; empty: the program.
        now_s: Seconds since the start of the build.
    """

    def __init__(
        self,
        subscriptions: Subscriptions,
        emit: Callable[[Event], None],
        stage: str = "",
        now_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._subscriptions = subscriptions
        self._emit = emit
        self._stage = stage
        self._now_s = now_s

    def subscribe(self, handler: Handler, *, name: str = "") -> int:
        """Have `handler(event)` called for every event, or for those emitted under a name.

        It is called in the thread that builds, one event after the other.
        """
        return self._subscriptions.add(handler, name)

    def unsubscribe(self, subscription: int) -> None:
        """Stop calling a handler; unknown ones are fine."""
        self._subscriptions.remove(subscription)

    def emit(self, name: str, payload: Any = None) -> None:  # Any: checked
        """Tell everyone."""
        event = decoded_event(self._stage, encoded_event(name, payload), 0.0)
        self._emit(StageEvent(event.stage, event.name, event.payload, self._now_s()))
