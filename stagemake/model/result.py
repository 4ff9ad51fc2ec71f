"""What running or restoring a stage gave."""

from __future__ import annotations

import enum
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import field, frozen

from stagemake.model.entry import OutputFile  # noqa: TC001 - attrs field type, read by tools
from stagemake.model.quick import QuicklyMade, give_defaults

if TYPE_CHECKING:  # they know this module
    from stagemake.model.difference import Difference
    from stagemake.model.observation import Observation
    from stagemake.model.plan import Interval
    from stagemake.model.repeat import Divergence
    from stagemake.model.report import DryRunReport


@frozen
class LogBlob:
    """Captured text of one stream, by digest; size 0 means there was none."""

    digest: str = ""
    size_bytes: int = 0


@frozen
class ActionResult:
    """The cache entry: what an action produced, contents by digest. Only success is ever stored."""

    outputs: tuple[OutputFile, ...] = ()  # sorted by path; directories listed flat
    discovered: tuple[str, ...] = ()  # inputs that the action reported, sorted
    provided: tuple[tuple[str, str], ...] = ()  # shared values as canonical JSON, sorted by name
    stdout: LogBlob = LogBlob()
    stderr: LogBlob = LogBlob()
    duration_s: float = 0.0
    cpu_s: float = 0.0
    stage: str = ""  # who made it; for people only
    created_s: int = 0  # unix seconds; for people only
    is_disputed: bool = False  # another run under the same key made something else

    @property
    def output_bytes(self) -> int:
        """The sizes of all output files together."""
        return sum(row.size_bytes for row in self.outputs)

    @property
    def blobs(self) -> tuple[tuple[str, int], ...]:
        """Digest and size of every content this result needs, without repeats."""
        found = {row.digest: row.size_bytes for row in self.outputs if row.digest}
        for log in (self.stdout, self.stderr):
            if log.size_bytes:
                found[log.digest] = log.size_bytes
        return tuple(found.items())


INTERRUPTED = "interrupted"
"""The problem of a stage that was ended while it ran."""


class Outcome(enum.Enum):
    """How a stage ended in this build."""

    FRESH = "fresh"
    RESTORED = "restored"
    CUT_OFF = "cut_off"  # waited for an upstream stage, which reproduced its old outputs
    RAN = "ran"
    FAILED = "failed"
    BLOCKED = "blocked"  # an upstream stage failed
    CANCELLED = "cancelled"  # ended while it ran, or not begun before the build ended

    @property
    def is_good(self) -> bool:
        """Whether downstream stages may go on."""
        # Not a set: hashing a member is a Python call, and this is asked for every stage.
        return (
            self is Outcome.FRESH
            or self is Outcome.RAN
            or self is Outcome.RESTORED
            or self is Outcome.CUT_OFF
        )


@frozen(slots=False)  # see QuicklyMade
class StageResult(QuicklyMade):
    """How one stage ended."""

    name: str
    outcome: Outcome
    reason: str = ""  # code of the reason, see `Reason.code`
    subject: str = ""
    key: str | None = None
    started_s: float = 0.0  # since the start of the build
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_rss_bytes: int = 0  # the most memory it had at once; 0: unknown
    exit_code: int | None = None  # None: nothing ran
    output_bytes: int | None = None
    stdout: bytes = field(default=b"", repr=False)
    stderr: bytes = field(default=b"", repr=False)
    problem: str = ""  # for failed and blocked ones: what was wrong, one line
    notes: tuple[str, ...] = ()  # what a user should know besides; one line each
    changed: bool = False  # outputs differ from the previous build's
    differences: tuple[Difference, ...] = ()  # from its last result here, for what ran or came back
    expected_s: Interval | None = None  # what the plan had said its run would take
    divergence: Divergence | None = None  # how it differs from what its key has made before
    log: str = ""  # the file with all that it printed, from the root; of failed ones only

    @property
    def was_interrupted(self) -> bool:
        """Whether it was ended while it ran."""
        return self.outcome is Outcome.CANCELLED and self.problem == INTERRUPTED


@frozen
class CacheUse:
    """What a build did with the cache."""

    hits: int = 0
    misses: int = 0
    bytes_read: int = 0
    bytes_written: int = 0


@frozen(slots=False)
class BuildOutcome:
    """How a whole build ended; `results` are in execution order."""

    results: tuple[StageResult, ...]
    wall_s: float
    cache: CacheUse = CacheUse()
    interrupted_by: int = 0  # the signal's number; 0: ran to its end
    removed: tuple[str, ...] = ()  # orphaned outputs removed
    kept: tuple[tuple[str, str], ...] = ()  # files of the user's put aside: path, where it is now
    forecast_s: Interval | None = (
        None  # what the plan had said of `wall_s`; None: nothing worth the name
    )
    observations: tuple[Observation, ...] = ()  # of stages that were watched, as they settled
    drifted: tuple[str, ...] = ()  # stages that could not be done as a plan file says
    forecast: DryRunReport | None = (
        None  # all that the plan had said, where the request asked for it
    )
    left_out: int = (
        0  # how many stages were wanted, too, and known to be fresh before the rest was looked at
    )

    @property
    def ok(self) -> bool:
        """Whether everything wanted is up to date now."""
        good = sum(self.count(outcome) for outcome in Outcome if outcome.is_good)
        return not self.interrupted_by and good == self.total

    @property
    def total(self) -> int:
        """How many stages were wanted."""
        return len(self.results) + self.left_out

    @cached_property
    def _counts(self) -> dict[str, int]:
        counts = {Outcome.FRESH.value: self.left_out}
        for result in self.results:
            code = result.outcome._value_  # hashing a member itself is a Python call
            counts[code] = counts.get(code, 0) + 1
        return counts

    def count(self, outcome: Outcome) -> int:
        """Return how many stages ended so."""
        return self._counts.get(outcome.value, 0)

    def with_outcome(self, outcome: Outcome) -> tuple[StageResult, ...]:
        """Return the results with this outcome, in execution order."""
        return tuple(result for result in self.results if result.outcome is outcome)


give_defaults(StageResult)
