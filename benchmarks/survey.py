"""A data pipeline that no constant of forecasts was chosen by: files of all sizes, fetched, sorted, summed up, drawn.

Three stages in eight wait (for a server that is a sleep), all others take as long as their input is large; a country's
file grows by a few percent or to its double. What is learned of one size has to do for another.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

from edited import Edit, Project, append, nothing, remove, replace

if TYPE_CHECKING:
    from collections.abc import Callable

_COUNTRIES = 24
_MEDIAN_LINES = 8_000
_STAGEFILE = '''\
"""From one file a country to a table."""

from collections import Counter

from stagemake import command, config, glob, stage

least = config("least", 2)


@stage(inputs=["codes.txt"], outputs=["out/codes.txt"])
def codes(context):
    """Number the words."""
    words = sorted(set(context.inputs[0].read_text().split()))
    context.outputs[0].write_text("".join(f"{word} {n}\\n" for n, word in enumerate(words)))


def tally(context):
    """Count the answers of one country, as numbers."""
    numbers = dict(line.split() for line in context.inputs[1].read_text().splitlines())
    counts = Counter()
    for line in context.inputs[0].read_text().splitlines():
        for word in line.split(",")[1:]:
            counts[numbers.get(word, "?")] += 1
    kept = [f"{n} {count}\\n" for n, count in sorted(counts.items()) if count >= context.params["least"]]
    context.outputs[0].write_text("".join(kept))


tallies = []
for path in glob("answers/*.csv"):
    name = path.stem
    command(f"fetch.{name}", "sleep 0.$((100 + $(wc -c < {inputs}) % 300)); gzip -c {inputs} > {outputs}",
            inputs=[path], outputs=[f"out/{name}.gz"])
    command(f"sort.{name}", "gzip -dc {inputs} | LC_ALL=C sort -t, -k2 | uniq > {outputs}",
            inputs=[f"out/{name}.gz"], outputs=[f"out/{name}.csv"])
    stage(name=f"tally.{name}", inputs=[f"out/{name}.csv", "out/codes.txt"],
          outputs=[f"out/{name}.tally"], params={"least": least})(tally)
    tallies.append(f"out/{name}.tally")
for region in range(6):
    mine = tallies[region::6]
    command(f"region.{region}", "cat {inputs} | sort -n > {outputs}; sleep 0.15",
            inputs=mine, outputs=[f"out/region{region}"])
command("table", "cat {inputs} | sort -n | uniq -c > {outputs}",
        inputs=[f"out/region{region}" for region in range(6)], outputs=["out/table"])
'''


def survey() -> Project:
    """Return the pipeline and its edits; the same each time."""
    rnd = random.Random(23)
    words = [f"word{number}" for number in range(400)]
    sizes = {
        f"answers/c{n:02}.csv": round(_MEDIAN_LINES * rnd.lognormvariate(0, 1))
        for n in range(_COUNTRIES)
    }
    names = list(sizes)
    base = {path: _lines(path, count, words) for path, count in sizes.items()}

    def lay_out(root: str) -> None:
        os.mkdir(os.path.join(root, "answers"))
        for path, text in base.items():
            append(path, text)(root)
        append("codes.txt", " ".join(words) + "\n")(root)
        append("Stagefile", _STAGEFILE)(root)

    def grow(paths: list[str], part: float) -> Callable[[str], None]:
        def change(root: str) -> None:
            for path in paths:
                append(path, _lines(f"{path}+{part}", round(sizes[path] * part), words))(root)

        return change

    return Project(
        "survey",
        lay_out,
        (
            Edit("ten countries, a little", grow(names[:10], 0.03)),
            Edit("a line that is there already", append(names[11], base[names[11]].splitlines()[0] + "\n")),
            Edit("codes: none that counts", append("codes.txt", "word7\n")),
            Edit("parameter", nothing, ("-D", "least=5")),
            Edit("parameter back", nothing),
            Edit("five countries double", grow(names[12:17], 1.0)),
            Edit("code of a function", replace("Stagefile", "counts = Counter()", "counts = Counter({})")),
            Edit("codes: a new first", append("codes.txt", "aaa\n")),
            Edit("country added", append("answers/new.csv", _lines("new", 20_000, words))),
            Edit("outputs removed", remove("out/c03.csv", "out/c04.gz", "out/table")),
            Edit("all countries, a little", grow(names, 0.02)),
            Edit("compression", replace("Stagefile", "gzip -c {inputs}", "gzip -3 -c {inputs}")),
            Edit("country removed", remove("answers/new.csv")),
            Edit("twelve countries grow", grow(names[10:22], 0.4)),
            Edit("parameter again", nothing, ("-D", "least=9")),
            Edit("one country", grow(names[5:6], 0.1)),
            Edit("comment in the Stagefile", append("Stagefile", "# a comment\n")),
            Edit("regions slower", replace("Stagefile", "sleep 0.15", "sleep 0.25")),
            Edit("half of them, a little", grow(names[::2], 0.01)),
            Edit("forced", nothing, ("-B",)),
        ),
    )  # fmt: skip


def _lines(seed: str, count: int, words: list[str]) -> str:
    """Return so many answers, the same for the same seed."""
    rnd = random.Random(seed)
    return "".join(
        f"{rnd.randrange(10**9)},{','.join(rnd.choices(words, k=6))}\n" for _ in range(count)
    )
