"""What plugins bring to be chosen by name: runners, caches and commands. Imported when chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagemake.model.error import PluginError, UsageError, did_you_mean
from stagemake.plugins.check import check_command, check_factory
from stagemake.plugins.fault import Fault, PartFault, described, place_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from stagemake.plugins.parts import Brought, Part

BUILT_IN = {"runners": ("local",), "caches": ("disk",)}
"""Names that stagemake has itself; those of commands the command line knows."""

_WORD = {"runners": "runner", "caches": "cache", "commands": "command"}


class NamedParts:
    """Runners, caches and commands of one manager's plugins, by kind and name."""

    def __init__(self) -> None:
        self.taken_commands: Collection[str] = ()  # that the command line has itself
        self._parts: dict[tuple[str, str], tuple[Brought, Part]] = {}

    def add(self, brought: Brought) -> None:
        """Take in what a plugin brings; what has a name of stagemake's own breaks the plugin.

        Raises:
            PluginError: Another plugin brings the same.
        """
        for part in brought.parts:
            if part.kind not in _WORD:
                continue
            word = _WORD[part.kind]
            taken = BUILT_IN.get(part.kind, self.taken_commands)
            if part.name in taken or not part.name or part.name[0] == "-" or " " in part.name:
                why = (
                    "which stagemake has itself" if part.name in taken else "which can't be a name"
                )
                brought.break_down(f"it brings the {word} `{part.name}`, {why}")
                return
            known = self._parts.setdefault((part.kind, part.name), (brought, part))
            if known[0] is not brought:
                raise PluginError(
                    f"two plugins bring the {word} `{part.name}`",
                    facts=[("first", _where(known[0])), ("second", _where(brought))],
                    hint="name only one of them",
                )

    def remove(self, brought: Brought) -> None:
        """Forget what a plugin brings."""
        self._parts = {key: known for key, known in self._parts.items() if known[0] is not brought}

    def names(self, kind: str) -> tuple[str, ...]:
        """Return what there is of a kind, sorted."""
        return tuple(sorted(name for found, name in self._parts if found == kind))

    def check(self, kind: str, name: str) -> None:
        """Check that a name that was chosen is there, built in or brought.

        Raises:
            UsageError: It is not.
        """
        known = [*BUILT_IN[kind], *self.names(kind)]
        if name and name not in known:
            raise unknown_choice(kind, name, known)

    def use(self, kind: str, name: str) -> Any:  # Any: checked below, by kind
        """Import what is chosen by name, and check it; None where no plugin brings it.

        Raises:
            PluginError: It can't be imported, or is not what it should be.
        """
        known = self._parts.get((kind, name))
        if known is None:
            return None
        brought, part = known
        word = _WORD[kind]
        try:
            value = part.load()
            if kind == "commands":
                check_command(value)
            else:
                check_factory(value, f"a {word}")
        except PartFault as error:
            raise _fault(brought, str(error)).error(f"the {word} `{name}` can't be used") from None
        except (Exception, SystemExit) as error:
            found = _fault(brought, described(error), error)
            raise found.error(f"the {word} `{name}` can't be used") from error
        return value

    def owner(self, kind: str, name: str) -> str:
        """Return the name of the plugin that brings something; empty if none does."""
        known = self._parts.get((kind, name))
        return known[0].name if known is not None else ""


def unknown_choice(kind: str, name: str, known: Collection[str]) -> UsageError:
    """Return the error on a runner or a cache that nobody brings."""
    word = _WORD[kind]
    return UsageError(
        f"there is no {word} `{name}`",
        facts=[("known", ", ".join(f"`{each}`" for each in known))],
        hint=did_you_mean(name, known)
        or "a plugin that brings it is named in `[tool.stagemake] plugins`",
    )


def _fault(brought: Brought, problem: str, error: BaseException | None = None) -> Fault:
    place = place_of(error) if error is not None else ""
    return Fault(brought.name, brought.version, problem, place)


def _where(brought: Brought) -> str:
    version = f" {brought.version}" if brought.version else ""
    return f"plugin `{brought.name}`{version}, named in {brought.named_in}"
