#!/usr/bin/env python3
"""Where the processor time of one edit goes, as a picture, beside ninja's edit, a no-op and `edit_floor.py`.

A wide project is built by stagemake and by ninja; then one leaf is edited, in turn, and built by each. Parts of an edit
are told by timers round functions, put there from outside, which count the process's own time; what its children take is
one part. Prints medians; `-o FILE` writes them as SVG, all bars to one scale. Needs ninja.
"""

from __future__ import annotations

import argparse
import html
import marshal
import os
import statistics
import sys
import tempfile
from typing import TYPE_CHECKING

import edit_floor
from graphs import make_graph
from peers import find_peer, make_subject
from trees import Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Bar = tuple[str, "Mapping[str, float]"]
"""What it is, and milliseconds by part."""

# In the order they are drawn; the colours differ in lightness, too.
COLOURS = {
    "start Python": "#c9d3dc", "import own modules": "#5f7f9a", "import the standard library": "#8fa7bb",
    "import SQLite": "#b7c7d6", "import diskcache": "#9aa7d0", "import attrs": "#57739e", "make classes": "#34506b", "look at all files": "#2f9e8f",
    "read the state": "#e3c567", "plan, forecast": "#c98f3c", "cache": "#7a4b8c", "the stage": "#4f9d69",
    "write the state": "#b58a2a", "other processes": "#b7d7c1", "rest": "#e9e4de", "all": "#9a9a9a",
}  # fmt: skip

# As the installed script; imports nothing that an edit would have to. `_find_and_load` is called for modules that
# are not there yet, and for no others.
_EDIT = """\
import gc, os, sys, time
gc.disable()
clock = time.process_time
began_s = clock()
report = sys.argv.pop(1)
if report != "-":
    import _frozen_importlib, marshal
    spent, open_kinds, since = {}, ["rest"], [began_s]
    def turn_to(kind):
        now = clock()
        spent[open_kinds[-1]] = spent.get(open_kinds[-1], 0.0) + now - since[0]
        since[0] = now
        if kind is None:
            open_kinds.pop()
        else:
            open_kinds.append(kind)
    def watched(kind, function):
        def wrapper(*args, **keywords):
            turn_to(kind)
            try:
                return function(*args, **keywords)
            finally:
                turn_to(None)
        return wrapper
    load = _frozen_importlib._find_and_load
    kinds = {
        "stagemake": watched("import own modules", load),
        "sqlite3": watched("import SQLite", load),
        "diskcache": watched("import diskcache", load),
        "attr": watched("import attrs", load),
        "": watched("import the standard library", load),
    }
    kinds["attrs"] = kinds["inspect"] = kinds["attr"]  # which imports it, as nobody else does here
    outer = []
    def find(name, import_):
        root = name.partition(".")[0]
        if root not in kinds:
            own = [each for each in outer if each in ("sqlite3", "diskcache", "inspect")]
            root = own[-1] if own else ""
        outer.append(root)
        try:
            return kinds[root](name, import_)
        finally:
            outer.pop()
    _frozen_importlib._find_and_load = find
    def timed(owner, kind, *names):
        for name in names:
            setattr(owner, name, watched(kind, getattr(owner, name)))
    from stagemake import door
    timed(door.noop, "read the state", "load")
    timed(door.survey, "look at all files", "_moved_anywhere")
    go_on, leave, own = door.main, os._exit, os.getpid()
    def main(*args, **keywords):
        from attr import _next_gen
        timed(_next_gen, "make classes", "attrs")
        from stagemake import building, executing, recalled, starting
        from stagemake.cli import plain_build
        timed(recalled, "read the state", "recall")
        timed(building.Builder, "read the state", "_read_state")
        timed(building.Builder, "plan, forecast", "_planned")
        timed(executing, "plan, forecast", "wall_forecast_of")
        timed(executing, "cache", "open_cache", "close_cache")
        timed(executing.Scheduler, "the stage", "run")
        timed(building.Builder, "write the state", "_remember")
        timed(executing, "write the state", "_save", "_note_costs", "keep_texts", "_open_state")
        return go_on(*args, **keywords)
    door.main = main
    def left(code):
        if os.getpid() == own:
            turn_to("rest")
            import resource
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent.update({"start Python": began_s, "other processes": used.ru_utime + used.ru_stime})
            with open(report, "wb") as file:
                marshal.dump(spent, file)
        leave(code)
    os._exit = left
from stagemake.door import script
script()
"""


def measure(stages: int, rounds: int, work: str) -> list[Bar]:
    """Return the bars: ninja's edit, the floor, a no-op, an edit.

    Raises:
        RunFailedError: A build failed.
    """
    tool = make_subject((sys.executable, "-P", "-c", _EDIT, "-"), 2)
    peer = find_peer("ninja", 2)
    assert peer is not None, "ninja is what it is measured by"
    graph = make_graph("wide", stages)
    own, other = (Tree(each, graph, os.path.join(work, each.name), 3600) for each in (tool, peer))
    for tree in (own, other):
        tree.lay_out()
        tree.run(tree.tool.build)
    report = os.path.join(work, "report")
    timed = [report if word == "-" else word for word in tool.build]
    taken: dict[str, list[float]] = {"ninja": [], "no-op": []}
    parts: list[dict[str, float]] = []
    for number in range(rounds):
        for tree in (own, other):
            tree.edit_leaf(f"{number} ")
        taken["ninja"].append(other.run(peer.build).cpu_s)
        own.run(timed)
        with open(report, "rb") as file:
            parts.append(marshal.load(file))
        taken["no-op"].append(own.run(tool.build).cpu_s)
    ninja, noop = ({"all": 1000 * statistics.median(each)} for each in taken.values())
    edit = {k: 1000 * statistics.median([one.get(k, 0.0) for one in parts]) for k in COLOURS}
    floor = os.path.join(work, "floor")
    os.mkdir(floor)
    os.chdir(floor)
    *steps, _ = edit_floor.measured(stages, rounds)
    return [
        ("ninja", ninja), ("edit_floor.py", {"all": steps[edit_floor.STEPS.index("a row in SQLite")]}),
        ("no-op", noop), ("edit", {kind: ms for kind, ms in edit.items() if ms}),
    ]  # fmt: skip


def text_of(bars: Iterable[Bar]) -> str:
    """Return the bars as lines of text."""
    lines = []
    for title, parts in bars:
        total = sum(parts.values())
        lines.append(f"{title}: {total:.0f} ms")
        if len(parts) > 1:
            lines += [f"  {kind:<28}{ms:7.1f} ms {ms / total:4.0%}" for kind, ms in parts.items()]
    return "\n".join(lines) + "\n"


def svg_of(bars: Sequence[Bar]) -> str:
    """Return a picture with a bar for each, all to one scale."""
    left, width, height, gap = 120, 640, 30, 16
    kinds = [kind for kind in COLOURS if kind != "all" and any(kind in parts for _, parts in bars)]
    scale = width / max(sum(parts.values()) for _, parts in bars)
    bottom = 20 + len(bars) * (height + gap) + (len(kinds) + 2) // 3 * 22 + 10
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 80} {bottom}" font-family="sans-serif" font-size="13">',
        f'<rect width="100%" height="{bottom}" fill="white"/>',
    ]
    for number, (title, parts) in enumerate(bars):
        x, y = float(left), 20 + number * (height + gap)
        drawn.append(f'<text x="{left - 10}" y="{y + 20}" text-anchor="end">{html.escape(title)}</text>')  # fmt: skip
        for kind, ms in parts.items():
            told = html.escape(f"{kind}: {ms:.1f} ms")
            drawn.append(f'<rect x="{x:.1f}" y="{y}" width="{ms * scale:.1f}" height="{height}" fill="{COLOURS[kind]}"><title>{told}</title></rect>')  # fmt: skip
            x += ms * scale
        drawn.append(f'<text x="{x + 8:.1f}" y="{y + 20}">{sum(parts.values()):.0f} ms</text>')
    for number, kind in enumerate(kinds):
        x, y = left + number % 3 * 220, bottom - ((len(kinds) + 2) // 3 - number // 3) * 22
        drawn.append(f'<rect x="{x}" y="{y - 2}" width="14" height="14" fill="{COLOURS[kind]}"/>')
        drawn.append(f'<text x="{x + 20}" y="{y + 10}">{html.escape(kind)}</text>')
    return "\n".join([*drawn, "</svg>"]) + "\n"


def main() -> None:
    """Lay out, build, measure, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", type=int, nargs="?", default=10_000)
    parser.add_argument("-r", "--rounds", type=int, default=7)
    parser.add_argument("-o", "--output", type=os.path.abspath, help="SVG file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stagemake-edit-") as work:
        bars = measure(given.stages, given.rounds, work)
        os.chdir("/")
    print(text_of(bars), f"load {os.getloadavg()[0]:.0f}", sep="")
    if given.output:
        with open(given.output, "w", encoding="utf-8") as file:
            file.write(svg_of(bars))


if __name__ == "__main__":
    main()
