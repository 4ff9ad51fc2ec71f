#!/usr/bin/env python3
"""Where the time of a build goes, as a picture: one bar for each path through the program, by share.

Prints the bars as text; `-o FILE` writes them as SVG. A no-op is asked of the installed script's own
functions with timers round them; the others by the timers that `stagemake bench` uses. Medians of some rounds.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import statistics
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from attrs import frozen
from graphs import SHAPES, make_graph
from peers import make_subject
from scenarios import Scenario, begin, prepare
from trees import Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PATHS = {
    "no-op": Scenario.NOOP,
    "edit": Scenario.EDIT,
    "cold": Scenario.COLD,
    "restore": Scenario.RESTORE,
}
START = "start Python"
# In the order they are drawn; the colours differ in lightness, too.
COLOURS = {
    START: "#c9d3dc", "import": "#8fa7bb", "read the record": "#e3c567", "guards": "#c98f3c",
    "stat": "#2f6690", "decide": "#e3c567", "hash": "#c98f3c", "store": "#7a4b8c",
    "spawn": "#4f9d69", "wait for actions": "#b7d7c1", "rest": "#e9e4de",
}  # fmt: skip
LIGHT = {START, "wait for actions", "rest", "read the record", "decide", "import", "guards"}

_NOOP = """\
import time
began = time.perf_counter()
import gc, json, sys
gc.disable()
from stagemake import door
imported = time.perf_counter()
from stagemake.throughput.stopwatch import Stopwatch, replace
from functools import partial
watch = Stopwatch()
for owner, name, kind in (
    (door.noop, "load", "read the record"), (door.identity, "tool_identity", "guards"),
    (door.survey, "_guards_hold", "guards"), (door.survey, "_moved", "guards"),
    (door.survey, "_moved_anywhere", "stat"),
):
    replace(owner, name, partial(watch.timed, kind))
# Guards and all other paths are compared by the same function: what is called inside of the second
# belongs to it.
inner = door.survey._moved.__wrapped__
def all_others(ids, *rest, _compare=door.survey._moved_anywhere.__wrapped__):
    timed, door.survey._moved = door.survey._moved, inner
    try:
        return _compare(ids, *rest)
    finally:
        door.survey._moved = timed
door.survey._moved_anywhere = watch.timed("stat", all_others)
ready = time.perf_counter()
assert door.answer(["-s"]) == 0, "there was something to do"
ended = time.perf_counter()
found = watch.seconds()
json.dump({"import": imported - began, **found, "rest": ended - ready - sum(found.values())},
          open(sys.argv[1], "w"))
"""
_AS_INSTALLED = "from stagemake.door import script; script()"
_OTHERS = (
    "import time; began_s = time.perf_counter();"
    " from stagemake.cli.bench_child import main; main(began_s)"
)


@frozen
class Bar:
    """One path: what took how long, in the order of COLOURS."""

    title: str
    seconds: Mapping[str, float]

    @property
    def total_s(self) -> float:
        """The whole process."""
        return sum(self.seconds.values())


def measure_bar(tree: Tree, path: str, rounds: int) -> Bar:
    """Return the medians of one path on a tree.

    Raises:
        RunFailedError: A build failed.
    """
    scenario = PATHS[path]
    begin(tree, scenario, f"{path} ")
    found: list[dict[str, float]] = []
    for number in range(rounds):
        prepare(tree, scenario, f"{path} {number} ")
        bare = tree.run((sys.executable, "-c", "pass")).wall_s
        found.append({START: bare, **(_noop(tree) if path == "no-op" else _other(tree, bare))})
    kinds = [kind for kind in COLOURS if any(kind in one for one in found)]
    medians = {kind: statistics.median(one.get(kind, 0.0) for one in found) for kind in kinds}
    return Bar(f"{path}, {tree.graph.shape} {len(tree.graph.stages)}", medians)


def _noop(tree: Tree) -> dict[str, float]:
    report = f"{tree.root}.report"
    tree.run((sys.executable, "-P", "-c", _NOOP, report))
    found: dict[str, float] = _told(report)
    return found


def _other(tree: Tree, bare_s: float) -> dict[str, float]:
    report = f"{tree.root}.report"
    program = len(tree.tool.version) - 1
    argv = (sys.executable, "-P", "-c", _OTHERS, report, *tree.tool.build[program:])
    wall_s = tree.run(argv).wall_s
    told: dict[str, dict[str, float]] = _told(report)
    spent = {"import": told["import"]["s"], **told["main_seconds"]}
    spent["wait for actions"] = spent.pop("wait", 0.0)
    return {**spent, "rest": max(wall_s - bare_s - sum(spent.values()), 0.0)}


def _told(report: str) -> Any:  # Any: JSON
    with open(report, encoding="utf-8") as file:
        return json.load(file)


def text_of(bars: Iterable[Bar], columns: int = 40) -> str:
    """Return the bars as lines of text: shares of each part, and milliseconds."""
    lines = []
    for bar in bars:
        lines.append(f"{bar.title}: {bar.total_s * 1000:.0f} ms")
        for kind, seconds in bar.seconds.items():
            share = seconds / bar.total_s
            length = "#" * round(share * columns)
            lines.append(f"  {kind:<17} {seconds * 1000:8.1f} ms {share:4.0%}  {length}".rstrip())
    return "\n".join(lines) + "\n"


def svg_of(bars: Sequence[Bar]) -> str:
    """Return a picture: a bar for each path, as long as all others, its parts by share."""
    left, width, height, gap = 170, 620, 30, 18
    kinds = [kind for kind in COLOURS if any(kind in bar.seconds for bar in bars)]
    rows = (len(kinds) + 3) // 4
    total_height = 20 + len(bars) * (height + gap) + rows * 22 + 10
    box = f"0 0 {left + width + 100} {total_height}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" font-family="sans-serif" font-size="13">',
        f'<rect width="100%" height="{total_height}" fill="white"/>',
    ]
    for number, bar in enumerate(bars):
        y = 20 + number * (height + gap)
        middle = y + height / 2 + 5
        parts.append(
            f'<text x="{left - 10}" y="{middle}" text-anchor="end">{_safe(bar.title)}</text>'
        )
        x = float(left)
        for kind, seconds in bar.seconds.items():
            share = seconds / bar.total_s
            size = share * width
            label = f"{kind}: {seconds * 1000:.1f} ms, {share:.0%}"
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{size:.1f}" height="{height}" '
                f'fill="{COLOURS[kind]}"><title>{_safe(label)}</title></rect>'
            )
            if size > 34:
                ink = "#222" if kind in LIGHT else "white"
                parts.append(f'<text x="{x + size / 2:.1f}" y="{middle}" text-anchor="middle" '
                             f'fill="{ink}">{share:.0%}</text>')  # fmt: skip
            x += size
        parts.append(f'<text x="{left + width + 10}" y="{middle}">{_time(bar.total_s)}</text>')
    for number, kind in enumerate(kinds):
        x, y = left + number % 4 * 155, total_height - rows * 22 + number // 4 * 22
        parts.append(f'<rect x="{x}" y="{y - 12}" width="14" height="14" fill="{COLOURS[kind]}"/>')
        parts.append(f'<text x="{x + 20}" y="{y}">{kind}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _safe(text: str) -> str:
    return html.escape(text)


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def wanted(text: str) -> list[tuple[str, str, int]]:
    """Parse `no-op:wide:10000,cold:layered:1000`, for argparse."""
    found = []
    for one in text.split(","):
        path, shape, stages = one.split(":")
        if path not in PATHS or shape not in SHAPES:
            raise argparse.ArgumentTypeError(f"{one!r} is no path ({', '.join(PATHS)}) and shape")
        found.append((path, shape, int(stages)))
    return found


def main() -> None:
    """Lay out, build, measure, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", type=wanted, metavar="PATH:SHAPE:STAGES,…",
                        help=f"paths are {', '.join(PATHS)}")  # fmt: skip
    parser.add_argument("-r", "--rounds", type=int, default=5)
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("-o", "--output", help="SVG file")
    options = parser.parse_args()
    bars = []
    with tempfile.TemporaryDirectory(prefix="stagemake-picture-") as work:
        # As in the programs above: how Python was started counts, for what a Stagefile may import.
        tool = make_subject((sys.executable, "-P", "-c", _AS_INSTALLED), options.jobs)
        for path, shape, stages in options.paths:
            tree = Tree(tool, make_graph(shape, stages), os.path.join(work, "tree"), 3600)
            bars.append(measure_bar(tree, path, options.rounds))
            tree.remove()
    print(text_of(bars), end="")
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(svg_of(bars))


if __name__ == "__main__":
    main()
