# ruff: noqa: UP031 - the sources in here are full of braces
from __future__ import annotations

import io
import py_compile
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import xxhash._xxhash
from attrs import frozen
from identity_kit import F, Files, fresh_modules, identity_of, load

from stagemake.fingerprint.function import FunctionIdentifier, FunctionIdentity

__all__ = ["fresh_modules"]


@frozen
class Fixed:
    """Says the same of every Stagefile."""

    text: str

    def text_of(self, filename: str) -> str | None:
        return self.text if filename.endswith("Stagefile") else None


@frozen
class Row:
    title: str
    before: Files
    after: Files
    same: bool = False


def in_helpers(
    before: str, after: str, stagefile: str = "import helpers\ndef target(c): return helpers.f(c)\n"
) -> tuple[Files, Files]:
    return (
        {"Stagefile": stagefile, "helpers.py": before},
        {"Stagefile": stagefile, "helpers.py": after},
    )


LANGUAGE = "words = {'__name__': 'stagemake.words'}\nexec('def stage(**kw): return lambda f: f', words)\nstage = words['stage']\n"
# fmt: off
ROWS: list[Row] = [
    # The table of the research: what is edited, and whether the stage has to run again.
    Row("body", F + "    return 1\n", F + "    return 2\n"),
    Row("helper in the same file", "def f(): return 1\n" + F + "    return f()\n", "def f(): return 2\n" + F + "    return f()\n"),
    Row("helper in an imported module", *in_helpers("def f(x): return 1\n", "def f(x): return 2\n")),
    Row("module global it reads", "N = 1\n" + F + "    return N\n", "N = 2\n" + F + "    return N\n"),
    Row("default argument", "def target(c, n=1): return n\n", "def target(c, n=2): return n\n"),
    Row("default from a global", "N = 1\ndef target(c, n=N): return n\n", "N = 2\ndef target(c, n=N): return n\n"),
    Row("keyword-only default from a global", "N = 1\ndef target(c, *, n=N): return n\n", "N = 2\ndef target(c, *, n=N): return n\n"),
    Row("comment only", F + "    return 1\n", F + "    # why\n    return 1  # because\n", same=True),
    Row("docstring only", F + '    """One."""\n    return 1\n', F + '    """Two."""\n    return 1\n', same=True),
    Row("docstring added", F + "    return 1\n", F + '    """Two."""\n    return 1\n', same=True),
    # What must not matter.
    Row("moved to other lines", F + "    return 1\n", "\n\nimport os\nX = 3\n\n" + F + "    return 1\n", same=True),
    Row("reformatted", F + "    return [1, 2]\n", F + "    return [\n        1,\n        2,\n    ]\n", same=True),
    Row("quotes and prefixes", F + '    return \'a\' + "b"\n', F + "    return u'''a''' + 'b'\n", same=True),
    Row("unrelated function in the same file", F + "    return 1\ndef other(): return 1\n", F + "    return 1\ndef other(): return 2\n", same=True),
    Row("unrelated global in the same file", "M = 1\n" + F + "    return 1\n", "M = 2\n" + F + "    return 1\n", same=True),
    Row("unrelated function of a helper module", *in_helpers("def f(x): return 1\ndef g(): return 1\n", "def f(x): return 1\ndef g(): return 2\n"), same=True),
    Row("helper's docstring and comments", *in_helpers('def f(x):\n    "a"\n    return 1\n', "def f(x):\n    # b\n    return 1\n"), same=True),
    Row("order of a dict, which the code can see", "D = {'a': 1, 'b': 2}\n" + F + "    return D\n", "D = {'b': 2, 'a': 1}\n" + F + "    return D\n"),
    Row("set built in another order", "D = {'x', 'y', 'z'}\n" + F + "    return D\n", "D = {'z', 'y', 'x'}\n" + F + "    return D\n", same=True),
    Row("global that a local name shadows", "n = 1\n" + F + "    n = 5\n    return n\n", "n = 2\n" + F + "    n = 5\n    return n\n", same=True),
    Row("global that an argument shadows", "n = 1\ndef target(n): return n\n", "n = 2\ndef target(n): return n\n", same=True),
    Row("global that a comprehension variable shadows", "n = 1\n" + F + "    return [n for n in (1, 2)]\n", "n = 2\n" + F + "    return [n for n in (1, 2)]\n", same=True),
    Row("global that a with, except, import or match shadows", "a = b = c = d = 1\n" + F + "    with open(context) as a: a\n    try: pass\n    except OSError as b: b\n    import os as c; c\n    match context:\n        case [d, *_]: return d\n", "a = b = c = d = 2\n" + F + "    with open(context) as a: a\n    try: pass\n    except OSError as b: b\n    import os as c; c\n    match context:\n        case [d, *_]: return d\n", same=True),
    Row("annotation's class, which is not run", "class A:\n    x = 1\ndef target(c: A) -> A: return 1\n", "class A:\n    x = 2\ndef target(c: A) -> A: return 1\n", same=True),
    Row("path of the checkout in a global", "import os\nHERE = os.path.dirname(__file__)\n" + F + "    return HERE, __file__\n", "import os\nHERE = os.path.dirname(__file__)\n" + F + "    return HERE, __file__\n", same=True),
    Row("path object of the checkout", "import pathlib\nHERE = pathlib.Path(__file__).parent\n" + F + "    return HERE / 'x'\n", "import pathlib\nHERE = pathlib.Path(__file__).parent\n" + F + "    return HERE / 'x'\n", same=True),
    # Data.
    Row("1, 1.0 and True differ", "N = 1\n" + F + "    return N\n", "N = True\n" + F + "    return N\n"),
    Row("deep inside a structure", "D = {'a': [1, (2, {3})]}\n" + F + "    return D\n", "D = {'a': [1, (2, {4})]}\n" + F + "    return D\n"),
    Row("list in another order", "D = [1, 2]\n" + F + "    return D\n", "D = [2, 1]\n" + F + "    return D\n"),
    Row("compiled pattern", "import re\nR = re.compile('a')\n" + F + "    return R\n", "import re\nR = re.compile('b')\n" + F + "    return R\n"),
    Row("function in a dict", "def a(): return 1\nD = {'a': a}\n" + F + "    return D['a']()\n", "def a(): return 2\nD = {'a': a}\n" + F + "    return D['a']()\n"),
    Row("functions swapped in a dict", "def a(): return 1\ndef b(): return 2\nD = {'x': a, 'y': b}\n" + F + "    return D['x']()\n", "def a(): return 1\ndef b(): return 2\nD = {'x': b, 'y': a}\n" + F + "    return D['x']()\n"),
    Row("lambdas swapped in a list", "D = [lambda: 1, lambda: 2]\n" + F + "    return D[0]()\n", "D = [lambda: 1, lambda: 2][::-1]\n" + F + "    return D[0]()\n"),
    Row("global counter it changes", "n = 0\n" + F + "    global n\n    n += 1\n    return n\n", "n = 5\n" + F + "    global n\n    n += 1\n    return n\n"),
    Row("value imported from a module", *in_helpers("LIMIT = 1\n", "LIMIT = 2\n", "from helpers import LIMIT\n" + F + "    return LIMIT\n")),
    Row("value read through a module", *in_helpers("LIMIT = 1\n", "LIMIT = 2\n", "import helpers as h\n" + F + "    return h.LIMIT\n")),
    Row("value computed when the module is imported", *in_helpers("def make(): return 1\nLIMIT = make()\n", "def make(): return 2\nLIMIT = make()\n", "import helpers as h\n" + F + "    return h.LIMIT\n")),
    # Reached through others.
    Row("helper of a helper", *in_helpers("def g(x): return 1\ndef f(x): return g(x)\n", "def g(x): return 2\ndef f(x): return g(x)\n")),
    Row("mutual recursion", *in_helpers("def g(x): return f(x)\ndef f(x): return g(x) + 1\n", "def g(x): return f(x)\ndef f(x): return g(x) + 2\n")),
    Row("global of a helper", *in_helpers("N = 1\ndef f(x): return N\n", "N = 2\ndef f(x): return N\n")),
    Row("default of a helper", *in_helpers("def f(x, n=1): return n\n", "def f(x, n=2): return n\n")),
    Row("helper under an alias", *in_helpers("def f(x): return 1\n", "def f(x): return 2\n", "from helpers import f as g\nh = g\n" + F + "    return h(1)\n")),
    Row("helper by star import", *in_helpers("def f(x): return 1\n", "def f(x): return 2\n", "from helpers import *\n" + F + "    return f(1)\n")),
    Row("helper in a package", {"Stagefile": "import pkg.sub\n" + F + "    return pkg.sub.f()\n", "pkg/__init__.py": "", "pkg/sub.py": "def f(): return 1\n"}, {"Stagefile": "import pkg.sub\n" + F + "    return pkg.sub.f()\n", "pkg/__init__.py": "", "pkg/sub.py": "def f(): return 2\n"}),
    Row("helper by getattr with a fixed name", *in_helpers("def f(x): return 1\n", "def f(x): return 2\n", "import helpers\n" + F + "    return getattr(helpers, 'f')(1)\n")),
    Row("helper by getattr with a computed name", *in_helpers("def f(x): return 1\n", "def f(x): return 2\n", "import helpers\n" + F + "    return getattr(helpers, context)(1)\n")),
    Row("module passed on as a value", *in_helpers("def f(x): return 1\n", "def f(x): return 2\n", "import helpers\n" + F + "    return str(helpers)\n")),
    Row("condition that chooses a definition", "if True:\n    def f(): return 1\nelse:\n    def f(): return 2\n" + F + "    return f()\n", "if False:\n    def f(): return 1\nelse:\n    def f(): return 2\n" + F + "    return f()\n"),
    Row("condition that chooses an import", *in_helpers("def f(x): return 1\ndef g(x): return 1 + 0\n", "def f(x): return 1\ndef g(x): return 1 + 0\n", "import helpers\nf = helpers.f\n" + F + "    return f(1)\n")[:1], {"Stagefile": "import helpers\nf = helpers.g\n" + F + "    return f(1)\n", "helpers.py": "def f(x): return 1\ndef g(x): return 1 + 0\n"}),
    Row("patched function", *in_helpers("def f(x): return 1\ndef g(x): return 7\n", "def f(x): return 1\ndef g(x): return 8\n", "import helpers\nhelpers.f = helpers.g\n" + F + "    return helpers.f(1)\n")),
    Row("function of the library patched", "import colorsys\ndef mine(x): return 1\ncolorsys.rgb_to_hsv = mine\n" + F + "    return colorsys.rgb_to_hsv(1)\n", "import colorsys\ndef mine(x): return 2\ncolorsys.rgb_to_hsv = mine\n" + F + "    return colorsys.rgb_to_hsv(1)\n"),
    Row("other function of the library", "from math import sin as f\n" + F + "    return f(1)\n", "from math import cos as f\n" + F + "    return f(1)\n"),
    Row("other module of the library", "import math as m\n" + F + "    return m.sqrt(1)\n", "import cmath as m\n" + F + "    return m.sqrt(1)\n"),
    Row("module of the project that shadows the library's", *[{"Stagefile": "import statistics\n" + F + "    return statistics.f()\n", "statistics.py": f"def f(): return {n}\n"} for n in (1, 2)]),
    # Late imports.
    Row("import inside the body", *in_helpers("def f(x): return 1\n", "def f(x): return 2\n", F + "    import helpers\n    return helpers.f(1)\n")),
    Row("from-import inside the body", *in_helpers("def f(x): return 1\n", "def f(x): return 2\n", F + "    from helpers import f\n    return f(1)\n")),
    Row("import inside a nested function", *in_helpers("def f(x): return 1\n", "def f(x): return 2\n", F + "    def g():\n        from helpers import f\n        return f(1)\n    return g()\n")),
    Row("what a late import imports", *[{"Stagefile": F + "    import helpers\n    return helpers.f(1)\n", "helpers.py": "import deeper\nf = deeper.f\n", "deeper.py": f"def f(x): return {n}\n"} for n in (1, 2)]),
    Row("package's __init__ of a late import", *[{"Stagefile": F + "    import pkg.sub\n", "pkg/__init__.py": f"X = {n}\n", "pkg/sub.py": ""} for n in (1, 2)]),
    Row("submodule taken from a package late", *[{"Stagefile": F + "    from pkg import sub\n", "pkg/__init__.py": "", "pkg/sub.py": f"X = {n}\n"} for n in (1, 2)]),
    Row("relative late import in a helper", *[{"Stagefile": "from pkg.a import f\n" + F + "    return f()\n", "pkg/__init__.py": "", "pkg/a.py": "def f():\n    from . import b\n    return b.X\n", "pkg/b.py": f"X = {n}\n"} for n in (1, 2)]),
    Row("docstring of a late import", *in_helpers('"""One."""\n', '"""Two."""\n', F + "    import helpers\n"), same=True),
    Row("importlib with a fixed name", *in_helpers("X = 1\n", "X = 2\n", "import importlib\n" + F + "    return importlib.import_module('helpers').X\n")),
    # Closures, lambdas, partials.
    Row("closure value", "def make(n):\n    def inner(c): return n\n    return inner\ntarget = make(1)\n", "def make(n):\n    def inner(c): return n\n    return inner\ntarget = make(2)\n"),
    Row("Prefect 23062: equal text, other closure", "def make_scaler(k):\n    def scale(x): return x * k\n    return scale\ntarget = make_scaler(2)\n", "def make_scaler(k):\n    def scale(x): return x * k\n    return scale\ntarget = make_scaler(3)\n"),
    Row("closure over a function", "def make(f):\n    def inner(c): return f()\n    return inner\ndef a(): return 1\ntarget = make(a)\n", "def make(f):\n    def inner(c): return f()\n    return inner\ndef a(): return 2\ntarget = make(a)\n"),
    Row("closure over a loop variable", "fs = []\nfor i in range(3):\n    def f(c, i=i): return i\n    fs.append(f)\ntarget = fs[0]\n", "fs = []\nfor i in range(3):\n    def f(c, i=i): return i\n    fs.append(f)\ntarget = fs[1]\n"),
    Row("swapped closures behind equal names", "def w(f):\n    def g(*a): return f(*a)\n    return g\na = w(lambda: 1); b = w(lambda: 2)\n" + F + "    return a() - b()\n", "def w(f):\n    def g(*a): return f(*a)\n    return g\nb = w(lambda: 1); a = w(lambda: 2)\n" + F + "    return a() - b()\n"),
    Row("nested function", F + "    def g(): return 1\n    return g()\n", F + "    def g(): return 2\n    return g()\n"),
    Row("global read in a nested lambda", "N = 1\n" + F + "    return (lambda: (lambda: N))()()\n", "N = 2\n" + F + "    return (lambda: (lambda: N))()()\n"),
    Row("global read in a comprehension's condition", "N = 1\n" + F + "    return [x for x in context if x > N]\n", "N = 2\n" + F + "    return [x for x in context if x > N]\n"),
    Row("first source of a comprehension is read outside", "x = [1]\n" + F + "    return [x for x in x]\n", "x = [2]\n" + F + "    return [x for x in x]\n"),
    Row("default of a nested function from a global", "N = 1\n" + F + "    def g(n=N): return n\n    return g()\n", "N = 2\n" + F + "    def g(n=N): return n\n    return g()\n"),
    Row("global read in a nested class body", "N = 1\n" + F + "    class A:\n        n = N\n    return A.n\n", "N = 2\n" + F + "    class A:\n        n = N\n    return A.n\n"),
    Row("lambda", "target = lambda c: 1\n", "target = lambda c: 2\n"),
    Row("two lambdas on one line", "a, target = (lambda c: 1), (lambda c: 2)\n", "target, a = (lambda c: 1), (lambda c: 2)\n"),
    Row("lambda beside an edited one", "a, target = (lambda c: 1), (lambda c: c.x)\n", "a, target = (lambda c: 3), (lambda c: c.x)\n", same=True),
    Row("lambda within a lambda", "target = (lambda: lambda c: c + 1)()\n", "target = (lambda: lambda c: c + 2)()\n"),
    Row("joblib 1497: argument of a partial", "import functools\ndef f(a, b): return a\ntarget = functools.partial(f, b=1)\n", "import functools\ndef f(a, b): return a\ntarget = functools.partial(f, b=2)\n"),
    Row("function of a partial", "import functools\ndef f(a, b): return a\ntarget = functools.partial(f, b=1)\n", "import functools\ndef f(a, b): return b\ntarget = functools.partial(f, b=1)\n"),
    # Decorators.
    Row("wrapped by a decorator", "import functools\ndef d(f):\n    @functools.wraps(f)\n    def w(*a): return f(*a)\n    return w\n@d\n" + F + "    return 1\n", "import functools\ndef d(f):\n    @functools.wraps(f)\n    def w(*a): return f(*a)\n    return w\n@d\n" + F + "    return 2\n"),
    Row("wrapper of a decorator", "def d(f):\n    def w(*a): return f(*a)\n    return w\n@d\n" + F + "    return 1\n", "def d(f):\n    def w(*a): return f(*a) + 1\n    return w\n@d\n" + F + "    return 1\n"),
    Row("outer part of a decorator", "def d(f): return f\n@d\n" + F + "    return 1\n", "def d(f): print(f); return f\n@d\n" + F + "    return 1\n"),
    Row("argument of a decorator", "def d(n):\n    def e(f):\n        def w(*a): return f(*a) + n\n        return w\n    return e\n@d(1)\n" + F + "    return 1\n", "def d(n):\n    def e(f):\n        def w(*a): return f(*a) + n\n        return w\n    return e\n@d(2)\n" + F + "    return 1\n"),
    Row("lru_cache on a helper", "import functools\n@functools.lru_cache\ndef f(): return 1\n" + F + "    return f()\n", "import functools\n@functools.lru_cache\ndef f(): return 2\n" + F + "    return f()\n"),
    Row("contextmanager helper", "import contextlib\n@contextlib.contextmanager\ndef f(): yield 1\n" + F + "    with f() as x: return x\n", "import contextlib\n@contextlib.contextmanager\ndef f(): yield 2\n" + F + "    with f() as x: return x\n"),
    Row("singledispatch implementation", *["import functools\n@functools.singledispatch\ndef f(x): return 0\n@f.register\n" + f"def _(x: int): return {n}\n" + F + "    return f(1)\n" for n in (1, 2)]),
    Row("arguments of the stage decorator are the stage's", LANGUAGE + "@stage(inputs=['a'])\n" + F + "    return 1\n", LANGUAGE + "@stage(inputs=['b', 'c'])\n" + F + "    return 1\n", same=True),
    Row("attribute of a function", F + "    return target.n\ntarget.n = 1\n", F + "    return target.n\ntarget.n = 2\n"),
    # Classes.
    Row("method", "class A:\n    def f(self): return 1\n" + F + "    return A().f()\n", "class A:\n    def f(self): return 2\n" + F + "    return A().f()\n"),
    Row("method's docstring", 'class A:\n    "a"\n    def f(self):\n        "b"\n' + F + "    return A()\n", 'class A:\n    "c"\n    def f(self):\n        "d"\n' + F + "    return A()\n", same=True),
    Row("class attribute", "class A:\n    n = 1\n" + F + "    return A.n\n", "class A:\n    n = 2\n" + F + "    return A.n\n"),
    Row("class attribute computed from a global", "N = 1\nclass A:\n    n = N\n" + F + "    return A.n\n", "N = 2\nclass A:\n    n = N\n" + F + "    return A.n\n"),
    Row("global read by a method", "N = 1\nclass A:\n    def f(self): return N\n" + F + "    return A().f()\n", "N = 2\nclass A:\n    def f(self): return N\n" + F + "    return A().f()\n"),
    Row("base class", "class B:\n    def f(self): return 1\nclass A(B): pass\n" + F + "    return A().f()\n", "class B:\n    def f(self): return 2\nclass A(B): pass\n" + F + "    return A().f()\n"),
    Row("metaclass", "class M(type):\n    def f(cls): return 1\nclass A(metaclass=M): pass\n" + F + "    return A.f()\n", "class M(type):\n    def f(cls): return 2\nclass A(metaclass=M): pass\n" + F + "    return A.f()\n"),
    Row("property", "class A:\n    @property\n    def f(self): return 1\n" + F + "    return A().f\n", "class A:\n    @property\n    def f(self): return 2\n" + F + "    return A().f\n"),
    Row("cached property reads a global", *[f"import functools\nN = {n}\nclass A:\n    @functools.cached_property\n    def f(self): return N\n" + F + "    return A().f\n" for n in (1, 2)]),
    Row("static method reads a global", *[f"N = {n}\nclass A:\n    @staticmethod\n    def f(): return N\n" + F + "    return A.f()\n" for n in (1, 2)]),
    Row("class method reads a global", *[f"N = {n}\nclass A:\n    @classmethod\n    def f(cls): return N\n" + F + "    return A.f()\n" for n in (1, 2)]),
    Row("patched method", *[f"class A:\n    def f(self): return 0\ndef g(self): return {n}\nA.f = g\n" + F + "    return A().f()\n" for n in (1, 2)]),
    Row("super() reaches the base", *[f"class B:\n    def f(self): return {n}\nclass A(B):\n    def f(self): return super().f()\n" + F + "    return A().f()\n" for n in (1, 2)]),
    Row("dataclass default", *[f"import dataclasses\n@dataclasses.dataclass\nclass A:\n    n: int = {n}\n" + F + "    return A()\n" for n in (1, 2)]),
    Row("dataclass default factory", *[f"import dataclasses\ndef make(): return {n}\n@dataclasses.dataclass\nclass A:\n    n: int = dataclasses.field(default_factory=make)\n" + F + "    return A()\n" for n in (1, 2)]),
    Row("dataclass option", *[f"import dataclasses\n@dataclasses.dataclass(order={n})\nclass A:\n    n: int = 1\n" + F + "    return A()\n" for n in (True, False)]),
    Row("attrs class default", *[f"import attrs\n@attrs.define\nclass A:\n    n: int = {n}\n" + F + "    return A()\n" for n in (1, 2)]),
    Row("attrs converter", *[f"import attrs\ndef c(x): return x + {n}\n@attrs.frozen\nclass A:\n    n: int = attrs.field(default=1, converter=c)\n" + F + "    return A()\n" for n in (1, 2)]),
    Row("enum member", *[f"import enum\nclass E(enum.Enum):\n    A = {n}\n" + F + "    return E.A\n" for n in (1, 2)]),
    Row("enum method", *[f"import enum\nclass E(enum.Enum):\n    A = 1\n    def f(self): return {n}\n" + F + "    return E.A.f()\n" for n in (1, 2)]),
    Row("named tuple class", *[f"import typing\nclass P(typing.NamedTuple):\n    x: int = {n}\n" + F + "    return P()\n" for n in (1, 2)]),
    Row("named tuple fields", *[f"import collections\nP = collections.namedtuple('P', '{n}')\n" + F + "    return P(1, 2)\n" for n in ("a b", "b a")]),
    Row("field of a global instance", *[f"class A:\n    def __init__(self, n): self.n = n\nI = A({n})\n" + F + "    return I.n\n" for n in (1, 2)]),
    Row("class of a global instance", *[f"class A:\n    def f(self): return {n}\nI = A()\n" + F + "    return I.f()\n" for n in (1, 2)]),
    Row("field of a global dataclass instance", *[f"import dataclasses\n@dataclasses.dataclass\nclass A:\n    n: int\nI = A({n})\n" + F + "    return I.n\n" for n in (1, 2)]),
    Row("callable object", *[f"class A:\n    def __call__(self, c): return {n}\ntarget = A()\n" for n in (1, 2)]),
    Row("bound method's instance", *[f"class A:\n    def __init__(self, n): self.n = n\n    def f(self, c): return self.n\ntarget = A({n}).f\n" for n in (1, 2)]),
    Row("bound method's code", *[f"class A:\n    def f(self, c): return {n}\ntarget = A().f\n" for n in (1, 2)]),
    Row("class made by type()", *[f"A = type('A', (), {{'n': {n}}})\n" + F + "    return A.n\n" for n in (1, 2)]),
    Row("instances that refer to each other", *[f"class A: pass\na, b = A(), A()\na.o, b.o, b.n = b, a, {n}\n" + F + "    return a.o.n\n" for n in (1, 2)]),
    # Other kinds of functions.
    Row("generator", F + "    yield 1\n", F + "    yield 2\n"),
    Row("return against yield", F + "    return 1\n", F + "    yield 1\n"),
    Row("async body", "async def target(c): return 1\n", "async def target(c): return 2\n"),
    Row("async against plain", "async def target(c): return 1\n", "def target(c): return 1\n"),
    Row("awaited helper", *[f"async def f(): return {n}\nasync def target(c): return await f()\n" for n in (1, 2)]),
    Row("nested format specification", F + "    return f'{context:{4}.{2}}'\n", F + "    return f'{context:{4}.{3}}'\n"),
    # Docstrings and text that the code can see.
    Row("own docstring it loads", *[F + f'    "{n}"\n    return target.__doc__\n' for n in (1, 2)]),
    Row("helper's docstring that something reachable loads", *[f'def f():\n    "{n}"\ndef g(x): return x.__doc__\n' + F + "    return g(f)\n" for n in (1, 2)]),
    Row("inspect sees comments", *[f"import inspect\ndef f():\n    return 1  # {n}\n" + F + "    return inspect.getsource(f)\n" for n in (1, 2)]),
    Row("module docstring by name", *[f'"{n}"\n' + F + "    return __doc__\n" for n in (1, 2)]),
    # All sorts.
    Row("method of a built-in value", "f = 'a'.upper\n" + F + "    return f()\n", "f = 'b'.upper\n" + F + "    return f()\n"),
    Row("operator.itemgetter", "import operator\nf = operator.itemgetter(1)\n" + F + "    return f(context)\n", "import operator\nf = operator.itemgetter(2)\n" + F + "    return f(context)\n"),
    Row("method of nested class", *["class A:\n    class B:\n        def f(self): return %d\n" % n + F + "    return A.B().f()\n" for n in (1, 2)]),
    Row("descriptor class", *["class D:\n    def __get__(self, o, k): return %d\nclass A:\n    x = D()\n" % n + F + "    return A().x\n" for n in (1, 2)]),
    Row("class decorator", *["def d(c):\n    c.n = %d\n    return c\n@d\nclass A: pass\n" % n + F + "    return A.n\n" for n in (1, 2)]),
    Row("class that a decorator replaced", *["def d(c): return len(c.__name__) + %d\n@d\nclass A: pass\n" % n + F + "    return A\n" for n in (1, 2)]),
    Row("instance with slots", *["class A:\n    __slots__=('x',)\n    def __init__(self): self.x=%d\nI=A()\n" % n + F + "    return I.x\n" for n in (1, 2)]),
    Row("factory of a defaultdict", *["import collections\ndef g(): return %d\nD=collections.defaultdict(g)\n" % n + F + "    return D['a']\n" for n in (1, 2)]),
    Row("list subclass", *["class L(list):\n    def f(self): return %d\nD=L([1])\n" % n + F + "    return D.f()\n" for n in (1, 2)]),
    Row("dict subclass data", *["class L(dict): pass\nD=L(a=%d)\n" % n + F + "    return D\n" for n in (1, 2)]),
    Row("exception class", *["class E(Exception):\n    code = %d\n" % n + F + "    raise E\n" for n in (1, 2)]),
    Row("lock", *["import threading\nL=threading.Lock(); M=threading.RLock(); V=threading.local()\nN=%d\n" % n + F + "    with L, M: return N, V\n" for n in (1, 2)]),
    Row("logger", *["import logging\nL=logging.getLogger('%s')\n" % n + F + "    L.info('x')\n" for n in "ab"]),
    Row("environ", "import os\n" + F + "    return os.environ['A']\n", "import os\nos.environ['ZZQ']='1'\n" + F + "    return os.environ['A']\n", same=True),
    Row("from environ", "from os import environ\n" + F + "    return environ['A']\n", "from os import environ\nenviron['ZZQ']='2'\n" + F + "    return environ['A']\n", same=True),
    Row("print sys.stderr", "import sys\n" + F + "    print(1, file=sys.stderr)\n", "import sys\n" + F + "    print(2, file=sys.stderr)\n"),
    Row("random instance", *["import random\nR=random.Random(%d)\n" % n + F + "    return R.random()\n" for n in (1, 2)]),
    Row("sentinel", "S=object()\n" + F + "    return S\n", "\nS=object()\n" + F + "    return S\n", same=True),
    Row("functions in a set", *["def a(): return 1\ndef b(): return %d\nS={a,b}\n" % n + F + "    return [f() for f in S]\n" for n in (1, 2)]),
    Row("property setter", *["class A:\n    @property\n    def x(self): return 1\n    @x.setter\n    def x(self, v): self.y = %d\n" % n + F + "    return A()\n" for n in (1, 2)]),
    Row("mangled", *["class A:\n    __n = %d\n    def f(self): return self.__n\n" % n + F + "    return A().f()\n" for n in (1, 2)]),
    Row("type hints alias", *["import typing\nT = typing.Union[int, %s]\n" % n + F + "    return T\n" for n in ("str", "bytes")]),
    Row("union", *["T = int | %s\n" % n + F + "    return isinstance(1,T)\n" for n in ("str", "bytes")]),
    Row("typevar", *["import typing\nT = typing.TypeVar('%s')\n" % n + F + "    return T\n" for n in ("T", "U")]),
    Row("partialmethod", *["import functools\nclass A:\n    def g(self,n): return n\n    f=functools.partialmethod(g,%d)\n" % n + F + "    return A().f()\n" for n in (1, 2)]),
    Row("generator fn global", *["def g():\n    yield %d\n" % n + F + "    yield from g()\n" for n in (1, 2)]),
    Row("decorator of another module", *[{"Stagefile": "import helpers\n@helpers.d\n" + F + "    return 1\n", "helpers.py": "def d(f):\n    def w(*a): return f(*a)+%d\n    return w\n" % n} for n in (1, 2)]),
    Row("late import that shadows the library", *[{"Stagefile": F + "    import tabnanny\n    return tabnanny.x\n", "tabnanny.py": "x=%d\n" % n} for n in (1, 2)]),
    Row("namespace package late", *[{"Stagefile": F + "    from ns import m\n    return m.x\n", "ns/m.py": "x=%d\n" % n} for n in (1, 2)]),
    Row("namespace package late dotted", *[{"Stagefile": F + "    import ns.m\n    return ns.m.x\n", "ns/m.py": "x=%d\n" % n} for n in (1, 2)]),
    Row("module of a namespace package", *[{"Stagefile": "import ns2.m\n" + F + "    return ns2.m.x\n", "ns2/m.py": "x=%d\n" % n} for n in (1, 2)]),
    Row("vars()", *[{"Stagefile": "import helpers\n" + F + "    return vars(helpers)[context]\n", "helpers.py": "x=%d\n" % n} for n in (1, 2)]),
    Row("module in list", *[{"Stagefile": "import helpers\nM=[helpers]\n" + F + "    return M[0].x\n", "helpers.py": "x=%d\n" % n} for n in (1, 2)]),
    Row("module in instance escape", *[{"Stagefile": "import helpers\nclass A: h = helpers\n" + F + "    return A.h.x\n", "helpers.py": "x=%d\n" % n} for n in (1, 2)]),
    Row("closure module", *[{"Stagefile": "def mk():\n    import helpers\n    def f(context): return helpers.x\n    return f\ntarget=mk()\n", "helpers.py": "x=%d\n" % n} for n in (1, 2)]),
    Row("default is module", *[{"Stagefile": "import helpers\ndef target(c, h=helpers): return h.x\n", "helpers.py": "x=%d\n" % n} for n in (1, 2)]),
    Row("cache around a global function", *["import functools\ndef g(): return %d\nf=functools.cache(g)\n" % n + F + "    return f()\n" for n in (1, 2)]),
    Row("module with a __getattr__", *[{"Stagefile": "import helpers\n" + F + "    return helpers.zz\n", "helpers.py": "def __getattr__(n): return %d\n" % n} for n in (1, 2)]),
    Row("star-import in late", *[{"Stagefile": F + "    import helpers\n    return helpers.x\n", "helpers.py": "from deep import *\n", "deep.py": "x=%d\n" % n} for n in (1, 2)]),
    Row("global in an asynchronous comprehension", *["N=%d\nasync def target(c): return [x async for x in c if await x(N)]\n" % n for n in (1, 2)]),
    Row("attribute of a helper function", *["def h(): return h.n\nh.n=%d\n" % n + F + "    return h()\n" for n in (1, 2)]),
    Row("iter over enum", *["import enum\nclass E(enum.Enum):\n    A=1\n    B=%d\n" % n + F + "    return list(E)\n" for n in (3, 2)]),
    Row("instance that holds a lock", *["import threading\nclass A:\n    def __init__(self): self.l=threading.Lock(); self.n=%d\nI=A()\n" % n + F + "    return I.n\n" for n in (1, 2)]),
    Row("ABC", *["import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\nclass B(A):\n    def f(self): return %d\n" % n + F + "    return B().f()\n" for n in (1, 2)]),
    Row("instance of an attrs class", *["import attrs\n@attrs.define\nclass A:\n    n: int\nI=A(%d)\n" % n + F + "    return I\n" for n in (1, 2)]),
    Row("path in a list", *["import pathlib\nP=[pathlib.Path('%s')]\n" % n + F + "    return P\n" for n in "ab"]),
    Row("type variable, moved to another line", "import typing\nT = typing.TypeVar('T')\n" + F + "    return T\n", "import typing\n\n\nT = typing.TypeVar('T')\n" + F + "    return T\n", same=True),
    # Dynamic.
    Row("globals() sees every global", *[f"N = {n}\n" + F + "    return globals()[context]\n" for n in (1, 2)]),
    Row("Streamlit: a list that was changed after its definition", *["L = []\n" + F + f"    return L\nL.append({n})\n" for n in (1, 2)]),
    Row("Hamilton: helper two modules away", *[{"Stagefile": "import a\n" + F + "    return a.f()\n", "a.py": "from b import g\ndef f(): return g()\n", "b.py": f"def g(): return {n}\n"} for n in (1, 2)]),
    Row("Snakemake 3895: value that a lambda reads", *[f"config = {{'v': {n}}}\nf = lambda w: config['v']\n" + F + "    return f(1)\n" for n in (1, 2)]),
]
# fmt: on


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_an_edit_changes_the_identity_exactly_when_it_can_matter(tmp_path: Path, row: Row) -> None:
    before = identity_of(tmp_path / "project-before", row.before)

    after = identity_of(tmp_path / "project-after", row.after)

    assert row.same == (before.source == after.source), (before, after)
    assert row.same == (before.components == after.components)
    assert not before.always


# fmt: off
FALLBACKS = [
    ("a name that is defined nowhere", F + "    return nowhere\n", "`nowhere` in `Stagefile:target()` is defined nowhere: its name counts", False),
    ("a late import of nothing", F + "    import nowhere_else\n", "module `nowhere_else`, imported in `Stagefile:target()`, isn't there: its name counts", False),
    ("exec of unknown text", F + "    exec(context.text)\n", "`Stagefile:target()` uses `exec`, which can reach any code: runs always", True),
    ("eval under another name", "e = eval\n" + F + "    return e(context.text)\n", "`Stagefile:target()` uses `e`, which can reach any code: runs always", True),
    ("import of a computed name", "import importlib\n" + F + "    return importlib.import_module(context.name)\n", "`Stagefile:target()` uses `importlib.import_module`, which can reach any code: runs always", True),
    ("the same, imported late", F + "    import importlib\n    return importlib.import_module(context.name)\n", "`Stagefile:target()` uses `import_module`, which can reach any code: runs always", True),
    ("sys.modules", "import sys\n" + F + "    return sys.modules[context.name]\n", "`Stagefile:target()` uses `sys.modules`, which can reach any code: runs always", True),
    ("globals()", F + "    return globals()\n", "`Stagefile:target()` calls globals(): all that `Stagefile` holds counts", False),
    ("a module as a value", {"Stagefile": "import helpers\n" + F + "    return getattr(helpers, context.name)\n", "helpers.py": ""}, "module `helpers.py` is used as a value: all of its source and all that it holds count", False),
    ("a missing attribute of a module", {"Stagefile": "import helpers\n" + F + "    return helpers.nothing\n", "helpers.py": ""}, "`helpers.nothing` in `Stagefile:target()` is not in the module: all of it counts\nmodule `helpers.py` is used as a value: all of its source and all that it holds count", False),
    ("an open file", "handle = open(__file__)\n" + F + "    return handle.read()\n", "`Stagefile:handle` holds _io.TextIOWrapper, which has no stable content: runs always", True),
    ("an open file inside a dict", "handle = open(__file__)\nD = {'a': [handle]}\n" + F + "    return D\n", "`Stagefile:D` holds _io.TextIOWrapper at ['a'][0], which has no stable content: runs always", True),
    ("a generator", "G = (n for n in (1, 2))\n" + F + "    return next(G)\n", "`Stagefile:G` holds builtins.generator, which has no stable content: runs always", True),
    ("a socket", "import socket\nS = socket.socket()\n" + F + "    return S\n", "`Stagefile:S` holds socket.socket, which has no stable content: runs always", True),
    ("an object that refuses", "class A:\n    def __reduce_ex__(self, n): raise RuntimeError\nI = A()\n" + F + "    return I\n", "`Stagefile:I` holds Stagefile.A, which has no stable content: runs always", True),
    ("a function without source", "names = {'__name__': 'Stagefile'}\nexec('def f(): return 1', names)\nf = names['f']\n" + F + "    return f()\n", "`Stagefile:f()` has no source: its bytecode counts, on this Python version only", False),
    ("another module's eval", "import builtins\n" + F + "    return builtins.eval(context.text)\n", "`Stagefile:target()` uses `builtins.eval`, which can reach any code: runs always", True),
    ("__import__", F + "    return __import__(context.name)\n", "`Stagefile:target()` uses `__import__`, which can reach any code: runs always", True),
    ("reload", "import importlib, helpers_\n".replace("helpers_", "colorsys") + F + "    return importlib.reload(colorsys)\n", "`Stagefile:target()` uses `importlib.reload`, which can reach any code: runs always", True),
    ("runpy", "import runpy\n" + F + "    return runpy.run_path(context.name)\n", "`Stagefile:target()` uses `runpy.run_path`, which can reach any code: runs always", True),
    ("a frame", "import sys\n" + F + "    return sys._getframe(1)\n", "`Stagefile:target()` uses `sys._getframe`, which can reach any code: runs always", True),
    ("a spec from a file", "import importlib.util\n" + F + "    return importlib.util.spec_from_file_location(context.name, context.name)\n", "`Stagefile:target()` uses `importlib.util.spec_from_file_location`, which can reach any code: runs always", True),
    ("a module from a spec", "from importlib.util import module_from_spec\n" + F + "    return module_from_spec(context)\n", "`Stagefile:target()` uses `module_from_spec`, which can reach any code: runs always", True),
    ("a loader", "from importlib.machinery import SourceFileLoader\n" + F + "    return SourceFileLoader(context.name, context.name).load_module()\n", "`Stagefile:target()` uses `SourceFileLoader`, which can reach any code: runs always", True),
    ("pkgutil.resolve_name", "import pkgutil\n" + F + "    return pkgutil.resolve_name(context.name)\n", "`Stagefile:target()` uses `pkgutil.resolve_name`, which can reach any code: runs always", True),
    ("pkgutil.walk_packages", "import pkgutil\n" + F + "    return list(pkgutil.walk_packages())\n", "`Stagefile:target()` uses `pkgutil.walk_packages`, which can reach any code: runs always", True),
    ("pydoc.locate", "import pydoc\n" + F + "    return pydoc.locate(context.name)\n", "`Stagefile:target()` uses `pydoc.locate`, which can reach any code: runs always", True),
    ("inspect.stack", "import inspect\n" + F + "    return inspect.stack()\n", "`Stagefile:target()` uses `inspect.stack`, which can reach any code: runs always", True),
    ("globals of a function", "def f(): pass\n" + F + "    return f.__globals__\n", "`Stagefile:target()` uses `__globals__`, which can reach any code: runs always", True),
    ("globals of a function by getattr", "def f(): pass\n" + F + "    return getattr(f, '__globals__')\n", "`Stagefile:target()` uses `__globals__`, which can reach any code: runs always", True),
    ("globals of a frame", F + "    return context.frame.f_globals\n", "`Stagefile:target()` uses `f_globals`, which can reach any code: runs always", True),
    ("the frame of a traceback", F + "    return context.error.__traceback__.tb_frame\n", "`Stagefile:target()` uses `tb_frame`, which can reach any code: runs always", True),
    ("the built-ins as a dict", F + "    return __builtins__[context.name]\n", "`Stagefile:target()` uses `__builtins__`, which can reach any code: runs always", True),
    ("sys.modules, imported late", F + "    import sys\n    return sys.modules[context.name]\n", "`Stagefile:target()` uses `sys.modules`, which can reach any code: runs always", True),
    ("an empty closure cell", "def make():\n    def inner(c): return late\n    return inner\n    late = 1\ntarget = make()\n", "`late` in `Stagefile:make.<locals>.inner()` is not bound yet: its name counts", False),
]
# fmt: on


@pytest.mark.parametrize(
    ("files", "named", "always"), [row[1:] for row in FALLBACKS], ids=[row[0] for row in FALLBACKS]
)
def test_what_cannot_be_resolved_is_named_and_falls_back(
    tmp_path: Path, files: Files, named: str, always: bool
) -> None:
    root = tmp_path / "project-a"
    root.mkdir()
    module = load(root, files)

    identity = FunctionIdentifier(str(root)).identify(module.target)

    for value in vars(module).values():
        if isinstance(value, (io.IOBase, socket.socket)):
            value.close()
    assert tuple(named.split("\n")) == identity.fallbacks
    assert always == identity.always


def test_bytecode_stands_in_for_a_missing_source(tmp_path: Path) -> None:
    text = "names = {'__name__': 'Stagefile'}\nexec('def f(): return %d', names)\ntarget = names['f']\n"
    one = identity_of(tmp_path / "project-1", text % 1)

    two = identity_of(tmp_path / "project-2", text % 2)

    assert one.source != two.source


def test_a_plain_function_falls_back_on_nothing_and_lists_what_it_reached(tmp_path: Path) -> None:
    files = {
        "Stagefile": "import helpers, math, json\nLIMIT = 3\ndef target(context, min_rows=10):\n    return helpers.clean(math.pi, min_rows, LIMIT, json.dumps(len(context)))\n",
        "helpers.py": "import attr\nclass Table: n = 1\ndef clean(*rows): return Table(), attr.define\n",
    }

    identity = identity_of(tmp_path / "project-a", files)

    labels = [label for label, _ in identity.components]
    assert [
        label.partition(" ")[0] if label.startswith("attrs") else label for label in labels
    ] == [
        "Stagefile:LIMIT",
        "Stagefile:target()",
        "Stagefile:target() default of min_rows",
        "attrs",
        "helpers.py:Table",
        "helpers.py:Table.n",
        "helpers.py:clean()",
    ]
    assert identity.fallbacks == ()
    assert identity.files == ("Stagefile", "helpers.py")
    assert not identity.always


def test_only_the_changed_part_changes_its_digest(tmp_path: Path) -> None:
    stagefile = "import helpers\nN = 1\ndef target(c): return helpers.f(N)\n"
    before = identity_of(
        tmp_path / "project-1", {"Stagefile": stagefile, "helpers.py": "def f(x): return 1\n"}
    )

    after = identity_of(
        tmp_path / "project-2", {"Stagefile": stagefile, "helpers.py": "def f(x): return 2\n"}
    )

    changed = {
        label for label, digest in after.components if (label, digest) not in before.components
    }
    assert changed == {"helpers.py:f()"}


def test_values_that_share_a_list_are_told_apart_from_others_that_do(tmp_path: Path) -> None:
    text = (
        "p, q = [1], [2]\nA1, A2, Z1, Z2 = [{}], [{}], [q, 1], [q, 2]\n"
        + F
        + "    return A1, A2, Z1, Z2\n"
    )
    apart = identity_of(tmp_path / "project-1", text.format("p", "[1]"))
    shared = identity_of(tmp_path / "project-2", text.format("p", "p"))
    other = identity_of(tmp_path / "project-3", text.replace("q, 2", "[2], 2").format("p", "p"))

    def changed(before: FunctionIdentity, after: FunctionIdentity) -> set[str]:
        return {label for label, _ in {*before.components} ^ {*after.components}}

    assert changed(apart, shared) == {"Stagefile:A1", "Stagefile:A2"}
    assert changed(shared, other) == {"Stagefile:Z1", "Stagefile:Z2"}
    assert len({apart.source, shared.source, other.source}) == 3


def test_a_late_import_is_followed_without_running_it(tmp_path: Path) -> None:
    files = {
        "Stagefile": F + "    import pkg.sub\n",
        "pkg/__init__.py": "raise SystemExit\n",
        "pkg/sub.py": "raise SystemExit\n",
    }

    identity = identity_of(tmp_path / "project-a", files)

    assert identity.files == ("Stagefile", "pkg/__init__.py", "pkg/sub.py")
    assert "pkg" not in sys.modules


def test_a_file_that_would_satisfy_a_failing_import_is_named(tmp_path: Path) -> None:
    identity = identity_of(tmp_path / "project-a", F + "    import nowhere_else\n")

    assert identity.absent == ("nowhere_else.py", "nowhere_else/__init__.py")


def test_a_stage_counts_by_its_name_alone(tmp_path: Path) -> None:
    text = (
        "from stagemake.model.stage import Call, Stage\nother = Stage('a', Call(lambda c: {n}))\n"
        + F
        + "    return [other], other\n"
    )
    one = identity_of(tmp_path / "project-1", text.replace("{n}", "1"))

    two = identity_of(tmp_path / "project-2", text.replace("{n}", "2"))

    renamed = identity_of(tmp_path / "project-3", text.replace("'a'", "'b'").replace("{n}", "1"))
    assert one.source == two.source
    assert one.source != renamed.source


def test_a_text_that_the_parser_refuses_counts_as_a_whole(tmp_path: Path) -> None:
    root = tmp_path / "project-a"
    root.mkdir()
    module = load(root, "N = 1\n" + F + "    return N\n")

    one = FunctionIdentifier(str(root), Fixed("((( 1")).identify(module.target)
    two = FunctionIdentifier(str(root), Fixed("((( 2")).identify(module.target)

    assert one.source != two.source
    assert one.fallbacks == (
        "`Stagefile:target()` can't be parsed (too deep?): the text of the whole file counts",
    )
    assert "Stagefile:N" in dict(one.components)


def test_deep_nesting_does_not_exhaust_the_stack(tmp_path: Path) -> None:
    deep = "+".join(["context"] * 300)
    one = identity_of(tmp_path / "project-1", F + f"    return {deep}\n")

    two = identity_of(tmp_path / "project-2", F + f"    return {deep} + 1\n")

    assert one.source != two.source
    assert one.fallbacks == ()


def test_a_long_chain_of_helpers_needs_no_recursion(tmp_path: Path) -> None:
    chain = "".join(f"def f{n}(): return f{n + 1}()\n" for n in range(3000))
    text = chain + "def f3000(): return %d\n" + F + "    return f0()\n"
    one = identity_of(tmp_path / "project-1", text % 1)

    two = identity_of(tmp_path / "project-2", text % 2)

    assert one.source != two.source


def test_stages_of_one_loop_differ_by_their_parameter(tmp_path: Path) -> None:
    root = tmp_path / "project-a"
    root.mkdir()
    module = load(
        root, "fs = []\nfor i in range(20):\n    def f(c, n=i): return n\n    fs.append(f)\n"
    )
    identifier = FunctionIdentifier(str(root))

    sources = {identifier.identify(function).source for function in module.fs}

    assert len(sources) == 20


def test_texts_come_from_the_store_before_the_disk(tmp_path: Path) -> None:
    root = tmp_path / "project-a"
    root.mkdir()
    module = load(root, F + "    return 1\n")
    expected = FunctionIdentifier(str(root)).identify(module.target)
    (root / "Stagefile").write_text("# edited since\n")

    identity = FunctionIdentifier(str(root), Fixed(F + "    return 1\n")).identify(module.target)

    assert expected.source == identity.source


def test_a_late_import_of_a_package_counts_by_its_version(tmp_path: Path) -> None:
    text = F + "    import attr, json.decoder\n    from click.testing import CliRunner\n"

    identity = identity_of(tmp_path / "project-a", text)

    names = [label.partition(" ")[0] for label, _ in identity.components]
    assert names == ["Stagefile:target()", "attrs", "click"]
    assert identity.fallbacks == ()


@pytest.mark.parametrize(
    ("helper", "named", "always"),
    [
        (
            "exec(input())\n",
            "`helpers.py` uses `exec`, which can reach any code: runs always",
            True,
        ),
        ("((( 1", "`helpers.py` can't be parsed: its whole text counts", False),
        ("from ... import a\n", "leads out of its package: its text counts", False),
    ],
)
def test_a_late_import_with_obstacles_names_them(
    tmp_path: Path, helper: str, named: str, always: bool
) -> None:
    files = {"Stagefile": F + "    import helpers\n", "helpers.py": helper}

    identity = identity_of(tmp_path / "project-a", files)

    assert named in identity.fallbacks[0]
    assert always == identity.always


def test_lambdas_that_share_a_line_and_have_no_columns_count_together(tmp_path: Path) -> None:
    script = """
import sys, types
from stagemake.fingerprint.function import FunctionIdentifier, FunctionIdentity
module = types.ModuleType("Stagefile")
module.__file__ = sys.argv[1]
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), vars(module))
print(*FunctionIdentifier("/nowhere").identify(module.target).fallbacks, sep="\\n")
"""
    (tmp_path / "Stagefile").write_text(
        "def make(n):\n    return (lambda c: n), (lambda c: n + 1)\ntarget = make(1)[0]\n"
    )
    command = [sys.executable, "-X", "no_debug_ranges", "-c", script, str(tmp_path / "Stagefile")]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout == (
        "`Stagefile:make.<locals>.<lambda>()` shares a line with its like and can't be told apart: all of them, "
        "and the bytecode on this Python version, count\n"
    )


def test_an_extension_module_of_the_project_counts_by_its_bytes(tmp_path: Path) -> None:
    root = tmp_path / "project-a"
    root.mkdir()
    binary = Path(xxhash._xxhash.__file__)
    shutil.copy(binary, root / binary.name)
    module = load(root, "import _xxhash\n" + F + "    return _xxhash.xxh32_digest(b'')\n")

    one = FunctionIdentifier(str(root)).identify(module.target)
    with (root / binary.name).open("ab") as file:
        file.write(b"more")
    two = FunctionIdentifier(str(root)).identify(module.target)

    assert one.fallbacks == (f"`{binary.name}` has no Python source: the bytes of the file count",)
    assert one.source != two.source
    assert not one.always


def test_a_late_import_of_compiled_code_alone_runs_always(tmp_path: Path) -> None:
    root = tmp_path / "project-a"
    root.mkdir()
    module = load(root, {"Stagefile": F + "    import helpers\n", "helpers.py": "X = 1\n"})
    py_compile.compile(str(root / "helpers.py"), str(root / "helpers.pyc"))
    (root / "helpers.py").unlink()

    identity = FunctionIdentifier(str(root)).identify(module.target)

    assert identity.fallbacks == ("`helpers.pyc` has no source: runs always",)
    assert identity.always


def test_texts_of_an_identity_go_by_the_digests_beside_the_labels(tmp_path: Path) -> None:
    files = {
        "Stagefile": "import helpers as h\nN = 1\nN = 5  # why\n\n# Above.\ndef one(x):\n    return x\n\n"
        "class Two:\n    m = 3\n\n" + F + "    return one(N), Two, h.LIMIT, [h.MADE]\n",
        "helpers.py": "LIMIT = 7\nMADE = LIMIT\n",
    }

    identity = identity_of(tmp_path / "project-a", files)

    text_by_digest = identity.texts()
    assert {label: text_by_digest.get(digest) for label, digest in identity.components} == {
        "Stagefile:N": "N = 5  # why\n",
        "Stagefile:Two": "class Two:\n    m = 3\n",
        "Stagefile:Two.m": None,
        "Stagefile:one()": "def one(x):\n    return x\n",
        "Stagefile:target()": F + "    return one(N), Two, h.LIMIT, [h.MADE]\n",
        "helpers.py:LIMIT": None,  # nothing of that file is at hand but what it holds
        "helpers.py:MADE": None,
    }
