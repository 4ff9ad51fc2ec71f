"""What of classes, fields, wrappers and partials counts: edits that change a result, and the identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from identity_kit import F, Files, G, fresh_modules, identity_of, pair

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["fresh_modules"]

# fmt: off
CHANGES: list[tuple[str, tuple[Files, Files]]] = [
    ("property reads global", pair("N=@@\nclass A:\n    @property\n    def x(self): return N\n" + G + "A().x\n")),
    ("property setter reads global", pair("N=@@\nclass A:\n    @property\n    def x(self): return 1\n    @x.setter\n    def x(self,v): self.y=N\n" + G + "A()\n")),
    ("property deleter", pair("N=@@\nclass A:\n    @property\n    def x(self): return 1\n    @x.deleter\n    def x(self): self.y=N\n" + G + "A()\n")),
    ("property() of a function", pair("def g(self): return @@\nclass A: x=property(g)\n" + G + "A().x\n")),
    ("property of lambda", pair("class A: x=property(lambda self: @@)\n" + G + "A().x\n")),
    ("own property subclass", pair("class P(property):\n    def __get__(self,o,k): return @@\nclass A:\n    @P\n    def x(self): return 1\n" + G + "A().x\n")),
    ("own cached_property subclass", pair("import functools\nclass P(functools.cached_property):\n    def __get__(self,o,k=None): return @@\nclass A:\n    @P\n    def x(self): return 1\n" + G + "A().x\n")),
    ("attribute set on property subclass", pair("class P(property): pass\nclass A:\n    @P\n    def x(self): return 1\nA.x.n=@@\n" + G + "A.x.n\n")),
    ("dunder value patched", pair("class A: pass\nA.__match_args__=('x','@@')\n" + G + "A\n")),
    ("dunder callable object", pair("class C:\n    def __call__(self,*a): return 1\n    def __init__(self,n): self.n=n\nclass A: pass\nA.__enter__=C(@@)\n" + G + "A\n")),
    ("dunder annotated assign", pair("N=@@\nclass A:\n    __x__: int = N\n" + G + "A.__x__\n")),
    ("dunder tuple assign", pair("N=@@\nclass A:\n    __x__, __y__ = N, 1\n" + G + "A.__x__\n")),
    ("dunder in if", pair("N=@@\nclass A:\n    if True:\n        __x__ = N\n" + G + "A.__x__\n")),
    ("hash set to None", pair("class A:\n    def __eq__(self,o): return True\n    @@\n" + G + "hash(A())\n", "pass", "__hash__=object.__hash__")),
    ("init_subclass keyword", pair("class B:\n    def __init_subclass__(cls,n): cls.n=n\nN=@@\nclass A(B,n=N): pass\n" + G + "A.n\n")),
    ("init_subclass body", pair("class B:\n    def __init_subclass__(cls): cls.n=@@\nclass A(B): pass\n" + G + "A.n\n")),
    ("init_subclass registry", pair("REG=[]\nclass B:\n    def __init_subclass__(cls): REG.append(cls)\nclass A(B):\n    def f(self): return @@\n" + G + "[k().f() for k in REG]\n")),
    ("subclasses()", pair("class B:\n    def f(self): return 0\nclass A(B):\n    def f(self): return @@\n" + G + "[k().f() for k in B.__subclasses__()]\n")),
    ("set_name", pair("class D:\n    def __set_name__(self,o,n): self.n=n\nclass A:\n    @@=D()\n" + G + "vars(A)\n", "x", "y")),
    ("class_getitem", pair("class A:\n    def __class_getitem__(cls,k): return @@\n" + G + "A[1]\n")),
    ("metaclass call", pair("N=@@\nclass M(type):\n    def __call__(cls): return N\nclass A(metaclass=M): pass\n" + G + "A()\n")),
    ("metaclass prepare", pair("N=@@\nclass M(type):\n    @classmethod\n    def __prepare__(m,n,b): return {'n':N}\nclass A(metaclass=M): pass\n" + G + "A.n\n")),
    ("mangled global in method", pair("_A__N=@@\nclass A:\n    def f(self): return __N\n" + G + "A().f()\n")),
    ("mangled global, decoy", pair("__N=1\n_A__N=@@\nclass A:\n    def f(self): return __N\n" + G + "A().f()\n")),
    ("mangled global among others", pair("_A__N=@@\nAAA=_AAA=B__N=1\nclass A:\n    def f(self): return __N,AAA,_AAA,B__N\n" + G + "A().f()\n")),
    ("mro order", pair("class B:\n    def f(self): return 1\nclass C:\n    def f(self): return 2\nclass A(@@): pass\n" + G + "A().f()\n", "B,C", "C,B")),
    ("bases patched", pair("class B:\n    def f(self): return 1\nclass C:\n    def f(self): return 2\nclass A(B): pass\nA.__bases__=(@@,)\n" + G + "A().f()\n", "B", "C")),
    ("instance class patched", pair("class B:\n    def f(self): return 1\nclass C:\n    def f(self): return 2\nI=B()\nI.__class__=@@\n" + G + "I.f()\n", "B", "C")),
    ("local class", pair("def make(n):\n    class A:\n        def f(self): return n\n    return A\nA=make(@@)\n" + G + "A().f()\n")),
    ("local class attribute", pair("def make(n):\n    class A:\n        x=n\n    return A\nA=make(@@)\n" + G + "A.x\n")),
    ("conditional classes", pair("if @@:\n    class A: x=1\nelse:\n    class A: x=2\n" + G + "A.x\n", True, False)),
    ("conditional classes methods", pair("if @@:\n    class A:\n        def f(self): return 1\nelse:\n    class A:\n        def f(self): return 2\n" + G + "A().f()\n", True, False)),
    ("conditional classes with body effect", pair("if @@:\n    class A:\n        __slots__=('x',)\nelse:\n    class A:\n        __slots__=('y',)\n" + G + "A.__slots__\n", True, False)),
    ("class deco global no method", pair("N=@@\ndef d(c):\n    return type(c.__name__,(c,),{'__x__':N})\n@d\nclass A: pass\n" + G + "A.__x__\n")),
    ("isinstance ABC.register", pair("import abc\nclass B(abc.ABC): pass\nclass A: pass\nB.register(@@)\n" + G + "isinstance(A(),B)\n", "A", "int")),
    ("protocol member", pair("import typing\n@typing.runtime_checkable\nclass P(typing.Protocol):\n    def @@(self): ...\n" + G + "isinstance(context,P)\n", "f", "g")),
    ("runtime_checkable removed", pair("import typing\nclass P(typing.Protocol):\n    def f(self): ...\n@@\n" + G + "isinstance(context,P)\n", "typing.runtime_checkable(P)", "pass")),
    ("orig bases", pair("import typing\nT=typing.TypeVar('T')\nNum=@@\nclass B(typing.Generic[T]): pass\nclass A(B[Num]): pass\n" + G + "A.__orig_bases__\n", "int", "float")),
    ("super chain", pair("class B:\n    def f(self): return @@\nclass C(B):\n    def f(self): return super().f()\nclass A(C):\n    def f(self): return super().f()\n" + G + "A().f()\n")),
    ("class cell", pair("class A:\n    n=@@\n    def f(self): return __class__.n\n" + G + "A().f()\n")),
    ("mixin from another module", pair("import helpers\nclass A(helpers.M): pass\n" + G + "A().f()\n", helpers="class M:\n    def f(self): return @@\n")),
    ("dataclass order flag", pair("import dataclasses\nFLAG=@@\n@dataclasses.dataclass(order=FLAG)\nclass A:\n    x:int=1\n" + G + "A(1)<A(2)\n", True, False)),
    ("dataclass frozen flag", pair("import dataclasses\nFLAG=@@\n@dataclasses.dataclass(frozen=FLAG)\nclass A:\n    x:int=1\n" + G + "A(1)\n", True, False)),
    ("dataclass eq flag", pair("import dataclasses\nFLAG=@@\n@dataclasses.dataclass(eq=FLAG)\nclass A:\n    x:int=1\n" + G + "A(1)==A(1)\n", True, False)),
    ("dataclass repr flag", pair("import dataclasses\nFLAG=@@\n@dataclasses.dataclass(repr=FLAG)\nclass A:\n    x:int=1\n" + G + "repr(A(1))\n", True, False)),
    ("dataclass slots flag", pair("import dataclasses\nFLAG=@@\n@dataclasses.dataclass(slots=FLAG)\nclass A:\n    x:int\n" + G + "hasattr(A(1),'__dict__')\n", True, False)),
    ("dataclass kw_only flag", pair("import dataclasses\nFLAG=@@\n@dataclasses.dataclass(kw_only=FLAG)\nclass A:\n    x:int\n" + G + "A(1)\n", True, False)),
    ("dataclass partial", pair("import dataclasses,functools\ndc=functools.partial(dataclasses.dataclass,order=@@)\n@dc\nclass A:\n    x:int=1\n" + G + "A(1)<A(2)\n", True, False)),
    ("dataclass in helpers partial", pair("import helpers\n" + G + "helpers.A(1)<helpers.A(2)\n", True, False, helpers="import dataclasses,functools\ndc=functools.partial(dataclasses.dataclass,order=@@)\n@dc\nclass A:\n    x:int=1\n")),
    ("field init", pair("import dataclasses\nFLAG=@@\n@dataclasses.dataclass\nclass A:\n    x:int=dataclasses.field(default=1,init=FLAG)\n" + G + "A()\n", True, False)),
    ("field repr", pair("import dataclasses\nFLAG=@@\n@dataclasses.dataclass\nclass A:\n    x:int=dataclasses.field(default=1,repr=FLAG)\n" + G + "A()\n", True, False)),
    ("field compare", pair("import dataclasses\nFLAG=@@\n@dataclasses.dataclass\nclass A:\n    x:int=dataclasses.field(default=1,compare=FLAG)\n" + G + "A()\n", True, False)),
    ("field metadata", pair("import dataclasses\nM=@@\n@dataclasses.dataclass\nclass A:\n    x:int=dataclasses.field(default=1,metadata={'m':M})\n" + G + "dataclasses.fields(A)[0].metadata['m']\n")),
    ("field type alias", pair("import dataclasses\nNum=@@\n@dataclasses.dataclass\nclass A:\n    x:Num=1\n" + G + "dataclasses.fields(A)[0].type\n", "int", "float")),
    ("post_init", pair("import dataclasses\nN=@@\n@dataclasses.dataclass\nclass A:\n    x:int=1\n    def __post_init__(self): self.x=N\n" + G + "A().x\n")),
    ("inherited dataclass", pair("import dataclasses\n@dataclasses.dataclass\nclass B:\n    x:int=@@\n@dataclasses.dataclass\nclass A(B):\n    y:int=1\n" + G + "A()\n")),
    ("make_dataclass", pair("import dataclasses\nA=dataclasses.make_dataclass('A',[('x',int,@@)])\n" + G + "A()\n")),
    ("make_dataclass fields", pair("import dataclasses\nA=dataclasses.make_dataclass('A',['@@'])\n" + G + "A(1)\n", "x", "y")),
    ("make_dataclass namespace", pair("import dataclasses\nA=dataclasses.make_dataclass('A',['x'],namespace={'f':lambda self: @@})\n" + G + "A(1).f()\n")),
    ("exec method in dataclass", pair("import dataclasses\nns={'__name__':'Stagefile'}\nexec('def f(self): return @@',ns)\n@dataclasses.dataclass\nclass A:\n    x:int=1\n    f=ns['f']\n" + G + "A().f()\n")),
    ("attrs validator", pair("import attrs\ndef v(i,a,x):\n    if x>@@: raise ValueError\n@attrs.define\nclass A:\n    x:int=attrs.field(default=1,validator=v)\n" + G + "A()\n")),
    ("attrs validator method", pair("import attrs\n@attrs.define\nclass A:\n    x:int=attrs.field(default=1)\n    @x.validator\n    def _c(self,a,v):\n        if v>@@: raise ValueError\n" + G + "A()\n")),
    ("attrs default method", pair("import attrs\nN=@@\n@attrs.define\nclass A:\n    x:int=attrs.field()\n    @x.default\n    def _d(self): return N\n" + G + "A()\n")),
    ("attrs factory", pair("import attrs\ndef mk(): return @@\n@attrs.define\nclass A:\n    x:int=attrs.Factory(mk)\n" + G + "A()\n")),
    ("attrs instance_of", pair("import attrs\nT=@@\n@attrs.define\nclass A:\n    x:object=attrs.field(default=1,validator=attrs.validators.instance_of(T))\n" + G + "A()\n", "int", "str")),
    ("attrs in_", pair("import attrs\nO=[1,@@]\n@attrs.define\nclass A:\n    x:object=attrs.field(default=1,validator=attrs.validators.in_(O))\n" + G + "A()\n")),
    ("attrs pipe converter", pair("import attrs\ndef c(x): return @@\n@attrs.define\nclass A:\n    x:object=attrs.field(default=1,converter=attrs.converters.pipe(int,c))\n" + G + "A()\n")),
    ("attrs optional converter", pair("import attrs\ndef c(x): return @@\n@attrs.define\nclass A:\n    x:object=attrs.field(default=1,converter=attrs.converters.optional(c))\n" + G + "A()\n")),
    ("attrs Converter", pair("import attrs\ndef c(x): return @@\n@attrs.define\nclass A:\n    x:object=attrs.field(default=1,converter=attrs.Converter(c))\n" + G + "A()\n")),
    ("attrs eq flag", pair("import attrs\nFLAG=@@\n@attrs.define(eq=FLAG)\nclass A:\n    x:int=1\n" + G + "A()==A()\n", True, False)),
    ("attrs frozen flag", pair("import attrs\nFLAG=@@\n@attrs.define(frozen=FLAG)\nclass A:\n    x:int=1\n" + G + "A()\n", True, False)),
    ("attrs field eq key", pair("import attrs\nFLAG=@@\n@attrs.define\nclass A:\n    x:str=attrs.field(default='a',eq=FLAG)\n" + G + "A()==A('A')\n", "str.lower", "True")),
    ("attrs field eq own key", pair("import attrs\ndef k(x): return @@\n@attrs.define\nclass A:\n    x:str=attrs.field(default='a',eq=k)\n" + G + "A()==A('A')\n")),
    ("attrs field repr fn", pair("import attrs\ndef k(x): return '@@'\n@attrs.define\nclass A:\n    x:str=attrs.field(default='a',repr=k)\n" + G + "repr(A())\n")),
    ("attrs field metadata", pair("import attrs\nM=@@\n@attrs.define\nclass A:\n    x:str=attrs.field(default='a',metadata={'m':M})\n" + G + "attrs.fields(A).x.metadata\n")),
    ("attrs field alias", pair("import attrs\nM='@@'\n@attrs.define\nclass A:\n    x:str=attrs.field(default='a',alias=M)\n" + G + "A(p='x')\n", "p", "q")),
    ("attrs on_setattr", pair("import attrs\ndef s(i,a,v): return @@\n@attrs.define(on_setattr=s)\nclass A:\n    x:int=1\n" + G + "A()\n")),
    ("attrs field_transformer", pair("import attrs\ndef t(c,fs): return [f.evolve(default=@@) for f in fs]\n@attrs.define(field_transformer=t)\nclass A:\n    x:int=1\n" + G + "A()\n")),
    ("attrs type alias", pair("import attrs\nNum=@@\n@attrs.define\nclass A:\n    x:Num=1\n" + G + "attrs.fields(A).x.type\n", "int", "float")),
    ("attrs make_class", pair("import attrs\nA=attrs.make_class('A',{'x':attrs.field(default=@@)})\n" + G + "A()\n")),
    ("attrs cached_property slots", pair("import attrs,functools\nN=@@\n@attrs.define\nclass A:\n    x:int=1\n    @functools.cached_property\n    def y(self): return N\n" + G + "A().y\n")),
    ("attrs pre_init", pair("import attrs\nN=@@\n@attrs.define\nclass A:\n    x:int=1\n    def __attrs_post_init__(self): self.x=N\n" + G + "A().x\n")),
    ("NamedTuple default global", pair("import typing\nN=@@\nclass P(typing.NamedTuple):\n    x:int=N\n" + G + "P()\n")),
    ("NamedTuple method global", pair("import typing\nN=@@\nclass P(typing.NamedTuple):\n    x:int=1\n    def f(self): return N\n" + G + "P().f()\n")),
    ("namedtuple defaults", pair("import collections\nP=collections.namedtuple('P','x',defaults=[@@])\n" + G + "P()\n")),
    ("enum computed", pair("import enum\nN=@@\nclass E(enum.Enum):\n    A=N\n" + G + "E.A.value\n")),
    ("enum private mangled", pair("import enum\nN=@@\nclass E(enum.Enum):\n    __p=N\n    A=1\n    def f(self): return self.__p\n" + G + "E.A.f()\n")),
    ("enum nonmember", pair("import enum\nN=@@\nclass E(enum.Enum):\n    p=enum.nonmember(N)\n    A=1\n" + G + "E.p\n")),
    ("enum missing hook", pair("import enum\nN=@@\nclass E(enum.Enum):\n    A=1\n    @classmethod\n    def _missing_(cls,v): return N\n" + G + "E(5)\n")),
    ("enum new", pair("import enum\nN=@@\nclass E(enum.Enum):\n    def __new__(cls,v):\n        o=object.__new__(cls)\n        o._value_=v*N\n        return o\n    A=1\n" + G + "E.A.value\n")),
    ("enum attribute set in init", pair("import enum\nN=@@\nclass E(enum.Enum):\n    A=1\n    def __init__(self,v): self.w=N\n" + G + "E.A.w\n")),
    ("enum member attribute set outside", pair("import enum\nclass E(enum.Enum):\n    A=1\nE.A.w=@@\n" + G + "E.A.w\n")),
    ("flag boundary", pair("import enum\nB=enum.@@\nclass E(enum.Flag,boundary=B):\n    A=1\n" + G + "E(6)\n", "KEEP", "CONFORM")),
    ("enum functional", pair("import enum\nE=enum.Enum('E','A @@')\n" + G + "list(E)\n", "B", "C")),
    ("enum alias", pair("import enum\nclass E(enum.Enum):\n    A=1\n    B=@@\n" + G + "E.B is E.A\n")),
    ("StrEnum", pair("import enum\nclass E(enum.StrEnum):\n    A='@@'\n" + G + "E.A\n")),
    ("enum order", pair("import enum\nclass E(enum.Enum):\n    @@\n" + G + "[e.value for e in E]\n", "A=1;B=2", "B=2;A=1")),
    ("enum functional order", pair("import enum\nE=enum.Enum('E',{@@})\n" + G + "[e.value for e in E]\n", "'A':1,'B':2", "'B':2,'A':1")),
    ("TypedDict total", pair("import typing\nT=@@\nclass D(typing.TypedDict,total=T):\n    x:int\n" + G + "D.__required_keys__\n", True, False)),
    ("TypedDict functional", pair("import typing\nD=typing.TypedDict('D',{'@@':int})\n" + G + "D.__annotations__\n", "x", "y")),
    ("NewType", pair("import typing\nD=typing.NewType('D',@@)\n" + G + "D.__supertype__\n", "int", "str")),
    ("partial kw", pair("import functools\ndef f(a,n): return n\ng=functools.partial(f,n=@@)\n" + G + "g(1)\n")),
    ("nested partial", pair("import functools\ndef f(a,n): return n\ng=functools.partial(functools.partial(f,@@),1)\n" + G + "g()\n")),
    ("partial of builtin", pair("import functools\ng=functools.partial(int,base=@@)\n" + G + "g('1')\n", 8, 16)),
    ("partial attribute", pair("import functools\ndef f(): return 1\ng=functools.partial(f)\ng.n=@@\n" + G + "g.n\n")),
    ("singledispatchmethod impl", pair("import functools\nclass A:\n    @functools.singledispatchmethod\n    def f(self,x): return 0\n    @f.register\n    def _(self,x:int): return @@\n" + G + "A().f(1)\n")),
    ("singledispatchmethod impl global", pair("import functools\nN=@@\nclass A:\n    @functools.singledispatchmethod\n    def f(self,x): return 0\n    @f.register\n    def _(self,x:int): return N\n" + G + "A().f(1)\n")),
    ("singledispatch registered type", pair("import functools\nT=@@\n@functools.singledispatch\ndef f(x): return 0\n@f.register(T)\ndef _(x): return 1\n" + G + "f(1)\n", "int", "str")),
    ("singledispatch elsewhere", pair("import helpers, other\n" + G + "helpers.f(1)\n", helpers="import functools\n@functools.singledispatch\ndef f(x): return 0\n", other="import helpers\n@helpers.f.register(int)\ndef _(x): return @@\n")),
    ("lru maxsize typed", pair("import functools\nT=@@\ndef g(x): return str(x)\nf=functools.lru_cache(typed=T)(g)\n" + G + "f(1)+f(1.0)\n", True, False)),
    ("lru attr", pair("import functools\n@functools.cache\ndef f(x): return 1\nf.n=@@\n" + G + "f.n\n")),
    ("lru prefilled", pair("import functools\nN=@@\n@functools.cache\ndef f(): return N\n" + G + "f()\n")),
    ("total_ordering", pair("import functools\n@functools.total_ordering\nclass A:\n    def __eq__(s,o): return True\n    def __lt__(s,o): return @@\n" + G + "A()>=A()\n")),
    ("reduce lambda", pair("import functools,operator\nop=operator.@@\n" + G + "functools.reduce(op,[1,2])\n", "add", "mul")),
    ("cmp_to_key inside", pair("import functools\ndef c(a,b): return @@\n" + G + "sorted(context,key=functools.cmp_to_key(c))\n")),
    ("wraps with other module", pair("import helpers\n@helpers.d\ndef f(): return @@\n" + G + "f()\n", helpers="import functools\ndef d(g):\n    @functools.wraps(g)\n    def w(*a): return g(*a)\n    return w\n")),
    ("update_wrapper on class", pair("import functools\nclass W:\n    def __init__(s,f): functools.update_wrapper(s,f); s.f=f\n    def __call__(s,*a): return s.f(*a)\n@W\ndef g(): return @@\n" + G + "g()\n")),
    ("methodcaller", pair("import operator\nf=operator.methodcaller('@@')\n" + G + "f('a')\n", "upper", "lower")),
    ("methodcaller args", pair("import operator\nf=operator.methodcaller('ljust',@@)\n" + G + "f('a')\n")),
    ("attrgetter", pair("import operator\nf=operator.attrgetter('@@')\n" + G + "f(context)\n", "a", "b")),
    ("contextmanager class", pair("import contextlib\nclass A(contextlib.ContextDecorator):\n    def __enter__(s): return @@\n    def __exit__(s,*a): pass\n" + F + "    with A() as a: return a\n")),
    ("contextmanager global", pair("import contextlib\nN=@@\n@contextlib.contextmanager\ndef m(): yield N\n" + F + "    with m() as a: return a\n")),
    ("asynccontextmanager", pair("import contextlib\nN=@@\n@contextlib.asynccontextmanager\nasync def m(): yield N\nasync def target(c):\n    async with m() as a: return a\n")),
    ("exit stack callback", pair("import contextlib\nS=contextlib.ExitStack()\ndef cb(): return @@\nS.callback(cb)\n" + G + "S.close()\n")),
    ("cached method of instance", pair("import functools\nclass A:\n    @functools.lru_cache\n    def f(self): return @@\n" + G + "A().f()\n")),
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
