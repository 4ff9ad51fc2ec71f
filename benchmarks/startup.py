#!/usr/bin/env python3
"""What starting stagemake costs: wall time, modules loaded, and the modules that take longest.

Asks it of `--version` and of a no-op of one stage, beside a bare interpreter.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from attrs import frozen
from graphs import make_graph
from measure import RunFailedError, measure
from peers import make_subject, stagemake_command
from summary import spread
from trees import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@frozen
class Import:
    """One line of `-X importtime`."""

    name: str
    own_us: int  # without what it imported
    total_us: int


def imports_of(argv: Sequence[str], root: str, env: Mapping[str, str]) -> tuple[Import, ...]:
    """Run `argv` in `root` and return the imports of its processes, in the order they ended.

    Raises:
        RunFailedError: It failed.
    """
    done = subprocess.run(
        argv,
        cwd=root,
        env={**env, "PYTHONPROFILEIMPORTTIME": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RunFailedError(f"{shlex.join(argv)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    found = []
    for line in done.stderr.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        total, _, name = rest.partition("|")
        if line.startswith("import time:") and own.strip().isdigit():
            found.append(Import(name.strip(), int(own), int(total)))
    return tuple(found)


def show(
    title: str, argv: Sequence[str], tree: Tree, *, runs: int, top: int, bare: frozenset[str]
) -> frozenset[str]:
    """Print one command's figures; return the names of the modules it loaded.

    Args:
        title: What the command is.
        argv: The command; run in the tree.
        tree: Gives the working directory and the environment.
        runs: How many timed runs.
        top: How many modules to name.
        bare: Modules that any interpreter loads: counted, not named.
    """
    env = tree.tool.environment(tree.root)
    costs = [
        measure(argv, root=tree.root, env=env, log=tree.log_path, limit_s=60) for _ in range(runs)
    ]
    walls = spread(cost.wall_s * 1000 for cost in costs)
    cpus = spread(cost.cpu_s * 1000 for cost in costs)
    rss = max(cost.rss_kib for cost in costs) / 1024
    imports = imports_of(argv, tree.root, env)
    names = frozenset(each.name for each in imports)
    print(f"\n{title}: {shlex.join(argv)}")
    print(f"  wall     {walls.median:.1f} ms ({walls.low:.1f}-{walls.high:.1f}, {runs} runs)")
    print(f"  CPU      {cpus.median:.1f} ms")
    print(f"  peak RSS {rss:.0f} MiB")
    print(f"  modules  {len(names)}, {len(names - bare)} more than a bare interpreter")
    mine = [each for each in imports if each.name not in bare]
    print(f"  imports  {sum(each.own_us for each in mine) / 1000:.1f} ms under -X importtime")
    for each in sorted(mine, key=lambda each: -each.own_us)[:top]:
        print(f"  {each.own_us / 1000:8.2f} ms own {each.total_us / 1000:8.2f} ms all  {each.name}")
    return names


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stagemake", help="how to start it, like `python -m stagemake`")
    parser.add_argument("-r", "--runs", type=int, default=15)
    parser.add_argument("-t", "--top", type=int, default=20, help="modules to name")
    options = parser.parse_args()
    tool = make_subject(stagemake_command(options.stagemake), 2)
    with tempfile.TemporaryDirectory(prefix="stagemake-startup-") as work:
        tree = Tree(tool, make_graph("wide", 1), os.path.join(work, "tree"), 60)
        tree.lay_out()
        nothing = frozenset[str]()

        def ask(title: str, argv: Sequence[str], bare: frozenset[str] = nothing) -> frozenset[str]:
            return show(title, argv, tree, runs=options.runs, top=options.top, bare=bare)

        # Its own modules are not worth naming; its time is the floor of all else.
        bare = frozenset(each.name for each in imports_of([sys.executable, "-c", ""], work, {}))
        ask("bare interpreter", [sys.executable, "-c", "pass"], bare)
        ask("version", tool.version, bare)
        tree.run(tool.build)
        ask("no-op of 1 stage", tool.build, bare)


if __name__ == "__main__":
    main()
