"""Mutation testing of the code that decides what a result is called, what is fresh, and what comes back.

One small change of a module at a time, in a copy of the package; tests must notice. See docs/mutation.md.
`python tests/mutation.py --sample 60 --seed 1 [MODULE …]`; without `--sample` every mutant is tried.
"""

from __future__ import annotations

import argparse
import ast
import json
import math
import os
import random
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING

from attrs import asdict, astuple, define, field

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from mutant_tests import Choice
from mutants import Mutant, mutants
from warm_tests import HOME, Ended, Scouted, Work, from_the_start, loaded

if TYPE_CHECKING:
    from collections.abc import Sequence

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mutation.json")
"""The modules by what they are for, and the tests that are quick and have to do with them."""
_CONTROL_EVERY = 20
_IMPOSSIBLE = 99


@define
class Figures:
    """What was found of one module."""

    module: str
    mutants: int
    tried: int = 0
    killed: int = 0
    cpu_s: float = 0.0
    survivors: list[tuple[int, int, str]] = field(factory=list)  # number, which, what is shown


def interval(killed: int, tried: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    if not tried:
        return 0.0, 1.0
    z, p = 1.96, killed / tried
    middle = (p + z * z / (2 * tried)) / (1 + z * z / tried)
    half = z * math.sqrt(p * (1 - p) / tried + z * z / (4 * tried * tried)) / (1 + z * z / tried)
    return max(0.0, middle - half), min(1.0, middle + half)


@define
class Trial:
    """The mutants of one module, one after the other."""

    work: Work
    choice: Choice
    figures: Figures
    source: str
    tree: ast.Module

    def attempt(self, mutant: Mutant, *, warm: bool) -> Ended | None:
        """Try one; return None if that takes tests that load the package anew, and these are `warm`."""
        module = self.figures.module
        tests, took_s = self.choice.tests(module, mutant)
        if not tests:
            return Ended("passed", "no test runs it", 0.0)
        changed = mutant.applied(self.tree)
        self.work.write(module, ast.unparse(changed))
        limit_s = 6 * took_s + 6

        def in_a_program_that_runs() -> int:
            if not self.work.change(module, changed, inside=mutant.inside):
                return _IMPOSSIBLE
            return self.work.run(tests)

        if warm:
            ended = self.work.forked(in_a_program_that_runs, limit_s)
        else:
            ended = self.work.forked(lambda: from_the_start(self.work, tests), limit_s + 10)
        self.work.write(module, self.source)
        return None if warm and ended.status == _IMPOSSIBLE else ended

    def note(self, mutant: Mutant, ended: Ended) -> None:
        """Count it; show it if it survived."""
        figures = self.figures
        figures.tried += 1
        figures.cpu_s += ended.cpu_s
        if ended.word != "passed":
            figures.killed += 1
            self.choice.keen(ended.by)
            return
        text = f"{figures.module}:{mutant.line}: {mutant.what}"
        figures.survivors.append((mutant.number, mutant.which, text))
        print(f"  survived {text}" + (f" ({ended.by})" if ended.by else ""), flush=True)


def main() -> int:
    """Try the modules that are named, or all of the table."""
    given = _arguments()
    with open(TABLE, encoding="utf-8") as stream:
        groups = list(json.load(stream).values())
    known = [one for group in groups for one in group["modules"]]
    modules = given.modules or known
    concerned = [group for group in groups if set(modules).intersection(group["modules"])]
    tests = given.tests or list(dict.fromkeys(one for group in concerned for one in group["tests"]))
    print(f"sample {given.sample or 'all'} by seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="mutation-") as home:
        work = Work(home)
        shutil.copytree(
            f"{HOME}/stagemake", f"{home}/stagemake", ignore=shutil.ignore_patterns("__pycache__")
        )
        scouted = _scouted(work, sorted({*known, *modules}), tests, given.scouted)
        trials = [_trial(work, module, Choice(scouted, given.budget_s)) for module in modules]
        chosen = {trial.figures.module: _chosen(trial, given) for trial in trials}
        _try_all(trials, chosen, given.output)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--sample", type=int, default=0, help="mutants a module; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget-s", type=float, default=6.0, help="of tests a mutant, at most")
    parser.add_argument("--tests", action="append", help="a file of tests, in place of the table's")
    parser.add_argument("--scouted", help="a file that keeps what tests run, for the next time")
    parser.add_argument("--again", help="an output of before: only what survived then")
    parser.add_argument("--output", help="a file for the figures, a line of JSON a module")
    return parser.parse_args()


def _scouted(
    work: Work, modules: Sequence[str], tests: Sequence[str], kept: str | None
) -> dict[str, Scouted]:
    path = os.path.abspath(kept) if kept else f"{work.home}/scouted"
    if not os.path.exists(path):
        found = f"{work.home}/found"

        def scout() -> None:
            ended = work.forked(lambda: work.scout(modules, found), 3000, "scouting")
            print(f"{len(work.items)} tests take {ended.cpu_s:.0f} s", flush=True)

        _in_a_process(lambda: loaded(work, tests, scout))
        with open(f"{work.home}/scouting", encoding="utf-8", errors="replace") as stream:
            said = stream.read()
        if not os.path.exists(found):
            sys.exit(f"the tests can't be scouted:\n{said[-3000:]}")
        print(*(line for line in said.splitlines() if "left out" in line), sep="\n")
        shutil.copy(found, path)
    with open(path, encoding="utf-8") as stream:
        return {name: Scouted(*one) for name, one in json.load(stream).items()}


def _trial(work: Work, module: str, choice: Choice) -> Trial:
    with open(f"{work.home}/{module}", encoding="utf-8") as stream:
        source = stream.read()
    tree = ast.parse(source)
    return Trial(work, choice, Figures(module, len(mutants(tree))), source, tree)


def _chosen(trial: Trial, given: argparse.Namespace) -> list[Mutant]:
    module, every = trial.figures.module, mutants(trial.tree)
    if given.again:
        with open(given.again, encoding="utf-8") as stream:
            past = [json.loads(line) for line in stream]
        wanted = {tuple(one[:2]) for each in past if each["module"] == module for one in each["survivors"]}  # fmt: skip
        return [one for one in every if (one.number, one.which) in wanted]
    few = random.Random(f"{given.seed} {module}").sample(every, min(given.sample or len(every), len(every)))  # fmt: skip
    return sorted(few, key=lambda one: (one.number, one.which))


def _try_all(trials: list[Trial], chosen: dict[str, list[Mutant]], output: str | None) -> None:
    """Try mutants in forks of a process that has the tests loaded; those where that can't be, from the start."""
    work, found = trials[0].work, f"{trials[0].work.home}/warm"

    def warm() -> None:
        work.expect(chosen)
        with open(found, "w", encoding="utf-8") as stream:
            for trial in trials:
                stream.write(json.dumps(_warm(trial, chosen[trial.figures.module])) + "\n")

    names = {name for trial in trials for mutant in chosen[trial.figures.module] for name in trial.choice.tests(trial.figures.module, mutant)[0]}  # fmt: skip
    _in_a_process(lambda: loaded(work, sorted({name.split("::")[0] for name in names}), warm))
    controls: list[str] = []
    with open(found, encoding="utf-8") as stream:
        for trial, line in zip(trials, stream, strict=True):
            ended, control = json.loads(line)
            controls += control
            for mutant, one in zip(chosen[trial.figures.module], ended, strict=True):
                trial.note(mutant, Ended(*one) if one else trial.attempt(mutant, warm=False))  # type: ignore[arg-type]
            _tell(trial.figures)
            if output:
                with open(output, "a", encoding="utf-8") as kept:
                    kept.write(json.dumps(asdict(trial.figures)) + "\n")
    every = [trial.figures for trial in trials]
    _tell(Figures("all", sum(one.mutants for one in every), sum(one.tried for one in every), sum(one.killed for one in every), sum(one.cpu_s for one in every)))  # fmt: skip
    print(f"controls, which change nothing: {controls.count('passed')} of {len(controls)} passed")


def _warm(trial: Trial, chosen: list[Mutant]) -> tuple[list[object], list[str]]:
    """Return how each ended, None where it couldn't be tried, and how the same without a mutant did."""
    ended = []
    for mutant in chosen:
        one = trial.attempt(mutant, warm=True)
        ended.append(one and astuple(one))
        if one and one.word != "passed":
            trial.choice.keen(one.by)
        elif one:
            print(f"  survives {trial.figures.module}:{mutant.line}: {mutant.what}", flush=True)
    control = []
    for number in range(len(chosen) // _CONTROL_EVERY):
        some = _some(trial, number)
        control.append(trial.work.forked(lambda some=some: trial.work.run(some), 120).word)
    print(trial.figures.module, "done", flush=True)
    return ended, control


def _some(trial: Trial, number: int) -> list[str]:
    names = [name for name, one in trial.choice.scouted.items() if trial.figures.module in one.lines and name in trial.work.items]  # fmt: skip
    return random.Random(number).sample(names, min(len(names), 20))


def _tell(figures: Figures) -> None:
    low, high = interval(figures.killed, figures.tried)
    print(
        f"{figures.module}: {figures.killed} of {figures.tried} killed"
        f" ({figures.killed / max(1, figures.tried):.1%}, {low:.0%} to {high:.0%});"
        f" {figures.mutants} mutants in all; {figures.cpu_s:.0f} s",
        flush=True,
    )


def _in_a_process(what: object) -> None:
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            what()  # type: ignore[operator]
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    if os.waitpid(pid, 0)[1]:
        sys.exit("the process that had the tests loaded has failed")


if __name__ == "__main__":
    sys.exit(main())
