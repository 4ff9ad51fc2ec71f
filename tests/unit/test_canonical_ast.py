from __future__ import annotations

import ast
import textwrap

import pytest

from stagemake.fingerprint.canonical_ast import canonical, docstring_of
from stagemake.fingerprint.names import LateImport, Load
from stagemake.fingerprint.resolve_names import names_in


def canonical_text(text: str) -> bytes:
    return canonical(ast.parse(textwrap.dedent(text)))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("x = 1", "\n\nx   =   1  # comment"),
        ("x = 'a'", 'x = u"a"'),
        ("x = 'ab'", "x = 'a' 'b'"),
        ("x = (1)", "x = 1"),
        ("x = 0x10", "x = 16"),
        ("x = 1_000", "x = 1000"),
        ("'doc'\nx = 1", "x = 1"),
        ("def f():\n  'doc'\n  return 1", "def f(): return 1"),
        ("class A:\n  'doc'\n  x = 1", "class A:\n  x = 1"),
        ("async def f():\n  '''doc'''\n  await x", "async def f(): await x"),
        ("x = f'a' f'b{c}'", "x = f'ab{c}'"),
        ("x = f'{a}' ''", "x = f'{a}'"),
        ("x = 1  # type: int", "x = 1"),
    ],
)
def test_what_python_runs_alike_has_the_same_bytes(one: str, two: str) -> None:
    first = canonical_text(one)

    assert first == canonical_text(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 0.0", "x = 0j"),
        ("x = 'a'", "x = b'a'"),
        ("x = a, b", "x = [a, b]"),
        ("x = a - b", "x = b - a"),
        ("x = None", "x = ..."),
        ("return_ = {**a, 'b': 1}", "return_ = {'b': 1, **a}"),
        ("def f(a, /, b): pass", "def f(a, b, /): pass"),
        ("def f(a, *, b): pass", "def f(a, b): pass"),
        ("def f(*, a=1, b): pass", "def f(*, a, b=1): pass"),
        ("def f(): return 1", "async def f(): return 1"),
        ("def f():\n  x\n  'not a docstring'", "def f():\n  x"),
        ("import a", "import a as b"),
        ("from . import a", "from .. import a"),
        ("global x", "x"),
        ("match a:\n  case None: b", "match a:\n  case False: b"),
        ("match a:\n  case {'k': 1}: b", "match a:\n  case {'k': 1, **k}: b"),
        ("[a for b in c if d]", "[a for b in c]"),
        ("{a for b in c}", "(a for b in c)"),
        ("x = f'{a}'", "x = f'{a!r}'"),
        ("x = f'{a}'", "x = f'{a:}b'"),
        ("x = f'{a:>{b}}'", "x = f'{a:<{b}}'"),
        ("x = f'{a}'", "x = a"),
        ("(x := 1)", "x = 1"),
        ("if a:\n  b\n  c", "if a:\n  b\nc"),
        ("try:\n  a\nexcept B: c", "try:\n  a\nexcept* B: c"),
        ("async def f():\n async for a in b: c", "async def f():\n for a in b: c"),
    ],
)
def test_what_may_run_differently_has_other_bytes(one: str, two: str) -> None:
    first = canonical_text(one)

    assert first != canonical_text(two)


def test_a_tree_of_any_depth_is_walked() -> None:
    tree: ast.expr = ast.Name("x", ast.Load())
    for _ in range(20_000):
        tree = ast.UnaryOp(ast.Not(), tree)

    walked = canonical(tree)

    assert walked.count(b"UnaryOp") == 20_000


def test_a_skipped_item_leaves_no_trace() -> None:
    decorated = ast.parse("@a\n@b\ndef f(): pass").body[0]
    assert isinstance(decorated, ast.FunctionDef)

    stripped = canonical(decorated, frozenset({decorated.decorator_list[0]}))

    assert canonical(ast.parse("@b\ndef f(): pass").body[0]) == stripped


def test_a_docstring_is_the_first_text_of_a_body() -> None:
    documented, plain = ast.parse("'''text'''"), ast.parse("1")

    assert docstring_of(documented) is documented.body[0]
    assert docstring_of(plain) is None


def free(text: str) -> set[str]:
    node = ast.parse(textwrap.dedent(text)).body[0]
    return {".".join((load.name, *load.attributes)) for load in names_in(node).free}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(a, /, b, *c, d=e, **g): return a, b, c, d, g", set()),
        ("def f(): return x.y.z(1).w", {"x.y.z"}),
        ("def f():\n  x = 1\n  return x", set()),
        ("def f():\n  global x\n  x = 1\n  return x", {"x"}),
        ("def f():\n  global x\n  x += 1", {"x"}),
        (
            "def f():\n  x = 1\n  def g():\n    nonlocal x\n    x = 2\n    return x\n  return g",
            set(),
        ),
        ("def f(): return [x for x in y if x]", {"y"}),
        ("def f(): return [x for x in x]", {"x"}),
        ("def f(): return [x for y in z for x in y]", {"z"}),
        ("def f(): return [(w := x) for x in y], w", {"y"}),
        ("def f():\n  for x in y: x", {"y"}),
        ("def f():\n  with y as x: x", {"y"}),
        ("def f():\n  try: a\n  except E as e: e", {"a", "E"}),
        ("def f():\n  import a.b\n  return a.b.c", set()),
        ("def f():\n  from a import b as c\n  return b, c", {"b"}),
        (
            "def f(v):\n  match v:\n    case A(x, y=[z, *w]) | {'k': x, **r}: x, z, w, r\n    case n: n",
            {"A"},
        ),
        (
            "def f():\n  class A(B):\n    x = y\n    def g(self): return x\n  return A",
            {"B", "y", "x"},
        ),
        ("def f(a: T) -> U:\n  b: V = c", {"c"}),
        ("def f():\n  @d\n  def g(h=i): return h", {"d", "i"}),
        ("def f(): return (lambda a, b=c: a + b)", {"c"}),
        ("@d(e)\ndef f(a=g): return 1", set()),
        ("def f(): return getattr(m, 'n')", {"m.n"}),
        ("def f(): return getattr(m, n)", {"m", "n", "getattr"}),
        ("def f():\n  del x", set()),
        ("def f(): return f'{a:{b}}'", {"a", "b"}),
        ("def f(): a.b = c", {"a.b", "c"}),
    ],
)
def test_names_are_resolved_by_pythons_scoping_rules(text: str, expected: set[str]) -> None:
    found = free(text)

    assert expected == found - {"getattr"} if "getattr" not in expected else expected == found


def test_late_imports_and_literal_arguments_are_reported() -> None:
    text = "def f():\n  import a.b\n  from ..c import d as e, g\n  return load('m')"

    names = names_in(ast.parse(text).body[0])

    assert names.imports == {LateImport("a.b"), LateImport("c", ("d", "g"), 2)}
    assert names.free == {Load("load", (), "m")}
