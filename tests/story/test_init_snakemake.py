"""`init` beside a Snakefile: what it translates gives what Snakemake gives; what it can't translate it lists."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from attrs import frozen

if TYPE_CHECKING:
    from project import Project

FILES = {
    "one.txt": "one\n", "two.txt": "two 2\n", "data/a.csv": "3\n1\n", "data/b.csv": "2\n", "run.py": "print(1)\n",
    "config.yaml": "samples: [a, b]\nlevel: 3\n",
}  # fmt: skip


@frozen
class Case:
    """A Snakefile, what is made by a plain build, and what is said to be left out."""

    name: str
    text: str
    made: dict[str, str]
    left_out: tuple[str, ...] = ()
    is_translated_whole: bool = True  # Snakemake makes the same and no more


def rule(name: str, **words: str) -> str:
    """Return a rule with one line a word."""
    return f"\nrule {name}:\n" + "".join(f"    {word}: {text}\n" for word, text in words.items())


ALL = 'SAMPLES = ["a", "b"]\n\nrule all:\n    input: expand("out/{s}.txt", s=SAMPLES)\n'
SORT = rule(
    "sort", input='"data/{s}.csv"', output='"out/{s}.txt"', shell='"sort {input} > {output}"'
)
SORTED = {"out/a.txt": "1\n3\n", "out/b.txt": "2\n"}
CASES = (
    Case("a rule without wildcards", rule("a", input='"one.txt"', output='"a"', shell='"cat {input} > {output}"'), {"a": "one\n"}),
    Case("a wildcard over a list", ALL + SORT, SORTED),
    Case("a wildcard over what there is", ALL.replace('["a", "b"]', 'glob_wildcards("data/{s}.csv").s') + SORT, SORTED),
    Case("the other way to write that", ALL.replace('SAMPLES = ["a", "b"]', 'SAMPLES, = glob_wildcards("data/{s}.csv")') + SORT, SORTED),
    Case("values of a configuration file", 'configfile: "config.yaml"\n' + ALL.replace('["a", "b"]', 'config["samples"]') + SORT.replace("sort {input}", "sort {input} | head -n {config[level]}"), SORTED),
    Case("a product of wildcards", (
        'rule all:\n    input: expand("o/{s}-{n}.txt", s=["a", "b"], n=range(1, 3))\n'
        + rule("cut", input='"data/{s}.csv"', output='"o/{s}-{n}.txt"', shell='"head -n {wildcards.n} {input} > {output}"')
    ), {"o/a-1.txt": "3\n", "o/a-2.txt": "3\n1\n", "o/b-1.txt": "2\n", "o/b-2.txt": "2\n"}),
    Case("pairs of wildcards", (
        'rule all:\n    input: "o/a-1.txt", "o/b-2.txt"\n'
        + rule("cut", input='"data/{s}.csv"', output='"o/{s}-{n}.txt"', shell='"head -n {wildcards.n} {input} > {output}"')
    ), {"o/a-1.txt": "3\n", "o/b-2.txt": "2\n"}),
    Case("a chain of rules", (
        "rule all:\n    input: rules.join.output\n".replace("rules.join.output", '"o/all"')
        + rule("join", input='expand("out/{s}.txt", s=["b", "a"])', output='"o/all"', shell='"cat {input} > {output}"') + SORT
    ), {"o/all": "2\n1\n3\n", **SORTED}),
    Case("outputs of another rule", (
        rule("a", input='"one.txt"', output='"a"', shell='"cp {input} {output}"')
        + rule("b", input="rules.a.output", output='"b"', shell='"cp {input} {output}"').replace("rule b", "rule b")
    ), {"a": "one\n"}),
    Case("names, places, parameters, threads", (
        rule(
            "a", input='one="one.txt", more=["two.txt", "data/a.csv"]', output='"o/x", y="o/y"', params='flags="-n 1", n=2', threads="2",
            shell='"head {params.flags} {input.one} > {output[0]} && head -n {params.n} {input.more} > {output.y}; echo {threads} {{x}} >> {output.y}"',
        )
    ), {"o/x": "one\n", "o/y": "==> two.txt <==\ntwo 2\n\n==> data/a.csv <==\n3\n1\n2 {x}\n"}),
    Case("a file behind a list of files", (
        'S = ["a", "b"]\n'
        + rule("a", input='first="one.txt", many=expand("data/{s}.csv", s=S), last="two.txt"', output='"o"', shell='"cat {input.last} {input.first} > {output}"')
    ), {"o": "two 2\none\n"}),
    Case("a list among other files", (
        'S = ["a", "b"]\n'
        + rule("a", input='one="one.txt", many=expand("data/{s}.csv", s=S), more=expand("data/{s}.csv", s=["b"])', output='"o"', shell='"cat {input.one} {input.many} > {output}"')
    ), {"o": "one\n3\n1\n2\n"}),
    Case("a list among files with wildcards", (
        'rule all:\n    input: "o/a", "o/b"\n'
        + rule("join", input='many=expand("data/{s}.csv", s=["b", "a"]), it="data/{n}.csv"', output='"o/{n}"', shell='"sort {input.many} | cat {input.it} - > {output}"')
    ), {"o/a": "3\n1\n1\n2\n3\n", "o/b": "2\n1\n2\n3\n"}),
    Case("several lines and a description", (
        'rule a:\n    """Do it.\n\n    With care.\n    """\n    input:\n        "one.txt",  # here\n    output:\n        "o",\n    shell:\n        """\n        x=1\n        cat {input} > {output}\n        echo ${{x}} {output} >> {output}\n        """\n'
    ), {"o": "one\n1 o\n"}),
    Case("a log", rule("a", input='"one.txt"', output='"o/a"', log='"logs/a.log"', shell='"cat {input} > {output} 2> {log}"'), {"o/a": "one\n", "logs/a.log": ""}),
    Case("a directory and a file that is only touched", (
        'rule all:\n    input: "done", "d"\n'
        + rule("many", input='"one.txt"', output='directory("d")', shell='"mkdir {output}; cp {input} {output}"')
        + rule("mark", input='"d"', output='touch("done")')
    ), {"d/one.txt": "one\n", "done": ""}),
    Case("a limited wildcard", (
        'rule all:\n    input: "o/a.1.txt"\n'
        + rule("cut", input='"data/{s}.csv"', output=r'"o/{s,[a-z]+}.{n,\d+}.txt"', shell='"head -n {wildcards.n} {input} > {output}"')
    ), {"o/a.1.txt": "3\n"}),
    Case("names that mean something else here", (
        'command = ["a"]\nrule report:\n    input: expand("out/{s}.txt", s=command)\n'
        + SORT.replace("rule sort", "rule glob")
    ), {"out/a.txt": "1\n3\n"}),
    Case("a list with the name of a loop", (
        'x = ["a", "b"]\ny = ["1", "2"]\n' + rule("all", input='expand("{x}-{y}", x=x, y=y)')
        + rule("one", output='"{x}-{y}"', shell='"echo {wildcards.x} > {output}"')
    ), {"a-1": "a\n", "a-2": "a\n", "b-1": "b\n", "b-2": "b\n"}),
    Case("a comment before a file that is only touched", (
        rule("all", input='"b"') + rule("a", output='touch("a")', shell='"echo hi > log  # note"') + rule("b", input='"a"', output='touch("b")', shell='"true &"')
    ), {"a": "", "b": "", "log": "hi\n"}),
    Case("lines further out", (
        'rule a:\n# here\n    output: "o"\n    shell:\n        """\ncat > {output} <<END\nx\nEND\n        """\n'
    ), {"o": "x\n"}),
    Case("a wildcard limited in all rules", (
        'wildcard_constraints:\n    s="[a-z]+"\n' + rule("all", input='"a_b_c.txt"')
        + rule("a", output='"{s}_{n}.txt"', shell='"echo {wildcards.s} > {output}"')
    ), {"a_b_c.txt": "a\n"}),
    Case("a rule that could make its own input", (
        rule("all", input='"one"') + rule("a", input='"{f}.txt"', output='"{f}"', shell='"cp {input} {output}"')
    ), {"one": "one\n"}),
    Case("a rule that needs itself for less", (
        rule("all", input='"one.txt.b.b"') + rule("a", input='"{f}"', output='"{f}.b"', shell='"cp {input} {output}"')
    ), {"one.txt.b": "one\n", "one.txt.b.b": "one\n"}),
    # -- what is left out ------------------------------------------------------------------------
    Case("code", (
        'import os\nrule all:\n    input: "a", "b", "c", "d"\n' + rule("a", output='"a"', run='open(output[0], "w")')
        + rule("b", input='"a"', output='"b"', shell='"cp {input} {output}"')
        + rule("c", input='lambda wildcards: "one.txt"', output='"c"', shell='"cp {input} {output}"')
        + rule("d", input='"one.txt"', output='"d"', shell='"cp {input} {output}"') + rule("e", output='"e"', script='"run.py"')
    ), {"d": "one\n"}, (
        "Snakefile:1: Python: `import os`", "Snakefile:5: rule `a`: `run:`: make its code a function with `@stage`",
        "Snakefile:9: rule `b`: it needs `a`, which is left out", "Snakefile:14: rule `c`: `lambda wildcards: 'one.txt'` is not known without running it",
        "Snakefile:24: rule `e`: `script:`: a command that runs the script, or a function with `@stage`",
    ), is_translated_whole=False),
    Case("unknown values", (
        'X = open("one.txt").read()\nif X:\n    Y = 1\n' + rule("a", output='"a"', shell='"echo " + X + " > {output}"')
        + rule("b", output='"b"', shell='"echo {Y} > {output}"') + rule("c", output='"c"', shell='"echo 1 > {output}"')
        + rule("d", input='"{x}.txt"', output='"{x}.d"', shell='"cp {input} {output}"') + '\ninclude: "more.smk"\n\ncheckpoint e:\n    output: "e"\n    shell: "touch {output}"\n'
    ), {"c": "1\n"}, (
        'Snakefile:22: `include: "more.smk"`', 'Snakefile:1: not known without running it: `X = open("one.txt").read()`', "Snakefile:2: Python: `if X:`",
        "Snakefile:5: rule `a`: `X` is not known without running it", "Snakefile:9: rule `b`: `Y` is not known without running it",
        "Snakefile:17: rule `d`: nothing asks for what it makes", "Snakefile:24: rule `e`: a checkpoint: no stage can be declared while a build runs",
    ), is_translated_whole=False),
    Case("a place in a list of files", (
        rule("a", output='"a"', shell='"touch {output}"')
        + rule("b", input='expand("data/{s}.csv", s=["b", "a"])', output='"b"', shell='"cat {input[1]} > {output}"')
    ), {"a": ""}, ("Snakefile:6: rule `b`: `[1]`: a file by its number, in or behind a list of files",), is_translated_whole=False),
    Case("two rules for one file", (
        'rule all:\n    input: "o"\n' + rule("a", output='"o"', shell='"touch {output}"') + rule("b", output='"o"', shell='"touch {output}"')
        + rule("c", output='"c"', shell='"echo 1 > {output}"')
    ), {"c": "1\n"}, ("Snakefile:4: rule `a`: `o` is made by `a` and `b`", "Snakefile:8: rule `b`: `o` is made by `a` and `b`"), is_translated_whole=False),
)  # fmt: skip


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest, project: Project) -> Case:
    for path, text in FILES.items():
        project.write(path, text)
    project.write("Snakefile", request.param.text)
    return request.param


def made(project: Project, *ours: str) -> dict[str, str]:
    """Return the files that are neither ours nor the tools'."""
    return {
        str(path.relative_to(project.root)): path.read_text()
        for path in sorted(project.root.rglob("*"))
        if path.is_file()
        and path.name != ".snakemake_timestamp"
        and not {".stagemake", ".snakemake"} & set(path.relative_to(project.root).parts)
        and str(path.relative_to(project.root)) not in {*FILES, "Snakefile", *ours}
    }


def test_it_makes_what_the_rules_make(case: Case, project: Project) -> None:
    pytest.importorskip("yaml")

    said = project.build("init").exited(0)
    assert said.stderr.startswith("stagemake: found Snakefile\n"), project.read("Stagefile")
    project.build().exited(0)

    assert made(project, "Stagefile") == case.made, project.read("Stagefile")
    left_out = [line[10:] for line in said.stderr.splitlines() if line.startswith("left out: ")]
    assert left_out == list(case.left_out)
    assert project.build().stderr == "stagemake: up to date\n"


@pytest.mark.skipif(
    shutil.which("snakemake") is None,
    reason="Snakemake is not on PATH: too large to be installed for this",
)
def test_it_is_what_snakemake_makes(case: Case, project: Project) -> None:
    if not case.is_translated_whole:
        pytest.skip("Snakemake makes more of it, or refuses it")
    env = {**project.environment(), "PATH": os.environ["PATH"]}

    done = subprocess.run(
        ["snakemake", "--cores", "2"],
        cwd=project.root, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert made(project) == case.made
