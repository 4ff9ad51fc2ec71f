"""What of names, closures, modules and patches counts: edits that change a result, and the identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from identity_kit import F, Files, G, fresh_modules, identity_of, pair

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["fresh_modules"]

# fmt: off
CHANGES: list[tuple[str, tuple[Files, Files]]] = [
    ("late-binding closures", pair("fs=[lambda: i for i in range(@@)]\n" + G + "fs[0]()\n", 2, 3)),
    ("closure list mutated after", pair("def mk():\n    l=[]\n    def add(x): l.append(x)\n    def get(): return l\n    return add,get\nadd,get=mk()\nadd(@@)\n" + G + "get()\n")),
    ("shared cell vs own", pair("def mk():\n    n=0\n    def inc():\n        nonlocal n\n        n+=1\n    def get(): return n\n    return inc,get\n@@\ndef target(c):\n    inc()\n    return get()\n", "inc,get=mk()", "inc,get=mk()[0],mk()[1]")),
    ("global in nested beside free", pair("x=@@\ndef make():\n    x=5\n    def target(c):\n        def inner():\n            global x\n            return x\n        return inner()+x\n    return target\ntarget=make()\n")),
    ("alias of lists", pair("A=[]\nB=@@\ndef target(c):\n    A.append(1)\n    return B\n", "A", "[]")),
    ("alias of a list in a tuple", pair("A=[]\nB=(@@,)\ndef target(c):\n    A.append(1)\n    return B\n", "A", "[]")),
    ("alias of a list in a list", pair("A=[]\nB=[@@]\ndef target(c):\n    A.append(1)\n    return B\n", "A", "[]")),
    ("alias of a list deep in a dict", pair("A=[]\nB={'k':({1:@@},)}\ndef target(c):\n    A.append(1)\n    return B\n", "A", "[]")),
    ("alias of an instance in a list", pair("class K: x=0\nA=K()\nB=[@@]\ndef target(c):\n    A.x=1\n    return B[0].x\n", "A", "K()")),
    ("alias of a part of two values", pair("P=[]\nA=(P,[],)\nB=([],@@)\ndef target(c):\n    A[0].append(1)\n    return B\n", "P", "[]")),
    ("alias of another part", pair("P,Q=[],[]\nA=(P,Q)\nB=(@@,)\ndef target(c):\n    A[0].append(1)\n    return B\n", "P", "Q")),
    ("alias in a closure", pair("def make(l):\n    def f(): l[0].append(1)\n    return f\nA=[]\nf=make([A])\nB=(@@,)\ndef target(c):\n    f()\n    return B\n", "A", "[]")),
    ("dict.fromkeys aliasing", pair("D=@@\ndef target(c):\n    D['a'].append(1)\n    return D\n", "dict.fromkeys('ab',[])", "{k:[] for k in 'ab'}")),
    ("nested list aliasing", pair("D=@@\ndef target(c):\n    D[0][0]=1\n    return D\n", "[[0]*2]*2", "[[0]*2 for _ in range(2)]")),
    ("instances aliasing", pair("class A: n=0\nD=@@\ndef target(c):\n    D[0].n=1\n    return [a.n for a in D]\n", "[A()]*2", "[A() for _ in range(2)]")),
    ("dict order read", pair("D=@@\n" + G + "list(D)\n", "{'x':1,'y':2}", "{'y':2,'x':1}")),
    ("kwargs order", pair("import functools\ndef f(**k): return list(k)\ng=functools.partial(f,@@)\n" + G + "g()\n", "a=1,b=2", "b=2,a=1")),
    ("class dict order", pair("class A:\n    @@\n" + G + "[k for k in vars(A)]\n", "x=1;y=2", "y=2;x=1")),
    ("default arg mutable mutated", pair("def f(a=[]):\n    a.append(@@)\n    return a\nf()\n" + G + "f()\n")),
    ("default shared between functions", pair("L=[]\ndef f(a=L): a.append(1)\ndef g(a=@@): return a\ndef target(c):\n    f()\n    return g()\n", "L", "[]")),
    ("builtins patched", pair("import builtins\ndef mine(x): return @@\nbuiltins.callable=mine\n" + G + "callable(1)\nX=1\n")),
    ("builtins.globals", pair("import builtins\nN=@@\n" + G + "builtins.globals()['N']\n")),
    ("__dict__ of module", pair("import helpers\n" + G + "helpers.__dict__['N']\n", helpers="N=@@\n")),
    ("from inspect import getsource", pair("from inspect import getsource\ndef f():\n    return 1  # @@\n" + G + "getsource(f)\n")),
    ("alias of getsource", pair("import inspect\ngs=inspect.getsource\ndef f():\n    return 1  # @@\n" + G + "gs(f)\n")),
    ("getdoc from import", pair("from inspect import getdoc\ndef f():\n    '@@'\n" + G + "getdoc(f)\n")),
    ("pydoc", pair("import pydoc\ndef f():\n    '@@'\n" + G + "pydoc.render_doc(f)\n")),
    ("doc patched", pair("def f(): pass\nf.__doc__='@@'\n" + G + "f.__doc__\n")),
    ("doc of class patched", pair("class A: pass\nA.__doc__='@@'\n" + G + "A.__doc__\n")),
    ("doc by format", pair("X=@@\ndef f(): pass\nf.__doc__='%d' % X\n" + G + "f.__doc__\n")),
    ("name patched", pair("def f(): pass\nf.__name__='@@'\n" + G + "f.__name__\n", "a", "b")),
    ("qualname patched", pair("class A: pass\nA.__name__='@@'\n" + G + "A.__name__\n", "a", "b")),
    ("annotation alias via get_type_hints", pair("import typing\nNum=@@\ndef f(x:Num): pass\n" + G + "typing.get_type_hints(f)\n", "int", "str")),
    ("annotation alias via __annotations__", pair("Num=@@\ndef f(x:Num): pass\n" + G + "f.__annotations__\n", "int", "str")),
    ("annotation alias via signature", pair("import inspect\nNum=@@\ndef f(x:Num): pass\n" + G + "str(inspect.signature(f))\n", "int", "str")),
    ("future annotations", pair("@@\ndef f(x:int): pass\n" + G + "f.__annotations__\n", "", "from __future__ import annotations")),
    ("annotations set by hand", pair("def f(x): pass\nf.__annotations__['x']=@@\n" + G + "f.__annotations__\n", "int", "str")),
    ("class annotations read", pair("Num=@@\nclass A:\n    x:Num\n" + G + "A.__annotations__\n", "int", "str")),
    ("annotation shown to a package's decorator", pair("import click\nNum=@@\n@click.pass_obj\ndef f(o, x: Num): return 1\n" + G + "f\n", "int", "str")),
    ("globals of a function made by hand", pair("import types\nN=1\ndef f(): return N\ng=types.FunctionType(f.__code__,{'N':@@})\n" + G + "f()+g()\n")),
    ("locals in comprehension", pair("N=@@\n" + G + "[(lambda: N)() for _ in range(1)]\n")),
    ("match value pattern", pair("class C: X=@@\n" + F + "    match context:\n        case C.X: return 1\n")),
    ("match value module", pair("import helpers\n" + F + "    match context:\n        case helpers.X: return 1\n", helpers="X=@@\n")),
    ("match_args", pair("class P:\n    __match_args__=('@@',)\n" + F + "    match context:\n        case P(1): return 1\n", "x", "y")),
    ("walrus global", pair("N=@@\n" + F + "    if (n:=N): return n\n")),
    ("star args", pair("A=[@@]\ndef f(*a): return a\n" + G + "f(*A)\n")),
    ("format width", pair("W=@@\n" + G + "f'{context:{W}}'\n")),
    ("format helper", pair("def h(): return @@\n" + G + "f'{h()!r}'\n")),
    ("default dict global nested", pair("N=@@\n" + G + "(lambda x=N: x)()\n")),
    ("decorator in body", pair("def d(f): return lambda: @@\n" + F + "    @d\n    def g(): pass\n    return g()\n")),
    ("class base in body", pair("class B:\n    x=@@\n" + F + "    class A(B): pass\n    return A.x\n")),
    ("metaclass in body", pair("class M(type):\n    x=@@\n" + F + "    class A(metaclass=M): pass\n    return A.x\n")),
    ("except class", pair("class E(Exception):\n    x=@@\n" + F + "    try: raise E\n    except E as e: return e.x\n")),
    ("yield from", pair("def g():\n    yield @@\n" + F + "    yield from g()\n")),
    ("string annotation only", pair("def target(context: '@@'):\n    return 1\n", "int", "str")),
    ("try import", pair("try:\n    import helpers\nexcept ImportError:\n    helpers=None\n" + G + "helpers.f()\n", helpers="def f(): return @@\n")),
    ("try import missing", pair("try:\n    import no_such_thing\nexcept ImportError:\n    no_such_thing=@@\n" + G + "no_such_thing\n")),
    ("try import late", pair(F + "    try:\n        import helpers\n    except ImportError:\n        helpers=None\n    return helpers.f()\n", helpers="def f(): return @@\n")),
    ("conditional late in module", pair(F + "    import helpers\n    return helpers.f()\n", helpers="try:\n    from deep import f\nexcept ImportError:\n    f=None\n", deep="def f(): return @@\n")),
    ("patched attr, late import", pair("import helpers\nhelpers.N=@@\n" + F + "    import helpers\n    return helpers.f()\n", helpers="N=0\ndef f(): return N\n")),
    ("patched attr, late from import", pair("import helpers\nhelpers.N=@@\n" + F + "    from helpers import N\n    return N\n", helpers="N=0\n")),
    ("patched func, late import", pair("import helpers\ndef mine(): return @@\nhelpers.f=mine\n" + F + "    import helpers as h\n    return h.f()\n", helpers="def f(): return 0\n")),
    ("patched deep, late import", pair("import settings\nsettings.N=@@\n" + F + "    import helpers as h\n    return h.f()\n", helpers="import settings\ndef f(): return settings.N\n", settings="N=0\n")),
    ("patched deep from, late import", pair("import settings\nsettings.N=@@\n" + F + "    import helpers as h\n    return h.f()\n", helpers="from settings import N\ndef f(): return N\n", settings="N=0\n")),
    ("patched submodule late", pair("import pkg.s\npkg.s.N=@@\n" + F + "    import pkg.s\n    return pkg.s.N\n", pkg__init="", pkg__s="N=0\n")),
    ("patched submodule late from", pair("import pkg.s\npkg.s.N=@@\n" + F + "    from pkg import s\n    return s.N\n", pkg__init="", pkg__s="N=0\n")),
    ("registration, late import", pair("import helpers\nhelpers.REG['x']=@@\n" + F + "    import helpers\n    return helpers.run()\n", helpers="REG={}\ndef run(): return REG\n")),
    ("registration by plugin, late import", pair("import plugin\n" + F + "    import helpers\n    return helpers.run()\n", helpers="REG={}\ndef run(): return [f() for f in REG.values()]\n", plugin="import helpers\ndef p(): return @@\nhelpers.REG['p']=p\n")),
    ("plugin loaded late by helper", pair(F + "    import helpers\n    return helpers.run()\n", helpers="REG={}\nimport plugin\ndef run(): return REG\n", plugin="X=@@\n")),
    ("module __getattr__ lazy", pair("import helpers\n" + G + "helpers.x\n", helpers="def __getattr__(n):\n    import deep\n    return deep.x\n", deep="x=@@\n")),
    ("package reexport", pair("import pkg\n" + G + "pkg.f()\n", pkg__init="from .impl import f\n", pkg__impl="def f(): return @@\n")),
    ("relative import", pair("from pkg.a import f\n" + G + "f()\n", pkg__init="", pkg__a="from .b import g\ndef f(): return g()\n", pkg__b="def g(): return @@\n")),
    ("two names", pair("import sys,os\nsys.path.append(os.path.join(os.path.dirname(__file__),'pkg'))\nimport mod, pkg.mod\nmod.N=@@\ndef target(c): return mod.f()\n", pkg__init="", pkg__mod="N=0\ndef f(): return N\n")),
    ("sys.path edit at import, late", pair("import sys,os\nsys.path.insert(0,os.path.join(os.path.dirname(__file__),'@@'))\n" + F + "    import zed\n    return zed.x\n", "a", "b", a__zed="x=1\n", b__zed="x=2\n")),
    ("star import chain", pair("from a import *\n" + G + "f()\n", a="from b import *\n", b="def f(): return @@\n")),
    ("star import __all__", pair("from a import *\ntry: f\nexcept NameError: f=None\n" + G + "f\n", "['f']", "[]", a="__all__=@@\ndef f(): return 1\n")),
    ("module named like stdlib late", pair(F + "    import queue_ as q, tabnanny\n    return tabnanny.X\n", tabnanny="X=@@\n", queue_="")),
    ("library class patched", pair("import json\ndef mine(self,o): return @@\njson.JSONEncoder.default=mine\n" + G + "json.JSONEncoder().encode(context)\n")),
    ("library class patched, instance", pair("import json\ndef mine(self,o): return @@\njson.JSONEncoder.default=mine\nE=json.JSONEncoder()\n" + G + "E.encode(context)\n")),
    ("library func patched with lambda", pair("import os\nos.getcwdz=lambda: @@\n" + G + "os.getcwdz()\n")),
    ("library func patched by partial", pair("import os,functools\nos.zz=functools.partial(int,@@)\n" + G + "os.zz()\n")),
    ("library subclass method", pair("import json\nclass E(json.JSONEncoder):\n    def default(self,o): return @@\n" + G + "json.dumps(context,cls=E)\n")),
    ("iterator position", pair("C=iter([1,2,3])\n@@\n" + G + "next(C)\n", "pass", "next(C)")),
    ("deque", pair("import collections\nC=collections.deque([1],maxlen=@@)\n" + G + "C\n")),
    ("Counter", pair("import collections\nC=collections.Counter(a=@@)\n" + G + "C\n")),
    ("ChainMap", pair("import collections\nC=collections.ChainMap({'a':@@})\n" + G + "C\n")),
    ("UserDict", pair("import collections\nclass D(collections.UserDict):\n    def f(self): return @@\nC=D()\n" + G + "C.f()\n")),
    ("SimpleNamespace", pair("import types\nC=types.SimpleNamespace(a=@@)\n" + G + "C.a\n")),
    ("MappingProxy", pair("import types\nC=types.MappingProxyType({'a':@@})\n" + G + "C\n")),
    ("array", pair("import array\nC=array.array('i',[@@])\n" + G + "C\n")),
    ("int subclass", pair("class I(int):\n    def f(self): return @@\nC=I(1)\n" + G + "C.f()\n")),
    ("str subclass attr", pair("class S(str): pass\nC=S('a')\nC.n=@@\n" + G + "C.n\n")),
    ("exception instance", pair("C=ValueError(@@)\n" + F + "    raise C\n")),
    ("exception notes", pair("C=ValueError(1)\nC.add_note('@@')\n" + F + "    raise C\n")),
    ("template", pair("import string\nC=string.Template('@@')\n" + G + "C.substitute()\n")),
    ("dict subclass with attribute", pair("class D(dict): pass\nI=D()\nI.n=@@\n" + G + "I.n\n")),
    ("generic alias call", pair("class A:\n    x=@@\nB=list[A]\n" + G + "B.__args__[0].x\n")),
    ("typing Annotated", pair("import typing\nB=typing.Annotated[int,@@]\n" + G + "B.__metadata__\n")),
    ("typing Literal", pair("import typing\nB=typing.Literal[@@]\n" + G + "B.__args__\n")),
    ("typevar bound", pair("import typing\nB=typing.TypeVar('B',bound=@@)\n" + G + "B.__bound__\n", "int", "str")),
    ("code swapped", pair("def g(c): return @@\ndef target(c): return 0\ntarget.__code__=g.__code__\n")),
    ("defaults patched", pair("def f(a=1): return a\nf.__defaults__=(@@,)\n" + G + "f()\n")),
    ("bound method attr of class", pair("class A:\n    def __init__(s): s.n=@@\n    def f(s): return s.n\ng=A().f\n" + G + "g()\n")),
    ("classmethod object", pair("class A:\n    @classmethod\n    def f(cls): return cls.n\n    n=@@\ng=A.f\n" + G + "g()\n")),
    ("c method of list", pair("L=[@@]\nf=L.copy\n" + G + "f()\n")),
    ("str.method unbound", pair("f=str.@@\n" + G + "f('a')\n", "upper", "lower")),
    ("type(None)", pair("f=type(@@)\n" + G + "f\n", "None", "1")),
    ("late globals alias", pair("N=@@\n" + F + "    g=globals\n    return g()['N']\n")),
]
STAYS: list[tuple[str, tuple[Files, Files]]] = [
    ("annotation under an own decorator", pair("Num=@@\ndef d(f): return f\n@d\ndef f(o, x: Num): return 1\n" + G + "f\n", "int", "str")),
    ("annotation under a decorator of the library", pair("import functools\nNum=@@\n@functools.lru_cache\ndef f(o, x: Num): return 1\n" + G + "f\n", "int", "str")),
    ("annotation below the use of a package", pair("import click\nNum=@@\ndef f(o, x: Num): return click.echo(o)\n" + G + "f\n", "int", "str")),
    ("type comment", pair(F + "    x = 1 # type: @@\n    return x\n", "int", "str")),
    ("type checking", pair("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    X=@@\n" + G + "1\n")),
    ("two names other", pair("import sys,os\nsys.path.append(os.path.join(os.path.dirname(__file__),'pkg'))\nimport mod, pkg.mod\nmod.N=@@\ndef target(c): return pkg.mod.f()\n", pkg__init="", pkg__mod="N=0\ndef f(): return N\n")),
]
# fmt: on


@pytest.mark.parametrize("files", [row[1] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_what_can_change_a_result_changes_the_identity(
    tmp_path: Path, files: tuple[Files, Files]
) -> None:
    before = identity_of(tmp_path / "project-before", files[0])

    after = identity_of(tmp_path / "project-after", files[1])

    assert before.source != after.source, before
    assert before.components != after.components
    assert not before.always


def test_a_counter_of_the_library_counts_or_runs_always(tmp_path: Path) -> None:
    files = pair("import itertools\nC=itertools.count(@@)\n" + G + "next(C)\n")
    before = identity_of(tmp_path / "project-before", files[0])

    after = identity_of(tmp_path / "project-after", files[1])

    if before.always:  # where Python gives it no way to say what it holds
        assert after.always
        assert "holds itertools.count" in str(before)
    else:
        assert before.source != after.source


@pytest.mark.parametrize("files", [row[1] for row in STAYS], ids=[row[0] for row in STAYS])
def test_what_can_not_change_a_result_leaves_the_identity(
    tmp_path: Path, files: tuple[Files, Files]
) -> None:
    before = identity_of(tmp_path / "project-before", files[0])

    after = identity_of(tmp_path / "project-after", files[1])

    assert before == after
