"""Mutation testing of the code that decides what is fresh, what a result is called, and what comes back.

One small change of a module at a time, in a copy of the package; the module's tests must notice. See docs/mutation.md.
`python tests/mutation.py --sample 40 --seed 1 [MODULE …]`; without `--sample` every mutant is tried.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import json
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE = os.path.join(os.path.dirname(__file__), "mutation.json")
"""By module, the test files that are quick and have to do with it."""

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE,
    ast.GtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift,
}  # fmt: skip
_LEFT_ALONE = (ast.Assert, ast.Raise)  # what they say is text for people

Edit = tuple[str, int, "Callable[[ast.AST], object]"]
"""What is changed, in which line, and how: of the n-th node of a walk, in place."""


def mutants(tree: ast.Module) -> list[tuple[int, str, int, int]]:
    """Return all mutants as (number of the node in the walk, what, which of its edits, line)."""
    found = []
    for number, node in enumerate(_walk(tree)):
        for which, (what, line, _) in enumerate(_edits(node)):
            found.append((number, what, which, line))
    return found


def mutated(tree: ast.Module, number: int, which: int) -> str:
    """Return the source of one mutant."""
    whole = copy.deepcopy(tree)
    node = next(one for i, one in enumerate(_walk(whole)) if i == number)
    _edits(node)[which][2](node)
    return ast.unparse(ast.fix_missing_locations(whole))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield nodes whose change changes what runs: no annotations, docstrings, asserts or decorators."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params", "keywords_of_class"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, (*_LEFT_ALONE, ast.ImportFrom)):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue
            if isinstance(child, ast.Assign) and _is_for_types(child):
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            yield from _walk(child)


def _is_for_types(node: ast.stmt) -> bool:
    """Return whether an assignment says something to type checkers only: nothing else could notice a change."""
    text = ast.unparse(node)
    return text == "TYPE_CHECKING = False" or (
        text[0].isupper() and not text.isupper() and " = tuple[" in text
    )


def _edits(node: ast.AST) -> list[Edit]:
    line = getattr(node, "lineno", 0)
    return [(what, line, edit) for what, edit in _changes(node)]


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[..., object]]]:
    match node:
        case ast.Compare():
            for at, op in enumerate(node.ops):
                if type(op) in _SWAPS:
                    yield f"{type(op).__name__} swapped", lambda n, at=at: n.ops.__setitem__(at, _SWAPS[type(n.ops[at])]())  # fmt: skip
        case ast.BoolOp():
            yield "and/or swapped", lambda n: setattr(n, "op", _SWAPS[type(n.op)]())
            for at in range(len(node.values)):
                yield f"operand {at} left out", lambda n, at=at: n.values.pop(at)
        case ast.BinOp() if type(node.op) in _SWAPS:
            yield (
                f"{type(node.op).__name__} swapped",
                lambda n: setattr(n, "op", _SWAPS[type(n.op)]()),
            )
        case ast.If() | ast.While() | ast.IfExp():
            for value in (True, False):
                if not (isinstance(node, ast.While) and value):
                    yield (
                        f"condition {value}",
                        lambda n, value=value: setattr(n, "test", ast.Constant(value)),
                    )
        case ast.comprehension() if node.ifs:
            yield "filter left out", lambda n: n.ifs.clear()
        case ast.Return() if node.value is not None and not _is_none(node.value):
            yield "returns None", lambda n: setattr(n, "value", ast.Constant(None))
        case ast.Constant() if isinstance(node.value, bool):
            yield "flag flipped", lambda n: setattr(n, "value", not n.value)
        case ast.Constant() if isinstance(node.value, int):
            yield "number + 1", lambda n: setattr(n, "value", n.value + 1)
        case ast.Constant() if isinstance(node.value, (str, bytes)) and node.value:
            more = "X" if isinstance(node.value, str) else b"X"
            yield "text changed", lambda n: setattr(n, "value", n.value + more)
        case ast.Tuple(ctx=ast.Load()) if len(node.elts) > 1:
            for at in range(len(node.elts)):
                yield (
                    f"element {at} emptied",
                    lambda n, at=at: n.elts.__setitem__(at, ast.Constant(None)),
                )
        case ast.Call() if node.keywords:
            for at, word in enumerate(node.keywords):
                if word.arg:
                    yield f"{word.arg}= left out", lambda n, at=at: n.keywords.pop(at)
        case ast.Continue() | ast.Break():
            yield "continue/break swapped", lambda n: setattr(n, "__class__", ast.Break if isinstance(n, ast.Continue) else ast.Continue)  # fmt: skip
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        for at, statement in enumerate(body if isinstance(body, list) else []):
            if isinstance(statement, ast.Assign) and _is_for_types(statement):
                continue
            if isinstance(statement, (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise)) and not (
                isinstance(statement, ast.Expr) and isinstance(statement.value, (ast.Constant, ast.Yield))
            ):  # fmt: skip
                text = ast.unparse(statement).splitlines()[0][:40]
                yield f"{name} without `{text}` (line {statement.lineno})", lambda n, name=name, at=at: getattr(n, name).__setitem__(at, ast.Pass())  # fmt: skip


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


# -- running tests -----------------------------------------------------------------------------------


def _warm() -> None:
    """Load what all test runs need and is not ours, once: a run is a fork, and begins at once."""
    import attrs  # noqa: F401
    import click  # noqa: F401
    import diskcache  # noqa: F401
    import hypothesis.strategies  # noqa: F401
    import platformdirs  # noqa: F401
    import xxhash  # noqa: F401


def _tested(package: str, tests: Sequence[str], timeout_s: float, log: str) -> tuple[str, float]:
    """Run tests against the package in a directory; return "passed", "failed" or "timeout", and how long it took."""
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            _become_pytest(package, tests, log)
        finally:
            os._exit(70)
    while time.monotonic() - began < timeout_s:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            word = "passed" if status == 0 else "failed"
            break
        time.sleep(0.01)
    else:
        word = "timeout"
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if word == "timeout":
        os.waitpid(pid, 0)
    return word, time.monotonic() - began


def _become_pytest(package: str, tests: Sequence[str], log: str) -> None:
    import pytest

    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(fd, stream)
    os.chdir(HOME)
    sys.path[0] = package
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["STAGEMAKE_FRESH_SEED"] = "1"
    words = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist"]
    words += ["--hypothesis-seed=0", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    os._exit(int(pytest.main([*words, *tests])))


def interval(killed: int, tried: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    if not tried:
        return 0.0, 1.0
    z, p = 1.96, killed / tried
    middle = (p + z * z / (2 * tried)) / (1 + z * z / tried)
    half = z * math.sqrt(p * (1 - p) / tried + z * z / (4 * tried * tried)) / (1 + z * z / tried)
    return max(0.0, middle - half), min(1.0, middle + half)


def examine(module: str, tests: Sequence[str], work: str, given: argparse.Namespace) -> dict[str, object]:  # fmt: skip
    """Try the mutants of one module, print what survives, and return the figures."""
    path = f"{work}/{module}"
    with open(f"{HOME}/{module}", encoding="utf-8") as stream:
        source = stream.read()
    tree, log = ast.parse(source), f"{work}/log"
    known = mutants(tree)
    word, took_s = _tested(work, tests, 600, log)
    if word != "passed":
        with open(log, encoding="utf-8", errors="replace") as stream:
            sys.exit(f"the tests of {module} fail without a mutant:\n{stream.read()[-3000:]}")
    rnd = random.Random(f"{given.seed} {module}")
    chosen = sorted(rnd.sample(known, min(given.sample or len(known), len(known))))
    killed, until = 0, time.monotonic() + given.minutes * 60
    survivors: list[str] = []
    tried = 0
    for number, what, which, line in chosen:
        if time.monotonic() > until:
            break
        _write(path, mutated(tree, number, which))
        word, _ = _tested(work, tests, took_s * 5 + 10, log)
        tried += 1
        killed += word != "passed"
        if word == "passed":
            survivors.append(f"{module}:{line}: {what}")
            print(f"  survived {survivors[-1]}", flush=True)
    _write(path, source)
    low, high = interval(killed, tried)
    print(
        f"{module}: {killed} of {tried} killed ({killed / max(1, tried):.0%}, {low:.0%} to {high:.0%});"
        f" {len(known)} mutants in all; the tests take {took_s:.1f} s",
        flush=True,
    )
    return {"module": module, "mutants": len(known), "tried": tried, "killed": killed, "survivors": survivors}  # fmt: skip


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def main() -> int:
    """Examine the modules that are named, or all of the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--sample", type=int, default=0, help="mutants a module; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=600.0, help="a module")
    parser.add_argument("--output", help="a file for the figures, a line of JSON a module")
    given = parser.parse_args()
    with open(TABLE, encoding="utf-8") as stream:
        table: dict[str, list[str]] = json.load(stream)
    print(f"sample {given.sample or 'all'} by seed {given.seed}")
    _warm()
    tried = killed = 0
    with tempfile.TemporaryDirectory(prefix="mutation-") as work:
        shutil.copytree(
            f"{HOME}/stagemake", f"{work}/stagemake", ignore=shutil.ignore_patterns("__pycache__")
        )
        for module in given.modules or table:
            found = examine(module, [f"tests/{one}" for one in table[module]], work, given)
            tried, killed = tried + int(str(found["tried"])), killed + int(str(found["killed"]))
            if given.output:
                with open(given.output, "a", encoding="utf-8") as stream:
                    stream.write(json.dumps(found) + "\n")
    low, high = interval(killed, tried)
    print(f"{killed} of {tried} killed: {killed / max(1, tried):.1%} ({low:.1%} to {high:.1%})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
