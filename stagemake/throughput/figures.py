"""What `bench` found out: samples of each scenario, and what follows from them."""

from __future__ import annotations

import enum
import statistics
from typing import TYPE_CHECKING

from attrs import field, frozen

from stagemake.throughput.spread import Spread, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OVERHEADS = ("spawn", "hash", "store", "decide", "other")


class Scenario(enum.Enum):
    """In the order they are shown; the value is what JSON and people read."""

    COLD = "cold"  # never built, the cache is empty
    WARM = "warm"  # a fresh copy, everything is in the cache
    NOOP = "no-op"  # just built

    @property
    def code(self) -> str:
        """The name in JSON."""
        return self.name.lower()


@frozen
class Sample:
    """One build."""

    wall_s: float  # of the whole process
    cpu_s: float  # user and system, with all that it waited for
    ran: int = 0
    restored: int = 0
    own_s: float = 0.0  # of the stages' actions together
    overhead_s: Mapping[str, float] = field(factory=dict)  # by OVERHEADS; empty: not looked at


@frozen
class Figures:
    """All samples of one scenario, in the order they were taken; at least one."""

    scenario: Scenario
    samples: tuple[Sample, ...]
    stages: int

    @property
    def wall_s(self) -> Spread:
        """Of the whole builds."""
        return spread(each.wall_s for each in self.samples)

    @property
    def cpu_s(self) -> Spread:
        """Of the whole builds."""
        return spread(each.cpu_s for each in self.samples)

    @property
    def stages_per_s(self) -> float:
        """By the median."""
        return self.stages / self.wall_s.median

    def per_second(self, amount: int | None) -> float | None:
        """Return an amount of one build by second; None where there is none."""
        return None if amount is None else amount / self.wall_s.median

    @property
    def own_s(self) -> float | None:
        """Median seconds of one stage's own action; None where none ran."""
        found = [each.own_s / each.ran for each in self.samples if each.ran]
        return statistics.median(found) if found else None

    def overhead_s(self, kind: str) -> float | None:
        """Return the median seconds a stage that one kind took; None where it was not looked at."""
        return self._median(lambda each: each.overhead_s[kind] / self.stages)

    def _median(self, figure: Callable[[Sample], float]) -> float | None:
        looked_at = [each for each in self.samples if each.overhead_s]
        return statistics.median(map(figure, looked_at)) if looked_at and self.stages else None


@frozen
class Bench:
    """One run of `bench`."""

    jobs: int
    targets: tuple[str, ...]
    stages: int  # that the targets take
    rounds: int
    machine: Mapping[str, str | int]
    input_bytes: (
        int  # that the stages of one build declare and discover; a file counts once a stage
    )
    output_bytes: int
    figures: tuple[Figures, ...]
    notes: tuple[str, ...] = ()  # what is to be known to read the figures rightly; one line each

    def of(self, scenario: Scenario) -> Figures:
        """Return the figures of one scenario."""
        return next(each for each in self.figures if each.scenario is scenario)
