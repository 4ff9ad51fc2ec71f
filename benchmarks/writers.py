"""How a graph is written in the language of each tool, as its users would write it.

Asked by `trees.py`, which lays a graph out on disk, and by `profile_noop.py`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from peers import CACHE_DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from graphs import Graph, GraphStage


def _make(graph: Graph) -> dict[str, str]:
    rules = "".join(f"{s.output}: {' '.join(s.inputs)}\n\t{s.shell_text}\n" for s in graph.stages)
    goals = " ".join(s.output for s in graph.sinks())
    # -rR: no built-in rules or variables, as makefiles that care for speed say.
    return {"Makefile": f"MAKEFLAGS += -rR\n.PHONY: all\nall: {goals}\n{rules}"}


def _ninja(graph: Graph) -> dict[str, str]:
    rules = {tool: f"r{at}" for at, tool in enumerate(dict.fromkeys(s.tool for s in graph.stages))}
    heads = "".join(f"rule {rule}\n  command = {t} $in > $out\n" for t, rule in rules.items())
    edges = "".join(
        f"build {s.output}: {rules[s.tool]} {' '.join(s.inputs)}\n" for s in graph.stages
    )
    return {"build.ninja": heads + edges}


def _table(graph: Graph) -> dict[str, str]:
    """The graph as data, for the tools whose build file is a program that loops over it."""
    rows = [[s.name, s.inputs, s.output, s.tool] for s in graph.stages]
    return {"graph.json": json.dumps(rows)}


_DOIT_HEAD = 'DOIT_CONFIG = {"verbosity": 0, "reporter": "error-only"}\n'

_DODO = (
    "import json\n"
    + _DOIT_HEAD
    + """\
def task_stage():
    with open("graph.json") as file:
        for name, ins, out, tool in json.load(file):
            text = f"{tool} {' '.join(ins)} > {out}"
            yield {"name": name, "file_dep": ins, "targets": [out], "actions": [text]}
"""
)

_STAGEFILE = """\
import json

from stagemake import command

with open("graph.json") as file:
    for name, ins, out, tool in json.load(file):
        command(name, f"{tool} {' '.join(ins)} > {out}", inputs=ins, outputs=[out])
"""


def _function_body(stage: GraphStage) -> str:
    return (
        f'    with open("{stage.inputs[0]}") as source, open("{stage.output}", "w") as target:\n'
        "        target.write(source.read().upper())\n"
    )


_SCONSTRUCT = """\
import json
import os

env = Environment(tools=[], ENV={"PATH": os.environ["PATH"]})
with open("graph.json") as file:
    for name, ins, out, tool in json.load(file):
        env.Command(out, ins, f"{tool} {' '.join(ins)} > {out}")
"""


def _scons(graph: Graph) -> dict[str, str]:
    if graph.shape != "functions":
        return {**_table(graph), "SConstruct": _SCONSTRUCT}
    functions = "".join(
        f"def {s.name}(target, source, env):\n{_function_body(s)}" for s in graph.stages
    )
    calls = "".join(f'env.Command("{s.output}", "{s.inputs[0]}", {s.name})\n' for s in graph.stages)
    return {"SConstruct": f"{functions}env = Environment(tools=[])\n{calls}"}


def _scons_cache(graph: Graph) -> dict[str, str]:
    texts = _scons(graph)
    return {**texts, "SConstruct": f'CacheDir("{CACHE_DIRECTORY}")\n{texts["SConstruct"]}'}


def _task(graph: Graph) -> dict[str, str]:
    names = [stage.name for stage in graph.stages]

    def listed(items: Iterable[str]) -> str:
        return f"[{', '.join(items)}]"

    tasks = "".join(
        f"  {s.name}:\n    run: once\n    deps: {listed(names[u] for u in s.upstream)}\n"
        f"    sources: {listed(s.inputs)}\n    generates: [{s.output}]\n    cmds: [{s.shell_text}]\n"
        for s in graph.stages
    )
    goals = listed(stage.name for stage in graph.sinks())
    return {"Taskfile.yml": f"version: '3'\ntasks:\n  default:\n    deps: {goals}\n{tasks}"}


def _turbo(graph: Graph) -> dict[str, str]:
    names = [stage.name for stage in graph.stages]
    tasks: dict[str, dict[str, object]] = {
        s.name: {
            "dependsOn": [names[u] for u in s.upstream],
            # What another task makes counts by that task's hash; listed here it would be hashed
            # before it is made.
            "inputs": ["turbo.json"] if s.upstream else s.inputs,
            "outputs": [s.output],
        }
        for s in graph.stages
    }
    tasks["all"] = {"dependsOn": [s.name for s in graph.sinks()], "cache": False}
    # One package with a script a stage: turbo's own unit is a package, of which nobody has so many.
    package = {
        "name": "bench",
        "packageManager": "npm@10.0.0",
        "scripts": {s.name: s.shell_text for s in graph.stages},
    }
    lock = {"name": "bench", "lockfileVersion": 3, "packages": {"": {"name": "bench"}}}
    return {
        "package.json": json.dumps(package),
        "package-lock.json": json.dumps(lock),
        "turbo.json": json.dumps({"tasks": tasks}),
    }


def _turbo_sh(graph: Graph) -> dict[str, str]:
    # In front of PATH: what turbo takes for npm, so that turbo is measured and not npm's start.
    shim = '#!/bin/sh\nexec /bin/sh "scripts/$2.sh"\n'
    scripts = {f"scripts/{s.name}.sh": f"{s.shell_text}\n" for s in graph.stages}
    return {**_turbo(graph), "shim/npm": shim, **scripts}


def _bazel(graph: Graph) -> dict[str, str]:
    def listed(items: Iterable[str]) -> str:
        return "[" + ", ".join(f'"{item}"' for item in items) + "]"

    rules = "".join(
        f'genrule(name = "{s.name}", srcs = {listed(s.inputs)}, outs = ["{s.output}"], '
        f'cmd = "{s.tool} $(SRCS) > $@")\n'
        for s in graph.stages
    )
    return {"WORKSPACE": "", "BUILD": rules}


def _pytask(graph: Graph) -> dict[str, str]:
    head = "from pathlib import Path\nfrom typing import Annotated\n\nfrom pytask import Product\n"
    functions = "".join(
        f'def task_{s.name}(source: Path = Path("{s.inputs[0]}"), '
        f'target: Annotated[Path, Product] = Path("{s.output}")):\n'
        "    target.write_text(source.read_text().upper())\n"
        for s in graph.stages
    )
    return {"task_all.py": head + functions}


_SNAKEFILE = """\
import json

with open("graph.json") as file:
    ROWS = json.load(file)
READ = {path for _, ins, _, _ in ROWS for path in ins}

rule all:
    input: [out for _, _, out, _ in ROWS if out not in READ]

for name, ins, out, tool in ROWS:
    rule:
        name: name
        input: ins
        output: out
        shell: tool + " {input} > {output}"
"""


def _snakemake(graph: Graph) -> dict[str, str]:
    return {**_table(graph), "Snakefile": _SNAKEFILE}


def _doit(graph: Graph) -> dict[str, str]:
    if graph.shape != "functions":
        return {**_table(graph), "dodo.py": _DODO}
    functions = "".join(f"def {s.name}():\n{_function_body(s)}" for s in graph.stages)
    tasks = "".join(
        f'    yield {{"name": "{s.name}", "actions": [{s.name}], '
        f'"file_dep": ["{s.inputs[0]}"], "targets": ["{s.output}"]}}\n'
        for s in graph.stages
    )
    return {"dodo.py": f"{_DOIT_HEAD}{functions}def task_stage():\n{tasks}"}


def _stagemake(graph: Graph) -> dict[str, str]:
    if graph.shape != "functions":
        return {**_table(graph), "Stagefile": _STAGEFILE}
    functions = "".join(
        f'@stage(inputs=["{s.inputs[0]}"], outputs=["{s.output}"])\n'
        f"def {s.name}(context):\n{_function_body(s)}"
        for s in graph.stages
    )
    return {"Stagefile": f"from stagemake import stage\n{functions}"}


WRITERS: Mapping[str, Callable[[Graph], dict[str, str]]] = {
    "bazel": _bazel,
    "doit": _doit,
    "make": _make,
    "ninja": _ninja,
    "pytask": _pytask,
    "scons": _scons,
    "scons-cache": _scons_cache,
    "snakemake": _snakemake,
    "stagemake": _stagemake,
    "task": _task,
    "turbo": _turbo,
    "turbo-sh": _turbo_sh,
}
"""Texts of a tool's build files by path, by the tool's name."""
