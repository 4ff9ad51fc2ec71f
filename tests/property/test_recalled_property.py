"""What is recalled instead of evaluated gives the same plan, the same build and the same state as the long way."""

from __future__ import annotations

import marshal
import random
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from forked_kit import Forks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from project import Project
from test_noop_property import READS, change

import stagemake
from stagemake.freshness import noop
from stagemake.stagefile.declared import fields_of

if TYPE_CHECKING:
    from pathlib import Path

LONG = ("--color", "never")
"""Not plain: the entry leaves such a command line alone, and the Stagefile is run."""

ASKED = (("-v",), ("--json",), ("-n", "--json"), ("-n", "-v"))
"""What is asked where there is nothing to do: half of it after a build, some 200 times in all."""

STAGES = (
    "command('one', 'cat {inputs} > {outputs}', inputs=['a'], outputs=['out/one'])",
    "command('chain', 'cat {inputs} > {outputs}', inputs=['out/one', 'b'], outputs=['out/chain'])",
    "command('size', 'wc -c < {inputs} > {outputs}', inputs=['out/one'], outputs=['out/size'])",
    "command('last', 'cat {inputs} > {outputs}', inputs=['out/size', 'out/chain'], outputs=['out/last'])",
    "command('tree', 'cp -r in {outputs}', inputs=['in/'], outputs=['out/tree/'])",
    "command('leaf', 'cat {inputs} > {outputs}', inputs=['out/tree/x.txt'], outputs=['out/leaf'])",
    "command('aliased', 'cat {inputs} > {outputs}', inputs=['alias'], outputs=['out/aliased'], after=['one'])",
    "command('linked', 'cat {inputs} > {outputs}', inputs=['link'], outputs=['out/linked'])",
    ("command('dep', ['sh', '-c', 'cat a b out/one > out/dep; echo \"out/dep: b out/one\" > out/dep.d'],"
    " inputs=['a'], outputs=['out/dep'], depfile='out/dep.d', after=['one'])"),
    "command('mk', '(echo \"#!/bin/sh\"; cat b) > {outputs}; chmod +x {outputs}', inputs=['b'], outputs=['out/prog'])",
    "command('check', 'test -s out/one', inputs=['out/one'], after=['chain'])",
    ("@stage(inputs=['out/one'], outputs=['out/fn'])\ndef fn(context):\n"
    "    open('out/fn', 'w').write(open('out/one').read() * 2)"),
    "command('fails', 'grep -v 7 a > {outputs}', inputs=['a'], outputs=['out/fails'])",
    "command('all', 'ls out > {outputs}', inputs=['in/'], outputs=['made/all'], params={'p': (1, 'x', 2.5)})",
)  # fmt: skip


def sample(base: Path, rnd: random.Random) -> Project:
    """Return a project whose stages depend on each other in many ways, and whose Stagefile reads the world."""
    project = Project(base)
    for path in ("a", "b", "in/x.txt", "in/y.txt", "in/deep/z.txt", "helper.py", "conf.json"):
        project.write(path, "value = 1\n" if path.endswith(".py") else "1")
    project.write("in2/x.txt", "other").write("sub/inner.py", "value = 1\n")
    for name, target in (("link", "a"), ("alias", "out/one"), ("linked", "in")):
        (project.root / name).symlink_to(target)
    lines = ["import os", "from stagemake import pool, stage"]
    lines += rnd.sample(READS, rnd.randrange(3))
    chosen = set(rnd.sample(range(1, len(STAGES)), rnd.randrange(2, 8))) | {0, 1, 2, 4}
    lines += [STAGES[i] for i in sorted(chosen)]
    return project.stagefile("\n".join(lines) + "\n")


def told(text: str) -> str:
    """Return what is told, without what time and the disk do to it."""
    text = re.sub(r"enough: .* free", "enough", text)
    text = re.sub(r'("(?:\w+_s|free_bytes|p50|p90)": )[\d.e-]+', r"\1_", text)
    text = re.sub(r"[\d.]+ (ms|s|min)\b", "_ s", text)
    return text.replace("; 9 times in 10 under _ s", "")  # left out where it says the same


def declared(kept: tuple[Any, ...] | None) -> object:
    """Return what is kept of a Stagefile's words with the fields of stages in place of bytes."""
    return kept and (kept[0], [fields_of(one) for one in kept[1]], *kept[2:])


def record_of(project: Project) -> dict[str, object]:
    """Return what the record says, whatever order it says it in."""
    directory = str(project.root / ".stagemake/Stagefile")
    record = noop.load(directory, stagemake.__version__)
    assert record is not None
    names, upstream, rows, targets, loose = marshal.loads(record[noop.GRAPH])
    paths, width = record[noop.PATHS], noop.DIGEST_BYTES
    counts = {paths[i] for own in rows for i in own} | {
        path for path in paths[: record[noop.GUARDS]] if path[:1] != "/"
    }  # the files of stagemake's modules that are loaded hang on the command line
    counts -= {f".stagemake/Stagefile/{name}" for name in ("snapshot", "journal")}
    return {
        "names": names,
        "upstream": upstream,
        "targets": targets,
        "loose": loose,
        "open": record[noop.OPEN],
        "rows": [{paths[i] for i in own} for own in rows],
        "guards": set(paths[: record[noop.GUARDS]]) & counts,
        "signatures": {
            path: known
            for path, known in zip(paths, record[noop.SIGNATURES], strict=True)
            if path in counts
        },
        "digests": {
            path: record[noop.DIGESTS][i * width : (i + 1) * width] for i, path in enumerate(paths) if path in counts
        },
        "others": [
            record[column]
            for column in (noop.TOOL, noop.ROOT, noop.ANSWERS, noop.LISTINGS, noop.GLOBS)
        ],
        "declared": declared(noop.load_declared(directory, record, stagemake.__version__)),
        "variables": dict(record[noop.ENVIRONMENT]),
    }  # fmt: skip


def follow(base: Path, rnd: random.Random, tally: Counter[str]) -> None:
    """Change a project again and again, and have both ways say and do the same."""
    project, asked = sample(base, rnd), random.Random(rnd.random())
    with Forks(project) as forks:
        forks.run("-j2")
        for _ in range(8):
            done = [change(project, rnd) for _ in range(rnd.choice((1, 1, 1, 2)))]
            targets = rnd.choice(((), (), (), ("one",), ("size", "chain")))
            more = rnd.choice(((), ("-v",), ("--json",)))
            short, long = forks.run("-n", *targets, *more), forks.run("-n", *targets, *more, *LONG)
            assert (long.status, told(long.out)) == (short.status, told(short.out)), done
            assert forks.run("-q", *targets).status == forks.run("-q", *targets, *LONG).status, done

            built = forks.run("-j2", *targets)

            tally[built.who] += 1
            if built.status == 0:
                assert forks.run("-q", *targets, *LONG).status == 0, (done, built)
                for more in asked.sample(ASKED, 2):
                    short, long = forks.run(*more, *targets), forks.run(*more, *targets, *LONG)
                    assert (long.status, told(long.out)) == (short.status, told(short.out)), done
                    assert told(long.err) == told(short.err), done
            if built.status == 0 and built.who == "what was recalled":
                known = record_of(project)
                forks.run("-s", *targets, *LONG)  # writes its own
                assert record_of(project) == known, (done, built)


@pytest.mark.slow
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 10**9))
def test_what_is_recalled_is_what_would_be_evaluated(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    follow(tmp_path_factory.mktemp("recalled"), random.Random(seed), Counter())


def test_the_property_sees_builds_of_all_kinds(tmp_path: Path) -> None:
    tally: Counter[str] = Counter()

    for seed in (2, 3):
        (tmp_path / str(seed)).mkdir()
        follow(tmp_path / str(seed), random.Random(seed), tally)

    assert {"the entry", "what was recalled", "an evaluation"} == set(tally)
