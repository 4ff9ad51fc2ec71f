#!/usr/bin/env python3
"""Measure stagemake against its bars: every row beside its peer, in pairs; print tables, keep JSON.

Without options it takes some 20 minutes on a quiet machine with two cores. `--all` takes what is left.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from agenda import EXTRAS, NAMES, chosen
from attrs import evolve
from bars import load_limits, verdicts
from bench import choice, find_subject, sizes, with_row
from campaign import Settings, run_graph
from continuing import begun, lacking, left
from extras import measure_large, measure_starts
from graphs import make_graph
from machine import describe_machine
from measure import rss_floor_kib
from peers import PEER_NAMES, find_peer
from results import Results, save
from summary import one_line, report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenda import Part
    from campaign import Row
    from peers import Tool


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=choice(PEER_NAMES), default=(), metavar="NAME,…",
                        help=f"only beside these: {', '.join(PEER_NAMES)}")  # fmt: skip
    parser.add_argument("--sizes", type=sizes, default=(), metavar="N,…",
                        help="only graphs of so many stages")  # fmt: skip
    parser.add_argument("--only", type=choice(NAMES), default=(), metavar="PART,…",
                        help=f"only these parts: {', '.join(NAMES)}")  # fmt: skip
    parser.add_argument("--all", action="store_true", help="what takes long, too")
    parser.add_argument("-o", "--output", default="results.json", help="JSON file for all samples")
    parser.add_argument("-r", "--pairs", type=int, help="for each row, in place of the usual")
    parser.add_argument("--patience", type=float, default=1.0, metavar="X",
                        help="X times as long for each row: more pairs of what takes long")  # fmt: skip
    parser.add_argument("-j", "--jobs", type=int, default=2, help="stages at once, for every tool")
    parser.add_argument("--stagemake", help="how to start it, like `python -m stagemake`")
    parser.add_argument("--limit", type=float, default=900, help="seconds for any one run")
    parser.add_argument("--work", help="directory for the trees; default: a new temporary one")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a bar is not met")
    parser.add_argument("--continue", dest="goes_on", action="store_true",
                        help="go on with a run that was stopped: leave out what -o FILE has already")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="say what would be measured, and end")
    return parser


def rows_of(  # noqa: PLR0917 - what a part is measured with
    part: Part, options: argparse.Namespace, work: str, subject: Tool, peers: dict[str, Tool],
    results: Results,
) -> Iterator[Row]:  # fmt: skip
    """Yield the rows of one part that `results` lacks; peers that are not on this machine are left out."""
    settings = Settings(
        work, options.pairs or part.pairs, options.limit, part.budget_s * options.patience,
        part.has_companions,
    )  # fmt: skip
    tools = [peers[name] for name in part.peers if name in peers]
    variant = " ".join(part.options)
    for size in part.sizes:
        for shape in part.shapes if tools else ():
            scenarios = left(part, shape, size, [tool.name for tool in tools], results)
            if not scenarios:
                continue
            rows = run_graph(
                make_graph(shape, size), subject=subject, peers=tools, scenarios=scenarios,
                settings=settings,
            )  # fmt: skip
            yield from (evolve(row, variant=variant) for row in rows)


def run(options: argparse.Namespace, parts: tuple[Part, ...]) -> Results:
    """Measure, saving after every row, and return everything."""
    wanted = dict.fromkeys(name for part in parts for name in part.peers)
    found = {name: find_peer(name, options.jobs) for name in wanted}
    for name in (name for name, tool in found.items() if tool is None):
        print(f"run: no {name} here; see install_peers.py", file=sys.stderr)
    peers = {name: tool for name, tool in found.items() if tool is not None}
    plain = find_subject(options.stagemake, options.jobs)
    with tempfile.TemporaryDirectory(prefix="stagemake-bench-") as temporary:
        work = os.path.abspath(options.work or temporary)
        os.makedirs(work, exist_ok=True)
        results = Results(
            subject=plain.name,
            machine={**describe_machine(work), "started": time.strftime("%Y-%m-%d %H:%M")},
            versions={tool.name: tool.version_text() for tool in (plain, *peers.values())},
            settings={"program": "run.py", **vars(options)},
            rows=(),
            rss_floor_kib=rss_floor_kib(),
        )
        if options.goes_on:
            results = begun(options.output, results)
        began = time.monotonic()
        for part in parts:
            say(f"{part.name}: {', '.join(part.shapes)} of {part.sizes[0]}", began)
            subject = find_subject(options.stagemake, options.jobs, part.options)
            if part.options:  # it may find that making a thing again is cheaper
                subject = evolve(subject, build_json=())
            for row in rows_of(part, options, work, subject, peers, results):
                print(one_line(row), file=sys.stderr, flush=True)
                results = with_row(lacking(results, row), row)
                save(results, options.output)
        for name in EXTRAS:
            if name in options.only or not (options.only or options.sizes or options.peers):
                known = {figure.name for figure in results.figures}
                if known.issuperset(EXTRAS[name]):
                    continue
                say(name, began)
                measured = measure_starts if name == "starts" else measure_large
                runs = options.pairs or (15 if name == "starts" else 3)
                for figure in measured(plain, work, runs):
                    if figure.name in known:
                        continue
                    results = evolve(results, figures=(*results.figures, figure))
                    save(results, options.output)
        say("done", began)
    return results


def say(what: str, began: float) -> None:
    """Print what begins, and how long it has been."""
    print(f"-- {time.monotonic() - began:5.0f} s  {what}", file=sys.stderr, flush=True)


def main() -> int:
    """Run the command line; the exit status is 0 unless `--strict` finds a bar that is not met."""
    options = make_parser().parse_args()
    parts = chosen(only=options.only, sizes=options.sizes, peers=options.peers, has_all=options.all)
    if options.list:
        for part in parts:
            what = ", ".join(scenario.value for scenario in part.scenarios)
            of = ", ".join(map(str, part.sizes))
            more = f" with {' '.join(part.options)}" if part.options else ""
            print(f"{part.name}: {', '.join(part.shapes)} of {of}{more}: {what}; "
                  f"beside {', '.join(part.peers)}")  # fmt: skip
        return 0
    results, limits = run(options, parts), load_limits()
    print(report(results, limits))
    is_missed = any(one.is_met is False for one in verdicts(results, limits))
    return int(options.strict and is_missed)


if __name__ == "__main__":
    sys.exit(main())
