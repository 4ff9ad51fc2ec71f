"""Random small projects, one random edit: where the result differs the identity does, and comments never matter."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from attrs import evolve, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

MODULES = ("alpha", "beta", "Stagefile")  # each may import those before it

# How a definition looks, and what a use of it looks like. `@n` is its name, `@k` a number of its own, `@u` what it
# uses of earlier ones. A use must be a number.
SHAPES = {
    "constant": ("@n = @k + @u", "@n"),
    "list": ("@n = [@k]\n@n.append(@u)", "sum(@n)"),
    "dict": ("@n = {'a': @k, 'b': (@u,)}", "(@n['a'] + @n['b'][0])"),
    "function": ("def @n(x=0):\n    return x + @k + @u", "@n(2)"),
    "default": ("def @n(x=@k + @u, *, y=[@k]):\n    return x + y[0]", "@n()"),
    "lambda": ("@n, @n_other = (lambda: @k), (lambda: @k + @u)", "@n_other()"),
    "closure": ("def @n_make(a):\n    def inner(x):\n        return a * x + @u\n    return inner\n@n = @n_make(@k)", "@n(3)"),
    "loop": ("@n = []\nfor @n_i in range(3):\n    @n.append(lambda i=@n_i: i + @k + @u)", "@n[1]()"),
    "generator": ("def @n():\n    yield @k\n    yield from [@u]", "sum(@n())"),
    "method": ("class @n:\n    k = @k\n    def m(self):\n        return self.k + @u", "@n().m()"),
    "property": ("class @n:\n    @property\n    def p(self):\n        return @k + @u", "@n().p"),
    "cached": ("import functools\nclass @n:\n    @functools.cached_property\n    def p(self):\n        return @k + @u", "@n().p"),
    "static": ("class @n:\n    @staticmethod\n    def s():\n        return @k\n    @classmethod\n    def c(cls):\n        return cls.s() + @u", "@n.c()"),
    "inherits": ("class @n_base:\n    def m(self):\n        return @k\nclass @n(@n_base):\n    def m(self):\n        return super().m() + @u", "@n().m()"),
    "dataclass": ("import dataclasses\n@dataclasses.dataclass\nclass @n:\n    a: int = @k\n    b: list = dataclasses.field(default_factory=lambda: [@u])", "(@n().a + @n().b[0])"),
    "named tuple": ("import typing\nclass @n(typing.NamedTuple):\n    a: int = @k\n    def m(self):\n        return self.a + @u", "@n().m()"),
    "enum": ("import enum\nclass @n(enum.Enum):\n    A = @k\n    B = @k + 1000 + @u", "@n.B.value"),
    "instance": ("class @n_kind:\n    def __init__(self, v):\n        self.v = v\n    def __call__(self):\n        return self.v + @u\n@n = @n_kind(@k)", "@n()"),
    "metaclass": ("class @n_meta(type):\n    def __call__(cls):\n        return @k + @u\nclass @n(metaclass=@n_meta):\n    pass", "@n()"),
    "descriptor": ("class @n_d:\n    def __get__(self, one, kind):\n        return @k + @u\nclass @n:\n    d = @n_d()", "@n().d"),
    "partial": ("import functools\ndef @n_f(a, b):\n    return a - b + @u\n@n = functools.partial(@n_f, b=@k)", "@n(5)"),
    "cache": ("import functools\n@functools.cache\ndef @n():\n    return @k + @u", "@n()"),
    "dispatch": ("import functools\n@functools.singledispatch\ndef @n(x):\n    return 0\n@@n.register\ndef _(x: int):\n    return @k + @u", "@n(1)"),
    "decorated": ("import functools\ndef @n_d(f):\n    @functools.wraps(f)\n    def w(*a):\n        return f(*a) + @k\n    return w\n@@n_d\ndef @n(x):\n    return x + @u", "@n(1)"),
    "decorator with argument": ("def @n_d(k):\n    def d(f):\n        return lambda: f() + k\n    return d\n@@n_d(@k)\ndef @n():\n    return @u", "@n()"),
    "context": ("import contextlib\n@contextlib.contextmanager\ndef @n_c():\n    yield @k + @u\ndef @n():\n    with @n_c() as v:\n        return v", "@n()"),
    "patched": ("class @n:\n    def m(self):\n        return 0\ndef @n_m(self):\n    return @k + @u\n@n.m = @n_m", "@n().m()"),
    "registry": ("@n = {}\ndef @n_r(f):\n    @n[f.__name__] = f\n    return f\n@@n_r\ndef @n_a():\n    return @k + @u", "@n['@n_a']()"),
    "subclasses": ("class @n:\n    pass\nclass @n_s(@n):\n    v = @k + @u", "@n.__subclasses__()[0].v"),
    "match": ("class @n_c:\n    K = @k\ndef @n(x=@k):\n    match x:\n        case @n_c.K:\n            return 1 + @u\n        case _:\n            return 2", "@n(3)"),
    "shared": ("@n_l = [@k]\n@n = [@n_l, @n_l]", "(lambda two: (two[0].append(@k), sum(two[1]), two[0].pop())[1])(@n)"),
    "counter": ("def @n_make():\n    n = @k\n    def up():\n        nonlocal n\n        n += 1\n        return n + @u\n    return up\n@n = @n_make()", "@n()"),
    "conditional": ("if @k % 2:\n    def @n():\n        return 5 + @u\nelse:\n    def @n():\n        return 7 + @u", "@n()"),
    "format": ("def @n():\n    v = @u\n    return len(f'{v:>{@k % 7 + 9}}')", "@n()"),
    "alias": ("def @n_f():\n    return @k + @u\n@n = @n_f", "@n()"),
}  # fmt: skip


@frozen
class Definition:
    """One definition of a project; `uses` holds the numbers of earlier ones."""

    shape: str
    number: int
    module: int
    uses: tuple[int, ...]
    how: str  # it names what other modules have: "from", "import", "late" or "late from"


Project = tuple[Definition, ...]
HOWS = ("from", "import", "late", "late from")


def reached(project: Project) -> set[int]:
    """Return the definitions that the last one needs."""
    found, todo = set[int](), [len(project) - 1]
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo.extend(project[one].uses)
    return found


def use_of(project: Project, at: int, user: Definition) -> tuple[str, str]:
    """Return an expression for a definition as another module says it, and the import it needs."""
    used = project[at]
    text = SHAPES[used.shape][1].replace("@n", f"n{at}").replace("@k", str(used.number))
    if used.module == user.module:
        return text, ""
    module = MODULES[used.module]
    names = [f"n{at}_other"] if used.shape == "lambda" else [f"n{at}"]
    if user.how.endswith("from"):
        return text, f"from {module} import {names[0]}"
    return text.replace(names[0], f"{module}.{names[0]}").replace(
        f"['{module}.", "['"
    ), f"import {module}"


def rendered(project: Project) -> dict[str, str]:
    """Return the texts of the modules, by name."""
    texts = dict.fromkeys(MODULES, "")
    for at, one in enumerate(project):
        imports, parts = [], []
        for other in one.uses:
            text, needed = use_of(project, other, one)
            parts.append(text)
            imports.append(needed)
        used = " + ".join(parts) if parts else "0"
        needed = "\n".join(sorted({line for line in imports if line}))
        body = SHAPES[one.shape][0]
        if needed and one.how.startswith("late"):
            lines = needed.replace("\n", "\n    ")
            body = f"def @n_late():\n    {lines}\n    return @u\n" + body.replace("@u", "@n_late()")
            needed = ""
        body = body.replace("@@n", "@\0").replace("@n", f"n{at}").replace("@\0", f"@n{at}")
        body = body.replace("@k", str(one.number)).replace("@u", f"({used})")
        texts[MODULES[one.module]] += f"{needed}\n{body}\n"
    last = len(project) - 1
    expression, needed = use_of(project, last, Definition("", 0, 2, (), "import"))
    texts["Stagefile"] += f"{needed}\ndef target(context):\n    return {expression}\n"
    return texts


SCRIPT = """
import hashlib, json, sys, types
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from stagemake.fingerprint.function import FunctionIdentifier
module = types.ModuleType("Stagefile")
module.__file__ = sys.argv[1] + "/Stagefile"
with open(module.__file__) as file:
    exec(compile(file.read(), module.__file__, "exec"), vars(module))
found = FunctionIdentifier(sys.argv[1]).identify(module.target)
print(json.dumps([found.source, found.always, module.target(None)]))
"""


def observe(base: Path, texts: dict[str, str]) -> tuple[str, bool, object]:
    """Return identity, whether it always runs, and the result, from an interpreter of its own."""
    root = base / "project"
    root.mkdir(exist_ok=True)
    for name, text in texts.items():
        (root / (name if name == "Stagefile" else f"{name}.py")).write_text(text, "utf-8")
    command = [sys.executable, "-c", SCRIPT, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + "\n".join(texts.values())
    source, always, result = json.loads(done.stdout)
    return source, always, result


@st.composite
def projects(draw: st.DrawFn) -> Project:
    count = draw(st.integers(2, 7))
    found: list[Definition] = []
    module = 0
    for at in range(count):
        module = draw(st.integers(module, 2))
        uses = draw(st.lists(st.integers(0, at - 1), max_size=2, unique=True)) if at else []
        if at == count - 1 and not uses:
            uses = [at - 1]
        shape, how = draw(st.sampled_from(sorted(SHAPES))), draw(st.sampled_from(HOWS))
        found.append(Definition(shape, draw(st.integers(1, 9)), module, tuple(uses), how))
    return tuple(found)


def edited(project: Project, data: st.DataObject) -> tuple[Project, int]:
    """Return the project with one definition changed, and which."""
    at = data.draw(st.integers(0, len(project) - 1), label="edited")
    one = project[at]
    what = data.draw(st.sampled_from(["number", "shape", "uses"]), label="what")
    if what == "shape":
        one = evolve(one, shape=data.draw(st.sampled_from(sorted(SHAPES))))
    elif what == "uses" and at:
        one = evolve(
            one, uses=tuple(data.draw(st.lists(st.integers(0, at - 1), max_size=2, unique=True)))
        )
    else:
        one = evolve(one, number=data.draw(st.integers(1, 9)))
    return (*project[:at], one, *project[at + 1 :]), at


SLOWLY = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SLOWLY
@given(project=projects(), data=st.data())
def test_another_result_means_another_identity(
    tmp_path: Path, project: Project, data: st.DataObject
) -> None:
    after, at = edited(project, data)

    source, always, result = observe(tmp_path, rendered(project))
    new_source, _, new_result = observe(tmp_path, rendered(after))

    assert not always
    if result != new_result:
        assert source != new_source
    # What is imported late counts as a whole module.
    late = any(one.how.startswith("late") for one in (*project, *after))
    if not late and at not in reached(project) | reached(after):
        assert source == new_source


def decorated_with_nothing(text: str, number: int) -> str:
    """Return a module's text with comments, blank lines, docstrings and definitions nobody uses."""
    lines = []
    for line in text.split("\n"):
        lines.append(f"{line}  # {number}" if line and number % 2 else line)
        if line.startswith("def ") and number % 3:
            lines.append(f'    """Says {number}."""')
    unused = f"unused_{number} = {number}\ndef unused():\n    return {number}\n"
    return f"# {number}\n\n{unused}" + "\n".join(lines) + f"\nclass Unused:\n    n = {number}\n"


@SLOWLY
@given(project=projects(), number=st.integers(1, 30))
def test_comments_docstrings_and_what_nobody_uses_do_not_count(
    tmp_path: Path, project: Project, number: int
) -> None:
    texts = rendered(project)
    # What is imported late counts as a whole module: all that is in it may be run by importing it.
    late = any(one.how.startswith("late") for one in project)
    more = {
        name: text if late and name != "Stagefile" else decorated_with_nothing(text, number)
        for name, text in texts.items()
    }

    source, _, result = observe(tmp_path, texts)
    new_source, _, new_result = observe(tmp_path, more)

    assert result == new_result
    assert source == new_source
