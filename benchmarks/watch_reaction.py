"""How long `stagemake watch` takes from an edit to the stage that it concerns, and until it is done.

Usage: python benchmarks/watch_reaction.py [--stages 10000] [--edits 15] [--json FILE]

One source a stage, no stage waits for another. Each stage writes when it started, so that what is measured ends
as the stage begins, its `date` included (plain text, so no shell is started). Between two edits the watch has time to come to rest.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STAGEFILE = """\
from stagemake import command

for number in range({stages}):
    command(
        f"stage.{{number}}",
        "date +%s%N > {{outputs}}",
        inputs=[f"src/{{number % 100}}/{{number}}.txt"],
        outputs=[f"out/{{number % 100}}/{{number}}.txt"],
    )
"""
REST_S = 1.5  # longer than it takes to look at everything after a build


def lay_out(root: Path, stages: int) -> None:
    """Write the project."""
    (root / "Stagefile").write_text(STAGEFILE.format(stages=stages))
    for number in range(stages):
        source = root / "src" / str(number % 100) / f"{number}.txt"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text("first\n")


def wait_for(stream: int, text: bytes, limit_s: float = 300.0) -> float:
    """Read until `text` has come; return when, in s since the epoch."""
    seen = b""
    limit = time.monotonic() + limit_s
    while text not in seen:
        data = os.read(stream, 1 << 16)
        if not data or time.monotonic() > limit:
            sys.exit(f"the watch ended early:\n{seen.decode()[-2000:]}")
        seen += data
    return time.time()


def processor_ms(pid: int) -> float:
    """Return the processor time of a process so far, without its children's; 0 where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def measured(root: Path, stages: int, edits: int) -> dict[str, list[float]]:
    """Return for each edit the ms to the stage's start, to the line that says done, and what the watch computed."""
    env = {**os.environ, "STAGEMAKE_CACHE_DIR": str(root / "cache")}
    process = subprocess.Popen(
        [sys.executable, "-m", "stagemake", "watch", "-j", "2"],
        cwd=root, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None, "it was asked for"
    stream = process.stderr.fileno()
    starts, ends, computed = [], [], []
    try:
        wait_for(stream, b"waiting for changes")
        time.sleep(2 * REST_S)
        for edit in range(edits):
            number = (edit * 7919) % stages
            place = f"{number % 100}/{number}.txt"
            before_ms = processor_ms(process.pid)
            edited_s = time.time()
            (root / "src" / place).write_text(f"edit {edit}\n")
            ended_s = wait_for(stream, b"stagemake: done")
            computed.append(processor_ms(process.pid) - before_ms)
            started_s = int((root / "out" / place).read_text()) / 1e9
            starts.append((started_s - edited_s) * 1000)
            ends.append((ended_s - edited_s) * 1000)
            wait_for(stream, b"waiting for changes")
            time.sleep(REST_S)
    finally:
        process.terminate()
        process.wait()
    return {"edit to stage": starts, "edit to done": ends, "processor to done": computed}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stages", type=int, default=10_000)
    parser.add_argument("--edits", type=int, default=15)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        lay_out(root, arguments.stages)
        rows = measured(root, arguments.stages, arguments.edits)
    print(f"{arguments.stages} stages, {arguments.edits} edits, ms")
    for name, values in rows.items():
        found = f"best {min(values):6.1f}  median {statistics.median(values):6.1f}"
        print(f"  {name:<17} {found}  worst {max(values):6.1f}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"stages": arguments.stages, **rows}))


if __name__ == "__main__":
    main()
