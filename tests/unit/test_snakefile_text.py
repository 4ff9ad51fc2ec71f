"""A Snakefile that is cut, doubled or garbled is never run and never stops `init`: what comes out is Python."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from stagemake.start.first_stagefile import first_stagefile

PIECES = [
    "rule a:\n", "rule all:\n", "rule:\n", "checkpoint c:\n", "rule a: output: 'x'\n", "    input: 'one', x='{w}.txt'\n", "    input:\n        expand('{w}.o', w=W),\n",
    "    output: 'o/{w}'\n", "    output: directory('d'), touch('t')\n", "    output: r'{w,[0-9]+}.o'\n", "    output: '{w,(}'\n", "    log: 'l/{w}'\n", "    threads: 4\n",
    "    shell: 'cat {input} > {output}'\n", '    shell:\n        """\n        cat {input.x} {input[3]} {wildcards.w}\n', '        """\n', "    shell: 'a | b {threads} {{inputs}} {log} {W}'\n",
    "    shell: '{'\n", "    shell: '{a.b.c} {0} {} {params.x!r:>3}'\n", "    params: x=lambda w: w, y='{w}'\n", "    run:\n        open('never', 'w')\n", '    """Do it.\n', "    wildcard_constraints: w='[a-z]+'\n",
    "W = ['a', 'b']\n", "W, = glob_wildcards('{w}.txt')\n", "W = glob_wildcards('{v}/{w}')[0]\n", "W = range(10 ** 9)\n", "W = range(1000000000)\n", "W = range('a')\n", "W = [\n", "]\n", "open('never', 'w')\n", "configfile: 'c.yaml'\n",
    "W = config['x']['y']\n", "include: 'x'\n", "if True:\n", "(" * 300 + "\n", "W = " + "-" * 5000 + "1\n", "\\\n", "\x00\n", "\t", "'''", "#", "  ", "é€\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@example("rule a:\n    output: 'o'\n    shell: '" + " ".join(["{output}"] * 500) + "'\n")
@example("X = " + "'a' + " * 3000 + "'b'\n")
def test_whatever_stands_in_it(text: str) -> None:
    with tempfile.TemporaryDirectory() as root:
        for name in ("one.txt", "two.txt"):
            (Path(root) / name).write_text("x")
        (Path(root) / "Snakefile").write_text(text)

        found = first_stagefile(root, {}, ("report",), from_make=False)

        compile(found.text, "Stagefile", "exec")
        assert sorted(path.name for path in Path(root).iterdir()) == [
            "Snakefile", "one.txt", "two.txt",
        ]  # fmt: skip
        assert found.unseen or found.found == ("Snakefile",)
