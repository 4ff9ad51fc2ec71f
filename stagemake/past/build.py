"""One past build and its stages, as `history` and `why` read them."""

from __future__ import annotations

from attrs import field, frozen

from stagemake.model.difference import Difference  # noqa: TC001 - attrs field type, read by tools
from stagemake.model.plan import Interval  # noqa: TC001 - as above
from stagemake.model.repeat import Divergence  # noqa: TC001 - as above
from stagemake.model.result import INTERRUPTED, CacheUse, Outcome
from stagemake.model.valued import Valued
from stagemake.past.ending import Ending


@frozen(eq=False, repr=False)
class PastStage(Valued):
    """A stage that was not fresh, in one build."""

    name: str
    outcome: str  # code, see `model.result.Outcome`
    reason: str = ""  # code, see `model.plan.Reason`
    subject: str = ""
    key: str | None = None
    wall_s: float | None = None  # None: nothing ran
    cpu_s: float | None = None
    exit_code: int | None = None
    output_bytes: int | None = None
    changed: bool = False  # whether its outputs differed from those before
    expected_s: Interval | None = None  # what the plan had said of `wall_s`
    differences: tuple[Difference, ...] = ()
    diverged: Divergence | None = None  # from what its key had made before
    started_s: float | None = None  # since the start of the build; None: not noted, or nothing ran
    peak_rss_bytes: int | None = None  # None: not known
    problem: str = ""  # one line, for what failed or was blocked
    log: str = ""  # the end of what it printed, if it failed: no cache keeps that

    @property
    def was_interrupted(self) -> bool:
        """Whether it was ended while it ran."""
        return self.outcome == Outcome.CANCELLED.value and self.problem == INTERRUPTED

    @property
    def word(self) -> str:
        """How it ended, for people: the outcome, or that it was interrupted."""
        return INTERRUPTED if self.was_interrupted else self.outcome


@frozen(eq=False, repr=False)
class PastBuild(Valued):
    """One build that had something to do."""

    number: int
    started_s: float  # unix seconds
    targets: tuple[str, ...]
    jobs: int
    version: str  # of stagemake
    ending: Ending
    forecast_s: Interval | None = None  # of `wall_s`; None: a stage had no result here
    wall_s: float | None = None  # None: not known, it was killed
    counts: dict[str, int] = field(factory=dict)  # by outcome code; what is known of a killed one
    stages: tuple[PastStage, ...] = ()  # in the order they settled, those not fresh
    roster: str = ""  # digest of the names of all its stages
    cache: CacheUse | None = None  # None: not noted

    @property
    def is_inside(self) -> bool | None:
        """Whether it took no longer than the forecast's p90; None where that can't be said."""
        if self.forecast_s is None or self.wall_s is None or self.ending is not Ending.DONE:
            return None
        return self.wall_s <= self.forecast_s.p90
