"""`init`: for each kind of project what it writes runs as it is, and runs exactly what an edit takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc here")
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="no npm here")
HINT = "hint: `stagemake -n` says what it would do, `stagemake` does it\n"


def test_an_empty_directory_gets_two_stages_that_run(project: Project) -> None:
    said = project.build("init")

    assert said.stderr == (
        "stagemake: found nothing to build: two small stages to begin with\n"
        f"stagemake: wrote Stagefile\n{HINT}"
    )
    assert (
        project.read("Stagefile")
        == '''\
"""How this project is built: `stagemake` builds it, `stagemake -n` says what that takes.

Written once by `stagemake init`. It is yours now.
"""

from stagemake import command, stage

# A command: the program, what it reads and what it makes. It runs when one of these changes.
command("hello", "echo hello > {outputs}", outputs=["build/hello.txt"])


# A function: the same, in Python. It also runs when its code changes.
@stage(inputs=["build/hello.txt"], outputs=["build/shout.txt"])
def shout(context):
    """Say it louder."""
    text = context.inputs[0].read_text()
    context.outputs[0].write_text(text.upper())
'''
    )
    project.build().ran("hello", "shout")
    assert project.read("build/shout.txt") == "HELLO\n"
    assert project.build().stderr == "stagemake: up to date\n"


def test_n_prints_and_writes_nothing(project: Project) -> None:
    with project.unchanged():
        printed = project.build("init", "-n")

    project.build("init")
    assert printed.stdout == project.read("Stagefile")


@pytest.mark.parametrize("name", ["Stagefile", "Stagefile.py"])
def test_an_existing_stagefile_is_never_overwritten(project: Project, name: str) -> None:
    project.write(name, "mine")

    with project.unchanged():
        said = project.build("init").exited(2)

    assert said.stderr == (
        f"error: there is a `{name}` here already\n"
        "hint: `stagemake init -n` prints it, `stagemake init -f NAME` writes elsewhere\n"
    )


def test_another_name_and_another_directory(project: Project) -> None:
    project.write("sub/x", "").write("Stagefile", "mine")

    said = project.build("init", "-f", "Stagefile.new")
    other = project.build("-C", "sub", "init")

    assert "hint: `stagemake -f Stagefile.new -n` says" in said.stderr
    assert other.exit_code == 0
    assert "note: from here the new file is found instead of `<root>/Stagefile`\n" in other.stderr
    assert project.has("sub/Stagefile")
    project.build("-f", "Stagefile.new").ran("hello", "shout")
    assert project.build("init", "-f", "Stagefile.new").exit_code == 2
    assert project.build("init", "-C", "absent").exit_code == 2


def c_project(project: Project) -> Project:
    main = '#include "a.h"\n#include <math.h>\n/* int main(void) { */\nint f(void);\nint main(void) { return f() - (int)sqrt(A); }\n'
    project.write("include/a.h", "#define A 1\n").write("src/main.c", main)
    return project.write("src/f.c", "int f(void) { return 1; }\n")


@needs_gcc
def test_c_sources_are_compiled_and_linked(project: Project) -> None:
    c_project(project)

    said = project.build("init")

    assert said.stderr == (
        "stagemake: found C sources\n"
        "note: `build/app` links all sources: `src/main.c` has the main()\n"
        "note: -lm: guessed from the headers that are included\n"
        f"stagemake: wrote Stagefile\n{HINT}"
    )
    project.build().ran("compile.src/main.c", "compile.src/f.c", "link")
    assert subprocess.run([project.root / "build/app"], check=False).returncode == 0
    assert project.build().stderr == "stagemake: up to date\n"
    project.write("include/a.h", "#define A 4\n")
    project.build().ran("compile.src/main.c", "link")
    project.write("src/g.c", "int g(void) { return 1; }\n")
    project.build().ran("compile.src/g.c", "link")
    project.build("-D", "flags=-O0").ran(
        "compile.src/main.c", "compile.src/f.c", "compile.src/g.c", "link"
    )


@needs_gcc
def test_each_main_is_a_program(project: Project) -> None:
    c_project(project)
    project.write("tools/gen.c", "int f(void);\nint main(int argc, char **argv) { return f(); }\n")
    project.write("tools/main.cc", 'extern "C" int f(void);\nint main() { return f(); }\n')

    said = project.build("init")

    assert (
        "note: `build/app`, `build/gen`, `build/tools-main`: each links one main()" in said.stderr
    )
    project.build().ran(
        "compile.src/main.c", "compile.src/f.c", "compile.tools/gen.c", "compile.tools/main.cc",
        "link.app", "link.gen", "link.tools-main",
    )  # fmt: skip
    assert project.build().stderr == "stagemake: up to date\n"
    project.write("tools/gen.c", "int f(void);\nint main(void) { return 2 * f(); }\n")
    project.build().ran("compile.tools/gen.c", "link.gen")


@needs_gcc
def test_without_a_main_nothing_is_linked_and_what_is_missing_is_said(project: Project) -> None:
    project.write("lib/f.c", '#ifdef X\n#include "absent.h"\n#endif\nint f(void) { return 1; }\n')

    said = project.build("init")

    for text in (
        '`#include "absent.h"`: not found here',
        "no source has a main(): the sources are compiled, nothing is linked",
    ):
        assert f"left out: {text}\n" in said.stderr
        assert f"#   - {text}\n" in project.read("Stagefile")
    project.build().ran("compile.lib/f.c")


def tool(project: Project, name: str, text: str) -> None:
    """Put a program into the project's own environment."""
    project.write(f".venv/bin/{name}", text)
    (project.root / f".venv/bin/{name}").chmod(0o755)


PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "thing"
version = "1"
[tool.ruff.format]
[tool.mypy]
files = ["src"]
[tool.pytest.ini_options]
"""


def python_project(project: Project) -> Project:
    project.write("pyproject.toml", PYPROJECT).write(
        "src/thing.py", "def one() -> int:\n    return 1\n"
    )
    return project.write(
        "tests/test_thing.py",
        "from thing import one\n\n\ndef test_one() -> None:\n    assert one() == 1\n",
    )


def test_a_python_project_gets_a_cached_check_for_each_tool_that_is_there(project: Project) -> None:
    python_project(project)
    tool(project, "ruff", "#!/bin/sh\nexit 0\n")
    tool(
        project,
        "pytest",
        f'#!/bin/sh\nexec {sys.executable} -B -m pytest -p no:cacheprovider "$@"\n',
    )
    project.env["PATH"] = "/usr/bin:/bin"

    said = project.build("init")

    assert said.stderr == (
        "stagemake: found pyproject.toml\n"
        "note: checks `format`, `lint`, `tests`: each is kept as passed\n"
        "left out: `mypy` is configured, but not installed here: no stage `types`\n"
        "left out: a build backend is configured, but `build` is not installed here: no stage `dist`\n"
        f"stagemake: wrote Stagefile\n{HINT}"
    )
    project.build().ran("format", "lint", "tests")
    assert project.build().stderr == "stagemake: up to date\n"
    project.write("src/thing.py", "def one() -> int:\n    return 2\n")
    project.build("tests").failed("tests")
    project.write("src/thing.py", "def one() -> int:\n    return 1  # again\n")
    project.build().ran("format", "lint", "tests")


def test_a_python_project_without_tools_is_at_least_parsed(project: Project) -> None:
    project.write("pyproject.toml", "[project]\nname = 'x'\n").write("x.py", "a = 1\n")
    project.env["PATH"] = "/usr/bin:/bin"

    said = project.build("init")

    assert (
        "left out: no tool is both configured and installed: `syntax` only parses the sources\n"
        in said.stderr
    )
    project.build().ran("syntax")
    assert project.build().stderr == "stagemake: up to date\n"
    project.write("x.py", "a = \n")
    project.build().failed("syntax")


def test_a_distribution_is_made_when_asked_for(project: Project) -> None:
    python_project(project)
    tool(project, "pyproject-build", '#!/bin/sh\nmkdir "$2" && touch "$2/thing.whl"\n')
    project.env["PATH"] = "/usr/bin:/bin"

    project.build("init")

    project.build("dist").ran("dist")
    assert project.has("dist/thing.whl")
    assert project.build("dist").stderr == "stagemake: up to date\n"
    assert "dist" not in project.build("-n").stdout


PACKAGE = """\
{"name": "thing", "version": "1.0.0",
 "devDependencies": {"helper": "file:helper"},
 "scripts": {
  "prebuild": "node -e 0",
  "build": "mkdir -p dist && node src/build.js > dist/out.js",
  "bundle": "node src/build.js --outDir pub",
  "test": "node src/test.js dist/out.js",
  "dev": "node server.js", "fix": "node lint.js --fix", "deploy": "scp dist x:", "prepare": "node -e 0",
  "watch:css": "x", "lint": "node src/lint.js"}}
"""


@needs_npm
def test_package_scripts_become_stages(project: Project) -> None:
    project.write(
        "package.json", PACKAGE.replace('"devDependencies": {"helper": "file:helper"},', "")
    )
    project.write("src/build.js", "console.log(1)").write(
        "src/test.js", "require('fs').readFileSync(process.argv[2])"
    )
    project.write("src/lint.js", "0").write("node_modules/x/index.js", "0")

    said = project.build("init")

    assert said.stderr == (
        "stagemake: found package.json\n"
        "note: scripts are taken to need the sources only: name what else one reads in its `inputs`\n"
        "left out: package.json: script `dev`: it does not end by itself\n"
        "left out: package.json: script `fix`: it changes or removes files in place\n"
        "left out: package.json: script `deploy`: its effect lies outside of what it reads and writes here\n"
        "left out: package.json: script `prepare`: npm runs it by itself\n"
        "left out: package.json: script `watch:css`: it does not end by itself\n"
        f"stagemake: wrote Stagefile\n{HINT}"
    )
    text = project.read("Stagefile")
    assert 'outputs=["dist/out.js"]' in text
    assert 'outputs=["pub/"]' in text
    assert 'inputs=[files, "dist/out.js"]' in text
    targets = ("npm.build", "npm.test", "npm.lint")
    project.build(*targets).ran(*targets)
    assert project.build(*targets).stderr == "stagemake: up to date\n"
    project.write("src/build.js", "console.log(2)")
    project.build(*targets).ran(*targets)


@needs_npm
@pytest.mark.slow
def test_npm_ci_is_a_stage_that_makes_node_modules(project: Project) -> None:
    package = '{"name": "thing", "version": "1.0.0", "dependencies": {"helper": "file:helper"}, "scripts": {"test": "node -e \\"require(\'helper\')\\""}}'
    project.write("package.json", package).write("helper/index.js", "module.exports = 1")
    project.write("helper/package.json", '{"name": "helper", "version": "1.0.0"}')
    env = {**os.environ, "HOME": str(project.base / "home")}
    subprocess.run(
        ["npm", "install", "--package-lock-only", "--offline", "--no-audit"],
        cwd=project.root,
        env=env,
        check=True,
        capture_output=True,
    )

    project.build("init")

    project.build().ran("npm.ci", "npm.test")
    assert project.has("node_modules/helper/index.js")
    assert project.build().stderr == "stagemake: up to date\n"
    project.write("helper/index.js", "module.exports = 2")
    project.build().ran("npm.test")


DVC = """\
vars:
  - folder: data
    names: [{first: n}]
stages:
  prepare:
    cmd: mkdir data/prepared && sort data/raw.csv > data/prepared/rows.csv
    deps: [data/raw.csv]
    outs: [data/prepared]
  train:
    desc: count
    wdir: work
    cmd:
      - grep -c . ../data/prepared/rows.csv > model.txt
      - cat ../params.yaml >> model.txt
    deps: [../data/prepared]
    params: [{../params.yaml: [rate]}]
    outs:
      - model.txt:
          cache: false
    metrics: []
  many:
    foreach: [1, 2]
    do: {cmd: "A=5; echo ${item} ${rate} \\\\${A} > m${item}.txt", outs: ["m${item}.txt"], deps: ["${folder}/raw.csv"]}
  both:
    matrix: {a: ["${rate}", x], b: [y]}
    cmd: echo ${item.a}${item.b} ${key} ${names.0.first} > ${key}.txt
    deps: [dvc.yaml]
    outs: ["${key}.txt"]
  pairs:
    foreach: {k: {v: w}}
    do: {cmd: "echo ${key} ${item.v} > pairs.txt", outs: [pairs.txt], deps: [dvc.yaml]}
  templated:
    cmd: echo ${x.y}
  frozen: {cmd: "true", frozen: true}
"""


def test_dvc_stages_become_commands(project: Project) -> None:
    pytest.importorskip("yaml")
    project.write("dvc.yaml", DVC).write("data/raw.csv", "b\na\n").write(
        "params.yaml", "rate: 1\n"
    ).write("work/x", "")

    said = project.build("init")

    assert said.stderr == (
        "stagemake: found dvc.yaml\n"
        "note: `data/prepared`: taken for a directory, as its name has no ending\n"
        "note: the values of `${…}` are written into the Stagefile\n"
        "note: params count by their whole file, and variables of the environment must be declared\n"
        "left out: dvc.yaml: stage `templated`: `${x.y}` is not known: write the value, or `config(…)`\n"
        "left out: dvc.yaml: stage `frozen`: it is frozen\n"
        f"stagemake: wrote Stagefile\n{HINT}"
    )
    project.build().ran("prepare", "train", "many@1", "many@2", "both@1-y", "both@x-y", "pairs@k")
    assert project.read("work/model.txt") == "2\nrate: 1\n"
    assert [project.read(f"m{item}.txt") for item in (1, 2)] == ["1 1 5\n", "2 1 5\n"]
    assert [project.read(f"{key}.txt") for key in ("1-y", "x-y")] == ["1y 1-y n\n", "xy x-y n\n"]
    assert project.read("pairs.txt") == "k w\n"
    assert project.build().stderr == "stagemake: up to date\n"
    project.write("params.yaml", "rate: 2\n")
    project.build().ran("train")


SNAKE_RULES = """\
rule a:
    output: "a"
    shell: "seq {config[n]} > {output}"
rule b:
    output: "b"
    shell: "touch {output}"
"""


def test_dvc_without_a_yaml_library_is_said(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    monkeypatch.setitem(sys.modules, "ruamel", None)
    project.write("dvc.yaml", DVC)

    with project.unchanged():
        project.build("init").printed(
            """\
            error: `dvc.yaml` can't be read: no YAML library can be imported here
            hint: pip install 'stagemake[yaml]', then `stagemake init` again
            """
        ).exited(2)

    project.write("Snakefile", "configfile: 'c.yaml'\n" + SNAKE_RULES).write("c.yaml", "n: 3\n")
    said = project.build("init").exited(0)

    assert said.stderr == (
        "stagemake: found Snakefile\n"
        "left out: Snakefile:1: `configfile: 'c.yaml'`: no YAML library can be imported here (pip install 'stagemake[yaml]')\n"
        "left out: Snakefile:2: rule `a`: `config['n']` is not known without running it\n"
        "left out: dvc.yaml: no YAML library can be imported here (to have it read: pip install 'stagemake[yaml]', then `stagemake init -n`)\n"
        f"stagemake: wrote Stagefile\n{HINT}"
    )
    project.build().ran("b")


@pytest.mark.parametrize("text", ["", "rule all:\n    input: 'x'\n", "# nothing\n"])
def test_a_snakefile_without_a_rule_to_run_is_named(project: Project, text: str) -> None:
    project.write("Snakefile", text)

    said = project.build("init")

    assert "left out: Snakefile: it has no rule with a command" in said.stderr
    assert "#   - Snakefile: it has no rule" in project.read("Stagefile")
    project.build().ran("hello", "shout")


@needs_gcc
def test_several_kinds_make_sections_of_one_file(project: Project) -> None:
    c_project(project)
    python_project(project)
    tool(project, "ruff", "#!/bin/sh\nexit 0\n")
    tool(project, "pyproject-build", '#!/bin/sh\nmkdir "$2"\n')
    project.env["PATH"] = "/usr/bin:/bin"

    project.build("init")

    text = project.read("Stagefile")
    assert text.index("# -- C sources ---") < text.index("# -- pyproject.toml ---")
    assert 'pipeline("default", ["link", "format", "lint"], default=True)' in text
    project.build().ran("compile.src/main.c", "compile.src/f.c", "link", "format", "lint")
    assert project.build().stderr == "stagemake: up to date\n"


def test_what_is_written_is_the_same_each_time(project: Project) -> None:
    python_project(c_project(project))
    project.write("package.json", PACKAGE).write("dvc.yaml", DVC).write("Snakefile", "")

    first = project.run("init", "-n").stdout

    assert first == project.run("init", "-n").stdout
    assert max(map(len, first.splitlines())) <= 120


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pyproject.toml", "= ="),
        ("package.json", "{"),
        ("package.json", "[]"),
        ("dvc.yaml", "a: ["),
        ("dvc.yaml", "[]"),
        ("Makefile", "\tx\n)("),
    ],
)
def test_files_that_are_broken_are_named(project: Project, path: str, text: str) -> None:
    project.write(path, text)

    said = project.build("init").exited(0)

    assert f"left out: {path}" in said.stderr
    project.build().ran("hello", "shout")


def test_odd_names_do_no_harm(project: Project) -> None:
    project.write("a\nb.c", "int main(void) { return 0; }\n").write(".hidden/x.c", "").write(
        "build/y.c", ""
    )
    (project.root / "loop").symlink_to(".")
    with open(os.fsencode(project.root) + b"/\xff.c", "w", encoding="utf-8"):
        pass

    said = project.build("init")

    assert said.stderr.count("a name that is not printable UTF-8") == 2
    project.build().ran("hello", "shout")
