"""Stages that do what they do not declare, each in its own way, and stages that don't though it looks so."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project


@frozen
class Offender:
    """A stage's declaration, and the path that it forgets."""

    name: str
    text: str  # of the Stagefile
    path: str


def _shell(name: str, text: str, path: str, *more: str) -> Offender:
    inputs = ["in.txt", *more]
    return Offender(
        name, f"command({name!r}, {text!r}, inputs={inputs}, outputs=['out/{name}'])\n", path
    )


def _function(name: str, body: str, path: str) -> Offender:
    head = f"@stage(inputs=['in.txt'], outputs=['out/{name}'])\ndef {name}(context):\n"
    return Offender(name, head + "".join(f"    {line}\n" for line in body.split("\n")), path)


OFFENDERS = (
    _shell("plain", "cat in.txt p/plain > out/plain", "p/plain"),
    _shell("grandchild", "sh -c 'sh -c \"cat p/grandchild\"' > out/grandchild", "p/grandchild"),
    _shell("static", "bin/static p/static > out/static", "p/static"),
    Offender(
        "dlopen",
        "command('dlopen', ['python3', '-c', 'import ctypes; ctypes.CDLL(\"./p/plug.so\");"
        " open(\"out/dlopen\", \"w\").close()'], inputs=['in.txt'], outputs=['out/dlopen'])\n",
        "p/plug.so",
    ),
    _shell("star", "cat g/*.txt > out/star", "g/2.txt", "g/1.txt"),
    _shell("listing", "ls d | wc -l > out/listing", "d/"),
    _shell("dots", "cat g/../p/dots > out/dots", "p/dots"),
    _shell("by_link", "cat p/link > out/by_link", "p/link"),
    _shell("absolute", 'cat "$(pwd)/p/absolute" > out/absolute', "p/absolute"),
    Offender(
        "dirfd",
        "command('dirfd', ['python3', '-c', 'import os; d = os.open(\"p\", os.O_RDONLY);"
        ' os.close(os.open("dirfd", os.O_RDONLY, dir_fd=d)); open("out/dirfd", "w").close()\'],'
        " inputs=['in.txt'], outputs=['out/dirfd'])\n",
        "p/dirfd",
    ),
    _shell("changed_directory", "(cd p && cat cd) > out/changed_directory", "p/cd"),
    Offender(
        "variable",
        "command('variable', 'cat $WHICH > out/variable', inputs=['in.txt'], env={'WHICH': 'p/variable'},"
        " outputs=['out/variable'])\n",
        "p/variable",
    ),
    _shell("script", "p/outer.sh > out/script", "p/inner.sh"),
    _shell("daemon", "setsid sh -c 'cat p/daemon > out/daemon' & wait", "p/daemon"),
    _shell("header", "gcc -Ip -c in.c -o out/header", "p/header.h", "in.c"),
    _function("opens", "context.outputs[0].write_text(open('p/opens').read())", "p/opens"),
    _function(
        "starts",
        "import subprocess\n"
        "text = subprocess.run(['cat', 'p/starts'], check=True, capture_output=True, text=True).stdout\n"
        "context.outputs[0].write_text(text)",
        "p/starts",
    ),
    _shell("writes", "cp in.txt out/writes; echo done > w.log", "w.log"),
    _shell("edits", "cp in.txt out/edits; echo more >> p/edits", "p/edits"),
    _shell("looks", "if test -e p/looks; then cp in.txt out/looks; fi", "p/looks"),
)

HONEST = {
    "copies": "command('copies', ['cp', '{inputs}', '{outputs}'], inputs=['in.txt'], outputs=['out/h/copies'])\n",
    "tidies": "command('tidies', 'sort in.txt > out/h/t.tmp; mkdir out/h/dir; cp in.txt out/h/dir/x;"
    " rm -r out/h/dir; mv out/h/t.tmp out/h/tidies', inputs=['in.txt'], outputs=['out/h/tidies'])\n",
    "compiles": "command('compiles', 'gcc -Ip -MMD -MF {depfile} -c in.c -o {outputs}', inputs=['in.c'],"
    " depfile='out/h/in.d', outputs=['out/h/in.o'])\n",
    "imports": "command('imports', 'python3 m/main.py > {outputs}', inputs=['m/main.py', 'm/helper.py'],"
    " outputs=['out/h/imports'])\n",
    "calls": "@stage(inputs=['in.txt'], outputs=['out/h/calls'])\ndef calls(context):\n"
    "    import json\n    import subprocess\n    import tempfile\n    from sibling import NAME\n"
    "    (context.scratch / 'x').write_text(NAME)\n"
    "    with tempfile.TemporaryFile() as file:\n        file.write(b'x')\n"
    "    text = subprocess.run(['cat', 'in.txt'], check=True, capture_output=True, text=True).stdout\n"
    "    context.outputs[0].write_text(json.dumps(text))\n    context.outputs[0].read_text()\n",
    "walks": "command('walks', 'find t -type f | xargs cat > {outputs}', inputs=['t'], outputs=['out/h/walks'])\n",
    "globs": "command('globs', 'cat g/*.md > {outputs}', inputs=glob('g/*.md'), outputs=['out/h/globs'])\n",
    "follows": "command('follows', 'cat p/link > {outputs}', inputs=['p/link'], outputs=['out/h/follows'])\n",
    "looks_outside": "command('looks_outside', 'cat /etc/passwd in.txt > {outputs}; test -e no.cfg || true;"
    " ls > /dev/null', inputs=['in.txt'], outputs=['out/h/looks_outside'])\n",
    "builds_on": "command('builds_on', 'mkdir -p {outputs}/sub && cp ../out/h/copies {outputs}/sub/a &&"
    " cat {outputs}/sub/a && cp tool.txt {outputs}', cwd='m', inputs=['out/h/copies', 'm/tool.txt'],"
    " outputs=['out/h/made/'])\n",
}


def write_project(project: Project, stages: str) -> Project:
    """Write everything that the stages need beside their Stagefile."""
    project.stagefile(stages)
    for name in (
        "plain", "grandchild", "static", "dots", "absolute", "dirfd", "cd", "variable", "daemon", "opens",
        "starts", "edits", "looks", "target",
    ):  # fmt: skip
        project.write(f"p/{name}", name + "\n")
    project.write("in.txt", "2\n1\n").write("g/1.txt", "1").write("g/2.txt", "2").write("d/x", "x")
    project.write("g/a.md", "a").write("g/b.md", "b").write("t/1/x", "x").write("t/2", "y")
    project.write("in.c", '#include "header.h"\nint value = VALUE;\n')
    project.write("p/header.h", "#define VALUE 1\n")
    project.write("m/main.py", "import helper\nprint(helper.X)\n").write("m/helper.py", "X = 1\n")
    project.write("m/tool.txt", "tool").write("sibling.py", "NAME = 'sibling'\n")
    project.write("p/outer.sh", "#!/bin/sh\np/inner.sh\n").write(
        "p/inner.sh", "#!/bin/sh\necho hi\n"
    )
    for name in ("outer", "inner"):
        (project.root / f"p/{name}.sh").chmod(0o755)
    (project.root / "p/link").symlink_to("target")
    if shutil.which("gcc"):
        _compile(project.root)
    return project


def _compile(root: Path) -> None:
    """Make a static program that prints a file, and a library to load."""
    source = root.parent / "static.c"
    source.write_text(
        '#include <stdio.h>\nint main(int n, char **a) { (void)n; FILE *f = fopen(a[1], "r"); int c;'
        " if (!f) return 1; while ((c = getc(f)) != EOF) putchar(c); return 0; }\n"
    )
    (root / "bin").mkdir()
    subprocess.run(["gcc", "-static", source, "-o", root / "bin/static"], check=True)
    source.write_text("int plug;\n")
    subprocess.run(["gcc", "-shared", "-fPIC", source, "-o", root / "p/plug.so"], check=True)
