"""What the loop of `stagemake watch` asks of whoever builds, of whoever tells, and of what follows builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from stagemake.model.error import StagemakeError
    from stagemake.model.result import BuildOutcome
    from stagemake.model.stage import Stage
    from stagemake.watch.interest import Interest
    from stagemake.watch.mailbox import Ended


class Bench(Protocol):
    """Builds; see `watch.workbench`."""

    interest: Interest
    services: tuple[Stage, ...]  # of the targets
    on_ready: Callable[[], object]  # to be called before a build, when `interest` is right for it

    @property
    def is_held_elsewhere(self) -> bool:
        """Whether another process builds this project now."""

    def build(self, moved: set[str] | None) -> BuildOutcome:
        """Bring everything up to date."""

    def look_back(self, outcome: BuildOutcome) -> None:
        """Find out what the next build can go by."""

    def catch_up(self) -> bool:
        """Go by what another process has built."""

    def stop(self, number: int) -> None:
        """Ask the running build to end; from any thread, or a signal's handler."""


class Teller(Protocol):
    """Says what goes on, to people."""

    def changed(self, paths: Collection[str]) -> None:
        """Something counts and has changed: a build begins."""

    def given_up(self, path: str) -> None:
        """The build that ran was overtaken by a change."""

    def mistake(self, error: StagemakeError) -> None:
        """Something is wrong that a change can mend."""

    def waiting(self) -> None:
        """Nothing is to be done."""

    def notice(self, text: str) -> None:
        """Something that a user should know."""

    def why(self, outcome: BuildOutcome | None) -> None:
        """Somebody asks why stages ran."""

    def help(self) -> None:
        """Somebody asks for the keys."""


class Follower(Protocol):
    """Is started, or started again, by builds that went well."""

    def follow(self, outcome: BuildOutcome, *, is_first: bool) -> None:
        """Take notice of a build that went well; `is_first` after one that did not, and of all."""

    def ended(self, message: Ended) -> None:
        """Take notice that something it had started has ended."""

    def close(self) -> None:
        """End all that was started, and wait until it has."""
