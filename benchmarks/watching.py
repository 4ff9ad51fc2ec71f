"""What watching costs: the same stages built plainly, with `--check`, `--sandbox` and under strace, in turn.

usage: watching.py [-n STAGES] [-r ROUNDS] [-w WORK]…      prints a table; CPU time of the whole build, children included
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

WORKS = {
    "true": ("command(f'true{i}', ['true'], inputs=['in'], outputs=[])", ""),
    "cp": (
        "command(f'cp{i}', ['cp', '{inputs}', '{outputs}'], inputs=['in'], outputs=[f'out/{i}'])",
        "",
    ),
    "function": (
        (
            "@stage(name=f'f{i}', inputs=['in'], outputs=[f'out/{i}'])\n    def _(context):\n"
            "        context.outputs[0].write_bytes(context.inputs[0].read_bytes())"
        ),
        "",
    ),
    "python": (
        "command(f'py{i}', ['python3', '-c', 'import json, argparse, email'], inputs=['in'])",
        "python3",
    ),
    "gcc": (
        "command(f'cc{i}', ['gcc', '-c', 'in.c', '-o', '{outputs}'], inputs=['in.c'], outputs=[f'out/{i}.o'])",
        "gcc",
    ),
}
WAYS = {
    "plain": ([], ""),
    "--check": (["--check"], ""),
    "--check, strace": (["--check"], "seccomp"),
    "--sandbox": (["--sandbox"], ""),
}


def lay_out(root: Path, work: str, count: int) -> None:
    """Write a project of `count` like stages."""
    (root / "in").write_text("x")
    (root / "in.c").write_text('#include <stdio.h>\nint main(void) { return puts("x"); }\n')
    text = f"from stagemake import command, stage\nfor i in range({count}):\n    {work}\n"
    (root / "Stagefile").write_text(text)


def cpu_s(root: Path, options: list[str], without: str) -> float:
    """Build everything anew; return user and system seconds of all processes together."""
    env = {
        **os.environ,
        "STAGEMAKE_CACHE_DIR": str(root / "cache"),
        "STAGEMAKE_WATCH_WITHOUT": without,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "stagemake", "-B", "-s", "--cache", "off", *options],
        cwd=root, env=env,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the build failed with {process.returncode}: {options}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=40)
    parser.add_argument("-r", type=int, default=5)
    parser.add_argument("-w", choices=list(WORKS), action="append", help="only these works")
    given = parser.parse_args()
    print("| stage | " + " | ".join(WAYS) + " |")
    print("|---|" + "---|" * len(WAYS))
    for name, (work, program) in WORKS.items():
        if given.w and name not in given.w:
            continue
        if program and not shutil.which(program):
            continue
        found: dict[str, list[float]] = {way: [] for way in WAYS}
        with tempfile.TemporaryDirectory(prefix="stagemake-watching-") as place:
            lay_out(Path(place), work, given.n)
            for _ in range(given.r):  # in turn, so that a busy moment hits all
                for way, (options, without) in WAYS.items():
                    found[way].append(cpu_s(Path(place), options, without))
        plain = statistics.median(found["plain"])
        cells = [f"{plain:.2f} s"]
        for way in list(WAYS)[1:]:
            ratio = statistics.median(
                each / base for each, base in zip(found[way], found["plain"], strict=True)
            )
            cells.append(f"{ratio:.1f} times")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
