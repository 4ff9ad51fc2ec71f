"""Edges of what functions seldom do: a module in a closure, code that its file doesn't have, globals of two, a binary module."""

from __future__ import annotations

import importlib.machinery
from typing import TYPE_CHECKING

import pytest
from identity_kit import F, Files, fresh_modules, identity_of, load

from stagemake.fingerprint.component import Component, FunctionIdentity, reachable
from stagemake.fingerprint.graph import Graph
from stagemake.fingerprint.sources import FileSources

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["fresh_modules"]

MODULE = "N = 1\ndef f(): return 1\n"


def graph_of(root: Path, files: Files) -> tuple[Graph, Component]:
    root.mkdir()
    module = load(root, files)
    graph = Graph(str(root), FileSources())
    top = graph.link(module.target, "the callable")
    graph.complete(top)
    return graph, top


def labels(component: Component) -> dict[str, str]:
    component.own()
    return {role: one.label for role, one in component.edges}


def test_of_a_module_in_a_closure_only_what_is_used_counts(tmp_path: Path) -> None:
    text = "def make(h):\n    def target(c): return h.f(), h.N\n    return target\nimport helpers\ntarget = make(helpers)\n"

    _, top = graph_of(tmp_path / "project-a", {"Stagefile": text, "helpers.py": MODULE})

    assert labels(top) == {
        "cell h": "",
        "closure h.N": "helpers.py:N",
        "closure h.f": "helpers.py:f()",
    }
    assert top.fallbacks == []


def test_code_that_its_file_does_not_have_counts_by_its_bytecode(tmp_path: Path) -> None:
    made = F + "    exec(compile('\\n' * 50 + 'def other(): return {}', __file__, 'exec'), globals())\n    return other\ntarget = target(1)\n"  # fmt: skip

    one, two = (
        identity_of(tmp_path / f"project-{number}", made.format(number)) for number in (1, 2)
    )

    assert one.fallbacks == ("`Stagefile:other()` has no source: its bytecode counts, on this Python version only",)  # fmt: skip
    assert one.source != two.source
    assert one.files == ("Stagefile",)


def test_all_that_a_module_holds_is_one_part_whoever_asks_for_it(tmp_path: Path) -> None:
    text = "N = 1\ndef f(): return globals()\ndef target(c): return globals(), f()\n"

    _, top = graph_of(tmp_path / "project-a", text)

    held = [
        one
        for part in reachable(top)
        for role, one in part.edges
        if role == "globals" and one.label
    ]
    assert len(held) >= 2
    assert {id(one) for one in held} == {id(held[0])}
    assert held[0].label == "Stagefile values"


@pytest.mark.parametrize("name", ["fast_", "pack.fast_"])
def test_a_binary_module_that_is_imported_late_counts_by_its_bytes(
    tmp_path: Path, name: str
) -> None:
    end = importlib.machinery.EXTENSION_SUFFIXES[0]
    file = f"{name.replace('.', '/')}{end}"

    def made(number: int, data: str) -> FunctionIdentity:
        files = {"Stagefile": F + f"    import {name}\n", "pack/__init__.py": "", file: data}
        return identity_of(tmp_path / f"project-{number}", files)

    one, two, same = made(1, "some bytes"), made(2, "other bytes"), made(3, "some bytes")

    assert one.source == same.source != two.source
    assert one.fallbacks == (f"`{file}` has no Python source: the bytes of the file count",)
    assert file in one.files
    changed = {label for label, _ in {*one.components} ^ {*two.components}}
    assert changed == {file}


def test_a_binary_module_that_is_imported_late_has_an_edge_of_its_name(tmp_path: Path) -> None:
    end = importlib.machinery.EXTENSION_SUFFIXES[0]

    _, top = graph_of(tmp_path / "project-a", {"Stagefile": F + "    import fast_\n", f"fast_{end}": "x"})  # fmt: skip

    assert labels(top) == {"import fast_": ""}


CHANGES = {
    "a name that a nested function binds within an expression": "n = @\ndef target(c):\n    def g(): return (n := 5)\n    return g(), n\n",
    "a type named in a text beside one that is none": "class K: x = @\ndef f(a: 'no type [', b: 'K'): pass\ndef target(c): return f.__annotations__\n",
    "the type of a field of a named tuple": "import typing\nK = [int, str][@]\nclass T(typing.NamedTuple):\n    a: K\ndef target(c): return T(1)\n",
    "the type of a key of a typed dict": "import typing\nK = [int, str][@]\nclass T(typing.TypedDict):\n    a: K\ndef target(c): return T(a=1)\n",
}  # fmt: skip


@pytest.mark.parametrize("title", CHANGES)
def test_what_few_functions_use_counts_too(tmp_path: Path, title: str) -> None:
    made = [
        identity_of(tmp_path / f"project-{number}", CHANGES[title].replace("@", str(number)))
        for number in (0, 1)
    ]

    assert made[0].source != made[1].source


def test_what_an_annotation_leads_to_has_its_label_and_is_told_where_it_is_nowhere(
    tmp_path: Path,
) -> None:
    text = "import helpers\nN = 1\ndef f(a: 'N', b: 'helpers.none'): pass\ndef target(c): return f.__annotations__\n"

    made = identity_of(tmp_path / "project-a", {"Stagefile": text, "helpers.py": MODULE})

    labels_told = [label for label, _ in made.components]
    assert "Stagefile:N" in labels_told
    assert made.fallbacks[0] == "`type helpers.none` in `Stagefile:f()` is not in the module: all of it counts"  # fmt: skip
