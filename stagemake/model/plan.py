"""What a build would do: a verdict with its reason for every stage."""

from __future__ import annotations

import enum
from math import log

from attrs import field, frozen

from stagemake.model.pipeline import Pipeline  # noqa: TC001 - attrs field type, read by tools
from stagemake.model.quick import QuicklyMade, give_defaults
from stagemake.model.result import ActionResult  # noqa: TC001 - attrs field type, read by tools

P90 = 1.2816  # standard deviations from the median to the ninth decile of a normal distribution


class Verdict(enum.Enum):
    """What a stage needs."""

    FRESH = "fresh"  # verified: nothing to do
    HIT = "hit"  # the cache has the result: restore
    MISS = "miss"  # must run
    MAYBE = "maybe"  # known once an upstream stage has run; may still be cut off


class Reason(enum.Enum):
    """Why a stage got its verdict; the value is what people read."""

    UNCHANGED = "unchanged"
    NEVER_BUILT = "never built"
    NO_RECORD = "no record here"  # and the cache has it: it was built, here or elsewhere
    INPUT_CHANGED = "input changed"
    INPUT_ADDED = "input added"
    INPUT_REMOVED = "input removed"
    INPUT_MISSING = "input missing"
    INPUT_UNREADABLE = "input can't be read"
    COMMAND_CHANGED = "command changed"
    CODE_CHANGED = "function changed"
    PROGRAM_CHANGED = "program changed"
    ENV_CHANGED = "environment changed"
    CONFIG_CHANGED = "configuration changed"
    PARAMS_CHANGED = "parameters changed"
    VALUE_CHANGED = "shared value changed"
    OUTPUTS_CHANGED = "declared outputs changed"
    DECLARATION_CHANGED = "declaration changed"
    PLATFORM_CHANGED = "platform changed"
    OUTPUT_MISSING = "output missing"
    OUTPUT_MODIFIED = "output modified by hand"
    UPSTREAM_RUNS = "upstream runs"
    NOT_FORESEEN = "not known before it is restored"
    ALWAYS = "always runs"
    UNIDENTIFIED = "code that can't be identified"
    INTERRUPTED = "last run left no result"
    FORCED = "forced"
    RESUMED = "done before the last build was cut short"

    @property
    def code(self) -> str:
        """The snake_case code for machines."""
        return self.name.lower()

    @property
    def is_told(self) -> bool:
        """Whether the stage is told other things than last time, rather than given other inputs."""
        return self in _TOLD


_TOLD = frozenset(
    {
        Reason.COMMAND_CHANGED, Reason.CODE_CHANGED, Reason.PROGRAM_CHANGED, Reason.ENV_CHANGED,
        Reason.CONFIG_CHANGED, Reason.PARAMS_CHANGED, Reason.DECLARATION_CHANGED,
        Reason.OUTPUTS_CHANGED, Reason.PLATFORM_CHANGED,
    }
)  # fmt: skip


@frozen
class Interval:
    """A quantity by its median and its ninth decile."""

    p50: float
    p90: float


class Source(enum.Enum):
    """Where an estimate comes from."""

    HISTORY = "history"  # the stage's own runs here
    CACHE = "cache"  # one run, here or elsewhere, that the cache has a record of
    KIND = "kind"  # other stages that run the same program or function
    NONE = "none"


@frozen(slots=False)  # see QuicklyMade
class Estimate(QuicklyMade):
    """What a stage is expected to cost, from history."""

    duration_s: Interval | None = None  # None: never run as far as known
    output_bytes: int | None = None
    samples: int = 0  # history behind the numbers
    changes_output_p: float | None = None  # how often a run with other inputs changed its outputs
    changed: int = 0  # so many
    compared: int = 0  # of so many runs
    passed_on: int = (
        0  # of those that ran since something upstream had changed, so many changed outputs
    )
    reached: int = 0  # of so many
    told_changed: int = (
        0  # of those that were told other things than before, so many changed outputs
    )
    told: int = 0  # of so many
    new_bytes: int | None = None  # by which the cache would grow if the outputs change
    cpu_share: float = 1.0  # processor seconds by seconds
    stretch: float = 1.0  # by which factor that is longer than alone, for want of processors
    source: Source = Source.NONE
    kind: str = ""  # the program or function behind `Source.KIND`

    @property
    def sigma(self) -> float:
        """The standard deviation of the logarithm of the duration."""
        interval = self.duration_s
        if interval is None or interval.p50 <= 0:
            return 0.0
        return log(max(interval.p90 / interval.p50, 1.0)) / P90


give_defaults(Estimate)
UNKNOWN = Estimate()


@frozen
class Chance:
    """Whether a maybe will run. Upstream stages are taken as independent of each other."""

    runs_p: float
    decider: int  # id of the upstream stage that makes a run likeliest
    deciders: tuple[int, ...]  # ids of all open stages whose outputs it reads, ascending


@frozen(slots=False)  # see QuicklyMade
class Step(QuicklyMade):
    """One stage of a plan. `stage_id` is its index in the pipeline."""

    stage_id: int
    verdict: Verdict
    reason: Reason
    subject: str = ""  # the path, variable or stage that caused it
    key: str | None = None  # None while MAYBE
    cached: ActionResult | None = None  # set iff HIT
    estimate: Estimate = UNKNOWN

    @property
    def may_run(self) -> bool:
        """Whether a build would run it, for sure or perhaps."""
        return self.verdict is Verdict.MISS or self.verdict is Verdict.MAYBE


give_defaults(Step)


@frozen
class Plan:
    """A verdict for every stage of a pipeline; `steps[i].stage_id == i`."""

    pipeline: Pipeline
    steps: tuple[Step, ...]
    orphans: tuple[str, ...] = field(default=())  # outputs that no stage makes any more, unchanged

    def with_verdict(self, verdict: Verdict) -> tuple[Step, ...]:
        """Return the steps with this verdict, in execution order."""
        return tuple(step for step in self.steps if step.verdict is verdict)

    @property
    def is_done(self) -> bool:
        """Whether a build would find nothing to do."""
        return not self.orphans and all(step.verdict is Verdict.FRESH for step in self.steps)
