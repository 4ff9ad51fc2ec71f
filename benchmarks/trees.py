"""One tool's own copy of a graph on disk, and what can be done to it and asked of it."""

from __future__ import annotations

import glob
import os
import shutil
import time
from typing import TYPE_CHECKING

from attrs import evolve, frozen
from graphs import leaf_text
from measure import Measurement, RunFailedError, measure
from spent import process_s
from writers import WRITERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphs import Graph
    from peers import Tool

Signature = tuple[int, int, int, int]
"""Size in bytes, mtime and ctime in ns, inode."""

# More than one tick of any kernel's file clock (4 ms at 250 Hz): what a scenario changes
# must be visibly younger than what the run before it wrote.
TICK_S = 0.02


@frozen
class Tree:
    """A graph laid out for one tool. The directory `root` belongs to the tree alone."""

    tool: Tool
    graph: Graph
    root: str  # absolute
    limit_s: float  # for any one run

    def lay_out(self) -> None:
        """Remove whatever is there and write leaves and build files anew; nothing is built."""
        self.remove()
        for path, text in {**self.graph.leaves(), **WRITERS[self.tool.name](self.graph)}.items():
            os.makedirs(os.path.dirname(os.path.join(self.root, path)), exist_ok=True)
            self._write(path, text)
            if text.startswith("#!"):
                os.chmod(os.path.join(self.root, path), 0o755)
        os.makedirs(os.path.join(self.root, "out"))

    def remove(self) -> None:
        """Remove the tree and what the tool keeps beside it; it may be absent."""
        if not os.path.lexists(self.root):
            return
        if self.tool.stop:
            self.run(self.tool.stop)
        for directory in (self.root, f"{self.root}.beside"):
            if os.path.lexists(directory):
                _remove(directory)

    def edit_leaf(self, prefix: str) -> None:
        """Give the first leaf its original text behind `prefix`."""
        time.sleep(TICK_S)
        self._write(self.graph.first_leaf(), prefix + leaf_text(self.graph.stages[0].name))

    def touch_leaf(self) -> None:
        """Give the first leaf a new mtime and leave its content alone."""
        time.sleep(TICK_S)
        os.utime(os.path.join(self.root, self.graph.first_leaf()))

    def delete_outputs(self) -> None:
        """Remove every output that is there; the tool keeps its state."""
        for stage in self.graph.stages:
            try:
                os.unlink(self._output(stage.output))
            except FileNotFoundError:
                pass  # an earlier run failed and was reported

    def run(self, argv: Sequence[str]) -> Measurement:
        """Run the tool in the tree; what its server takes for it is counted with it.

        Raises:
            RunFailedError: It failed or ran out of time; its words are in `log_path`.
        """
        before_s = self._servers_s()
        done = measure(
            [word.replace("{root}", self.root) for word in argv],
            root=self.root,
            env=self.tool.environment(self.root),
            log=self.log_path,
            limit_s=self.limit_s,
        )
        if done.exit_code:
            raise RunFailedError(f"exit {done.exit_code}")
        more_s = sum(s - before_s.get(pid, 0.0) for pid, s in self._servers_s().items())
        return evolve(done, cpu_s=done.cpu_s + more_s)

    def _servers_s(self) -> dict[int, float]:
        """Return the processor time so far of what the tool has left running, by process id."""
        found = {}
        for path in glob.glob(self.tool.server.replace("{root}", self.root)):
            try:
                with open(path, encoding="ascii") as file:
                    pid = int(file.read())
                found[pid] = process_s(pid)
            except (OSError, ValueError):  # it has ended, or only begins
                continue
        return found

    @property
    def log_path(self) -> str:
        """The stdout and stderr of the last run; beside the tree, not in it."""
        return self.root + ".log"

    def signatures(self) -> list[Signature | None]:
        """Return each output's signature in the graph's order; None where there is no file."""
        return [_signature(self._output(stage.output)) for stage in self.graph.stages]

    def contents(self) -> list[bytes]:
        """Return each output's content in the graph's order; all must be there."""
        return [self.read_output(stage.output) for stage in self.graph.stages]

    def read_output(self, path: str) -> bytes:
        """Return the content of an output."""
        return self.read(self._output(path))

    def read(self, path: str) -> bytes:
        """Return the content of a file of the tree."""
        with open(os.path.join(self.root, path), "rb") as file:
            return file.read()

    def _output(self, path: str) -> str:
        return os.path.join(self.root, self.tool.outputs_below, path)

    def _write(self, path: str, text: str) -> None:
        with open(os.path.join(self.root, path), "w", encoding="ascii") as file:
            file.write(text)


def _signature(path: str) -> Signature | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _remove(directory: str) -> None:
    for place, _, _ in os.walk(directory):
        os.chmod(place, 0o700)  # Bazel takes the right to write away
    shutil.rmtree(directory)
