"""Feed bytes to every reader, led by what code they reach: needs atheris, which installs on Python 3.11.

    pip install atheris==3.0.0
    python tests/fuzz_atheris.py --runs 20000 [TARGET…]     # each reader in a process of its own
    python tests/fuzz_atheris.py --one snapshot FILE        # one input again, that did harm

Inputs that begin with a zero byte go to the reader as they are; others are texts of plain values, put into the
file's form with checksums that fit, and changed as values. `tests/fuzz.py` does the like without atheris.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

if TYPE_CHECKING:
    from collections.abc import Callable

    from fuzz_targets import Target

LONGEST_S = 20  # for one input, on a busy machine
MOST_MEMORY_MB = 700  # of the process; none has taken more than 70
AS_IT_IS, A_VALUE = b"\0", b"\1"
LEAVES: tuple[object, ...] = (
    None, True, 0, -1, 1 << 64, 1.5, 1e308, "", "a", "../x", "/x", "f:0:1", "d:0", "-", "\ud800", b"", b"\xff", (), [], {},
)  # fmt: skip


def value_in(data: bytes) -> object:
    """Return the plain value that a text says; raises ValueError where it says none."""
    try:
        return ast.literal_eval(data.decode("utf-8", "surrogatepass"))
    except (SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise ValueError(str(error)) from error


def text_of(value: object) -> bytes:
    """Return what `value_in` reads."""
    return ascii(value).encode()


def changed(value: Any, rnd: random.Random) -> Any:
    """Return a value with one thing in it replaced, left out, doubled or put in."""
    if not isinstance(value, (tuple, list, dict)) or not value or rnd.random() < 0.1:
        return rnd.choice(LEAVES) if rnd.random() < 0.8 else (value, value)
    if isinstance(value, dict):
        key = rnd.choice(list(value))
        rest = {one: value[one] for one in value if one != key}
        if rnd.random() < 0.2:
            return rest if rnd.random() < 0.5 else {**rest, rnd.choice("abc/"): value[key]}
        return {**value, key: changed(value[key], rnd)}
    at, items = rnd.randrange(len(value)), list(value)
    if rnd.random() < 0.2:
        items[at : at + 1] = rnd.choice(([], [items[at]] * 2, [rnd.choice(LEAVES), items[at]]))
    else:
        items[at] = changed(items[at], rnd)
    return type(value)(items)


def forms(
    targets: Any,
) -> dict[str, tuple[Callable[[Any], bytes], Any]]:  # Any: a module; plain values
    """Return what puts a plain value into the form of a reader's file, checksums included, and a well-formed value."""
    in_json, trace = targets._in_json, targets.TRACE
    noop, plan = targets.noop, json.loads(targets.PLAN)
    del plan["seal"]
    begun = json.loads(targets.BUILD[9:])
    stage = {
        "kind": "stage", "name": "a", "outcome": "ran", "reason": "", "subject": "", "key": "0" * 32, "wall_s": 1.0, "cpu_s": 1.0,
        "exit_code": 0, "output_bytes": 1, "changed": True, "expected_s": {"p50": 1.0, "p90": 2.0}, "why": [], "diverged": ["a", "b"],
        "at_s": 0.1, "peak_rss_bytes": 1, "problem": "", "log": "",
    }  # fmt: skip
    return {
        "manifest": (in_json, json.loads(in_json(targets.encode_manifest(targets.MANIFEST)))),
        "result": (in_json, json.loads(targets.RESULT)),
        "hint": (in_json, json.loads(targets.encode_hint([["a.h"]], 1.0, 2))),
        "snapshot": (targets._snapshot_bytes, ("boot", {"a": ((1, 2, 3, 4, 5, 6), "f:0:1")}, {"a": trace}, {"b": ("x",)})),
        "journal": (targets._journal_bytes, ("settle", "a", trace)),
        "noop": (lambda value: targets.sealed.sealed(value, noop._header("1")), ("x",) * 16),
        "history": (lambda lines: b"".join(map(targets.line_of, lines)), [begun, stage, {"kind": "end", "ending": "done", "wall_s": 1.0, "counts": {"ran": 1}, "cache": [0, 1, 0, 1]}]),
        "repeats": (in_json, json.loads(targets.REPEATS)),
        "plan file": (lambda whole: in_json({**whole, "seal": targets.plan_files._seal(whole)}), plan),
    }  # fmt: skip


def fed(target: Target, pack: Callable[[Any], bytes] | None) -> Callable[[bytes], int | None]:
    """Return what takes one input; -1: it is none."""

    def feed(data: bytes) -> int | None:
        if data[:1] != A_VALUE or pack is None:
            target.read(data[1:])
            return None
        try:
            packed = pack(value_in(data[1:]))
        except (
            ValueError,
            TypeError,
            OverflowError,
            RecursionError,
        ):  # no value, or not of this form
            return -1
        target.read(packed)
        return None

    return feed


def mutator(atheris: Any) -> Callable[[bytes, int, int], bytes]:
    """Return what changes an input: values as values most of the time, bytes as bytes."""

    def mutated(data: bytes, longest: int, seed: int) -> bytes:
        rnd = random.Random(seed)
        if data[:1] != A_VALUE or rnd.random() < 0.1:
            found: bytes = data[:1] + atheris.Mutate(data[1:], longest - 1)
            return found
        try:
            value = value_in(data[1:])
            for _ in range(rnd.choice((1, 1, 2, 4))):
                value = changed(value, rnd)
        except ValueError:
            return data
        found = A_VALUE + text_of(value)
        return found if len(found) <= longest else data

    return mutated


def run_one(name: str, more: list[str]) -> None:
    """Feed one reader until libFuzzer has enough; does not return."""
    atheris: Any = importlib.import_module("atheris")  # not a part of the development environment
    with atheris.instrument_imports(include=["stagemake"]):
        targets = importlib.import_module("fuzz_targets")
    target = next(one for one in targets.TARGETS if one.name == name)
    pack, value = forms(targets).get(name, (None, None))
    if more and os.path.isdir(more[-1]):
        seeds = [AS_IT_IS + target.sample]
        seeds += [A_VALUE + text_of(value)] if pack else []
        for number, seed in enumerate(seeds):
            Path(more[-1], f"seed-{number}").write_bytes(seed)
    options = [f"-timeout={LONGEST_S}", f"-rss_limit_mb={MOST_MEMORY_MB}", "-max_len=6000"]
    atheris.Setup(
        [sys.argv[0], *options, *more], fed(target, pack), custom_mutator=mutator(atheris)
    )
    atheris.Fuzz()


def run_all(names: list[str], runs: int, seed: int) -> int:
    """Feed all readers in turn, each in a process; print what each took; return the exit status."""
    known = [one.name for one in importlib.import_module("fuzz_targets").TARGETS]
    status = 0
    print(f"seed {seed}")
    for name in names or known:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with tempfile.TemporaryDirectory() as corpus:
            done = subprocess.run(
                [sys.executable, os.path.abspath(__file__), "--one", name, f"-runs={runs}", f"-seed={seed}", corpus],
                capture_output=True, text=True, check=False, cwd=corpus,  # where it leaves what did harm
            )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        lines = [line for line in done.stderr.splitlines() if "\tDONE " in line]
        print(f"{name:<12} {cpu_s:6.0f} s  {lines[-1].strip() if lines else 'harmed'}", flush=True)
        if done.returncode:
            status = 1
            print(done.stdout[-3000:] + done.stderr[-3000:], flush=True)
    return status


def main() -> int:
    """Do what was asked for; return the exit status."""
    if sys.argv[1:2] == ["--one"]:
        run_one(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20_000, help="inputs for each reader")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 1 << 31))
    parser.add_argument("targets", nargs="*")
    given = parser.parse_args()
    return run_all(given.targets, given.runs, given.seed)


if __name__ == "__main__":
    sys.exit(main())
