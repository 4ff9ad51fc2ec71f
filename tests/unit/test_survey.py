"""What has moved since a record was written: each column by itself, each field of a signature, each way to look."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import pytest
from record_kit import TOOL, graph, record

from stagemake.freshness import survey
from stagemake.freshness.signature import link_signature, signature

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("guard", "a", "b", "c", "d")


@pytest.fixture
def root(tmp_path: Path) -> str:
    for name in FILES:
        (tmp_path / name).write_text(name)
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory/module.py").write_text("")
    (tmp_path / "archive").write_text("")
    return str(tmp_path)


def expects_nothing(*_: object) -> tuple[str, ...]:
    raise AssertionError("nothing has to be expanded")


def moved(at: str, /, targets: tuple[str, ...] = (), expand: Any = expects_nothing, **columns: Any) -> Any:  # fmt: skip
    made = record(at, ("guard",), ("a", "b", "c", "d", "none", "/etc/passwd"), **columns)
    return survey.moved_since(made, targets, at, TOOL, expand)


def other(known: tuple[int, ...] | None) -> tuple[int, ...]:
    assert known is not None
    return (known[0] + 1, *known[1:])


def columns_that_hold(root: str) -> dict[str, Any]:
    """Return what evaluation depended on, of each kind, as it is now."""
    here = f"{root}/directory"
    return {
        "environment": (("STAGEMAKE_TEST_SET", "1"), ("STAGEMAKE_TEST_UNSET", None)),
        "answers": ((("getcwd",), os.getcwd()), (("uname",), tuple(os.uname()))),
        "observed": (
            ("stat", here, os.stat(here).st_mode), ("readlink", here, None), ("4", here, True),
        ),
        "listings": ((here, signature(here)), (f"{root}/none", None)),
        "globs": ((root, "*.c", (), ("x.c",), ((here, signature(here)), (root, signature(root)))),),
        "searched": ((here, signature(here), ("module.py",)), (f"{root}/archive", signature(f"{root}/archive"), ())),
        "names": frozenset(["module"]),
    }  # fmt: skip


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGEMAKE_TEST_SET", "1")
    monkeypatch.delenv("STAGEMAKE_TEST_UNSET", raising=False)


def test_where_all_is_as_it_was_nothing_has_moved(root: str) -> None:
    assert moved(root, **columns_that_hold(root)) == {}


def changes(root: str) -> dict[str, dict[str, Any]]:
    """Return columns of which one thing is another than it is now."""
    here, archive = f"{root}/directory", f"{root}/archive"
    return {
        "the tool": {"tool": (*TOOL, "other")},
        "the root": {"root": f"{root}/."},
        "a variable": {"environment": (("STAGEMAKE_TEST_SET", "2"),)},
        "a variable that was not set": {"environment": (("STAGEMAKE_TEST_SET", None),)},
        "a variable that is not set": {"environment": (("PATH", os.environ["PATH"]), ("STAGEMAKE_TEST_UNSET", ""))},
        "an answer": {"answers": ((("getcwd",), "/other"),)},
        "the second answer": {"answers": ((("getcwd",), os.getcwd()), (("sysconf", "SC_PAGESIZE"), -1))},
        "a call that is not to be made": {"answers": ((("getpid",), os.getpid()),)},
        "what is observed": {"observed": (("stat", here, None),)},
        "what is observed second": {"observed": (("stat", here, os.stat(here).st_mode), ("2", f"{root}/none", True))},
        "a listing": {"listings": ((here, other(signature(here))),)},
        "the second listing": {"listings": ((here, signature(here)), (f"{root}/none", (0,) * 6))},
        "a place of modules": {
            "searched": ((here, other(signature(here)), ("module.py", "module.so")),),
            "names": frozenset(["module"]),
        },
        "an archive of modules": {
            "searched": ((archive, other(signature(archive)), ()),),
            "names": frozenset(["module"]),
        },
        "the guard": {"signatures": ((0,) * 6, *(link_signature(f"{root}/{name}") for name in FILES[1:]), None, None)},
        "what it was made for": {"covers_all": False},
    }  # fmt: skip


def test_whatever_evaluation_would_be_told_otherwise_has_it_run_again(root: str) -> None:
    holds = columns_that_hold(root)

    found = {what: moved(root, **holds | columns) for what, columns in changes(root).items()}

    assert found == dict.fromkeys(changes(root))


def test_a_place_of_modules_that_moved_may_hold_the_same_modules(root: str) -> None:
    here = f"{root}/directory"
    searched = ((here, other(signature(here)), ("module.py",)),)

    assert moved(root, searched=searched, names=frozenset(["module"])) == {}
    assert moved(root, searched=searched, names=frozenset(["module", "none"])) == {}
    assert moved(root, searched=((f"{root}/none", (0,) * 6, ()),)) == {}


def test_a_glob_is_expanded_only_where_a_directory_moved_and_then_decides(root: str) -> None:
    here, asked = f"{root}/directory", []

    def expand(*given: object) -> tuple[str, ...]:
        asked.append(given)
        return ("x.c",)

    same, another = (here, signature(here)), (here, other(signature(here)))
    globs = ((root, "*.c", ("y",), ("x.c",), (same, another)),)

    assert moved(root, expand=expand, globs=globs) == {}
    assert moved(root, globs=((root, "*.c", (), ("other.c",), (same,)),)) == {}
    assert moved(root, expand=expand, globs=((root, "*.c", (), ("x.c", "z.c"), (another,)),)) is None  # fmt: skip
    assert asked == [(root, "*.c", ("y",)), (root, "*.c", ())]


def test_each_field_of_a_signature_counts(root: str) -> None:
    now = [link_signature(f"{root}/{name}") for name in FILES] + [None, link_signature("/etc/passwd")]  # fmt: skip
    for path_id, known in enumerate(now):
        if path_id == 0 or known is None:
            continue
        for field in range(6):
            was = (*known[:field], known[field] + 1, *known[field + 1 :])
            signatures = (*now[:path_id], was, *now[path_id + 1 :])
            assert moved(root, signatures=signatures) == {path_id: known}


def test_what_is_gone_what_is_new_and_what_is_not_there_still(root: str) -> None:
    made = record(root, (), ("a", "b/in", "none", "c/none", "d"))
    os.unlink(f"{root}/a")
    with open(f"{root}/none", "w", encoding="utf-8"):
        pass
    os.unlink(f"{root}/c")

    found = survey.moved_since(made, (), root, TOOL, expects_nothing)

    assert found == {0: None, 2: link_signature(f"{root}/none")}


@pytest.mark.parametrize("path", ["nul\0", "x" * 300])
def test_what_cannot_be_looked_at_leaves_it_to_the_long_way(root: str, path: str) -> None:
    made = record(root, (), ("a",), paths=("a", path), signatures=(None, None))

    assert survey.moved_since(made, (), root, TOOL, expects_nothing) is None
    as_guards = record(root, (), (), paths=("a", path), signatures=(None, None), guards=2)
    assert survey.moved_since(as_guards, (), root, TOOL, expects_nothing) is None


@pytest.mark.parametrize("inside", [True, False])
def test_each_path_is_looked_at_once_wherever_one_stands(
    root: str, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    asked: list[str] = []
    lstat = os.lstat
    monkeypatch.setattr(survey, "_lstat", lambda path: [asked.append(path), lstat(path)][1])
    monkeypatch.chdir(root if inside else "/")

    assert moved(root) == {}

    prefix = "" if inside else f"{root}/"
    assert asked == [f"{prefix}{one}" for one in ("guard", "a", "b", "c", "d", "none")] + ["/etc/passwd"]  # fmt: skip


def test_a_root_that_is_gone_is_nobodys_working_directory(root: str) -> None:
    made = record(f"{root}/gone", (), ("a",))

    assert survey.moved_since(made, (), f"{root}/gone", TOOL, expects_nothing) == {}


GRAPH = graph(
    {"first": (), "left": ["first"], "right": ["first"], "last": ["left", "right"], "alone": ()},
    {"first": [0, 1], "left": [0, 2], "right": [3], "last": [4, 2], "alone": [5]},
    ["last"],
)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (("first",), {1}),
        (("left",), {1, 2}),
        (("right",), {1, 3}),
        (("last",), {1, 2, 3, 4}),
        (("alone",), {5}),
        (("alone", "first"), {1, 5}),
        ((), {1, 2, 3, 4, 5, 6}),
        (("a",), None),
        (("first", "unknown"), None),
    ],
)
@pytest.mark.parametrize("covers_all", [True, False])
def test_of_targets_counts_what_they_need_and_nothing_else(
    root: str, targets: tuple[str, ...], expected: set[int] | None, covers_all: bool
) -> None:
    now = link_signature(f"{root}/guard")

    found = moved(root, targets, signatures=(now, *[(0,) * 6] * 6), graph=GRAPH, covers_all=covers_all)  # fmt: skip

    if not targets and not covers_all:
        assert found is None
    else:
        assert (None if found is None else set(found)) == expected


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have even few paths looked at by two processes; return a list with the pid of each second one."""
    forks: list[int] = []
    fork = os.fork
    monkeypatch.setattr(survey, "_WORTH_A_FORK", 6)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "fork", lambda: [forks.append(made := fork()), made][1])
    return forks


def test_two_processes_find_what_one_finds(root: str, halves: list[int]) -> None:
    now = [link_signature(f"{root}/{name}") for name in FILES] + [None, link_signature("/etc/passwd")]  # fmt: skip
    before = len(os.listdir("/dev/fd"))
    for path_id, known in enumerate(now):
        signatures = (*now[:path_id], (0,) * 6, *now[path_id + 1 :])
        assert moved(root, signatures=signatures) == ({path_id: known} if path_id else None)

    assert moved(root, signatures=(now[0], *[(0,) * 6] * 6)) == {i: one for i, one in enumerate(now) if i}  # fmt: skip
    assert len(os.listdir("/dev/fd")) == before
    assert len(halves) == 7  # none where evaluation has moved
    for pid in halves:
        with pytest.raises(ChildProcessError):  # it has been waited for
            os.waitpid(pid, os.WNOHANG)


def test_in_either_half_what_cannot_be_looked_at_leaves_it_to_the_long_way(
    root: str, halves: list[int]
) -> None:
    for at in (1, 6):
        paths = ["a"] * 8
        paths[at] = "nul\0"
        made = record(root, (), ("a",) * 8, paths=tuple(paths))
        assert survey.moved_since(made, (), root, TOOL, expects_nothing) is None
    assert len(halves) == 2


@pytest.mark.parametrize("what", ["pipe", "fork"])
def test_where_there_can_be_no_second_process_one_looks(
    root: str, monkeypatch: pytest.MonkeyPatch, halves: list[int], what: str
) -> None:
    def refuses() -> None:
        raise OSError(errno.EAGAIN, "no more")

    monkeypatch.setattr(os, what, refuses)

    assert moved(root) == {}
    assert halves == []


def test_few_paths_and_one_processor_are_no_reason_to_fork(
    root: str, monkeypatch: pytest.MonkeyPatch, halves: list[int]
) -> None:
    made = record(root, (), ("a", "b", "c", "d", "none"))
    assert survey.moved_since(made, (), root, TOOL, expects_nothing) == {}
    for number in (1, None):
        monkeypatch.setattr(os, "cpu_count", lambda number=number: number)
        assert moved(root) == {}
    assert halves == []


def test_a_second_process_that_is_killed_leaves_it_to_the_long_way(
    root: str, monkeypatch: pytest.MonkeyPatch, halves: list[int]
) -> None:
    fork = os.fork

    def dies() -> int:
        pid = fork()
        if pid == 0:
            os._exit(9)
        return pid

    monkeypatch.setattr(os, "fork", dies)

    assert moved(root) is None
    assert len(halves) == 1
