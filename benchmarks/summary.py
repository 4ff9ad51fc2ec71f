"""Medians, spreads and ratios of pairs; the tables they make; the bars of `limits.toml`."""

from __future__ import annotations

import os
import statistics
import tomllib
from typing import TYPE_CHECKING

from attrs import frozen
from peers import SUBJECT
from scenarios import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from campaign import Row
    from results import Results
    from scenarios import Sample

LIMITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "limits.toml")
HEADER = (
    "graph",
    "stages",
    "peer",
    "pairs",
    "{subject} wall",
    "peer wall",
    "wall ratio",
    "CPU s, both",
    "CPU ratio",
    "peak RSS MiB, both",
    "outputs written, both",
)


@frozen
class Spread:
    """Several figures of the same thing."""

    median: float
    low: float
    high: float


@frozen
class Limit:
    """A bar for the wall ratio of rows."""

    scenario: Scenario
    peer: str
    max_ratio: float
    stages: int | None = None  # None: any
    shapes: tuple[str, ...] | None = None  # None: any

    def concerns(self, row: Row) -> bool:
        """Whether the bar is meant for the row."""
        return (
            self.scenario is row.scenario
            and self.peer == row.peer
            and self.stages in (None, row.stages)
            and (self.shapes is None or row.shape in self.shapes)
        )


def load_limits(path: str = LIMITS) -> tuple[Limit, ...]:
    """Return the bars, in the file's order."""
    with open(path, "rb") as file:
        tables = tomllib.load(file)["limit"]
    return tuple(
        Limit(
            scenario=Scenario(table["scenario"]),
            peer=table["peer"],
            max_ratio=float(table["max_ratio"]),
            stages=table.get("stages"),
            shapes=tuple(table["shapes"]) if "shapes" in table else None,
        )
        for table in tables
    )


def spread(figures: Iterable[float]) -> Spread:
    """Return the median and the extremes of at least one figure."""
    ordered = sorted(figures)
    return Spread(statistics.median(ordered), ordered[0], ordered[-1])


def ratio_spread(row: Row, figure: Callable[[Sample], float]) -> Spread:
    """Return the spread of the ratios of the row's pairs; the row has at least one."""
    # CPU counts in ticks on some kernels: a peer's zero must not divide.
    return spread(figure(one) / max(figure(other), 1e-6) for one, other in row.pairs)


def wall(sample: Sample) -> float:
    """Return the sample's wall time in seconds."""
    return sample.cost.wall_s


def cpu(sample: Sample) -> float:
    """Return the sample's CPU time in seconds."""
    return sample.cost.cpu_s


def verdicts(results: Results, limits: Sequence[Limit]) -> tuple[tuple[str, bool], ...]:
    """Return a line for each bar and row it concerns, and whether the bar is exceeded.

    A row without a pair exceeds its bar: what could not be measured does not hold.
    Bars are stagemake's: there are none for a peer measured in its place.
    """
    if results.subject != SUBJECT:
        return ()
    lines = []
    for limit in limits:
        for row in results.rows:
            if not limit.concerns(row):
                continue
            name = f"{row.scenario.value}, {row.shape} {row.stages}, beside {row.peer}"
            bar = f"bar {limit.max_ratio:g}x"
            if not row.pairs:
                lines.append((f"not measured: {name}: {row.problem} ({bar})", True))
                continue
            found = ratio_spread(row, wall).median
            exceeded = found > limit.max_ratio
            word = "EXCEEDED" if exceeded else "holds"
            lines.append((f"{word}: {name}: {found:.2f}x ({bar})", exceeded))
    return tuple(lines)


def report(results: Results, limits: Sequence[Limit]) -> str:
    """Return everything as markdown: machine, one table a scenario, the bars."""
    parts = [_machine(results)]
    for scenario in Scenario:
        rows = [row for row in results.rows if row.scenario is scenario]
        if rows:
            parts.append(f"### {scenario.value}\n\n{_table(rows, results)}")
    lines = verdicts(results, limits)
    if lines:
        parts.append("### Bars\n\n" + "\n".join(f"- {line}" for line, _ in lines))
    return "\n\n".join(parts) + "\n"


def one_line(row: Row) -> str:
    """Return the row in a few words, for the progress on a terminal."""
    head = f"{row.scenario.value:20} {row.shape:9} {row.stages:6} {row.peer:6}"
    if not row.pairs:
        return f"{head} {row.problem}"
    ours = spread(wall(one) for one, _ in row.pairs)
    ratio = ratio_spread(row, wall)
    tail = f"  ! {row.problem}" if row.problem else ""
    return f"{head} {_time(ours.median):>9}  {ratio.median:6.2f}x{tail}"


def _machine(results: Results) -> str:
    facts = "\n".join(f"- {name}: {value}" for name, value in results.machine.items())
    versions = ", ".join(f"{name} {text}" for name, text in results.versions.items())
    return (
        f"### Machine and tools\n\n{facts}\n- tools: {versions}\n"
        f"- lowest peak RSS that can be seen: {results.rss_floor_kib / 1024:.0f} MiB"
    )


def _table(rows: Sequence[Row], results: Results) -> str:
    head = tuple(name.format(subject=results.subject) for name in HEADER)
    body = (_cells(row, results.rss_floor_kib) for row in rows)
    lines = [head, ("---",) * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: Row, floor_kib: int) -> tuple[str, ...]:
    count = str(len(row.pairs)) + ("*" if row.problem else "")
    head = (row.shape, str(row.stages), row.peer, count)
    if not row.pairs:
        return (*head, row.problem, *("",) * (len(HEADER) - len(head) - 1))
    both = tuple(zip(*row.pairs, strict=True))
    walls = tuple(_time_spread(spread(map(wall, side))) for side in both)
    cpus = " / ".join(f"{spread(map(cpu, side)).median:.2g}" for side in both)
    sizes = " / ".join(
        _size(max(sample.cost.rss_kib for sample in side), floor_kib) for side in both
    )
    written = " / ".join(f"{statistics.median(s.written for s in side):g}" for side in both)
    ratios = (_ratio(ratio_spread(row, figure)) for figure in (wall, cpu))
    wall_ratio, cpu_ratio = ratios
    return (*head, *walls, wall_ratio, cpus, cpu_ratio, sizes, written)


def _size(rss_kib: int, floor_kib: int) -> str:
    # A little above the floor is still the floor: it differs from run to run.
    if rss_kib < floor_kib * 1.05:
        return f"<{floor_kib / 1024:.0f}"
    return f"{rss_kib / 1024:.0f}"


def _ratio(found: Spread) -> str:
    return f"{found.median:.2f}x ({found.low:.2f}-{found.high:.2f})"


def _time_spread(found: Spread) -> str:
    return f"{_time(found.median)} ({_time(found.low)}-{_time(found.high)})"


def _time(seconds: float) -> str:
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 100 else f"{seconds:.0f} s"
