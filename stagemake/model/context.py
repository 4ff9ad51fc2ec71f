"""What a running Python action may see, and what a hook sees of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path  # noqa: TC003 - part of the public type
from typing import Any

from attrs import field, frozen

from stagemake.model.config_store import ConfigStore  # noqa: TC001 - part of the public type
from stagemake.model.error import BadValue, UndeclaredAccess, did_you_mean
from stagemake.model.mode import ExecutionMode  # noqa: TC001 - part of the public type
from stagemake.model.operation import DryRunContext  # noqa: TC001 - part of the public type
from stagemake.model.plain import NotPlain, plain_text
from stagemake.model.result import StageResult  # noqa: TC001 - part of the public type
from stagemake.model.services import (  # noqa: TC001 - part of the public type
    EventDispatcher,
    StorageProvider,
)
from stagemake.model.stage import Stage  # noqa: TC001 - part of the public type

LARGEST_VALUE_BYTES = 1 << 20


class SharedData(MutableMapping[str, Any]):
    """Values that stages hand to each other: readable when in `uses`, writable when in `provides`.

    Values are what JSON can hold: text, numbers, booleans, None, lists and mappings by text.

    Args:
        stage: Whose declaration decides.
        used: The values that are known now, by name.
        provided: Those that it has provided, where a hook looks on; None: an action, which may set them.
    """

    def __init__(
        self, stage: Stage, used: Mapping[str, Any], provided: Mapping[str, Any] | None = None
    ) -> None:
        self._stage = stage
        self._used = dict(used)
        self._is_fixed = provided is not None
        self.provided: dict[str, Any] = dict(provided or {})

    def __getitem__(self, name: str) -> Any:
        if name in self.provided:
            return self.provided[name]
        if name in self._used:
            return self._used[name]
        who = self._stage.name
        if name in self._stage.uses:
            raise UndeclaredAccess(
                f"the shared value `{name}` is not known before the stage that provides it has run",
                hint="in a dry run, ask `name in context.shared` first",
            )
        if name in self._stage.provides:
            raise UndeclaredAccess(
                f"stage `{who}` reads its shared value `{name}` before it is set"
            )
        raise UndeclaredAccess(
            f"stage `{who}` reads the shared value `{name}` without declaring it",
            hint=did_you_mean(name, self._used) or f'add uses=["{name}"] to the stage',
        )

    def __setitem__(self, name: str, value: Any) -> None:
        if self._is_fixed:
            raise UndeclaredAccess(
                f"a hook sets the shared value `{name}` of stage `{self._stage.name}`",
                hint="hooks read shared values; the stage itself sets them",
            )
        if name not in self._stage.provides:
            raise UndeclaredAccess(
                f"stage `{self._stage.name}` sets the shared value `{name}` without declaring it",
                hint=did_you_mean(name, self._stage.provides)
                or f'add provides=["{name}"] to the stage',
            )
        self._encoded(name, value)
        self.provided[name] = value

    def __delitem__(self, name: str) -> None:
        del self.provided[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a declared value, `default` while it is not known; an undeclared one is an error."""
        declared = name in self._stage.uses or name in self._stage.provides
        return default if declared and name not in self else self[name]

    def __contains__(self, name: object) -> bool:
        return name in self.provided or name in self._used

    def __iter__(self) -> Iterator[str]:
        return iter({**self._used, **self.provided})

    def __len__(self) -> int:
        return len({**self._used, **self.provided})

    def encoded(self) -> dict[str, str]:
        """Return what was provided as canonical JSON, by name.

        Raises:
            BadValue: A value was changed since it was set, to something that JSON can't hold.
        """
        return {name: self._encoded(name, value) for name, value in self.provided.items()}

    def _encoded(self, name: str, value: Any) -> str:
        who = f"stage `{self._stage.name}` sets the shared value `{name}`"
        try:
            text = plain_text(value)
        except NotPlain as error:
            raise BadValue(
                f"{who} to what JSON can't hold: {error}",
                hint="shared values are text, finite numbers, booleans, None, lists, and mappings by text",
            ) from None
        if len(text) > LARGEST_VALUE_BYTES:
            raise BadValue(
                f"{who} to {len(text)} bytes; {LARGEST_VALUE_BYTES} is the most",
                hint="write a file and declare it as an output",
            )
        return text


@frozen
class StageContext:
    """What a Python action or a hook sees; one per stage and build. Paths are absolute."""

    stage: Stage
    mode: ExecutionMode
    root: Path
    _scratch: Path = field(alias="scratch")
    inputs: tuple[Path, ...]  # in declared order; `implicit` ones are not listed
    outputs: tuple[Path, ...]  # in declared order; parents exist
    env: Mapping[str, str]  # the whole environment of the stage
    params: Mapping[str, Any]
    config: ConfigStore  # declared values only; read-only
    shared: SharedData  # declared values only
    storage: StorageProvider  # inside the root
    events: EventDispatcher  # of this stage; what it says reaches the tool while it runs
    dry_run: DryRunContext | None = None  # set iff mode is DRY_RUN
    _results: Mapping[str, StageResult] | None = field(default=None, alias="results")
    _make_scratch: Callable[[], object] | None = field(default=None, alias="make_scratch")

    @property
    def scratch(self) -> Path:
        """A directory private to this run of the stage, made when first asked for and removed afterwards.

        In a dry run it is not there.
        """
        if self._make_scratch is not None:
            self._make_scratch()
        return self._scratch

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.stage.name

    @property
    def results(self) -> Mapping[str, StageResult]:
        """For hooks: how the stages of this build have ended so far, by name.

        Of the stage that a post hook is called for, what is known before it is recorded.

        Raises:
            UndeclaredAccess: An action asks: what it made of them would not be in its key.
        """
        if self._results is None:
            raise UndeclaredAccess(
                f"stage `{self.stage.name}` reads the results of other stages, which is for hooks",
                hint="a stage hands on a value by provides= and uses=",
            )
        return self._results
