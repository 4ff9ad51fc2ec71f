"""Which edges the component of a class gets: methods by their kind, attributes, bases, fields, members, and nothing generated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from identity_kit import fresh_modules, identity_of, load, shown

from stagemake.fingerprint.graph import Graph
from stagemake.fingerprint.sources import FileSources

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["fresh_modules"]

TARGET = "def target(c): return K\n"

# fmt: off
CLASSES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "plain": (
        "class K:\n    x: int = 1\n    y: str\n    def f(self): pass\n",
        [("base 0", "outside builtins object"), ("function f", "Stagefile:K.f()"), ("x", "Stagefile:K.x")],
    ),
    "kinds of methods": (
        "class K:\n    @staticmethod\n    def s(): pass\n    @classmethod\n    def c(cls): pass\n    @property\n    def p(self): pass\n    def __len__(self): return 1\n",
        [("base 0", "outside builtins object"), ("classmethod c", "Stagefile:K.c()"), ("function __len__", "Stagefile:K.__len__()"), ("p", "Stagefile:K.p"), ("staticmethod s", "Stagefile:K.s()")],
    ),
    "bases and metaclass": (
        "class M(type): pass\nclass B: pass\nclass K(B, dict, metaclass=M): pass\n",
        [("base 0", "Stagefile:B"), ("base 1", "outside builtins dict"), ("metaclass", "Stagefile:M")],
    ),
    "renamed": (
        "class K: pass\nK.__name__ = 'L'\n",
        [("base 0", "outside builtins object"), ("name", "Stagefile:K name")],
    ),
    "inner": (
        "class K:\n    class I: pass\n    __slots__ = ('a',)\n",
        [("I", "Stagefile:K.I"), ("__slots__", "Stagefile:K.__slots__"), ("base 0", "outside builtins object")],
    ),
    "attrs": (
        "import attrs\n@attrs.define\nclass K:\n    n: int = 1\n    m: list = attrs.field(factory=list, metadata={'a': 1}, kw_only=True)\n",
        [("__hash__", "Stagefile:K.__hash__"), ("__match_args__", "Stagefile:K.__match_args__"), ("__slots__", "Stagefile:K.__slots__"), ("base 0", "outside builtins object"), ("decorator attrs.define", "outside attrs define"), ("field m alias", "Stagefile:K.m alias"), ("field m default", "Stagefile:K.m default"), ("field m metadata", "Stagefile:K.m metadata"), ("field n alias", "Stagefile:K.n alias"), ("field n default", "Stagefile:K.n default"), ("fields n; default_factory True; validator True; converter True; init True; repr True; eq True; eq_key True; order True; order_key True; hash True; compare True; kw_only False; on_setattr True; m; default_factory True; validator True; converter True; init True; repr True; eq True; eq_key True; order True; order_key True; hash True; compare True; kw_only True; on_setattr True", "outside builtins fields"), ("type m", "outside builtins list"), ("type n", "outside builtins int")],
    ),
    "dataclass": (
        "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass K:\n    n: int = 1\n    m: list = dataclasses.field(default_factory=list, metadata={'a': 1})\n",
        [("__match_args__", "Stagefile:K.__match_args__"), ("base 0", "outside builtins object"), ("decorator dataclasses.dataclass", "outside dataclasses dataclass"), ("field m default_factory", "outside builtins list"), ("field m metadata", "Stagefile:K.m metadata"), ("field n default", "Stagefile:K.n default"), ("fields n; default_factory False; validator True; converter True; init True; repr True; eq True; eq_key True; order True; order_key True; hash True; compare True; kw_only False; alias True; on_setattr True; m; default False; validator True; converter True; init True; repr True; eq True; eq_key True; order True; order_key True; hash True; compare True; kw_only False; alias True; on_setattr True; init True; repr True; eq True; order False; unsafe_hash False; frozen True", "outside builtins fields"), ("n", "Stagefile:K.n"), ("type m", "outside builtins list"), ("type n", "outside builtins int")],
    ),
    "typed dict": (
        "import typing\nclass K(typing.TypedDict):\n    a: int\n",
        [("__optional_keys__", "Stagefile:K.__optional_keys__"), ("__orig_bases__", "Stagefile:K.__orig_bases__"), ("__required_keys__", "Stagefile:K.__required_keys__"), ("__total__", "Stagefile:K.__total__"), ("base 0", "outside builtins dict"), ("metaclass", "outside typing _TypedDictMeta"), ("type a", "outside builtins int")],
    ),
    "enum": (
        "import enum\nclass K(enum.Enum):\n    A = 1\n    B = 2\n    def f(self): pass\n    _x = 5\n    @property\n    def more(self): pass\n",
        [("base 0", "outside enum Enum"), ("function f", "Stagefile:K.f()"), ("members", "Stagefile:K members"), ("metaclass", "outside enum EnumType"), ("more", "Stagefile:K.more")],
    ),
    "enum with values": (
        "import enum\nclass K(enum.Enum):\n    A = 1\n    def __init__(self, n): self.n = n\n",
        [("base 0", "outside enum Enum"), ("hook __init__", "Stagefile:K.__init__()"), ("members", "Stagefile:K members"), ("metaclass", "outside enum EnumType")],
    ),
    "registered": (
        "import abc\nclass R: pass\nclass K(abc.ABC):\n    @abc.abstractmethod\n    def f(self): pass\nK.register(R)\n",
        [("base 0", "outside abc ABC"), ("function f", "Stagefile:K.f()"), ("metaclass", "outside abc ABCMeta"), ("registered", "Stagefile:R")],
    ),
    "decorated": (
        "def d(n): return lambda k: k\nN = 1\n@d(N)\nclass K: pass\n",
        [("base 0", "outside builtins object"), ("decorator N", "Stagefile:N"), ("decorator d", "Stagefile:d()")],
    ),
    "cached property of attrs": (
        "import attrs, functools\n@attrs.define\nclass K:\n    n: int\n    @functools.cached_property\n    def p(self): return 1\n",
        [("__hash__", "Stagefile:K.__hash__"), ("__match_args__", "Stagefile:K.__match_args__"), ("__slots__", "Stagefile:K.__slots__"), ("base 0", "outside builtins object"), ("cached p", "Stagefile:K.p()"), ("decorator attrs.define", "outside attrs define"), ("field n alias", "Stagefile:K.n alias"), ("fields n; default False; default_factory True; validator True; converter True; init True; repr True; eq True; eq_key True; order True; order_key True; hash True; compare True; kw_only False; on_setattr True", "outside builtins fields"), ("type n", "outside builtins int")],
    ),
}
# fmt: on


@pytest.mark.parametrize("title", CLASSES)
def test_what_a_class_holds_has_an_edge_of_its_name(tmp_path: Path, title: str) -> None:
    text, expected = CLASSES[title]
    root = tmp_path / "project-a"
    root.mkdir()
    module = load(root, text + TARGET)
    graph = Graph(str(root), FileSources())

    top = graph.link(module.target, "the callable")
    graph.complete(top)

    (kind,) = (one for role, one in top.edges if role == "K")
    assert {(role, shown(graph, one)) for role, one in kind.edges} == {*expected}
    assert (kind.label, kind.subject, kind.files) == ("Stagefile:K", module.K, ["Stagefile"])


def test_what_an_annotation_of_a_plain_class_says_counts_only_for_who_reads_it(
    tmp_path: Path,
) -> None:
    text = "T = [int, str][@]\nclass K:\n    x: T = 1\n"
    texts = [(text + TARGET).replace("@", number) for number in "01"]
    read = [one.replace("return K", "return K.__annotations__") for one in texts]

    made = [
        identity_of(tmp_path / f"project-{number}", one).source
        for number, one in enumerate((*texts, *read))
    ]

    assert made[0] == made[1]
    assert made[2] != made[3]
