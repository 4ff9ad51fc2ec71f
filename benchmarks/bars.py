"""Whether bars are met: those of rows and those of single figures, some of them derived from rows."""

from __future__ import annotations

import os
import statistics
import tomllib
from typing import TYPE_CHECKING

from attrs import field, frozen
from campaign import OWN_NOOP
from peers import SUBJECT
from scenarios import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from campaign import Row
    from results import Results
    from scenarios import Sample

LIMITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "limits.toml")
GROWTH_SIZES = (1, 10_000, 100_000)  # what is measured at the first is start-up


@frozen
class Figure:
    """Something measured once for all, not beside every peer."""

    name: str
    unit: str  # "ms", "x", "GiB/s"
    samples: tuple[float, ...]  # at least one, or there is a problem
    how: str = ""  # what was measured, in a few words
    problem: str = ""


@frozen
class Limit:
    """Bars for rows."""

    scenario: Scenario
    peer: str | None = None  # None: of stagemake alone
    stages: int | None = None  # None: any
    shapes: tuple[str, ...] | None = None  # None: any
    variant: str | None = None  # None: any
    max_ratio: float | None = None
    max_cpu_ratio: float | None = None
    max_wall_ms: float | None = None
    max_rss_mib: float | None = None

    def concerns(self, row: Row) -> bool:
        """Whether the bars are meant for the row."""
        return (
            self.scenario is row.scenario
            and self.peer in (None, row.peer)
            and self.stages in (None, row.stages)
            and self.variant in (None, row.variant)
            and (self.shapes is None or row.shape in self.shapes)
        )

    @property
    def text(self) -> str:
        """What is asked for, in a few words."""
        shapes = f" {' and '.join(self.shapes)}" if self.shapes else ""
        stages = f" {self.stages}" if self.stages else ""
        return f"{self.scenario.value},{shapes}{stages}" + (
            f", beside {self.peer}" if self.peer else ""
        )


@frozen
class FigureLimit:
    """A bar for figures whose name begins so."""

    name: str
    min: float | None = None
    max: float | None = None


@frozen
class Limits:
    """All bars, in the file's order."""

    rows: tuple[Limit, ...]
    figures: tuple[FigureLimit, ...] = field(default=())


@frozen
class Verdict:
    """One bar and what was found."""

    what: str
    found: str
    bar: str
    is_met: bool | None  # None: not measured in this run


def load_limits(path: str = LIMITS) -> Limits:
    """Return the bars."""
    with open(path, "rb") as file:
        tables = tomllib.load(file)
    rows = []
    for table in tables["limit"]:
        scenario, shapes = Scenario(table.pop("scenario")), table.pop("shapes", None)
        rows.append(Limit(scenario, shapes=None if shapes is None else tuple(shapes), **table))
    return Limits(tuple(rows), tuple(FigureLimit(**table) for table in tables["figure"]))


def verdicts(results: Results, limits: Limits) -> tuple[Verdict, ...]:
    """Return what became of each bar; one that several rows are concerned by comes once for each.

    A row without a pair misses its bar: what could not be measured does not hold.
    Bars are stagemake's: there are none for a peer measured in its place.
    """
    if results.subject != SUBJECT:
        return ()
    found = [verdict for limit in limits.rows for verdict in _of_rows(limit, results.rows)]
    figures = (*results.figures, *derived(results.rows))
    found.extend(verdict for one in limits.figures for verdict in _of_figures(one, figures))
    return tuple(found)


def _of_rows(limit: Limit, rows: Sequence[Row]) -> Iterator[Verdict]:
    seen = set()
    for row in rows:
        key = (row.shape, row.stages, row.variant)
        if not limit.concerns(row) or key in seen:
            continue
        seen.add(key)  # of stagemake alone: one row of them, whatever was beside it
        yield from _of_row(limit, row)
    if not seen:
        yield Verdict(limit.text, "", "", None)


def _of_row(limit: Limit, row: Row) -> Iterator[Verdict]:
    variant = f" ({row.variant})" if row.variant else ""
    beside = f", beside {row.peer}" if limit.peer else ""
    what = f"{row.scenario.value}, {row.shape} {row.stages}{variant}{beside}"
    for bar, unit, figure in (
        (limit.max_ratio, "x", _wall_ratio),
        (limit.max_cpu_ratio, "x CPU", _cpu_ratio),
        (limit.max_wall_ms, " ms", _wall_ms),
        (limit.max_rss_mib, " MiB", _rss_mib),
    ):
        if bar is None:
            continue
        text = f"<= {bar:g}{unit}"
        if not row.pairs:
            yield Verdict(what, row.problem, text, is_met=False)
        else:
            value = figure(row)
            yield Verdict(what, f"{value:.{2 if 'x' in unit else 0}f}{unit}", text, value <= bar)


def _of_figures(limit: FigureLimit, figures: Iterable[Figure]) -> Iterator[Verdict]:
    has_any = False
    for one in figures:
        if not one.name.startswith(limit.name):
            continue
        has_any = True
        bar = f">= {limit.min:g}" if limit.min is not None else f"<= {limit.max:g}"
        bar += f" {one.unit}"
        if not one.samples:
            yield Verdict(one.name, one.problem, bar, is_met=False)
            continue
        value = statistics.median(one.samples)
        is_met = value >= (limit.min or 0.0) and (limit.max is None or value <= limit.max)
        yield Verdict(one.name, f"{figure_text(value)} {one.unit}", bar, is_met)
    if not has_any:
        yield Verdict(limit.name, "", "", None)


def figure_text(value: float) -> str:
    """Return a number in as many digits as mean something."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def derived(rows: Sequence[Row]) -> tuple[Figure, ...]:
    """Return the figures that follow from rows: growth by stage, and whether a touch leaves a no-op."""
    return (*_growth(rows), *_noop_after_touch(rows))


def _growth(rows: Sequence[Row]) -> Iterator[Figure]:
    for scenario in Scenario:
        found: dict[int, float] = {}
        for row in rows:
            if row.scenario is scenario and row.shape == "wide" and row.pairs and not row.variant:
                found.setdefault(row.stages, statistics.median(wall(one) for one, _ in row.pairs))
        if not found.keys() >= set(GROWTH_SIZES):
            continue
        start, ten, hundred = (found[size] for size in GROWTH_SIZES)
        _, less, more = GROWTH_SIZES
        by_stage = ((ten - start) / less, (hundred - start) / more)
        name = f"growth, {scenario.value}"
        if min(by_stage) > 0:
            yield Figure(
                name, "x", (by_stage[1] / by_stage[0],), "time a stage at 100 000 to that at 10 000"
            )


def _noop_after_touch(rows: Sequence[Row]) -> Iterator[Figure]:
    for row in rows:
        if row.peer != OWN_NOOP or not row.pairs:
            continue
        same = (row.shape, row.stages, Scenario.NOOP)
        before = [
            wall(one)
            for each in rows
            if (each.shape, each.stages, each.scenario) == same and not each.variant
            for one, _ in each.pairs
        ]
        if before:
            after = statistics.median(wall(noop) for _, noop in row.pairs)
            yield Figure(
                f"no-op after touch, {row.shape} {row.stages}",
                "x",
                (after / statistics.median(before),),
                "to a no-op after a build",
            )


def _wall_ratio(row: Row) -> float:
    return statistics.median(ratios(row, wall))


def _cpu_ratio(row: Row) -> float:
    return statistics.median(ratios(row, cpu))


def _wall_ms(row: Row) -> float:
    return statistics.median(wall(one) for one, _ in row.pairs) * 1000


def _rss_mib(row: Row) -> float:
    return max(one.cost.rss_kib for one, _ in row.pairs) / 1024


def ratios(row: Row, figure: Callable[[Sample], float]) -> tuple[float, ...]:
    """Return the ratio of each of the row's pairs."""
    # CPU counts in ticks on some kernels: a peer's zero must not divide.
    return tuple(figure(one) / max(figure(other), 1e-6) for one, other in row.pairs)


def wall(sample: Sample) -> float:
    """Return the sample's wall time in seconds."""
    return sample.cost.wall_s


def cpu(sample: Sample) -> float:
    """Return the sample's CPU time in seconds."""
    return sample.cost.cpu_s
