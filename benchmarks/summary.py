"""Medians, spreads and ratios of pairs, and the tables they make."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from attrs import frozen
from bars import cpu, derived, figure_text, ratios, verdicts, wall
from scenarios import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bars import Figure, Limits
    from campaign import Row
    from results import Results
    from scenarios import Sample

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


def spread(figures: Iterable[float]) -> Spread:
    """Return the median and the extremes of at least one figure."""
    ordered = sorted(figures)
    return Spread(statistics.median(ordered), ordered[0], ordered[-1])


def ratio_spread(row: Row, figure: Callable[[Sample], float]) -> Spread:
    """Return the spread of the ratios of the row's pairs; the row has at least one."""
    return spread(ratios(row, figure))


def report(results: Results, limits: Limits) -> str:
    """Return everything as markdown: machine, one table a scenario, single figures, the bars."""
    parts = [_machine(results)]
    for scenario in Scenario:
        rows = [row for row in results.rows if row.scenario is scenario]
        if rows:
            parts.append(f"### {scenario.value}\n\n{_table(rows, results)}")
    figures = (*results.figures, *derived(results.rows))
    if figures:
        parts.append(f"### Other figures\n\n{_figures(figures)}")
    bars = _bars(results, limits)
    if bars:
        parts.append(f"### Bars\n\n{bars}")
    return "\n\n".join(parts) + "\n"


def _figures(figures: Sequence[Figure]) -> str:
    body = []
    for one in figures:
        found = spread(one.samples) if one.samples else None
        text = one.problem
        if found is not None:
            low, high = figure_text(found.low), figure_text(found.high)
            text = f"{figure_text(found.median)} {one.unit} ({low}-{high})"
        body.append((one.name, text, str(len(one.samples)), one.how))
    return _lines(("figure", "found", "samples", "how"), body)


def _bars(results: Results, limits: Limits) -> str:
    words = {True: "yes", False: "NO", None: "not measured"}
    body = [(one.what, one.found, one.bar, words[one.is_met]) for one in verdicts(results, limits)]
    return _lines(("bar", "found", "asked", "met"), body) if body else ""


def _lines(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ("---",) * len(head), *body))


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
    return _lines(head, body)


def _cells(row: Row, floor_kib: int) -> tuple[str, ...]:
    count = str(len(row.pairs)) + ("*" if row.problem else "")
    shape = f"{row.shape} ({row.variant})" if row.variant else row.shape
    head = (shape, str(row.stages), row.peer, count)
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
