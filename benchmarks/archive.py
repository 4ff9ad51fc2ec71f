"""A second project that no constant of forecasts was chosen by: logs that are filtered, packed, joined and indexed.

What stages write is of every shape: as large whatever they read (checksums, a table of the most frequent words), in
proportion (filtered, packed, joined), a little more than that (each line once for every level of a sort), a
directory of pieces. Logs grow by a little, to their double or fourfold, shrink, come and go.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

from edited import Edit, Project, append, nothing, remove, replace

if TYPE_CHECKING:
    from collections.abc import Callable

_LOGS = 20
_MEDIAN_LINES = 3_000
_STAGEFILE = '''\
"""From logs to an archive and its index."""

from collections import Counter

from stagemake import command, config, glob, stage

level = config("level", "6")
most = config("most", 20)


def levels(context):
    """Write the lines sorted in runs of 1, 2, 4…: n log n of them."""
    lines = context.inputs[0].read_text().splitlines(keepends=True)
    with context.outputs[0].open("w") as file:
        width = 1
        while width < 2 * len(lines):
            for begin in range(0, len(lines), width):
                lines[begin : begin + width] = sorted(lines[begin : begin + width])
            file.writelines(line[:12] + "\\n" for line in lines)
            width *= 4


def frequent(context):
    """Write the most frequent words of all."""
    counts = Counter()
    for path in context.inputs:
        counts.update(path.read_text().split())
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))[: context.params["most"]]
    context.outputs[0].write_text("".join(f"{word} {count}\\n" for word, count in rows))


kept, sums = [], []
for path in glob("logs/*.log"):
    name = path.stem
    command(f"filter.{name}", "grep -e ERROR -e WARNING {inputs} > {outputs} || true",
            inputs=[path], outputs=[f"out/{name}.kept"])
    command(f"pack.{name}", f"gzip -n -{level} -c {{inputs}} > {{outputs}}",
            inputs=[path], outputs=[f"out/{name}.gz"])
    command(f"sum.{name}", "sha256sum {inputs} > {outputs}",
            inputs=[f"out/{name}.gz"], outputs=[f"out/{name}.sum"])
    stage(name=f"levels.{name}", inputs=[f"out/{name}.kept"], outputs=[f"out/{name}.levels"])(levels)
    kept.append(f"out/{name}.kept")
    sums.append(f"out/{name}.sum")
for group in range(4):
    mine = kept[group::4]
    command(f"join.{group}", "cat {inputs} | LC_ALL=C sort -u > {outputs}",
            inputs=mine, outputs=[f"out/group{group}"])
    command(f"split.{group}", "mkdir -p out/pieces{params.group}; split -l 400 {inputs} out/pieces{params.group}/",
            inputs=[f"out/group{group}"], outputs=[f"out/pieces{group}/"], params={"group": group})
command("sums", "cat {inputs} | sort > {outputs}", inputs=sums, outputs=["out/sums"])
stage(name="frequent", inputs=[f"out/group{group}" for group in range(4)], outputs=["out/frequent"],
      params={"most": most})(frequent)
command("archive", "tar -cf {outputs} --sort=name --mtime=@0 --owner=0 --group=0 {inputs}",
        inputs=["out/sums", "out/frequent", *(f"out/group{group}" for group in range(4))], outputs=["out/archive.tar"])
'''


def archive() -> Project:
    """Return the project and its edits; the same each time."""
    rnd = random.Random(41)
    sizes = {
        f"logs/h{n:02}.log": round(_MEDIAN_LINES * rnd.lognormvariate(0, 1)) for n in range(_LOGS)
    }
    names = list(sizes)
    base = {path: _lines(path, count) for path, count in sizes.items()}

    def lay_out(root: str) -> None:
        os.mkdir(os.path.join(root, "logs"))
        for path, text in base.items():
            append(path, text)(root)
        append("Stagefile", _STAGEFILE)(root)

    def grow(paths: list[str], part: float) -> Callable[[str], None]:
        def change(root: str) -> None:
            for path in paths:
                append(path, _lines(f"{path}+{part}", round(sizes[path] * part)))(root)

        return change

    def keep(paths: list[str], part: float) -> Callable[[str], None]:
        def change(root: str) -> None:
            for path in paths:
                full = os.path.join(root, path)
                with open(full, encoding="utf-8") as file:
                    lines = file.readlines()
                with open(full, "w", encoding="utf-8") as file:
                    file.writelines(lines[: round(len(lines) * part)])

        return change

    quiet = "2026-01-01 00:00:00 INFO nothing to tell\n"
    return Project(
        "archive",
        lay_out,
        (
            Edit("six logs, a little", grow(names[:6], 0.05)),
            Edit("three logs double", grow(names[3:6], 1.0)),
            Edit("lines that are filtered out", append(names[7], quiet * 40)),
            Edit("one log, fourfold", grow(names[8:9], 3.0)),
            Edit("level", nothing, ("-D", "level=1")),
            Edit("level back", nothing),
            Edit("log added", append("logs/new.log", _lines("new", 9_000))),
            Edit("all logs, a little", grow(names, 0.03)),
            Edit("two logs shrink", keep(names[10:12], 0.5)),
            Edit("parameter", nothing, ("-D", "most=30")),
            Edit("log removed", remove("logs/new.log")),
            Edit("filter", replace("Stagefile", "-e ERROR -e WARNING", "-e ERROR")),
            Edit("half of them double", grow(names[::2], 1.0)),
            Edit("outputs removed", remove("out/h02.gz", "out/group1", "out/archive.tar")),
            Edit("code of a function", replace("Stagefile", "width *= 4", "width *= 2")),
            Edit("all logs, half as large again", grow(names, 0.5)),
            Edit("one log", grow(names[12:13], 0.2)),
            Edit("comment in the Stagefile", append("Stagefile", "# a comment\n")),
            Edit("four logs shrink", keep(names[14:18], 0.7)),
            Edit("forced", nothing, ("-B",)),
        ),
    )  # fmt: skip


def _lines(seed: str, count: int) -> str:
    """Return so many lines of a log, the same for the same seed."""
    rnd = random.Random(seed)
    words = [f"word{number}" for number in range(300)]
    kinds = ["INFO", "WARNING", "ERROR"]
    return "".join(
        f"2026-01-{rnd.randrange(1, 29):02} {rnd.randrange(24):02}:{rnd.randrange(60):02}"
        f" {rnd.choices(kinds, [7, 2, 1])[0]} {' '.join(rnd.choices(words, k=rnd.randrange(2, 9)))}\n"
        for _ in range(count)
    )
