#!/usr/bin/env python3
"""Measure stagemake beside its peers, and print the result as tables."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from attrs import evolve
from bars import load_limits, verdicts
from campaign import Row, Settings, run_graph
from graphs import SHAPES, make_graph
from machine import describe_machine
from measure import rss_floor_kib
from peers import PEER_NAMES, SUBJECT, find_peer, make_subject, stagemake_command
from results import Results, load, save
from scenarios import Scenario
from summary import one_line, report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from peers import Tool

DEFAULT_SHAPES = "wide,layered,chain,functions"
# A chain of 10 000 is one program after the other: it measures patience.
BIGGEST = {"chain": 1000}


def choice(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """Return a parser of comma-separated names out of `known`, for argparse."""

    def names(text: str) -> tuple[str, ...]:
        given = tuple(text.split(","))
        strange = [name for name in given if name not in known]
        if strange:
            raise argparse.ArgumentTypeError(f"{strange[0]!r} is not one of {', '.join(known)}")
        return given

    return names


def sizes(text: str) -> tuple[int, ...]:
    """Parse comma-separated stage counts, for argparse."""
    return tuple(int(part) for part in text.split(","))


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="measure; the tables go to stdout, progress to stderr")
    scenario_names = tuple(scenario.name.lower() for scenario in Scenario)
    run.add_argument("-o", "--output", required=True, help="JSON file for all samples")
    run.add_argument("-s", "--shapes", type=choice(SHAPES), default=DEFAULT_SHAPES)
    run.add_argument("-n", "--sizes", type=sizes, default="1000,10000")
    run.add_argument(
        "-k", "--scenarios", type=choice(scenario_names), default=",".join(scenario_names)
    )
    run.add_argument("-p", "--peers", type=choice(PEER_NAMES), default=",".join(PEER_NAMES))
    run.add_argument("-r", "--pairs", type=int, default=5, help="for each peer and scenario")
    run.add_argument("-j", "--jobs", type=int, default=2, help="stages at once, for every tool")
    run.add_argument("--subject", choices=(SUBJECT, *PEER_NAMES), default=SUBJECT,
                     help="measure a peer in stagemake's place, to try the harness")  # fmt: skip
    run.add_argument("--stagemake", help="how to start it, like `python -m stagemake`")
    run.add_argument("--limit", type=float, default=300, help="seconds for any one run")
    run.add_argument("--budget", type=float, default=180, help="seconds for a scenario's pairs")
    run.add_argument("--work", help="directory for the trees; default: a new temporary one")
    run.add_argument("--all-sizes", action="store_true", help="chain above 1000 too")
    told = verbs.add_parser("report", help="print the tables of earlier runs, as markdown")
    told.add_argument("files", nargs="+", help="JSON files that `run` wrote")
    for verb in (run, told):
        verb.add_argument("--strict", action="store_true", help="exit 1 when a bar is exceeded")
    return parser


def find_tools(options: argparse.Namespace) -> tuple[Tool, tuple[Tool, ...]]:
    """Return what is measured and the peers that are on this machine; name the absent ones."""
    peers = []
    for name in options.peers:
        peer = find_peer(name, options.jobs)
        if peer is None:
            print(f"bench: no {name} here; see install_peers.py", file=sys.stderr)
        else:
            peers.append(peer)
    if options.subject == SUBJECT:
        return find_subject(options.stagemake, options.jobs), tuple(peers)
    subject = find_peer(options.subject, options.jobs)
    if subject is None:
        raise SystemExit(f"bench: no {options.subject} here")
    return subject, tuple(peers)


def find_subject(text: str | None, jobs: int, options: tuple[str, ...] = ()) -> Tool:
    """Return stagemake as `make_subject`; `text` is how it is started, None where it is installed."""
    command = stagemake_command(text)
    if shutil.which(command[0]) is None:
        raise SystemExit(f"no {command[0]} here; install it or give --stagemake")
    return make_subject(command, jobs, options)


def measured_rows(
    options: argparse.Namespace, work: str, subject: Tool, peers: tuple[Tool, ...]
) -> Iterator[Row]:
    """Yield all rows that the options ask for."""
    settings = Settings(work, options.pairs, options.limit, options.budget)
    scenarios = [scenario for scenario in Scenario if scenario.name.lower() in options.scenarios]
    for shape in options.shapes:
        for stage_count in options.sizes:
            if stage_count > BIGGEST.get(shape, stage_count) and not options.all_sizes:
                continue
            if shape not in subject.shapes:
                continue
            yield from run_graph(
                make_graph(shape, stage_count),
                subject=subject,
                peers=peers,
                scenarios=scenarios,
                settings=settings,
            )


def run(options: argparse.Namespace) -> Results:
    """Measure, saving after every row, and return everything."""
    subject, peers = find_tools(options)
    with tempfile.TemporaryDirectory(prefix="stagemake-bench-") as temporary:
        work = os.path.abspath(options.work or temporary)
        os.makedirs(work, exist_ok=True)
        results = Results(
            subject=subject.name,
            machine={**describe_machine(work), "started": time.strftime("%Y-%m-%d %H:%M")},
            versions={tool.name: tool.version_text() for tool in (subject, *peers)},
            settings={k: v for k, v in vars(options).items() if k != "verb"},
            rows=(),
            rss_floor_kib=rss_floor_kib(),
        )
        for row in measured_rows(options, work, subject, peers):
            print(one_line(row), file=sys.stderr, flush=True)
            results = with_row(results, row)
            save(results, options.output)
    return results


def with_row(results: Results, row: Row) -> Results:
    """Return the results with one row more, and the load at its end."""
    machine = {**results.machine, "load_1min_at_end": round(os.getloadavg()[0], 2)}
    return evolve(results, machine=machine, rows=(*results.rows, row))


def main() -> int:
    """Run the command line; the exit status is 0 unless `--strict` finds a bar exceeded."""
    options = make_parser().parse_args()
    many = [run(options)] if options.verb == "run" else [load(path) for path in options.files]
    limits = load_limits()
    exceeded = False
    for results in many:
        print(report(results, limits))
        exceeded |= any(one.is_met is False for one in verdicts(results, limits))
    return 1 if exceeded and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
