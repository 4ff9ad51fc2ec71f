"""The same sources, identified by every Python at hand, must give the same identities."""

from __future__ import annotations

import functools
import glob
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import attr
import pytest

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

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

SCRIPT = """
import hashlib, json, sys, types
sys.dont_write_bytecode = True
project, package, site = sys.argv[1:]
# Only what the identity needs, and no compiled package: any digest will do for comparing.
digest = lambda data: hashlib.blake2b(data, digest_size=16)
sys.modules["xxhash"] = types.SimpleNamespace(xxh3_128=digest)
sys.path[:0] = [project, package]
sys.path.append(site)
from stagemake.fingerprint.function import FunctionIdentifier
module = types.ModuleType("Stagefile")
module.__file__ = project + "/Stagefile"
with open(module.__file__, encoding="utf-8") as file:
    exec(compile(file.read(), module.__file__, "exec"), vars(module))
identifier = FunctionIdentifier(project)
found = {}
for name, value in vars(module).items():
    functions = value if name == "pairs" else [value]
    for index, function in enumerate(functions):
        if callable(function) and getattr(function, "__module__", "") == "Stagefile" or name in (
            "partly", "pairs", "bound", "called", "decorated"
        ):
            identity = identifier.identify(function)
            found[f"{name} {index}"] = [identity.source, identity.components, identity.fallbacks, identity.always]
json.dump(found, sys.stdout)
"""


@functools.cache
def interpreter(version: str) -> str | None:
    """Return an interpreter of that minor version: this one, from PATH, or pyenv's newest."""
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    home = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    by_pyenv = sorted(glob.glob(f"{home}/versions/{version}.*/bin/python{version}"))
    candidates = [shutil.which(f"python{version}"), *reversed(by_pyenv)]
    for candidate in candidates:
        # pyenv's shims exist for versions that aren't selected: only one that answers counts.
        if (
            candidate
            and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode
            == 0
        ):
            return candidate
    return None


def identities(version: str, project: str) -> dict[str, list[object]]:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is neither on PATH nor in pyenv")
    site = os.path.dirname(os.path.dirname(attr.__file__))
    command = [python, "-I", "-c", SCRIPT, project, ROOT, site]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_source_identities_are_equal_across_versions(tmp_path: Path, version: str) -> None:
    (tmp_path / "Stagefile").write_text(STAGEFILE, encoding="utf-8")
    (tmp_path / "helpers.py").write_text(HELPERS, encoding="utf-8")
    oldest = identities(VERSIONS[0], str(tmp_path))

    newer = identities(version, str(tmp_path))

    assert len(oldest) >= 30
    assert oldest == newer


def test_every_function_of_the_corpus_has_an_identity_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "Stagefile").write_text(STAGEFILE, encoding="utf-8")
    (tmp_path / "helpers.py").write_text(HELPERS, encoding="utf-8")

    found = identities(f"{sys.version_info[0]}.{sys.version_info[1]}", str(tmp_path))

    assert len({source for source, *_ in found.values()}) == len(found)
    assert [name for name, (_, _, _, always) in found.items() if always] == []
