"""The record of a no-op as a file, and what is compared in it: calls of the system, names of modules, the tool."""

from __future__ import annotations

import marshal
import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from record_kit import record

from stagemake.freshness import identity, noop
from stagemake.freshness.identity import tool_identity
from stagemake.freshness.signature import signature

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def put(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path.parent)


def made(root: Path) -> noop.Record:
    (root / "a").write_text("a")
    return record(str(root), (), ("a", "none"))


def test_a_record_comes_back_with_its_checksum_and_no_notes(tmp_path: Path) -> None:
    one = made(tmp_path)
    data = noop.encoded(one, "1")

    found = noop.load(put(tmp_path / "noop", data), "1")

    assert found == (*one, noop.checksum_of(data, "1"), {})
    assert len(found) == noop.TOUCHED + 1
    assert noop.load(str(tmp_path / "none"), "1") is None
    assert noop.load(str(tmp_path), "2") is None


def test_a_record_that_is_damaged_anywhere_or_a_link_is_absent(tmp_path: Path) -> None:
    data = noop.encoded(made(tmp_path), "1")

    for at in range(0, len(data), 7):
        put(tmp_path / "noop", data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :])
        assert noop.load(str(tmp_path), "1") is None
        put(tmp_path / "noop", data[:at])
        assert noop.load(str(tmp_path), "1") is None
    put(tmp_path / "real", data)
    (tmp_path / "noop").unlink()
    (tmp_path / "noop").symlink_to("real")
    assert noop.load(str(tmp_path), "1") is None


@pytest.mark.parametrize("value", [None, [1, 2], {"a": 1}, "text", 5])
def test_what_is_sealed_and_no_record_is_absent(tmp_path: Path, value: object) -> None:
    data = noop.encoded(value, "1")  # type: ignore[arg-type]

    assert noop.load(put(tmp_path / "noop", data), "1") is None


def test_the_header_tells_the_interpreter_the_tool_and_the_format() -> None:
    header = noop.encoded((), "1.2.3").split(b"\n")

    assert header[0] == b"stagemake noop"
    assert header[1].decode() == (
        f"{sys.implementation.cache_tag} {sys.hexversion:08x} 1.2.3 format {noop.FORMAT}"
    )


def test_what_was_declared_is_believed_of_its_own_record_only(tmp_path: Path) -> None:
    data = noop.encoded(("declared",), "1")
    own = record(str(tmp_path), (), (), declared=noop.checksum_of(data, "1"))
    put(tmp_path / "declared", data)

    assert noop.load_declared(str(tmp_path), own, "1") == ("declared",)
    assert noop.load_declared(str(tmp_path), own, "2") is None
    assert noop.load_declared(str(tmp_path), record(str(tmp_path), (), ()), "1") is None
    assert noop.load_declared(str(tmp_path / "none"), own, "1") is None


def test_names_are_a_record_of_what_was_read_and_of_nothing_else(tmp_path: Path) -> None:
    one = record(str(tmp_path), (), (), names=frozenset(["module"]))
    guards = [("Stagefile", (1, 2, 3, 4, 5, 6)), ("none", None)]

    data = noop.encoded_names(one[: noop.PATHS], iter(guards), ("named", 1), "1")

    found = noop.load_names(put(tmp_path / "names", data), "1")
    assert found is not None
    assert found == (
        *one[: noop.PATHS], ("Stagefile", "none"), ((1, 2, 3, 4, 5, 6), None), 2, True, (),
        marshal.dumps(("named", 1)), b"", -1,
    )  # fmt: skip
    assert len(found) == noop.CHECKSUM
    assert noop.load_names(str(tmp_path), "2") is None
    assert noop.load_names(str(tmp_path / "none"), "1") is None


def test_notes_replace_rows_and_leave_the_others(tmp_path: Path) -> None:
    one = record(str(tmp_path), (), ("a", "b", "c"), signatures=(None, None, None))
    width = noop.DIGEST_BYTES
    noted = {1: ((1,) * 6, b"x" * width), 2: (None, b"y" * width)}

    signatures, digests = noop.with_noted(one, noted)

    assert signatures == [None, (1,) * 6, None]
    assert digests == noop.NO_DIGEST + b"x" * width + b"y" * width
    assert len(noop.NO_DIGEST) == width == 17
    assert one[noop.SIGNATURES] == (None, None, None)


def test_what_a_call_says_of_a_path_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "a").chmod(0o640)
    (tmp_path / "link").symlink_to("a")
    a, link, none = (str(tmp_path / name) for name in ("a", "link", "none"))

    assert noop.observe("stat", a) == noop.observe("stat", link) == noop.observe("lstat", a) == 0o100640  # fmt: skip
    assert noop.observe("lstat", link) == os.lstat(link).st_mode
    assert noop.observe("readlink", link) == "a"
    assert noop.observe("readlink", a) is None
    assert noop.observe("stat", none) is noop.observe("lstat", none) is None
    assert noop.observe("stat", "nul\0") is None
    assert noop.observe("4", a) is True
    assert noop.observe("4", none) is noop.observe("1", a) is False
    assert noop.observe("not a mode", a) is None


def test_answers_are_kept_as_plain_values() -> None:
    assert noop.plain({3, 1, 2}) == (1, 2, 3)
    assert noop.plain(os.uname()) == tuple(os.uname())
    assert type(noop.plain(os.uname())) is tuple
    assert noop.plain([1]) == [1]
    assert noop.plain("a") == "a"
    assert noop.plain(None) is None
    assert set(noop.ANSWERED) == {
        "cpu_count", "getcwd", "getcwdb", "sched_getaffinity", "sysconf", "uname",
    }  # fmt: skip


def test_of_a_directory_count_the_files_that_decide_where_imports_lead(tmp_path: Path) -> None:
    for name in ("b.py", "a.so", "a.cpython-311.so", "a", "ab.py", ".a", "c.d.py"):
        (tmp_path / name).touch()

    names = noop.names_in(str(tmp_path))

    assert len(names) == 7
    assert noop.looked_up(names, frozenset(["a", "b", "c.d"])) == (
        "a", "a.cpython-311.so", "a.so", "b.py",
    )  # fmt: skip
    assert noop.looked_up(names, frozenset()) == ()
    assert noop.names_in(str(tmp_path / "none")) == noop.names_in(str(tmp_path / "b.py")) == ()


def test_where_modules_are_looked_up_a_file_is_an_archive(tmp_path: Path) -> None:
    (tmp_path / "a").touch()

    assert noop.is_archive(signature(str(tmp_path / "a")))
    assert not noop.is_archive(signature(str(tmp_path)))
    assert not noop.is_archive(None)


TOLD: dict[str, Callable[[pytest.MonkeyPatch], object]] = {
    "the boot": lambda patch: patch.setattr(identity, "boot_id", lambda: "another"),
    "the interpreter": lambda patch: patch.setattr(sys, "executable", "/another/python"),
    "its place": lambda patch: patch.setattr(sys, "prefix", "/another"),
    "warnings": lambda patch: patch.setattr(sys, "warnoptions", ["error"]),
    "options": lambda patch: patch.setattr(sys, "_xoptions", {"utf8": True}),
    "the name of an option": lambda patch: patch.setattr(sys, "_xoptions", {"dev": True}),
    "the value of an option": lambda patch: patch.setattr(sys, "_xoptions", {"utf8": "0"}),
    "where modules are": lambda patch: patch.setattr(sys, "path", [*sys.path, "/another"]),
    "PYTHONHASHSEED": lambda patch: patch.setenv("PYTHONHASHSEED", "17"),
    "LC_ALL": lambda patch: patch.setenv("LC_ALL", "another"),
    "LANG": lambda patch: patch.setenv("LANG", "another"),
    "the user": lambda patch: patch.setattr(os, "getuid", lambda: 12345),
    "the user in effect": lambda patch: patch.setattr(os, "geteuid", lambda: 12345),
    "the library": lambda patch: patch.setattr(os, "__file__", __file__),
    "a finder": lambda patch: (
        patch.setitem(sys.modules, "a_finder", SimpleNamespace(__file__=__file__)),
        patch.setattr(sys, "meta_path", [*sys.meta_path, SimpleNamespace(__module__="a_finder")]),
    ),
}


def test_each_thing_that_evaluation_goes_by_makes_another_tool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = tool_identity("/package")
    found = [usual, tool_identity("/another")]
    for change in TOLD.values():
        with monkeypatch.context() as patch:
            change(patch)
            found.append(tool_identity("/package"))

    assert tool_identity("/package") == usual
    assert len(set(found)) == len(TOLD) + 2
    assert marshal.loads(marshal.dumps(usual)) == usual


def test_what_evaluation_does_not_go_by_makes_no_other_tool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = tool_identity("/package")
    finders = [
        SimpleNamespace(__module__=name) for name in (None, "not_loaded", "builtins", "_frozen_importlib")
    ]  # fmt: skip
    for name in ("XPYTHON", "LANGUAGE_OTHER", "LCX", "HOME", "ALL_LC_"):
        monkeypatch.setenv(name, "another")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, *finders, object()])

    assert tool_identity("/package") == usual


def test_files_of_the_interpreter_the_library_and_finders_that_were_replaced_make_another_tool(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = {name: tmp_path / name for name in ("python", "os.py", "finder.py")}
    for path in files.values():
        path.touch()
    monkeypatch.setattr(sys, "executable", str(files["python"]))
    monkeypatch.setattr(os, "__file__", str(files["os.py"]))
    monkeypatch.setitem(sys.modules, "a_finder", SimpleNamespace(__file__=str(files["finder.py"])))
    monkeypatch.setattr(sys, "meta_path", [SimpleNamespace(__module__="a_finder")])
    found = [tool_identity("/package")]

    for path in files.values():
        path.write_text("another")
        found.append(tool_identity("/package"))

    assert len(set(found)) == 4
    assert found[-1][-1] == ((str(files["finder.py"]), signature(str(files["finder.py"]))),)


def test_the_files_of_finders_are_those_of_installed_packages_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {
        "b": "/b.py", "a": "/a.py", "frozen_no": "/c.py", "_frozen_one": "/d.py", "_frozen": "/e.py", "none": None,
        "_froze": "/f.py",
    }  # fmt: skip
    for name, file in files.items():
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(__file__=file))
    finders = [SimpleNamespace(__module__=name) for name in (*files, "not_loaded", None, "a")]
    monkeypatch.setattr(sys, "meta_path", [*finders, object()])

    found = tool_identity("/package")

    assert [file for file, _ in found[-1]] == ["/b.py", "/a.py", "/c.py", "/f.py", "/a.py"]


def test_flags_and_each_variable_of_the_interpreter_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = []
    for flags in ((), (1,)):
        monkeypatch.setattr(sys, "flags", flags)
        found.append(tool_identity("/package"))
    for name in ("PYTHONA", "LC_A", "LANG", "PYTHON", "LC_"):
        for value in ("1", "2"):
            monkeypatch.setenv(name, value)
            found.append(tool_identity("/package"))

    assert len(set(found)) == len(found)


def test_which_variable_or_option_has_a_value_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for name in ("PYTHONX", "PYTHONY", "LC_X", "LC_Y"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "a value")
            found.append(tool_identity("/package"))
    for option in ("x", "y"):
        monkeypatch.setattr(sys, "_xoptions", {option: "a value"})
        found.append(tool_identity("/package"))

    assert len(set(found)) == 6
