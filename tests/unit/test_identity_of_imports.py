"""What of imports, look-ups and things met by the same name counts: edits that change a result, and the identity."""

from __future__ import annotations

import enum
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from identity_kit import F, Files, G, fresh_modules, identity_of, pair

from stagemake.fingerprint.component import Component
from stagemake.fingerprint.holders import Holders, held_in_common
from stagemake.fingerprint.load_component import MISSING, follow, lookup
from stagemake.fingerprint.module_component import _absolute
from stagemake.fingerprint.names import LateImport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["fresh_modules"]

# fmt: off
CHANGES: list[tuple[str, tuple[Files, Files]]] = [
    ("default of one of two that go by one label", pair("def mk(v): return lambda n=v: n\nfs=[mk(0), mk(@@)]\n" + G + "[f() for f in fs]\n")),
    ("attribute of one of two that go by one label", pair("def mk(v):\n    def f(): return f.n\n    f.n=v\n    return f\nfs=[mk(0), mk(@@)]\n" + G + "[f() for f in fs]\n")),
    ("function of the same name in another module", pair("import math\nfrom @@ import sqrt\n" + G + "math.sqrt(2), sqrt(2)\n", "math", "cmath")),
    ("class of the same name in another module", pair("import queue\nfrom @@ import Queue\n" + G + "queue.Queue, Queue\n", "queue", "asyncio")),
    ("value set in a module imported by a fixed name", pair("import importlib, helpers\nhelpers.N=@@\n" + G + "importlib.import_module('helpers').N\n", helpers="N=0\n")),
    ("value set in a module imported in the body", pair("import helpers\nhelpers.N=@@\n" + F + "    import helpers as h\n    return h.N\n", helpers="N=0\n")),
    ("value set in a module that a name is taken from in the body", pair("import helpers\nhelpers.N=@@\n" + F + "    from helpers import N as n\n    return n\n", helpers="N=0\n")),
    ("late import of what can't be parsed", pair(F + "    import helpers\n", helpers="x = = @@\n")),
    ("late relative import", pair("from pkg.a import f\n" + G + "f()\n", pkg__init="", pkg__a="def f():\n    from .b import X\n    return X\n", pkg__b="X=@@\n")),
    ("late relative import of the package above", pair("from pkg.sub.a import f\n" + G + "f()\n", pkg__init="", pkg__sub__init="", pkg__sub__a="def f():\n    from ..b import X\n    return X\n", pkg__b="X=@@\n")),
    ("late relative import in a package", pair("from pkg import f\n" + G + "f()\n", pkg__init="def f():\n    from .b import X\n    return X\n", pkg__b="X=@@\n")),
    ("boundary of flags", pair("import enum\nB=enum.@@\nclass E(enum.Flag, boundary=B):\n    A=1\n" + G + "E(6)\n", "KEEP", "EJECT")),
    ("private name of an enum", pair("import enum\nN=@@\nclass E(enum.Enum):\n    A=1\n    __n=N\n" + G + "E._E__n\n")),
    ("private name of an enum of a private name", pair("import enum\nN=@@\nclass _E(enum.Enum):\n    A=1\n    __n=N\n" + G + "_E._E__n\n")),
    ("value of a member that has more", pair("import enum\nN=@@\nclass E(enum.Enum):\n    A=N\n    def __init__(s,v): s.w=0\n" + G + "E.A.value\n")),
    ("more of a member", pair("import enum\nN=@@\nclass E(enum.Enum):\n    A=1\n    def __init__(s,v): s.w=N\n" + G + "E.A.w\n")),
]
READERS = [
    "import doctest\ndef f():\n    return 1  # @@\n" + G + "doctest.testmod(f)\n",
    "from doctest import testmod\ndef f():\n    return 1  # @@\n" + G + "testmod(f)\n",
    "from doctest import DocTestFinder\ndef f():\n    return 1  # @@\n" + G + "DocTestFinder().find(f)\n",
    "import inspect\ndef f():\n    return 1  # @@\n" + G + "inspect.getcomments(f)\n",
    "import linecache\ndef f():\n    return 1  # @@\n" + G + "linecache.getline(f, 1)\n",
    "from linecache import getline\ndef f():\n    return 1  # @@\n" + G + "getline(f, 1)\n",
    "import pydoc\ndef f():\n    return 1  # @@\n" + G + "pydoc.getdoc(f)\n",
    "from pydoc import getdoc\ndef f():\n    return 1  # @@\n" + G + "getdoc(f)\n",
    "import pydoc\nread = [pydoc][0]\ndef f():\n    return 1  # @@\n" + G + "read.getdoc(f)\n",
]
UNBOUNDED = [
    "builtins.eval", "builtins.exec", "builtins.__import__", "importlib.__import__", "importlib.import_module", "sys._getframe",
    "sys.modules",
    "importlib.machinery.SourceFileLoader", "importlib.machinery.SourcelessFileLoader",
    "importlib.machinery.ExtensionFileLoader", "inspect.currentframe", "inspect.stack",
    "pkgutil.resolve_name", "pkgutil.walk_packages", "pydoc.locate",
]
# fmt: on


def both(tmp_path: Path, files: tuple[Files, Files]) -> tuple[object, object, bool]:
    before = identity_of(tmp_path / "project-before", files[0])
    after = identity_of(tmp_path / "project-after", files[1])
    return before.source, after.source, before.always


@pytest.mark.parametrize("files", [row[1] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_what_can_change_a_result_changes_the_identity(
    tmp_path: Path, files: tuple[Files, Files]
) -> None:
    before, after, always = both(tmp_path, files)

    assert before != after
    assert not always


@pytest.mark.parametrize("text", READERS)
def test_comments_count_where_something_reads_sources(tmp_path: Path, text: str) -> None:
    before, after, _ = both(tmp_path, pair(text))

    assert before != after


@pytest.mark.parametrize("name", UNBOUNDED)
def test_what_reaches_any_code_runs_always(tmp_path: Path, name: str) -> None:
    module, _, last = name.rpartition(".")

    through = identity_of(tmp_path / "project-1", f"import {module}\n{G}{name}(c)\n")
    by_name = identity_of(tmp_path / "project-2", f"from {module} import {last} as x\n{G}x(c)\n")
    late = identity_of(tmp_path / "project-3", f"{F}    import {module}\n    return {name}(c)\n")

    assert (through.always, by_name.always, late.always) == (True, True, True)


def test_of_all_that_is_loaded_nothing_is_gone_through(tmp_path: Path) -> None:
    found = identity_of(
        tmp_path / "project", f"from sys import modules\n{F}    return modules[context]\n"
    )

    assert found.fallbacks == (
        "`Stagefile:modules` holds sys.modules, which has no stable content: runs always",
        "`Stagefile:target()` uses `modules`, which can reach any code: runs always",
    )
    assert found.always
    assert found.files == ("Stagefile",)
    assert [label for label, _ in found.components] == ["Stagefile:modules", "Stagefile:target()"]


@pytest.mark.parametrize(
    "body",
    [
        "import inspect\n    return inspect.signature(c)\n",
        "import inspect\n    return inspect\n",
        "import inspect\n    return inspect.stacked.x\n",
        "import pydoc as inspect\n    return inspect.stack()\n",
        "from inspect import signature as stack\n    return stack()\n",
        "from pkg.pydoc import locate\n    return locate(c)\n",
    ],
)
def test_what_only_resembles_it_does_not(tmp_path: Path, body: str) -> None:
    files = {"Stagefile": f"{F}    {body}", "pkg/__init__.py": "", "pkg/pydoc.py": "locate = int\n"}

    assert not identity_of(tmp_path / "project", files).always


def test_a_module_of_a_package_is_not_the_library_s(tmp_path: Path) -> None:
    files = {
        "Stagefile": f"from pkg.a import f\n{G}f(c)\n",
        "pkg/__init__.py": "",
        "pkg/pydoc.py": "locate = int\n",
        "pkg/a.py": "def f(c):\n    from .pydoc import locate\n    return locate(c)\n",
    }

    assert not identity_of(tmp_path / "project", files).always


def test_a_module_of_the_library_by_a_fixed_name_is_none_of_the_projects_files(
    tmp_path: Path,
) -> None:
    found = identity_of(
        tmp_path / "project", f"import importlib\n{G}importlib.import_module('colorsys').x\n"
    )

    assert (found.files, found.always) == (("Stagefile",), False)


# --- look-ups ---------------------------------------------------------------------------------------


def test_a_name_means_what_the_globals_say_then_their_own_builtins() -> None:
    own = {"len": 5, "only": 6}
    module = ModuleType("own")
    vars(module).update(own)

    for table in (own, module):
        names = {"x": None, "__builtins__": table}
        assert [lookup(names, each) for each in ("x", "len", "only")] == [None, 5, 6]
        assert lookup(names, "print") is MISSING
    assert lookup({}, "len") is len
    assert lookup({"__builtins__": 7}, "len") is len
    assert lookup({"__builtins__": 7}, "nothing") is MISSING
    assert lookup({"len": MISSING}, "len") is MISSING


def test_a_chain_of_attributes_is_followed_through_modules_only() -> None:
    outer, inner = ModuleType("outer"), ModuleType("inner")
    outer.inner, inner.kind = inner, enum.Enum  # type: ignore[attr-defined]  # made here

    assert follow(outer, ("inner", "kind", "x", "y")) == (enum.Enum, inner, ("x", "y"))
    assert follow(outer, ("inner",)) == (inner, outer, ())
    assert follow(outer, ("inner", "gone", "x")) == (inner, outer, ("gone", "x"))
    assert follow(outer, ("gone",)) == (outer, None, ("gone",))
    assert follow(outer, ()) == (outer, None, ())
    assert follow(5, ("real",)) == (5, None, ("real",))


@pytest.mark.parametrize(
    ("module", "level", "names", "expected"),
    [
        ("a.b", 0, {"__package__": "p"}, "a.b"),
        ("", 0, {}, ""),
        ("x", 1, {"__package__": "p.q"}, "p.q.x"),
        ("", 1, {"__package__": "p.q"}, "p.q"),
        ("x.y", 2, {"__package__": "p.q"}, "p.x.y"),
        ("", 2, {"__package__": "p.q"}, "p"),
        ("x", 3, {"__package__": "p.q"}, None),
        ("x", 1, {"__package__": ""}, None),
        ("x", 1, {"__package__": "p.q", "__name__": "other.m", "__path__": []}, "p.q.x"),
        ("x", 1, {"__package__": None, "__name__": "p.m"}, "p.x"),
        ("x", 1, {"__name__": "p.q", "__path__": []}, "p.q.x"),
        ("x", 2, {"__name__": "p.q", "__path__": []}, "p.x"),
        ("x", 1, {"__name__": "m"}, None),
        ("x", 1, {}, None),
    ],
)
def test_a_relative_import_is_counted_from_its_package(
    module: str, level: int, names: dict[str, object], expected: str | None
) -> None:
    assert _absolute(LateImport(module, (), level), names) == expected


# --- what several values hold -----------------------------------------------------------------------


def test_only_what_a_second_value_holds_is_held_by_several() -> None:
    holders = Holders()
    steps = []

    for held in ([1, 2], [3], [2, 4], [2, 4]):
        holders.add(held)
        steps.append(set(holders.several))

    assert steps == [set(), set(), {2}, {2, 4}]


def held(*marks: tuple[int, int]) -> Component:
    return Component("", held={one: (None, mark) for one, mark in marks})


def test_what_is_held_in_common_is_numbered_by_where_it_is_met_first() -> None:
    plain, first, second, third = Component(""), held((7, 1), (8, 2)), held((8, 1), (9, 3)), held((9, 1), (7, 2), (5, 3))  # fmt: skip
    twin = Component("", held=third.held)

    found = held_in_common([plain, first, second, third, twin], {7, 8, 9, 5})

    assert found == {
        id(first): [(1, 0), (2, 1)],
        id(second): [(1, 1), (3, 2)],
        id(third): [(1, 2), (2, 0)],
        id(twin): [(1, 2), (2, 0)],
    }


def test_two_names_of_one_value_hold_nothing_in_common() -> None:
    one = held((7, 1))

    assert held_in_common([one, Component("", held=one.held)], {7}) == {}
    assert held_in_common([one, held((8, 1))], {7, 8}) == {}
    assert held_in_common([one, held((7, 1))], {8}) == {}


def test_where_no_thing_is_held_by_several_nothing_is_looked_through() -> None:
    def looked_through() -> Iterator[Component]:
        raise AssertionError
        yield  # a generator: it is entered only when asked

    assert held_in_common(looked_through(), set()) == {}
