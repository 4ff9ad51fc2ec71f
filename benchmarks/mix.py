"""A synthetic project: layers of stages that wait, compute and write, with lognormal durations and sizes.

Three in ten only wait, four compute (functions, and commands), three write. An edited leaf reaches a few stages a
layer, a shared file a tenth of the first one. Half of the stages of the lower layers pass on a digest of little of
what they read, so that many edits end at them.
"""

from __future__ import annotations

import json
import os
import random
from typing import TYPE_CHECKING, Any

from attrs import frozen
from edited import Edit, Project, append, nothing, remove, replace

if TYPE_CHECKING:
    from collections.abc import Callable

SIGMA = 1.0  # of the logarithm of durations and sizes
_SHARED = 6
_LAYERS = (0.4, 0.26, 0.18, 0.1, 0.06)  # of the stages
_STAGEFILE = '''\
"""Stages by the table in `mix.json`."""

import hashlib
import json
from pathlib import Path

from stagemake import command, config, glob, stage

level = config("level", 1)
table = json.loads(Path("mix.json").read_text())


def kept(context):
    """Return what counts of the inputs: lines that are no comments; for a sieve, the first of each."""
    found = []
    for path in context.inputs:
        lines = [line for line in path.read_bytes().splitlines() if line[:1] != b"#"]
        found += lines[:1] if context.params["sieve"] else lines
    return b"".join(found) + str(context.params["level"]).encode()


def mashed(data, rounds):
    """Return a digest that takes its time."""
    return hashlib.pbkdf2_hmac("sha256", data, b"mix", rounds).hex()


def compute(context):
    """Compute for a while."""
    text = mashed(kept(context), context.params["rounds"])
    context.outputs[0].write_text(text + "\\n" + "." * context.params["bytes"] + "\\n")


WAIT = (
    "{ cat {inputs} | grep -v '^#'; echo {params.level}; } | cksum > {outputs};"
    " sleep {params.seconds}; head -c {params.bytes} /dev/zero | tr '\\\\0' . >> {outputs}"
)
WRITE = (
    "{ cat {inputs} | grep -v '^#'; echo {params.level}; } | cksum > {outputs};"
    " for i in $(seq {params.times}); do head -c {params.bytes} /dev/zero | tr '\\\\0' . > {outputs}.part;"
    " cat {outputs}.part >> {outputs}; done; rm {outputs}.part"
)

for row in table:
    params = {**row["params"], "level": level if row["levelled"] else 0}
    words = {"inputs": row["inputs"], "outputs": [row["output"]], "params": params}
    if row["kind"] == "compute":
        stage(name=row["name"], **words)(compute)
    else:
        command(row["name"], WAIT if row["kind"] == "wait" else WRITE, **words)

for path in glob("src/extra/*.txt"):
    command(f"extra.{path.stem}", "cksum {inputs} > {outputs}; sleep 0.2",
            inputs=[path], outputs=[f"out/extra.{path.stem}"])
'''


@frozen
class Size:
    """How large a mix is."""

    stages: int = 500
    median_s: float = 0.02  # of the durations
    rounds_a_second: int = 1_800_000  # of pbkdf2; only the mean duration hangs on it


def mix(size: Size) -> Project:
    """Return the synthetic project and its edits; the same for the same size."""
    table = _table(size)
    names = [f"src/{index:03}.txt" for index in range(_leaves(size))]

    def lay_out(root: str) -> None:
        os.makedirs(os.path.join(root, "src/extra"))
        for path in (*names, *(f"src/shared{index}.txt" for index in range(_SHARED))):
            append(path, f"{path}\nmore of {path}\n" * 20)(root)
        append("mix.json", json.dumps(table, indent=1))(root)
        append("Stagefile", _STAGEFILE)(root)

    leaf, comment = "a new line\n", "# a comment\n"
    outputs = [row["output"] for row in table]
    return Project(
        "mix",
        lay_out,
        (
            Edit("shared file", append("src/shared0.txt", leaf)),
            Edit("ten leaves", _to_all(names[:10], leaf)),
            Edit("comments in many leaves: cut off", _to_all(names[::3], comment)),
            Edit("level", nothing, ("-D", "level=2")),
            Edit("level back: restored", nothing),
            Edit("helper", replace("Stagefile", 'b"mix"', 'b"mix 2"')),
            Edit("parameters", _slower(5)),
            Edit("leaf", append(names[3], leaf)),
            Edit("file added", append("src/extra/one.txt", leaf)),
            Edit("shared comment", append("src/shared1.txt", comment)),
            Edit("fifty leaves", _to_all(names[5:55], leaf)),
            Edit("outputs removed", remove(*outputs[: len(outputs) // 3])),
            Edit("file removed", remove("src/extra/one.txt")),
            Edit("two shared files", _to_all(["src/shared2.txt", "src/shared3.txt"], leaf)),
            Edit("level 3", nothing, ("-D", "level=3")),
            Edit("level back after that", nothing),
            Edit("thirty leaves", _to_all(names[-30:], leaf)),
            Edit("parameters again", _slower(9)),
            Edit("shared file again", append("src/shared0.txt", leaf)),
            Edit("all outputs removed", remove("out")),
        ),
    )


def _leaves(size: Size) -> int:
    return max(size.stages // 3, 12)


def _table(size: Size) -> list[dict[str, Any]]:  # Any: JSON's shapes
    """Return one row a stage, in layers: the first reads leaves, the others the layer above."""
    rnd = random.Random(11)
    rows: list[dict[str, Any]] = []
    above: list[str] = []
    for layer, part in enumerate(_LAYERS):
        is_last = layer == len(_LAYERS) - 1
        count = size.stages - len(rows) if is_last else round(part * size.stages)
        made = []
        for index in range(count):
            name = f"s{layer}.{index:03}"
            if layer:
                inputs = sorted(rnd.sample(above, min(len(above), rnd.choice([1, 2, 2, 3]))))
            else:
                inputs = [f"src/{index % _leaves(size):03}.txt"]
                if rnd.random() < 0.6:
                    inputs.append(f"src/shared{rnd.randrange(_SHARED)}.txt")
            rows.append(_row(rnd, size, name, inputs, layer))
            made.append(f"out/{name}")
        above = made
    return rows


def _row(
    rnd: random.Random, size: Size, name: str, inputs: list[str], layer: int
) -> dict[str, Any]:  # Any: as above
    seconds = size.median_s * rnd.lognormvariate(0, SIGMA)
    size_bytes = round(8000 * rnd.lognormvariate(0, SIGMA))
    kind = rnd.choices(["wait", "compute", "write"], [3, 4, 3])[0]
    params: dict[str, Any] = {"bytes": size_bytes}
    if kind == "wait":
        params["seconds"] = round(seconds, 3)
    elif kind == "compute":
        params |= {"rounds": round(seconds * size.rounds_a_second) + 1, "sieve": rnd.random() < 0.5}
    else:
        params["times"] = max(round(seconds / 0.008), 1)
    return {
        "name": name, "kind": kind, "inputs": inputs, "output": f"out/{name}", "params": params,
        "levelled": layer == 0 and rnd.random() < 0.25,
    }  # fmt: skip


def _to_all(paths: list[str], text: str) -> Callable[[str], None]:
    def change(root: str) -> None:
        for path in paths:
            append(path, text)(root)

    return change


def _slower(step: int) -> Callable[[str], None]:
    """Return a change of the parameters of every so many stages: a little more to write."""

    def change(root: str) -> None:
        full = os.path.join(root, "mix.json")
        with open(full, encoding="utf-8") as file:
            table = json.load(file)
        for row in table[::step]:
            row["params"]["bytes"] += 16
        with open(full, "w", encoding="utf-8") as file:
            json.dump(table, file, indent=1)

    return change
