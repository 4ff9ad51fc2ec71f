#!/usr/bin/env python3
"""Builds without their processes: what `cat` would do is done in the tool's own process.

For sizes at which processes take too long. Prints the tool's own processor time and the peak of its memory, for each size and
each of `--paths` in a process of its own; the project is in memory (`--work`). What growth adds, see docs/performance.md, is
a stage's share of that time less what one stage takes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from stagemake import starting
from stagemake.runner.local import LocalRunner
from stagemake.runner.port import Completion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.runner.port import RunnerSettings, Work

PATHS = ("cold", "no-op", "restore", "edit", "touch")
STAGEFILE = """\
import json

from stagemake import command

with open("graph.json") as file:
    for name, input, output in json.load(file):
        command(name, f"cat {input} > {output}", inputs=[input], outputs=[output])
"""


class InProcess(LocalRunner):
    """Carries out `cat FILE > FILE` at once."""

    _ended: list[Completion]

    def prepare(self) -> None:
        """Start no process."""
        self._ended = []

    def start(self, work: Work) -> None:
        """Copy a file."""
        assert work.argv is not None, "all stages are commands"
        _, source, _, target = work.argv[2].split()
        began_s = time.monotonic()
        with open(source, "rb") as old, open(target, "wb") as new:
            new.write(old.read())
        taken_s = time.monotonic() - began_s
        self._ended.append(
            Completion(work.stage_id, 0, started_s=began_s, wall_s=taken_s, cpu_s=taken_s)
        )

    def line_up(self, work: Work, room: int, low: int, *, stops_at_failure: bool) -> None:
        """Do it now: there is no line."""
        del room, low, stops_at_failure
        self.start(work)

    def withdraw(self) -> None:
        """Nothing waits."""

    def wait(self, timeout_s: float | None) -> Sequence[Completion]:
        """Return what has ended."""
        del timeout_s
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Nothing is left to end."""


def lay_out(stages: int) -> None:
    """Make inputs of 1 KiB and a Stagefile in the working directory."""
    os.mkdir("in")
    rows = []
    for number in range(stages):
        with open(f"in/{number}", "w", encoding="ascii") as file:
            file.write(f"s{number:06} " * 128)
        rows.append((f"s{number}", f"in/{number}", f"out/{number}"))
    with open("graph.json", "w", encoding="ascii") as file:
        json.dump(rows, file)
    with open("Stagefile", "w", encoding="ascii") as file:
        file.write(STAGEFILE)


def build() -> None:
    """Be the tool, in the working directory; does not return."""

    def make(settings: RunnerSettings, **_: object) -> LocalRunner:
        return InProcess(settings.root, call=None, marker=settings.marker)

    vars(starting)["local_runner"] = make
    os.environ["STAGEMAKE_CACHE_DIR"] = os.path.abspath("stage-cache")
    sys.argv[1:] = ["-j1", "-s"]
    from stagemake.door import script

    script()


def prepare(path: str, stages: int) -> None:
    """Change the built project in the working directory to what a path begins with."""
    if path == "restore":
        shutil.rmtree("out")
    elif path == "edit":
        with open(f"in/{stages // 2}", "a", encoding="ascii") as file:
            file.write("edited")
    elif path == "touch":
        for number in range(stages):
            os.utime(f"in/{number}")


def measure(stages: int, paths: Sequence[str], work: str) -> bool:
    """Lay out, build along each path in a process of its own, print; return whether all was made."""
    directory = tempfile.mkdtemp(prefix="tool-alone-", dir=work)
    try:
        os.chdir(directory)
        lay_out(stages)
        # The first build is what all others start from.
        is_good = [_measure_path(stages, path) for path in dict.fromkeys(("cold", *paths))]
        return all(is_good)
    finally:
        os.chdir("/")
        shutil.rmtree(directory)


def _measure_path(stages: int, path: str) -> bool:
    prepare(path, stages)
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        os.execv(sys.executable, (sys.executable, os.path.realpath(__file__), "--build"))
    _, status, usage = os.wait4(pid, 0)
    made = len(os.listdir("out")) if os.path.isdir("out") else 0
    cpu_s = usage.ru_utime + usage.ru_stime
    print(
        f"{path}, {stages} stages: status {os.waitstatus_to_exitcode(status)}, {cpu_s:.2f} s of processor time,"
        f" {1e6 * cpu_s / stages:.0f} us a stage, peak {usage.ru_maxrss / 1024:.0f} MiB",
        flush=True,
    )
    if status or made != stages:
        print(f"tool_alone: {made} of {stages} outputs were made", file=sys.stderr)
    return not status and made == stages


def paths_of(text: str) -> list[str]:
    """Parse `cold,restore`, for argparse."""
    paths = text.split(",")
    for path in paths:
        if path not in PATHS:
            raise argparse.ArgumentTypeError(f"{path!r} is none of {', '.join(PATHS)}")
    return paths


def main() -> int:
    """Measure each size; the exit status is 1 if a build did not do what it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", type=int, nargs="*", default=[20_000])
    parser.add_argument("--work", default="/dev/shm" if os.path.isdir("/dev/shm") else None)
    parser.add_argument("--paths", type=paths_of, default=["cold"],
                        help=f"of {', '.join(PATHS)}; after a cold build, each after the one before")  # fmt: skip
    parser.add_argument("--build", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.build:
        build()
    is_good = [measure(stages, given.paths, given.work) for stages in given.stages]
    return 0 if all(is_good) else 1


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
