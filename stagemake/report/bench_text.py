"""What `bench` found out, as text for people: no line is longer than 80 columns."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from stagemake.report.amount import plural, printable
from stagemake.report.table import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stagemake.report.style import Style
    from stagemake.throughput.baseline import Baseline
    from stagemake.throughput.figures import Bench, Figures, Scenario
    from stagemake.throughput.spread import Verdict

_COLUMNS = 80
_KINDS = ("spawn", "hash", "store", "decide", "other")
_COLOURS = {"slower": "red", "faster": "green", "same": "dim"}


def bench_text(bench: Bench) -> str:
    """Return the figures as two tables, with what is to be known to read them."""
    head = f"{plural(bench.stages, 'stage')}, {plural(bench.rounds, 'round')}, -j{bench.jobs}"
    lines = [f"{head}, in a copy of the project", ""]
    rows: list[tuple[str, ...]] = [("", "wall", "spread", "CPU", "stages/s", "MB/s in", "MB/s out")]
    rows.extend(_row(each, bench) for each in bench.figures)
    lines.extend(table(rows, right=range(1, 7)))
    lines += ["", *_split(bench), ""]
    for note in bench.notes:
        lines.extend(textwrap.wrap(printable(note), _COLUMNS, initial_indent="note: ", subsequent_indent="      "))  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def _row(figures: Figures, bench: Bench) -> tuple[str, ...]:
    is_noop = figures.scenario.value == "no-op"
    amounts = (None, None) if is_noop else (bench.input_bytes, bench.output_bytes)
    return (
        figures.scenario.value,
        _time(figures.wall_s.median),
        f"+-{figures.wall_s.half:.0%}".replace("%", " %"),
        _time(figures.cpu_s.median),
        f"{figures.stages_per_s:.0f}" if figures.stages_per_s >= 10 else f"{figures.stages_per_s:.2f}",
        *("" if amount is None else f"{(figures.per_second(amount) or 0) / 1e6:.2f}" for amount in amounts),
    )  # fmt: skip


def _split(bench: Bench) -> Iterator[str]:
    """Yield where a stage's time goes, in ms; what the tool adds to the stage's own."""
    rows: list[tuple[str, ...]] = [("ms a stage", "own", *_KINDS)]
    for each in bench.figures:
        if each.overhead_s("hash") is not None:
            own = "" if each.own_s is None else f"{each.own_s * 1000:.3f}"
            costs = (f"{(each.overhead_s(kind) or 0) * 1000:.3f}" for kind in _KINDS)
            rows.append((each.scenario.value, own, *costs))
    yield from table(rows, right=range(1, 7))


def verdict_text(
    baseline: Baseline, bench: Bench, verdicts: Mapping[Scenario, Verdict], tolerance: float,
    style: Style,
) -> str:  # fmt: skip
    """Return how the figures compare with stored ones, a line each; a tolerance of 0.05 is 5 %."""
    lines = [f"beside {printable(baseline.file)}, of stagemake {printable(baseline.version)}"]
    for difference in baseline.differences(bench):
        lines.extend(textwrap.wrap(printable(difference), _COLUMNS, initial_indent="note: ", subsequent_indent="      "))  # fmt: skip
    for scenario, verdict in verdicts.items():
        words = style.paint(_words(verdict, tolerance), _COLOURS[verdict.word.value])
        lines.append(f"{scenario.value:<6}  {words}")
    return "\n".join(lines) + "\n"


def _words(verdict: Verdict, tolerance: float) -> str:
    change = abs(verdict.change) * 100
    if verdict.noise is None:
        return f"can't be told: one run has no spread ({verdict.change * 100:+.0f} %)"
    noise = f"noise {verdict.noise * 100:.0f} %"
    if verdict.word.value == "same":
        return f"no difference that can be told ({verdict.change * 100:+.0f} %, {noise})"
    text = f"{verdict.word.value} by {change:.0f} % ({noise})"
    if verdict.word.value == "slower" and verdict.change <= tolerance:
        return f"{text}, within the tolerance of {tolerance * 100:.0f} %"
    return text


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.2f} s"
