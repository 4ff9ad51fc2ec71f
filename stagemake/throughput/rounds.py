"""Build the copy of a project again and again: cold, to be found done, from the cache."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from stagemake.cache.locate import VARIABLE
from stagemake.freshness.snapshot import DISCOVERED, ENTRIES, RECORD
from stagemake.model.error import StagemakeError
from stagemake.plan.kind import input_bytes
from stagemake.state import StateStore
from stagemake.throughput.figures import OVERHEADS, Sample, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stagemake.throughput.scratch import Scratch

NOOPS_A_ROUND = 3
_MEASURED = "from stagemake.cli.bench_child import main; main()"
_AS_INSTALLED = "from stagemake.door import script; script()"
_SHOWN_LINES = 12
_PATIENCE_S = 5.0  # until a build that was asked to end has; stages get two of them


class BenchFailed(StagemakeError):
    """A build of the copy came to no good end."""

    exit_code = 1


@frozen
class Request:
    """What is built."""

    words: tuple[str, ...]  # of the command line: options and targets, as the user would type them
    once_more: tuple[str, ...]  # words for builds that may run something, in front
    stagefile: str  # its base name
    cwd: str  # relative to the root; empty for the root
    environ: Mapping[str, str]


@define
class Rounds:
    """Takes samples. `tell` gets a line whenever something that takes time begins."""

    scratch: Scratch
    request: Request
    stage_names: Sequence[str]  # that the targets take
    tell: Callable[[str], None]
    samples: dict[Scenario, list[Sample]] = field(
        factory=lambda: {scenario: [] for scenario in Scenario}
    )
    input_bytes: int = 0
    output_bytes: int = 0
    has_nothing_to_do: bool = True  # just after a build

    def take(self, rounds: int) -> None:
        """Take one sample of cold and warm a round, and some of no-op.

        Raises:
            BenchFailed: A build failed.
            OSError: The copy can't be written.
        """
        for number in range(1, rounds + 1):
            self.tell(f"round {number} of {rounds}")
            self.scratch.empty_cache()
            self._lay_out()
            self.samples[Scenario.COLD].append(self._build("cold"))
            if number == 1:
                self._look_at_traces()
                self.has_nothing_to_do = self._run(_AS_INSTALLED, ("-q",))[0] == 0
            for _ in range(NOOPS_A_ROUND):
                self.samples[Scenario.NOOP].append(self._noop())
            self._lay_out()
            self.samples[Scenario.WARM].append(self._build("warm"))

    def _lay_out(self) -> None:
        self.scratch.lay_out()
        os.sync()  # what copying wrote must not go to disk on the build's account

    def _build(self, word: str) -> Sample:
        report = f"{self.scratch.directory}/report.json"
        more = (report, "build", *self.request.once_more)
        code, wall_s, cpu_s, said = self._run(_MEASURED, more)
        if code:
            raise _failed(word, said)
        with open(report, encoding="utf-8") as file:
            told: dict[str, Any] = json.load(file)  # Any: JSON; bench_child writes it
        spent: dict[str, float] = told["seconds"]
        known = {kind: spent.get(kind, 0.0) for kind in OVERHEADS if kind != "other"}
        in_turn = sum(told["main_seconds"].values())
        return Sample(
            wall_s, cpu_s, told["ran"], told["restored"], told["own_s"],
            {**known, "other": max(wall_s - in_turn, 0.0)},
        )  # fmt: skip

    def _noop(self) -> Sample:
        code, wall_s, cpu_s, said = self._run(_AS_INSTALLED, ())
        if code:
            raise _failed("second", said)
        return Sample(wall_s, cpu_s)

    def _run(self, program: str, more: Iterable[str]) -> tuple[int, float, float, str]:
        """Return exit status, wall seconds, CPU seconds, and what was printed."""
        argv = [sys.executable, "-P", "-c", program, *more, "-s", *self.request.words]
        cwd = os.path.join(self.scratch.copy, self.request.cwd)
        env = {**self.request.environ, VARIABLE: self.scratch.cache}
        before, began_s = _children_cpu_s(), time.perf_counter()
        with subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            try:
                said = process.communicate()[0]
            except BaseException:  # a signal: the build ends what it runs, and is waited for
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=_PATIENCE_S)
                process.kill()
                raise
        wall_s = time.perf_counter() - began_s
        text = said.decode(errors="backslashreplace")
        return process.returncode, wall_s, _children_cpu_s() - before, text

    def _look_at_traces(self) -> None:
        """Note how much the stages read and made, by what the first build left."""
        traces = StateStore(self.scratch.copy, self.request.stagefile).snapshot.traces
        for name in self.stage_names:
            trace = traces.get(name)
            if trace is not None:
                found = (entry for _, entry in trace[DISCOVERED])
                self.input_bytes += input_bytes((*trace[ENTRIES], *found)) or 0
                self.output_bytes += trace[RECORD][2]


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _failed(word: str, said: str) -> BenchFailed:
    lines = said.strip().splitlines()
    left_out = len(lines) - _SHOWN_LINES
    shown = [f"({left_out} lines before)"] * (left_out > 0) + lines[-_SHOWN_LINES:]
    return BenchFailed(
        f"the {word} build failed, in a copy of the project",
        facts=[("it said", "\n".join(shown) or "nothing")],
        hint="does it build from a fresh clone? The copy has no outputs, and nothing from outside the root",
    )
