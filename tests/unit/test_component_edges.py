"""Which edges a function's component gets, by name and by what they lead to; what is said of what can't be followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import field, frozen
from identity_kit import fresh_modules, load, shown

from stagemake.fingerprint.component import reachable
from stagemake.fingerprint.graph import Graph
from stagemake.fingerprint.sources import FileSources

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["fresh_modules"]

Edge = tuple[str, str]


@frozen
class Case:
    """A Stagefile with modules beside it, and what is seen of `target` in it."""

    name: str
    text: str
    modules: dict[str, str]
    edges: list[Edge]  # role, and what it leads to
    further: list[tuple[str, list[str]]] = field(factory=list)  # what modules lead to
    said: list[str] = field(factory=list)
    flags: str = ""  # "!": runs always, "t": reads texts, "h": reads types; anything it reaches
    absent: list[str] = field(factory=list)
    files: list[str] = field(factory=lambda: ["Stagefile"])


# fmt: off
CASES = [
    Case(
        "global",
        "N=1\ndef target(context):\n    return N\n",
        {},
        [("N", "Stagefile:N")],
    ),
    Case(
        "builtin",
        "def target(context):\n    return len(context)\n",
        {},
        [("len", "outside builtins len")],
    ),
    Case(
        "nowhere",
        "def target(context):\n    return nowhere\n",
        {},
        [("nowhere", "outside builtins undefined name")],
        said=["`nowhere` in `Stagefile:target()` is defined nowhere: its name counts"],
    ),
    Case(
        "module attr",
        "import helpers\ndef target(context):\n    return helpers.f()\n",
        {"helpers.py": "N=1\ndef f(): return 1\nclass K: pass\n"},
        [("helpers.f", "helpers.py:f()")],
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "module attr value",
        "import helpers\ndef target(context):\n    return helpers.N.real\n",
        {"helpers.py": "N=1\ndef f(): return 1\nclass K: pass\n"},
        [("helpers.N", "helpers.py:N")],
    ),
    Case(
        "module missing",
        "import helpers\ndef target(context):\n    return helpers.zz.y\n",
        {"helpers.py": "N=1\ndef f(): return 1\nclass K: pass\n"},
        [("helpers", "module as a value")],
        said=["`helpers.zz` in `Stagefile:target()` is not in the module: all of it counts", "module `helpers.py` is used as a value: all of its source and all that it holds count"],
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "module itself",
        "import helpers\ndef target(context):\n    return str(helpers)\n",
        {"helpers.py": "N=1\ndef f(): return 1\nclass K: pass\n"},
        [("helpers", "module as a value"), ("str", "outside builtins str")],
        said=["module `helpers.py` is used as a value: all of its source and all that it holds count"],
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "from",
        "from helpers import f as g, N\ndef target(context):\n    return g(N)\n",
        {"helpers.py": "N=1\ndef f(): return 1\nclass K: pass\n"},
        [("N", "Stagefile:N"), ("g", "helpers.py:f()")],
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "library",
        "import os.path\ndef target(context):\n    return os.path.join(context)\n",
        {},
        [("os.path.join", "outside posixpath join")],
    ),
    Case(
        "library itself",
        "import os\ndef target(context):\n    return os\n",
        {},
        [("os", "outside os")],
    ),
    Case(
        "library missing",
        "import os\ndef target(context):\n    return os.nothing.at_all\n",
        {},
        [("os.nothing.at_all", "outside os nothing.at_all")],
    ),
    Case(
        "library func",
        "from os.path import join\ndef target(context):\n    return join(context)\n",
        {},
        [("join", "outside posixpath join")],
    ),
    Case(
        "package",
        "import attr\ndef target(context):\n    return attr.define\n",
        {},
        [("attr.define", "outside attr define")],
    ),
    Case(
        "package module",
        "import attr\ndef target(context):\n    return attr\n",
        {},
        [("attr", "outside attr")],
    ),
    Case(
        "own in library",
        "import colorsys\ndef mine(): return 1\ncolorsys.mine = mine\ndef target(context):\n    return colorsys.mine()\n",
        {},
        [("colorsys.mine", "Stagefile:mine()")],
    ),
    Case(
        "defaults",
        "N=1\ndef target(a, b=2, *c, d=N, e=None): return a\n",
        {},
        [("default b", "Stagefile:target() default of b"), ("default d", "Stagefile:target() default of d"), ("default e", "Stagefile:target() default of e")],
    ),
    Case(
        "closure",
        "def make(n, m):\n    def inner(c): return n.real, len(m)\n    return inner\ntarget=make(1, [2])\n",
        {},
        [("len", "outside builtins len"), ("cell m", "one object"), ("closure m", "Stagefile:make.<locals>.inner() closure m"), ("cell n", "one object"), ("closure n", "Stagefile:make.<locals>.inner() closure n")],
    ),
    Case(
        "unbound",
        "def make():\n    def inner(c): return late\n    return inner\n    late = 1\ntarget = make()\n",
        {},
        [("cell late", "one object")],
        said=["`late` in `Stagefile:make.<locals>.inner()` is not bound yet: its name counts"],
    ),
    Case(
        "global behind cell",
        "x=1\ndef make():\n    x=5\n    def target(c):\n        def inner():\n            global x\n            return x\n        return inner()+x\n    return target\ntarget=make()\n",
        {},
        [("x", "Stagefile:x"), ("cell x", "one object"), ("closure x", "Stagefile:make.<locals>.target() closure x")],
    ),
    Case(
        "attributes",
        "def target(c): return 1\ntarget.n=1\ntarget.m=len\n",
        {},
        [("attribute n", "Stagefile:target().n"), ("attribute m", "outside builtins len")],
    ),
    Case(
        "renamed",
        "def target(c): return 1\ntarget.__name__='other'\n",
        {},
        [],
    ),
    Case(
        "mangled",
        "_A__n=1\n__x=2\n__y__=3\nclass A:\n    def f(self): return __n, __x, __y__\ntarget=A.f\n",
        {},
        [("_A__n", "Stagefile:_A__n"), ("_A__x", "outside builtins undefined name"), ("__y__", "Stagefile:__y__")],
        said=["`_A__x` in `Stagefile:A.f()` is defined nowhere: its name counts"],
    ),
    Case(
        "decorated",
        "import helpers\ndef d(f): return f\n@d\n@helpers.f2(helpers.N)\ndef target(context):\n    return 1\n",
        {"helpers.py": "N=1\ndef f2(n): return lambda f: f\n"},
        [("decorator d", "Stagefile:d()"), ("decorator helpers.f2", "helpers.py:f2()"), ("decorator helpers.N", "helpers.py:N")],
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "package decorator",
        "import click\nNum=int\n@click.pass_obj\ndef t(o, x: Num): return 1\ntarget=t.__wrapped__\n",
        {},
        [("decorator click.pass_obj", "outside click pass_obj"), ("type x", "outside builtins int")],
    ),
    Case(
        "local decorator",
        "def make():\n    def d(f): return f\n    @d\n    def target(c): return 1\n    return target\ntarget=make()\n",
        {},
        [],
    ),
    Case(
        "two lambdas",
        "a, target = (lambda c: 1), (lambda c: 1)\n",
        {},
        [],
    ),
    Case(
        "like lambdas",
        "N=M=1\na, target = (lambda c: c+N), (lambda c: c+M)\n",
        {},
        [("M", "Stagefile:M")],
    ),
    Case(
        "no source",
        "names={'__name__':'Stagefile','N':1}\nexec('def f(): return N, len, zz', names)\ntarget=names['f']\n",
        {},
        [("N", "Stagefile:N"), ("len", "outside builtins len")],
        said=["`Stagefile:f()` has no source: its bytecode counts, on this Python version only"],
        files=[],
    ),
    Case(
        "late",
        "def target(context):\n    import helpers\n    return helpers.f()\n",
        {"helpers.py": "N=1\ndef f(): return 1\nclass K: pass\n"},
        [("import helpers", "helpers.py")],
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "late from",
        "def target(context):\n    from pkg import sub, x\n",
        {"pkg/__init__.py": "x=1\n", "pkg/sub.py": ""},
        [("import pkg", "pkg/__init__.py"), ("import pkg.sub", "pkg/sub.py")],
        files=["Stagefile", "pkg/__init__.py", "pkg/sub.py"],
    ),
    Case(
        "late relative",
        "from pkg.a import f\ntarget=f\n",
        {"pkg/__init__.py": "", "pkg/a.py": "def f():\n    from . import b\n    from .. import c\n    from .b import X\n", "pkg/b.py": "X=1\n"},
        [("import pkg", "pkg/__init__.py"), ("import pkg.b", "pkg/b.py"), ("import pkg", "pkg/__init__.py"), ("import pkg.b", "pkg/b.py")],
        said=["a relative import in `pkg/a.py:f()` leads out of its package: its text counts"],
        files=["pkg/__init__.py", "pkg/a.py", "pkg/b.py"],
    ),
    Case(
        "late nothing",
        "def target(context):\n    import nowhere.at.all\n",
        {},
        [],
        said=["module `nowhere`, imported in `Stagefile:target()`, isn't there: its name counts"],
        absent=["nowhere.py", "nowhere/__init__.py"],
    ),
    Case(
        "late package",
        "def target(context):\n    import attr.validators\n",
        {},
        [("import attr", "attrs 26.1.0")],
    ),
    Case(
        "late library",
        "def target(context):\n    import json.decoder\n",
        {},
        [],
    ),
    Case(
        "late star",
        "def target(context):\n    import helpers\n",
        {"helpers.py": "from deep import *\nimport json\n", "deep.py": ""},
        [("import helpers", "helpers.py")],
        further=[("helpers.py", ["deep.py"])],
        files=["Stagefile", "deep.py", "helpers.py"],
    ),
    Case(
        "late unparsable",
        "def target(context):\n    import helpers\n",
        {"helpers.py": "def f(:\n"},
        [("import helpers", "helpers.py")],
        said=["`helpers.py` can't be parsed: its whole text counts"],
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "late dynamic",
        "def target(context):\n    import helpers\n",
        {"helpers.py": "import importlib\ndef f(n): return importlib.import_module(n)\n"},
        [("import helpers", "helpers.py")],
        said=["`helpers.py` uses `import_module`, which can reach any code: runs always"],
        flags="!",
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "late eval attr",
        "def target(context):\n    import helpers\n",
        {"helpers.py": "def f(m): m.eval(); m.exec()\n"},
        [("import helpers", "helpers.py")],
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "late eval",
        "def target(context):\n    import helpers\n",
        {"helpers.py": "def f(m): eval(m)\n"},
        [("import helpers", "helpers.py")],
        said=["`helpers.py` uses `eval`, which can reach any code: runs always"],
        flags="!",
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "late text",
        "def target(context):\n    import helpers\n",
        {"helpers.py": "def f(m): return m.__doc__\n"},
        [("import helpers", "helpers.py")],
        flags="t",
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "late types",
        "def target(context):\n    import helpers\n",
        {"helpers.py": "def f(m): return m.__annotations__\n"},
        [("import helpers", "helpers.py")],
        flags="h",
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "late loaded",
        "import helpers\ndef target(context):\n    import helpers as h\n    from helpers import N\n    return h.f(N)\n",
        {"helpers.py": "N=1\ndef f(): return 1\nclass K: pass\n"},
        [("import helpers", "helpers.py"), ("import helpers", "helpers.py"), ("late N", "Stagefile:N"), ("late h.f", "helpers.py:f()")],
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "import_module fixed",
        "import importlib\ndef target(context):\n    return importlib.import_module('helpers').N\n",
        {"helpers.py": "N=1\ndef f(): return 1\nclass K: pass\n"},
        [("import helpers", "helpers.py"), ("importlib.import_module", "outside importlib import_module")],
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "import_module loaded",
        "import importlib, helpers\ndef target(context):\n    return importlib.import_module('helpers').N\n",
        {"helpers.py": "N=1\ndef f(): return 1\nclass K: pass\n"},
        [("import helpers", "helpers.py"), ("values of helpers", "helpers.py values"), ("importlib.import_module", "outside importlib import_module")],
        files=["Stagefile", "helpers.py"],
    ),
    Case(
        "import_module library",
        "import importlib\ndef target(context):\n    return importlib.import_module('json').N\n",
        {},
        [("importlib.import_module", "outside importlib import_module")],
    ),
    Case(
        "import_module nowhere",
        "import importlib\ndef target(context):\n    return importlib.import_module('nowhere').N\n",
        {},
        [("importlib.import_module", "outside importlib import_module")],
        said=["`Stagefile:target()` uses `importlib.import_module`, which can reach any code: runs always"],
        flags="!",
    ),
    Case(
        "globals",
        "N=1\ndef target(context):\n    return globals()\n",
        {},
        [("globals", "Stagefile values"), ("globals", "outside builtins globals")],
        said=["`Stagefile:target()` calls globals(): all that `Stagefile` holds counts"],
    ),
    Case(
        "reads text",
        "import inspect\ndef target(context):\n    return inspect.getfile(context)\n",
        {},
        [("inspect.getfile", "outside inspect getfile")],
        flags="t",
    ),
    Case(
        "reads text from",
        "from linecache import getline\ndef target(context):\n    return getline(context)\n",
        {},
        [("getline", "outside linecache getline")],
        flags="t",
    ),
    Case(
        "reads types",
        "def target(context):\n    return context.__annotations__\n",
        {},
        [],
        flags="h",
    ),
    Case(
        "subclasses",
        "def target(context):\n    return int.__subclasses__()\n",
        {},
        [("int", "outside builtins int")],
        flags="h",
    ),
    Case(
        "loader",
        "from importlib.machinery import SourceFileLoader\ndef target(context):\n    return SourceFileLoader\n",
        {},
        [("SourceFileLoader", "outside _frozen_importlib_external SourceFileLoader")],
        said=["`Stagefile:target()` uses `SourceFileLoader`, which can reach any code: runs always"],
        flags="!",
    ),
    Case(
        "late module of modules",
        "def target(context):\n    import sys\n    return sys.modules\n",
        {},
        [],
        said=["`Stagefile:target()` uses `sys.modules`, which can reach any code: runs always"],
        flags="!",
    ),
    Case(
        "late builtin eval",
        "def target(context):\n    import builtins\n    return builtins.eval(context)\n",
        {},
        [],
        said=["`Stagefile:target()` uses `builtins.eval`, which can reach any code: runs always", "`Stagefile:target()` uses `eval`, which can reach any code: runs always"],
        flags="!",
    ),
    Case(
        "late locate",
        "def target(context):\n    from pydoc import locate as l\n    return l(context)\n",
        {},
        [],
        said=["`Stagefile:target()` uses `l`, which can reach any code: runs always"],
        flags="!",
    ),
    Case(
        "late locate module",
        "def target(context):\n    import pydoc\n    return pydoc.locate(context), pydoc.help\n",
        {},
        [],
        said=["`Stagefile:target()` uses `pydoc.locate`, which can reach any code: runs always"],
        flags="!t",
    ),
    Case(
        "reload name",
        "def target(context):\n    import importlib\n    return importlib.reload(context)\n",
        {},
        [],
        said=["`Stagefile:target()` uses `reload`, which can reach any code: runs always"],
        flags="!",
    ),
]
# fmt: on


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_function_loads_has_an_edge_of_its_name(tmp_path: Path, case: Case) -> None:
    root = tmp_path / "project-a"
    root.mkdir()
    module = load(root, {"Stagefile": case.text, **case.modules})
    graph = Graph(str(root), FileSources())

    top = graph.link(module.target, "the callable")
    graph.complete(top)

    below = reachable(top)
    assert {*case.edges} == {(role, shown(graph, one)) for role, one in top.edges}
    modules = [one for one in below[1:] if one.label.endswith(".py") and one.edges]
    assert case.further == [
        (one.label, sorted(shown(graph, end) for _, end in one.edges)) for one in modules
    ]
    assert case.said == sorted({text for one in below for text in one.fallbacks})
    flags = [("!", "always"), ("t", "reads_text"), ("h", "reads_types")]
    assert case.flags == "".join(
        flag for flag, name in flags if any(getattr(one, name) for one in below)
    )
    assert case.files == sorted({path for one in below for path in one.files})
    assert case.absent == sorted({path for one in below for path in one.absent})
