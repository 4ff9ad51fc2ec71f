"""What a stage is: an action with declared inputs, outputs and order. Built by the language, read by all."""

from __future__ import annotations

import enum
from collections.abc import Callable  # noqa: TC003 - attrs resolves annotations in subclasses of users
from typing import TYPE_CHECKING, Any, NewType, Protocol

from attrs import field, frozen

from stagemake.model.quick import QuicklyMade, give_defaults

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

StageName = NewType("StageName", str)
"""A stage's name as users write it, like `app.link`."""

StageId = NewType("StageId", int)
"""A dense index into one pipeline, in execution order."""

ProjectPath = NewType("ProjectPath", str)
"""A canonical path: relative to the root with `/` separators, or absolute when outside the root.

Directory outputs end with `/` where they are declared (`Stage.outputs`) and nowhere else.
"""


class DependencyOrder(enum.Enum):
    """On which side of the declaring stage the named stage runs."""

    BEFORE = "before"
    """The named stage runs before the declaring one."""

    AFTER = "after"
    """The named stage runs after the declaring one."""


@frozen
class SourceLocation:
    """Where something was declared."""

    file: str  # as shown to users: relative to the root when inside it
    line: int  # 1-based

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@frozen
class StageDependency:
    """An order between two stages, without any data passing between them."""

    stage: str  # its name
    order: DependencyOrder = DependencyOrder.BEFORE
    required: bool = True  # False: ignored when that stage isn't registered
    within: str = (
        ""  # where the name is looked up first: an included Stagefile's prefix, with its dot
    )


@frozen
class Command:
    """A process to start. `template` still holds the placeholders of the Stagefile."""

    template: tuple[str, ...]  # argv, or one shell text when `shell` is set
    shell: bool = False


class Surroundings(Protocol):
    """What a function finds when it imports: the modules of the Stagefile that declared it."""

    def active(self) -> AbstractContextManager[None]:
        """Make the modules importable."""

    def enter(self) -> None:
        """Make them importable from now on, where nobody else asks for any."""

    def leave(self) -> None:
        """Undo `enter`."""


@frozen
class Call:
    """A Python function of one argument, the StageContext; plain or `async`."""

    function: Callable[..., Any] = field(eq=False)  # Any: whatever users write
    home: Surroundings | None = field(
        default=None, eq=False, repr=False
    )  # None: registered by a program
    returns_nothing: bool = False  # an answer other than None is a mistake: class-based stages


Action = Command | Call


@frozen(slots=False)  # see QuicklyMade
class Stage(QuicklyMade):
    """One declared stage. Paths are canonical `ProjectPath`s; sequences keep the author's order."""

    name: StageName
    action: Action | None = None  # None: only groups or orders
    inputs: tuple[ProjectPath, ...] = ()  # explicit, visible to the action as {inputs}
    implicit: tuple[ProjectPath, ...] = ()  # keyed, not passed to the action
    outputs: tuple[ProjectPath, ...] = ()  # a trailing slash marks a directory output
    dependencies: tuple[StageDependency, ...] = ()
    depfile: ProjectPath | None = None  # Make syntax, written by the action
    cwd: ProjectPath = ProjectPath("")  # where the action runs; empty: in the root
    env: tuple[tuple[str, str | None], ...] = ()  # keyed variables with values, sorted; None: unset
    pass_env: tuple[str, ...] = ()  # passed through, not keyed
    secret_env: tuple[str, ...] = ()  # passed through, not keyed, masked in logs
    config: tuple[tuple[str, str], ...] = ()  # configuration values the action may read, keyed
    params: tuple[tuple[str, Any], ...] = ()  # sorted; Any: numbers, text, bytes, tuples, mappings
    uses: tuple[str, ...] = ()  # names of shared values read
    provides: tuple[str, ...] = ()  # names of shared values made
    tools: tuple[str, ...] = ()  # programs keyed in addition to those seen in the command
    pool: str = ""
    cpus: float = 1.0
    memory_bytes: int = 0
    timeout_s: float | None = None
    retries: int = 0
    cache: bool = True
    always: bool = False
    console: bool = False  # the action has the tool's stdin, stdout and stderr
    service: bool = False  # runs until it is ended, by `watch` only: part of no pipeline
    resumable: bool = False  # done in a build that was cut short: not done again by the next
    version: str = ""
    ignore_code: bool = False
    any_python: bool = False
    supports_dry_run: bool = True
    description: str = ""
    location: SourceLocation | None = field(default=None, eq=False)

    @property
    def is_call(self) -> bool:
        """Whether the action is a Python function."""
        return isinstance(self.action, Call)

    @property
    def is_class_based(self) -> bool:
        """Whether the action is the `execute` of an object."""
        return isinstance(self.action, Call) and self.action.returns_nothing

    @property
    def runs_always(self) -> bool:
        """Whether nothing declared could make a repeat unnecessary."""
        return self.always or (
            self.action is not None
            and not (self.inputs or self.implicit or self.outputs or self.service)
        )


give_defaults(Stage)
