"""What it costs at least to run a function in a process of its own: a fork, its end, and waiting for it.

    python benchmarks/fork_floor.py

Processor time of this process and its children, in ms a fork: of a Python as it comes, of one with `threading`, and of
one with what runs functions loaded. Each by itself, and with what a stage of the graph `functions` does.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile

from spent import children_s, own_s

FORKS = 300
PROCESSES = ("bare", "threading", "stagemake")


def main() -> None:
    """Print a line for each kind of process."""
    if len(sys.argv) > 1:
        _measure(sys.argv[1])
        return
    for kind in PROCESSES:
        subprocess.run([sys.executable, __file__, kind], check=True)


def _measure(kind: str) -> None:
    if kind != "bare":
        import threading  # noqa: F401 - it has something to do in each fork
    if kind == "stagemake":
        import stagemake.calling
        import stagemake.cli.build_command
        import stagemake.stagefile.loader
        import stagemake.starting  # noqa: F401
    gc.freeze()
    gc.disable()
    with tempfile.TemporaryDirectory() as directory:
        with open(f"{directory}/in", "w") as leaf:
            leaf.write("abc " * 256)
        nothing = _of_each(directory, works=False)
        function = _of_each(directory, works=True)
    # Not through sys.stdout: forks would have what it holds.
    line = f"{kind}: nothing {nothing:.2f} ms, the function {function:.2f} ms\n"
    os.write(1, line.encode())


def _of_each(directory: str, *, works: bool) -> float:
    before_s = _processor_s()
    for number in range(FORKS):
        pid = os.fork()
        if pid == 0:
            if works:
                with open(f"{directory}/in") as source, open(f"{directory}/{number}", "w") as made:
                    made.write(source.read().upper())
            os._exit(0)
        os.waitpid(pid, 0)
    return (_processor_s() - before_s) / FORKS * 1000


def _processor_s() -> float:
    return own_s() + children_s()


if __name__ == "__main__":
    main()
