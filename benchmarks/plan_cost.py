#!/usr/bin/env python3
"""What a forecast costs: dry runs beside plain plans (`build -q`) of the same state, in pairs.

Both load the Stagefile and judge every stage; the dry run then forecasts, looks for conflicts and prints. States:
never built; all stages to run (`-B`), each with a history; every leaf edited, so that all below it are maybes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from graphs import make_graph
from machine import describe_machine
from measure import Measurement, measure
from peers import make_subject, stagemake_command
from summary import spread
from trees import TICK_S, Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_RATIO = 2.0


def pairs_of(tree: Tree, arguments: Sequence[str], count: int) -> list[tuple[float, float, float]]:
    """Return for each pair of runs the CPU seconds of the plan, of the dry run, and the wall ratio."""
    command = tree.tool.build[:-2]
    found = []
    for _ in range(count):
        plan = _run(tree, [*command, "-q", *arguments], status=1)
        dry = _run(tree, [*command, "-n", *arguments], status=0)
        found.append((plan.cpu_s, dry.cpu_s, dry.wall_s / plan.wall_s))
    return found


def _run(tree: Tree, argv: Sequence[str], *, status: int) -> Measurement:
    env = tree.tool.environment(tree.root)
    done = measure(argv, root=tree.root, env=env, log=tree.log_path, limit_s=tree.limit_s)
    if done.exit_code != status:
        raise SystemExit(f"plan_cost: exit {done.exit_code} of {argv}: see {tree.log_path}")
    return done


def edit_leaves(tree: Tree) -> None:
    """Give every leaf new content."""
    time.sleep(TICK_S)
    for path in tree.graph.leaves():
        with open(os.path.join(tree.root, path), "a", encoding="ascii") as file:
            file.write("x\n")


def main() -> int:
    """Print a table; the exit status is 1 if a median ratio of CPU seconds is above the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--stages", type=int, default=10000)
    parser.add_argument("-s", "--shape", choices=("wide", "layered"), default="layered")
    parser.add_argument("-r", "--pairs", type=int, default=5)
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("-o", "--output", help="JSON file for all pairs")
    parser.add_argument("--stagemake", help="how to start it, like `python -m stagemake`")
    options = parser.parse_args()
    rows: dict[str, list[tuple[float, float, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="stagemake-plan-") as work:
        facts = describe_machine(work)
        tool = make_subject(stagemake_command(options.stagemake), options.jobs)
        tree = Tree(
            tool, make_graph(options.shape, options.stages), os.path.join(work, "tree"), 3600
        )
        tree.lay_out()
        rows["never built"] = pairs_of(tree, (), options.pairs)
        tree.run(tool.build)
        rows["all to run"] = pairs_of(tree, ("-B",), options.pairs)
        edit_leaves(tree)
        rows["leaves edited"] = pairs_of(tree, (), options.pairs)
    if options.output:
        document: dict[str, Any] = {"machine": facts, "settings": vars(options), "rows": rows}
        with open(options.output, "w", encoding="utf-8") as file:  # Any: JSON's shapes
            json.dump(document, file, indent=1)
    print("\n".join(f"- {name}: {value}" for name, value in facts.items()) + "\n")
    print("| state | plan CPU | dry run CPU | CPU ratio | wall ratio |\n" + "| --- " * 5 + "|")
    is_over = False
    for name, pairs in rows.items():
        cpu = spread(dry / plan for plan, dry, _ in pairs)
        wall = spread(ratio for _, _, ratio in pairs)
        plan, dry = (spread(pair[place] for pair in pairs).median for place in (0, 1))
        is_over = is_over or cpu.median > MOST_RATIO
        print(
            f"| {name} | {plan:.2f} s | {dry:.2f} s"
            f" | {cpu.median:.2f}x ({cpu.low:.2f}-{cpu.high:.2f})"
            f" | {wall.median:.2f}x ({wall.low:.2f}-{wall.high:.2f}) |"
        )
    print(f"\n{'EXCEEDED' if is_over else 'holds'}: at most {MOST_RATIO:g}x by CPU")
    return 1 if is_over else 0


if __name__ == "__main__":
    sys.exit(main())
