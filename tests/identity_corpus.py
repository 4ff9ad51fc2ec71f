"""Sources whose functions touch all that an identity is made of, the same on every Python.

What changes here changes no rule: identities that are kept in `tests/fixtures/identities.json` go by these texts.
"""

from __future__ import annotations

HELPERS = '''
"""Helpers."""
from __future__ import annotations
import collections, contextlib, dataclasses, datetime, decimal, enum, functools, json, os.path, pathlib, re, typing

HERE = pathlib.Path(__file__).parent
LIMITS = {"a": (1, 2.5, None), "b": {"x", "y"}, "c": frozenset({1}), "d": b"x"}
WORD = re.compile(r"\\w+", re.IGNORECASE)
WHEN = datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)
Pair = collections.namedtuple("Pair", "x y", defaults=(1,))
Alias = dict[str, list[int]]
Maybe = typing.Optional[int]

class Colour(enum.Enum):
    def _generate_next_value_(name, start, count, last): return count
    RED = 1
    BLUE = enum.auto()
    @property
    def other(self): return Colour.BLUE

class Mode(enum.Flag, boundary=enum.STRICT):  # its default is not the same in all of 3.11
    READ = 1
    WRITE = 2

@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    name: str
    values: list[int] = dataclasses.field(default_factory=list)
    def total(self) -> int: return sum(self.values)

class Typed(typing.NamedTuple):
    x: int = 1

class Shape(typing.Protocol):
    def area(self) -> float: ...

class Base:
    """Doc."""
    count = 0
    def __init_subclass__(cls, **kw): super().__init_subclass__()
    @functools.cached_property
    def lazy(self): return WORD
    @classmethod
    def make(cls): return cls()

class Derived(Base, extra=1):
    __slots__ = ("a",)
    def __call__(self): return super().make()

INSTANCE = Base()

def twice(f):
    @functools.wraps(f)
    def inner(*args, **kwargs): return f(*args, **kwargs), f(*args, **kwargs)
    return inner

@contextlib.contextmanager
def opened(name): yield name

@functools.singledispatch
def show(x): return str(x)
@show.register
def _(x: int): return x

@functools.lru_cache(maxsize=None)
def cached(n): return n
'''

STAGEFILE = r'''
import asyncio, functools, json, math, os
import helpers
from helpers import *
from helpers import Row as R, twice

def plain(context, n=1, *rest, flag=True, **more): return n + len(rest)
def formatted(c): return f"{c!r:>{10}.{2}} {c=} {{}} {c:%Y-%m} {f'{c}' + 'x'}" f"a{c:{'>'}{10}}" "tail"
def nested_format(c, w, p): return f"{c:{w}.{p}f}{c:a{w}b{p}c}"
def matching(c):
    match c:
        case {"k": [1, *rest], **more} if rest: return more
        case R(name="a" | "b") as row: return row
        case None | True | -1 | "x" | (1, 2): return 0
        case [_, *_]: return 1
def walrus(c): return [y for x in c if (y := x * 2)]
async def asynchronous(c):
    async with c as d, d as e:
        async for x in e: yield [z async for z in x if await z]
def starred(c): return [*c, *c], {**c, "a": 1}, print(*c, **c), c[0:1, ...]
def groups(c):
    try: return c()
    except* OSError as e: raise ValueError from e
    else: return 1
    finally: del c
def hints(c: "list[int]", d: dict[str, int] | None = None) -> tuple[int, ...]:
    x: int = 1
    return (x,)
@twice
@functools.wraps(plain)
def decorated(c): return 1
def scopes(c):
    total = 0
    def inner(n=math.pi):
        nonlocal total
        global seen
        total += n; seen = total
        class Local(helpers.Base):
            x = total
        return [Local for _ in range(3)], lambda: total
    return inner
def numbers(c): return 1_000, 0x1F, 1e-9, 3j, -0.0, b"\xff", "\u00e9", "a" "b", 10**50, ..., None, True
def conditions(c): return (1 if c else 2) and not c or c < 1 <= 2 and c is not None
def loops(c):
    while c:
        for i, (a, *b) in enumerate(c): continue
        else: break
    assert c, "m"
    with open(c) as f, f: pass
def documented(c):
    """Text."""
    return documented.__doc__
def constants(c): return helpers.LIMITS, WORD, WHEN, helpers.HERE, Pair(2), Alias, Maybe
def classes(c): return Colour.RED.other, Mode.READ | Mode.WRITE, R("a"), Typed(), Shape, Derived(), helpers.INSTANCE
def library(c):
    with opened(c) as o: return show(o), cached(1), json.dumps(os.path.join(o, "a")), math.sqrt(2), asyncio.run
def late(c):
    import helpers as h, xml.etree.ElementTree
    from helpers import Base
    return h
def whole(c): return getattr(helpers, c)
def pathy(c): return helpers.pathlib.Path, datetime.date, decimal.Decimal
partly = functools.partial(plain, 2, flag=False)
pairs = [lambda x: x + 1, lambda x: x + 2]
first, second = (lambda: 1), (lambda: 2)
def closing(n): return lambda c: n + c
closed = closing(3)
bound = helpers.INSTANCE.make
called = Derived()
'''

VALUES = '''
import collections, copyreg, functools, inspect, math, operator, os, sys, threading, types, typing, weakref
from stagemake import stage
from stagemake.stagefile.matrix import Case

def plain(context, n=1): return n
class Held:
    __slots__ = ("first", "__dict__")
    def __init__(self, n): self.n = n
    def method(self): return self.n
    @staticmethod
    def still(n): return n
    @classmethod
    def made(cls, n): return cls(n)
    @property
    def both(self): return self.n
    @both.setter
    def both(self, n): self.n = n
    @both.deleter
    def both(self): del self.n
class Shown(property): pass
class Reduced:
    def __init__(self, n): self.n = n
    def __reduce__(self): return Reduced, (self.n,), {"n": self.n}, iter([1, 2]), iter([("a", 3)])
class Registered:
    def __init__(self, n): self.n = n
copyreg.pickle(Registered, lambda it: (Registered, (it.n,)))
class Refusing:
    def __reduce_ex__(self, protocol): raise RuntimeError("no")
class Wrapping(Refusing):
    def __init__(self, f): self.__wrapped__ = f
class Named:
    def __reduce__(self): return "NAMED"
class Text(str): pass
class Broken:
    def __reduce_ex__(self, protocol): return 5
class Sorted(dict):
    def __reduce__(self): return Sorted, (), None, None, iter(self.items())

class Unsaid:
    def __reduce__(self): return "UNSAID"
class Mangled:
    def f(self): return __hidden
_Mangled__hidden = 8
class Parent:
    def f(self): return 1
class Child(Parent):
    def f(self): return 2

def cell_of(n): return (lambda: n).__closure__[0]
def unbound():
    def inner(c): return late
    if sys is None: late = 1
    return inner
def renamed(c): return 1
renamed.__name__ = "other"
def attributed(c): return 1
attributed.note = {"a": kept_by for kept_by in (1, 2)}
def keyed(c, n=1, m=2.5, *, k="x", j=(1, 2)): return n, m, k, j
def shadowing(n):
    def inner(c):
        global T
        return n, T
    return inner
def wrapped(f):
    def inner(c: Held, *more: int) -> str: return f(c)
    return inner
def own_cache(n): return n
own = Held(1)
shown = Shown(plain)
shown.n = 4
counted = functools.lru_cache(maxsize=3, typed=True)(own_cache)
counted.more = 5
partial = functools.partial(plain, 1, n=2)
partial.n = 6
kept = [1]
kept_too = kept
T = typing.TypeVar("T", bound=Held)
U = typing.TypeVar("U", int, str)
NEW = typing.NewType("NEW", Held)
NAMED = Named(), Unsaid()
CASE = Case((("axis", 1), ("other", "x")), "1-x")
inner_of_unbound = unbound()
inner_of_shadowing = shadowing(3)
SLOTS = str.upper, int.__add__, dict.__dict__["fromkeys"], Held.first, type.__dict__["__dict__"]
BUILTINS = math.sqrt, kept.append, "a".join, (1).__add__, len
METHODS = own.method, Held.made
STATICS = Held.__dict__["still"], Held.__dict__["made"]
PROPERTIES = Held.__dict__["both"], shown
CELL = cell_of(7)
PARTIALS = partial, functools.partialmethod(plain, 1, n=2), functools.cached_property(plain)
PROCESS = [os.environ]
LOCKS = (
    threading.Lock(), threading.RLock(), threading.local(), threading.Condition(), threading.Semaphore(2),
    threading.BoundedSemaphore(2), threading.Event(), weakref.WeakSet(), weakref.WeakKeyDictionary(),
    weakref.WeakValueDictionary(),
)
REDUCED = Reduced(1), Registered(2), Wrapping(plain), Sorted(a=1), collections.deque([1], 2)
TYPES = T, U, NEW
TEXTS = Text("a"), [Text("b")]
SHARED = kept, [kept, own, own]
REFUSED = [{"a": Refusing()}]
BROKEN = Broken(), own

def slots(c): return SLOTS
def builtin_functions(c): return BUILTINS
def methods(c): return METHODS
def statics(c): return STATICS
def properties(c): return PROPERTIES
def cells(c): return CELL
def partials(c): return PARTIALS
def process(c): return PROCESS
def locks(c): return LOCKS
def caches(c): return counted
def reduced(c): return REDUCED
def typed(c): return TYPES
def named(c): return NAMED
def texts(c): return TEXTS
def shared(c): return SHARED, kept
def twice_named(c): return kept, kept_too
def language(c): return stage
def refused(c): return REFUSED
def broken(c): return BROKEN
def cases(c): return CASE
def undefined(c): return nowhere_at_all
def evaluated(c): return eval(c)
def hinted(c): return typing.get_type_hints(wrapped), keyed
def annotated(c: Held, d: "Reduced") -> Named: return 1
def hinting(c): return typing.get_type_hints(annotated)
def unread(c): return annotated
def inherits(c): return Parent.__subclasses__()
def mangled(c): return Mangled().f()
def keeps(c): return attributed, renamed, keyed
@wrapped
@functools.lru_cache(maxsize=math.floor(2.5))
def decorated_twice(c): return 1
@stage("named", outputs=["x"]) if False else (lambda f: f)
def by_the_language(c): return 1
def documenting(c):
    """What it does."""  # and why
    return inspect.getdoc(keyed), documenting.__doc__
def late_own(c):
    import helpers
    helpers.Base.count = kept
    from helpers import LIMITS as known, nothing_there
    return known, helpers.twice
'''

FILES = {"Stagefile": STAGEFILE + VALUES, "helpers.py": HELPERS}
"""A project, its texts by their paths."""
