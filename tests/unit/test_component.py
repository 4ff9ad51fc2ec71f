"""Components and the identity that a graph of them amounts to: what counts of each, in which order, under which label."""

from __future__ import annotations

import builtins
import runpy
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake.fingerprint.component import (
    Component,
    FunctionIdentity,
    digest_of,
    reachable,
    summarize,
)
from stagemake.fingerprint.load_component import (
    MISSING,
    follow,
    is_unbounded,
    is_unbounded_late,
    load_order,
    lookup,
    note_late_dynamic,
)
from stagemake.fingerprint.resolve_names import Load
from stagemake.fingerprint.sources import ParsedSource

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = ParsedSource("# before\nN = 1\ndef f():\n    # inside\n    return N\n")


def leaf(label: str, content: bytes = b"c", **words: Any) -> Component:
    return Component(label, digest_of(content), **words)


def root_of(*edges: tuple[str, Component], **words: Any) -> Component:
    return leaf("file:root()", b"root", **words, edges=list(edges))


def identity(*edges: tuple[str, Component], **words: Any) -> FunctionIdentity:
    return summarize(root_of(*edges, **words), frozenset())


# --- what counts ------------------------------------------------------------------------------------


def other_target() -> tuple[str, Component]:
    return "a", leaf("file:a", b"other")


CHANGES: dict[str, Callable[[], FunctionIdentity]] = {
    "another content": lambda: identity(other_target()),
    "another role": lambda: identity(("b", leaf("file:a"))),
    "another label of a target": lambda: identity(("a", leaf("file:b"))),
    "an edge more": lambda: identity(("a", leaf("file:a")), ("b", leaf("file:a", b"more"))),
    "no edge": identity,
    "an edge further down": lambda: identity(("a", leaf("file:a", edges=[("x", leaf(""))]))),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_contents_roles_and_what_they_lead_to_count(kind: str) -> None:
    usual = identity(("a", leaf("file:a")))

    changed = CHANGES[kind]()

    assert changed.components != usual.components
    assert (changed.source != usual.source) is (kind != "another label of a target")


def test_which_of_two_alike_a_name_leads_to_counts() -> None:
    def crossed(*, is_shared: bool) -> str:
        one, two = leaf("", b"same"), leaf("", b"same")
        inner = leaf("file:in", edges=[("x", one if is_shared else two)])
        return identity(("a", one), ("b", inner)).source

    assert crossed(is_shared=True) != crossed(is_shared=False)


@given(st.permutations([("a", "x"), ("a", "y"), ("b", "x"), ("c", "")]))
def test_neither_order_nor_repeats_of_edges_count(drawn: list[tuple[str, str]]) -> None:
    def made(edges: list[tuple[str, str]]) -> FunctionIdentity:
        ends = {label: leaf(label, label.encode()) for label in ("x", "y", "")}
        return identity(*[(role, ends[label]) for role, label in edges])

    usual = made([("a", "x"), ("a", "y"), ("b", "x"), ("c", "")])

    assert made(drawn) == made([*drawn, *drawn]) == usual


def test_of_targets_under_one_label_the_content_decides_the_order() -> None:
    ends = [leaf("x", content) for content in (b"1", b"2", b"3")]
    made = [identity(*[("a", ends[at]) for at in order]) for order in ((0, 1, 2), (2, 0, 1))]

    assert made[0] == made[1]


def test_edges_are_taken_once_they_were_asked_for() -> None:
    root = root_of(("b", leaf("b")))
    root.edges.append(("a", leaf("a")))

    own = root.own()

    assert [role for role, _ in root.edges] == ["a", "b"]
    assert root.own() is own


@pytest.mark.parametrize("reader", ["root", "below"])
def test_hints_count_where_anything_reads_types(reader: str) -> None:
    def made(hint: bytes, role: str = "h", *, reads: bool = True) -> FunctionIdentity:
        inner = leaf("file:in", reads_types=reads and reader == "below")
        hints = [(role, leaf("file:hint", hint)), (role, leaf("file:hint", b"other"))]
        return identity(("a", inner), hints=hints, reads_types=reads and reader == "root")

    assert made(b"1", reads=False) == made(b"2", "i", reads=False)
    assert len({made(b"1").source, made(b"2").source, made(b"1", "i").source, made(b"1", reads=False).source}) == 4  # fmt: skip
    labels = [label for label, _ in made(b"1").components]
    assert labels == ["file:hint", "file:hint", "file:in", "file:root()"]
    assert "file:hint" not in [label for label, _ in made(b"1", reads=False).components]


def test_hints_stand_behind_edges_sorted_and_each_once() -> None:
    a, b, c = (leaf(label, label.encode()) for label in "abc")
    root = root_of(("z", c), hints=[("b", b), ("a", a), ("b", b)])
    root.own()

    assert root.targets(with_hints=True) == [("z", c), ("a", a), ("b", b)]
    assert root.targets(with_hints=False) == [("z", c)]


@pytest.mark.parametrize("reader", ["root", "below"])
def test_texts_count_where_anything_reads_them(reader: str) -> None:
    def made(doc: str | None, text: str = "x = 1\n", *, reads: bool = True) -> FunctionIdentity:
        parsed = ParsedSource(text)
        inner = leaf("file:in", reads_text=reads and reader == "below")
        return identity(
            ("a", inner), reads_text=reads and reader == "root",
            text=(parsed, parsed.tree), subject=SimpleNamespace(__doc__=doc),
        )  # fmt: skip

    assert made("one", reads=False) == made("two", "x = 1  # comment\n", reads=False)
    several = [made("one"), made("two"), made(None), made("one", "x = 1  # comment\n")]
    assert len({one.source for one in several}) == 4
    assert len({one.components for one in several}) == 4


@pytest.mark.parametrize(
    ("doc", "expected"),
    [("One.\n    Two.  \n", "\nOne.\nTwo.\n"), (None, ""), (5, ""), ("", "\n")],
)
def test_the_text_of_a_part_ends_with_the_docstring_it_has_now(doc: object, expected: str) -> None:
    function = SOURCE.tree.body[1]
    text = "def f():\n    # inside\n    return N"

    assert leaf("f", text=(SOURCE, function), subject=SimpleNamespace(__doc__=doc)).source_text() == text + expected  # fmt: skip
    assert leaf("f", subject=SimpleNamespace(__doc__=doc)).source_text() == expected
    assert leaf("f", text=(SOURCE, function)).source_text() == text
    assert leaf("f").source_text() == ""


# --- what is collected ------------------------------------------------------------------------------


def test_what_is_known_of_all_parts_is_collected_sorted_and_each_once() -> None:
    inner = leaf("file:in", fallbacks=["c", "a"], files=["z", "y"], absent=["n"])
    made = identity(("a", inner), fallbacks=["b", "a"], files=["x", "y"], absent=["m", "n"])

    assert (made.fallbacks, made.files, made.absent) == (("a", "b", "c"), ("x", "y", "z"), ("m", "n"))  # fmt: skip


@pytest.mark.parametrize(("root", "inner"), [(True, False), (False, True), (False, False)])
def test_one_part_that_runs_always_is_enough(root: bool, inner: bool) -> None:
    assert identity(("a", leaf("x", always=inner)), always=root).always is (root or inner)


def test_parts_are_listed_by_label_sorted_and_those_without_one_are_not() -> None:
    made = identity(("a", leaf("file:b")), ("b", leaf("file:a")), ("c", leaf("")))

    assert [label for label, _ in made.components] == ["file:a", "file:b", "file:root()"]
    assert all(len(digest) == 32 for _, digest in made.components)


def test_only_the_part_that_changed_is_listed_with_another_digest() -> None:
    def made(content: bytes) -> dict[str, str]:
        middle = leaf("file:m", edges=[("x", leaf("file:x", content))])
        return dict(identity(("a", middle), ("b", leaf("file:b"))).components)

    before, after = made(b"1"), made(b"2")

    assert {label for label in before if before[label] != after[label]} == {"file:x"}


def test_a_part_without_label_is_listed_with_who_leads_to_it() -> None:
    def made(content: bytes) -> dict[str, str]:
        return dict(identity(("a", leaf("", content)), ("b", leaf("file:b"))).components)

    before, after = made(b"1"), made(b"2")

    assert {label for label in before if before[label] != after[label]} == {"file:root()"}


def test_where_several_go_by_one_label_no_difference_goes_unlisted() -> None:
    def made(*, is_crossed: bool) -> FunctionIdentity:
        one, two = leaf("file:l", b"1"), leaf("file:l", b"2")
        return identity(("a", two if is_crossed else one), ("b", one if is_crossed else two))

    assert made(is_crossed=True).source != made(is_crossed=False).source
    assert made(is_crossed=True).components != made(is_crossed=False).components


def test_who_holds_one_object_with_whom_is_listed_with_these_alone() -> None:
    def made(*, is_shared: bool) -> dict[str, str]:
        one, two = leaf("", is_same=True), leaf("", is_same=True)
        f = leaf("file:f()", edges=[("cell n", one)])
        g = leaf("file:g()", edges=[("cell n", one if is_shared else two)])
        h = leaf("file:h()", edges=[("cell n", leaf("", is_same=True))])
        return dict(identity(("f", f), ("g", g), ("h", h)).components)

    apart, shared = made(is_shared=False), made(is_shared=True)

    assert {label for label in apart if apart[label] != shared[label]} == {"file:f()", "file:g()"}


def test_under_which_names_one_object_is_held_is_listed() -> None:
    def made(role: str) -> dict[str, str]:
        one = leaf("", is_same=True)
        f = leaf("file:f()", edges=[("cell n", one)])
        g = leaf("file:g()", edges=[(role, one)])
        return dict(identity(("f", f), ("g", g)).components)

    before, after = made("cell n"), made("cell m")

    assert {label for label in before if before[label] != after[label]} == {"file:f()", "file:g()"}


def test_what_values_hold_in_common_counts_by_its_place_in_each() -> None:
    thing = object()

    def made(first: int | None, second: int | None) -> FunctionIdentity:
        values = [
            leaf(f"file:{name}", held={} if mark is None else {id(thing): (thing, mark)})
            for name, mark in (("a", first), ("b", second))
        ]
        root = root_of(("a", values[0]), ("b", values[1]), ("c", leaf("file:c")))
        return summarize(root, {id(thing)})

    usual, several = made(1, 1), [made(1, 1), made(2, 1), made(1, 2)]

    assert made(1, None) == made(None, None)
    assert len({one.source for one in several}) == 3
    assert len({one.source for one in (*several, made(1, None))}) == 4
    lone = dict(made(1, None).components)
    assert {label for label, digest in usual.components if lone[label] != digest} == {"file:a", "file:b"}  # fmt: skip


# --- texts ------------------------------------------------------------------------------------------


def test_texts_of_parts_are_there_by_their_digests() -> None:
    function = SOURCE.tree.body[1]
    f = leaf("file:f()", text=(SOURCE, function))
    made = identity(
        ("f", f), ("N", leaf("file:N", b"N")), ("M", leaf("file:M")), ("x", leaf("other:N")), ("y", leaf("")),
    )  # fmt: skip
    listed = dict(made.components)

    assert made.texts() == {
        listed["file:f()"]: "def f():\n    # inside\n    return N\n",
        listed["file:N"]: "N = 1\n",
    }


@pytest.mark.parametrize("words", [{"reads_text": True}, {"reads_types": True}, {}])
def test_texts_go_by_the_digests_that_are_listed(words: dict[str, bool]) -> None:
    f = leaf("file:f()", text=(SOURCE, SOURCE.tree), hints=[("h", leaf("file:h"))])
    made = identity(("f", f), **words)

    assert made.texts() == {dict(made.components)["file:f()"]: f"{SOURCE.text}\n"}


def test_all_below_comes_once_itself_first_in_the_order_of_roles() -> None:
    end = leaf("end")
    a, b = leaf("a", edges=[("x", end)]), leaf("b", edges=[("x", end)])
    root = root_of(("2", b), ("1", a), hints=[("0", leaf("hint"))])
    end.edges.append(("up", root))

    assert [one.label for one in reachable(root)] == ["file:root()", "a", "end", "b"]
    found = [one.label for one in reachable(root, with_hints=True)]
    assert found == ["file:root()", "a", "end", "b", "hint"]


# --- names and what they lead to --------------------------------------------------------------------


def module(name: str, **names: object) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(names)
    return made


def test_attributes_are_followed_through_modules_and_no_further() -> None:
    inner = module("inner", value=5)
    outer = module("outer", inner=inner)

    assert follow(outer, ()) == (outer, None, ())
    assert follow(outer, ("inner",)) == (inner, outer, ())
    assert follow(outer, ("inner", "value")) == (5, inner, ())
    assert follow(outer, ("inner", "value", "real")) == (5, inner, ("real",))
    assert follow(outer, ("none", "more")) == (outer, None, ("none", "more"))
    assert follow(outer, ("inner", "none")) == (inner, outer, ("none",))
    assert follow(5, ("real",)) == (5, None, ("real",))


def test_a_name_is_looked_up_in_globals_then_in_the_built_ins_these_have() -> None:
    own = {"len": 1, "__builtins__": {"len": 2, "mine": 3}}

    assert (lookup(own, "len"), lookup(own, "mine"), lookup(own, "str")) == (1, 3, MISSING)
    assert lookup({"__builtins__": builtins}, "len") is len
    assert lookup({}, "len") is len
    assert lookup({}, "nowhere") is MISSING
    assert lookup({"__builtins__": 5}, "len") is len
    assert lookup({"__builtins__": 5}, "nowhere") is MISSING


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pydoc.locate", True),
        ("pydoc.locate.more", True),
        ("pydoc.located", False),
        ("pydoc", False),
        ("importlib.machinery.SourceFileLoader", True),
        ("importlib.machinery.SourcelessFileLoader", True),
        ("importlib.machinery.ExtensionFileLoader.x", True),
        ("_frozen_importlib_external.SourceFileLoader", False),
        ("inspect.currentframe", True),
        ("inspect.stack", True),
        ("inspect.getfile", False),
        ("pkgutil.resolve_name", True),
        ("pkgutil.walk_packages", True),
    ],
)
def test_what_reaches_any_code_is_known_by_its_dotted_name(name: str, *, expected: bool) -> None:
    assert is_unbounded_late(name) is expected


def test_what_reaches_any_code_is_known_as_a_thing() -> None:
    import importlib.util
    import inspect
    import pkgutil
    import pydoc
    from importlib import machinery

    unbounded = [
        eval, exec, __import__, vars(builtins), importlib.import_module, importlib.reload,
        importlib.util.module_from_spec, importlib.util.spec_from_file_location, runpy.run_module,
        runpy.run_path, sys._getframe, sys.modules, machinery.SourceFileLoader,
        machinery.SourcelessFileLoader, machinery.ExtensionFileLoader, inspect.currentframe,
        inspect.stack, pkgutil.resolve_name, pkgutil.walk_packages, pydoc.locate,
    ]  # fmt: skip
    bounded = [len, inspect.getfile, pydoc.help, {}, "eval", None, importlib, SimpleNamespace]

    assert [is_unbounded(one) for one in (*unbounded, *bounded)] == [True] * 20 + [False] * 8


def test_loads_are_sorted_by_name_attributes_and_argument() -> None:
    loads = [Load("b"), Load("a", ("y",)), Load("a", ("x",), "2"), Load("a", ("x",)), Load("a")]

    assert sorted(loads, key=load_order) == [Load("a"), Load("a", ("x",)), Load("a", ("x",), "2"), Load("a", ("y",)), Load("b")]  # fmt: skip


@pytest.mark.parametrize(
    ("load", "last"),
    [
        (Load("eval"), "eval"), (Load("m", ("import_module",)), "import_module"),
        (Load("m", ("import_module", "x")), ""), (Load("eval", ("x",)), ""), (Load("fine"), ""),
        (Load("m", ("spec_from_file_location",)), "spec_from_file_location"),
        (Load("_getframe"), "_getframe"), (Load("reload"), "reload"), (Load("exec"), "exec"),
        (Load("run_path"), "run_path"), (Load("run_module"), "run_module"), (Load("__import__"), "__import__"),
    ],
)  # fmt: skip
def test_a_late_call_that_reaches_any_code_is_known_by_its_last_name(load: Load, last: str) -> None:
    component = leaf("file:f()")

    note_late_dynamic(component, load)

    assert component.always is bool(last)
    said = [f"`file:f()` uses `{last}`, which can reach any code: runs always"] if last else []
    assert component.fallbacks == said
