#!/usr/bin/env python3
"""Where a no-op's time goes: phases of the manager in process, top functions, top imports.

Lays out a graph, builds it once, and then asks the manager for the same build again, in a fresh
interpreter each time: once on the clock, once under cProfile.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import os
import pstats
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from graphs import SHAPES, make_graph
from peers import CACHE_DIRECTORY, make_subject
from startup import imports_of
from trees import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PHASES = ("import", "manager", "load", "build_pipeline", "plan", "dry_run_pipeline", "execute")
"""Each of the last four repeats the ones before it: what a step costs is the difference."""


def make_phases(root: str) -> dict[str, Callable[[], object]]:
    """Return what each phase does, by its name; to be called in the order of PHASES."""
    managers = []

    def load_package() -> None:
        import stagemake.manager  # noqa: F401 - only its cost matters

    def make_manager() -> None:
        from stagemake.manager import StageManager

        managers.append(StageManager(root=root, cache_dir=os.path.join(root, CACHE_DIRECTORY)))

    return {
        "import": load_package,
        "manager": make_manager,
        "load": lambda: managers[0].load("Stagefile"),
        "build_pipeline": lambda: managers[0].build_pipeline([]),
        "plan": lambda: managers[0].plan([]),
        "dry_run_pipeline": lambda: managers[0].dry_run_pipeline([]),
        "execute": lambda: managers[0].execute_pipeline([]),
    }


def time_phases(root: str) -> None:
    """Print the wall and CPU time of each phase, in this process."""
    print(f"{'phase':18}{'wall ms':>10}{'CPU ms':>10}")
    for name, phase in make_phases(root).items():
        wall, cpu = time.perf_counter(), time.process_time()
        phase()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{name:18}{wall * 1000:10.1f}{cpu * 1000:10.1f}")


def profile_phases(root: str, wanted: Sequence[str], top: int, order: str) -> None:
    """Run all phases but record only those wanted; print the functions that cost most.

    Args:
        root: A tree that has been built.
        wanted: Names out of PHASES.
        top: How many functions to print.
        order: `tottime` or `cumtime`.
    """
    profile = cProfile.Profile()
    for name, phase in make_phases(root).items():
        if name not in PHASES[:3] and name not in wanted:
            continue
        if name in wanted:
            profile.enable()
        phase()
        profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats(order).print_stats(top)
    print(f"\ncProfile of {', '.join(wanted)} by {order} (slower than the clock; read as shares)")
    print(text.getvalue())


def in_fresh_interpreter(root: str, *arguments: str) -> None:
    """Run this script again, for one job in the tree `root`."""
    script = os.path.abspath(__file__)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    sys.stdout.flush()
    subprocess.run(
        [sys.executable, script, "--root", root, *arguments], cwd=root, env=env, check=True
    )


def show_imports(tree: Tree, top: int) -> None:
    """Print the modules of the command line's no-op that take longest to import."""
    found = imports_of(tree.tool.build, tree.root, tree.tool.environment(tree.root))
    print(f"command line, no-op: {len(found)} modules under -X importtime; own time first")
    for each in sorted(found, key=lambda each: -each.own_us)[:top]:
        print(f"  {each.own_us / 1000:8.2f} ms own {each.total_us / 1000:8.2f} ms all  {each.name}")


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--stages", type=int, default=10000)
    parser.add_argument("-s", "--shape", choices=SHAPES, default="wide")
    parser.add_argument("-p", "--phases", default="load,execute", help=f"of {', '.join(PHASES)}")
    parser.add_argument("-t", "--top", type=int, default=30)
    parser.add_argument("--order", choices=("tottime", "cumtime"), default="tottime")
    parser.add_argument("-r", "--rounds", type=int, default=3, help="of timed phases")
    parser.add_argument("--root", help="a tree already built by this script; nothing is laid out")
    parser.add_argument("--job", choices=("time", "profile"), help=argparse.SUPPRESS)
    return parser


def main() -> None:
    """Lay out, build, time, profile."""
    options = make_parser().parse_args()
    if options.job == "time":
        time_phases(options.root)
        return
    if options.job == "profile":
        profile_phases(options.root, options.phases.split(","), options.top, options.order)
        return
    with tempfile.TemporaryDirectory(prefix="stagemake-profile-") as work:
        tool = make_subject((sys.executable, "-m", "stagemake"), 2)
        graph = make_graph(options.shape, options.stages)
        tree = Tree(tool, graph, options.root or os.path.join(work, "tree"), 3600)
        if options.root is None:
            tree.lay_out()
            tree.run(tool.build)
        for _ in range(options.rounds):
            in_fresh_interpreter(tree.root, "--job", "time")
        in_fresh_interpreter(
            tree.root, "--job", "profile", "--phases", options.phases,
            "--top", str(options.top), "--order", options.order,
        )  # fmt: skip
        show_imports(tree, options.top)


if __name__ == "__main__":
    main()
