"""One plugin that takes part: its parts as they are imported, and what was made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from stagemake.plugins.discover import KINDS
from stagemake.plugins.fault import Fault, described, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stagemake.plugins.discover import Installed

EAGER = ("stages", "pipelines", "lifecycle", "hooks", "reporters")
"""Imported in `core.plugin_load`; what is chosen by name (runners, caches, commands) when it is chosen."""


@define
class Part:
    """One thing that a plugin brings."""

    kind: str
    name: str  # the entry point's; of a Plugin value: its key, or the name of a class
    load: Callable[[], Any]  # Any: whatever it is; imports the plugin's module
    value: Any = None


@define
class Brought:
    """A plugin that takes part in a session."""

    name: str
    version: str
    origin: str  # where it comes from, for people
    named_in: str
    expand: Callable[[], list[Part]]
    parts: list[Part] = field(factory=list)
    fault: Fault | None = None
    stage_names: list[str] = field(factory=list)  # what was registered, to be unregistered
    lifecycle_names: list[str] = field(factory=list)
    pipeline_names: list[str] = field(factory=list)
    hook_ids: list[Any] = field(factory=list)  # Any: HookId, of a layer above
    reporters: list[Any] = field(factory=list)  # Any: made and checked, for `core.ui_init`
    is_loaded: bool = False
    is_made: bool = False

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong with it so far."""
        return self.fault is None

    def of(self, kind: str) -> Iterator[Part]:
        """Yield the parts of one kind, in the plugin's own order."""
        return (part for part in self.parts if part.kind == kind)

    def load(self) -> None:
        """Import what is always needed; what goes wrong becomes the fault."""
        self.is_loaded = True
        try:
            self.parts = self.expand()
        except (Exception, SystemExit) as error:
            self.break_down(f"it raised {described(error)}", error)
            return
        for part in self.parts:
            if part.kind in EAGER:
                try:
                    part.value = part.load()
                except (Exception, SystemExit) as error:
                    what = f"its entry in `{part.kind}`, `{part.name}`, can't be imported"
                    self.break_down(f"{what}: {described(error)}", error)
                    return

    def break_down(self, problem: str, error: BaseException | None = None) -> None:
        """Note what is wrong with it; the first thing counts."""
        if self.fault is None:
            place = place_of(error) if error is not None else ""
            self.fault = Fault(self.name, self.version, problem, place)


def of_installed(installed: Installed, named_in: str) -> Brought:
    """Return an installed plugin as one that takes part; nothing of it is imported yet."""

    def expand() -> list[Part]:
        return [Part(kind, entry.name, entry.load) for kind, entry in installed.entries]

    return Brought(installed.name, installed.version, installed.place, named_in, expand)


def of_object(given: Any) -> Brought | None:
    """Return a Plugin value, or an object with a name and some of its attributes; None for others.

    An attribute may be a method without arguments that returns what belongs there.
    """
    name = getattr(given, "name", None)
    if not isinstance(name, str) or not name or not any(hasattr(given, kind) for kind in KINDS):
        return None

    def expand() -> list[Part]:
        return [part for kind in KINDS for part in _parts(kind, getattr(given, kind, ()))]

    version = str(getattr(given, "version", "") or "")
    return Brought(name, version, "given by a program", "StageManager(plugins=…)", expand)


def _parts(kind: str, given: Any) -> list[Part]:
    values = given() if callable(given) and not isinstance(given, type) else given
    if isinstance(values, dict) or hasattr(values, "items"):
        return [Part(kind, str(name), _giver(value)) for name, value in values.items()]
    named = ((getattr(value, "name", "") or _class_name(value), value) for value in values)
    return [Part(kind, str(name), _giver(value)) for name, value in named]


def _class_name(value: Any) -> str:
    return getattr(value, "__name__", "") or type(value).__name__


def _giver(value: Any) -> Callable[[], Any]:
    return lambda: value
