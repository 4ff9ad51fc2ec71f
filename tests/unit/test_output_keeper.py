"""What happens to what lies at outputs: ours goes, the user's is kept, what a crash left is put aside, orphans are removed."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from shop_kit import Bench, stage_of

from stagemake import durable
from stagemake.execute.outputs import OutputKeeper, durable_remove, written_by
from stagemake.freshness import snapshot as columns
from stagemake.model.stage import ProjectPath, Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEPT = ".stagemake/kept/now"
KILLED = ".stagemake/Stagefile/failed/.killed"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def built(bench: Bench, stage: Stage, **contents: str) -> OutputKeeper:
    """Have a past build of a stage, whose contents are by path; return what knows of it in the next one."""
    for path, content in contents.items():
        bench.write(path.replace("__", "/"), content)
    bench.shop.state.settle(stage.name, bench.settled(stage).trace)
    bench.shop.state.save()
    bench.open()
    return bench.keeper()


def crashed(bench: Bench, *paths: str) -> OutputKeeper:
    """Have a build that was killed while a stage wrote these; return what knows of it in the next one."""
    bench.shop.state.begin("make", paths)
    bench.shop.state.close()
    bench.open()
    return bench.keeper()


def tree(bench: Bench, at: str = ".") -> dict[str, str]:
    """Return files and links below a directory, by path; below the root without stagemake's own."""
    found = {}
    for place, directories, files in os.walk(bench.root / at):
        if at == ".":
            directories[:] = [name for name in directories if name != ".stagemake"]
        for name in (*files, *(one for one in directories if os.path.islink(f"{place}/{one}"))):
            full = f"{place}/{name}"
            path = os.path.relpath(full, bench.root / at)
            found[path] = f"-> {os.readlink(full)}" if os.path.islink(full) else (bench.root / full).read_text()  # fmt: skip
    return found


# --- clearing ---------------------------------------------------------------------------------------


def test_what_a_past_build_left_and_nobody_changed_goes(bench: Bench) -> None:
    keeper = built(bench, stage_of("out dir/ gone"), out="made", dir__x="more", gone="g")
    (bench.root / "gone").unlink()

    assert keeper.clear(["gone", "out", "never", "dir/"]) == []

    assert tree(bench) == {"a": "input"}
    assert bench.shop.kept == []


def test_what_somebody_put_at_an_output_is_kept(bench: Bench) -> None:
    keeper = built(bench, stage_of("out deep/er"), out="made", deep__er="more")
    bench.write("out", "mine")
    bench.write("new", "mine too")

    assert keeper.clear(["out", "new", "deep/er"]) == ["out", "new"]

    assert bench.shop.kept == [("out", f"{KEPT}/out"), ("new", f"{KEPT}/new")]
    assert tree(bench, KEPT) == {"out": "mine", "new": "mine too"}
    assert tree(bench) == {"a": "input"}


def test_what_was_cleared_is_looked_at_again(bench: Bench) -> None:
    keeper = built(bench, stage_of("out"), out="made")
    assert bench.shop.digester.entry("out") != "-"

    keeper.clear(["out"])

    assert bench.shop.digester.entry("out") == "-"


def test_what_a_stage_of_this_build_has_made_goes(bench: Bench) -> None:
    keeper = bench.keeper()
    bench.write("out", "made")
    keeper.note(tuple(bench.shop.digester.scan_output("out", declared_dir=False)))

    assert keeper.clear(["out"]) == []

    assert not (bench.root / "out").exists()


@pytest.mark.parametrize("path", ["out", "out/"])
def test_what_a_stage_has_begun_to_write_goes(bench: Bench, path: str) -> None:
    keeper = bench.keeper()
    keeper.note_begun([path])
    bench.write("out", "half")

    assert keeper.clear(["out"]) == []

    assert (tree(bench), bench.shop.kept) == ({"a": "input"}, [])


@pytest.mark.parametrize("path", ["out", "dir/"])
def test_what_a_killed_build_left_is_put_aside_once(bench: Bench, path: str) -> None:
    name = path.rstrip("/")
    inner = f"{name}/x" if path != name else name
    keeper = crashed(bench, path)
    bench.write(inner, "half")

    first = keeper.clear([path])
    aside = tree(bench, KILLED)
    bench.write(inner, "again")
    second = keeper.clear([path])

    assert (first, second, bench.shop.kept) == ([], [], [])
    assert aside == tree(bench, KILLED) == {inner: "half"}
    assert tree(bench) == {"a": "input"}


def test_what_is_put_aside_takes_the_place_of_what_was(bench: Bench) -> None:
    bench.write(f"{KILLED}/sub/out/older", "x")
    keeper = crashed(bench, "sub/out", "new/out")
    bench.write("sub/out", "half")
    bench.write("new/out", "half too")

    keeper.clear(["sub/out", "new/out"])

    assert tree(bench, KILLED) == {"sub/out": "half", "new/out": "half too"}
    assert stat.S_IMODE(os.stat(bench.root / KILLED / "new").st_mode) == 0o700


def test_what_cannot_be_put_aside_goes_for_good(bench: Bench) -> None:
    bench.write(f"{KILLED}/sub", "a file where a directory is needed")
    keeper = crashed(bench, "sub/out")
    bench.write("sub/out", "half")

    assert keeper.clear(["sub/out"]) == []

    assert tree(bench) == {"a": "input"}
    assert tree(bench, KILLED) == {"sub": "a file where a directory is needed"}


@pytest.mark.parametrize(("depfile", "goes"), [("d", True), ("e", False), (None, False)])
def test_a_depfile_of_a_killed_build_is_put_away(
    bench: Bench, depfile: str | None, *, goes: bool
) -> None:
    keeper = crashed(bench, "out", "d")
    bench.write("d", "half")
    stage = stage_of("out", depfile=None if depfile is None else ProjectPath(depfile))

    keeper.clear_crashed(stage)

    assert (bench.root / "d").exists() is not goes
    assert tree(bench, KILLED) == ({"d": "half"} if goes else {})


# --- displacing -------------------------------------------------------------------------------------


def test_of_a_directory_what_is_the_users_is_kept_and_the_rest_stays_in_place(bench: Bench) -> None:
    keeper = built(bench, stage_of("dir/"), dir__x="more", dir__sub__y="deep")
    bench.write("dir/sub/mine", "m")
    bench.write("dir/x", "edited")

    assert keeper.displace("dir") is True

    assert tree(bench, KEPT) == {"dir/sub/mine": "m", "dir/x": "edited"}
    assert tree(bench) == {"a": "input", "dir/sub/y": "deep"}
    assert sorted(bench.shop.kept) == [("dir/sub/mine", f"{KEPT}/dir/sub/mine"), ("dir/x", f"{KEPT}/dir/x")]  # fmt: skip


def test_a_directory_of_the_users_is_kept_whole(bench: Bench) -> None:
    (bench.root / "dir/empty").mkdir(parents=True)
    bench.write("dir/x", "mine")
    bench.write("dir/y", "mine")

    assert bench.keeper().displace("dir") is True

    assert bench.shop.kept == [("dir", f"{KEPT}/dir")]
    assert tree(bench, KEPT) == {"dir/x": "mine", "dir/y": "mine"}
    assert (bench.root / KEPT / "dir/empty").is_dir()


@pytest.mark.parametrize("inner", ["dir", "dir/empty/deeper"])
def test_directories_without_files_are_nobodys(bench: Bench, inner: str) -> None:
    (bench.root / inner).mkdir(parents=True)

    assert bench.keeper().displace("dir") is False

    assert bench.shop.kept == []
    assert (bench.root / "dir").is_dir()


@pytest.mark.parametrize("kind", ["fifo", "link to a file", "link to a directory", "dead link", "fifo inside"])  # fmt: skip
def test_what_is_no_file_of_ours_is_kept_whole(bench: Bench, kind: str) -> None:
    (bench.root / "elsewhere").mkdir()
    bench.write("elsewhere/x", "theirs")
    path = bench.root / "out"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "fifo inside":
        path.mkdir()
        os.mkfifo(path / "fifo")
    else:
        ends = {"link to a file": "a", "link to a directory": "elsewhere", "dead link": "nowhere"}
        path.symlink_to(ends[kind])

    assert bench.keeper().clear(["out"]) == ["out"]

    assert not os.path.lexists(path)
    assert os.path.lexists(bench.root / KEPT / "out")
    assert tree(bench) == {"a": "input", "elsewhere/x": "theirs"}


def test_a_link_that_a_stage_made_goes_and_one_that_leads_elsewhere_now_is_kept(
    bench: Bench,
) -> None:
    for name in ("one", "two"):
        os.symlink("a", bench.root / name)
    keeper = built(bench, stage_of("one two"))
    (bench.root / "two").unlink()
    os.symlink("b", bench.root / "two")

    assert keeper.clear(["one", "two"]) == ["two"]

    assert tree(bench, KEPT) == {"two": "-> b"}


def test_what_was_begun_is_not_displaced_and_what_crashed_is_put_aside(bench: Bench) -> None:
    keeper = crashed(bench, "out")
    bench.write("out", "half")
    keeper.note_begun(["more"])
    bench.write("more", "half too")

    assert (keeper.displace("out"), keeper.displace("more")) == (False, False)

    assert tree(bench) == {"a": "input", "more": "half too"}
    assert tree(bench, KILLED) == {"out": "half"}


def test_what_was_kept_is_looked_at_again(bench: Bench) -> None:
    bench.write("out", "mine")
    assert bench.shop.digester.entry("out") != "-"

    bench.keeper().displace("out")

    assert bench.shop.digester.entry("out") == "-"


# --- adopting ---------------------------------------------------------------------------------------


def test_a_kept_file_goes_that_equals_what_was_made(bench: Bench) -> None:
    keeper = bench.keeper()
    for path in ("same", "other", "dir/x", "elsewhere"):
        bench.write(path, "mine")
    keeper.clear(["same", "other", "dir/", "elsewhere"])
    for path, content in [
        ("same", "mine"),
        ("other", "made"),
        ("dir/x", "mine"),
        ("elsewhere", "mine"),
    ]:
        bench.write(path, content)

    keeper.adopt(stage_of("other same dir/ gone"))

    assert bench.shop.kept == [("other", f"{KEPT}/other"), ("elsewhere", f"{KEPT}/elsewhere")]
    assert tree(bench, KEPT) == {"other": "mine", "elsewhere": "mine"}
    assert tree(bench) == {"a": "input", "same": "mine", "other": "made", "dir/x": "mine", "elsewhere": "mine"}  # fmt: skip


def test_what_cannot_be_compared_stays_kept(bench: Bench) -> None:
    keeper = bench.keeper()
    os.mkfifo(bench.root / "out")
    keeper.clear(["out"])
    os.mkfifo(bench.root / "out")

    keeper.adopt(stage_of("out"))

    assert bench.shop.kept == [("out", f"{KEPT}/out")]


def test_where_nothing_was_kept_nothing_is_looked_at(bench: Bench) -> None:
    keeper = bench.keeper()
    bench.shop.digester.entry("a")
    hashed = bench.shop.digester.hashed_files
    bench.write("out", "made")

    keeper.adopt(stage_of("out"))

    assert bench.shop.digester.hashed_files == hashed


# --- failed stages ----------------------------------------------------------------------------------


def test_what_a_failed_stage_left_is_moved_and_told(bench: Bench) -> None:
    stage = stage_of("out dir/ none", depfile=ProjectPath("sub/d"), name="a/b")
    for path in ("out", "dir/x", "sub/d"):
        bench.write(path, path)
    assert bench.shop.digester.entry("out") != "-"

    moved = bench.keeper().put_away_failed(stage)

    place = ".stagemake/Stagefile/failed/a_b"
    assert moved == [f"{place}/out", f"{place}/dir", f"{place}/sub/d"]
    assert tree(bench, place) == {"out": "out", "dir/x": "dir/x", "sub/d": "sub/d"}
    assert tree(bench) == {"a": "input"}
    assert bench.shop.digester.entry("out") == "-"
    assert stat.S_IMODE(os.stat(bench.root / place).st_mode) == 0o700


@pytest.mark.parametrize("again", [True, False])
def test_what_an_earlier_failure_left_goes(bench: Bench, *, again: bool) -> None:
    bench.write("out", "first")
    bench.write("dir/x", "first")
    keeper = bench.keeper()
    keeper.put_away_failed(stage_of("out dir/"))
    if again:
        bench.write("out", "second")

    moved = keeper.put_away_failed(stage_of("out dir/"))

    left = {"out": "second"} if again else {}
    assert tree(bench, ".stagemake/Stagefile/failed/make") == left
    assert moved == [f".stagemake/Stagefile/failed/make/{name}" for name in left]


# --- orphans ----------------------------------------------------------------------------------------


def test_outputs_that_nobody_makes_any_more_go_with_the_directories_they_leave_empty(
    bench: Bench,
) -> None:
    stage = stage_of("out one/two/x other/y dir/ gone")
    keeper = built(bench, stage, out="o", one__two__x="x", other__y="y", dir__z="z", gone="g")
    bench.write("other/mine", "m")
    (bench.root / "gone").unlink()
    assert bench.shop.digester.entry("out") != "-"

    removed = keeper.remove_orphans(["out", "one/two/x", "other/y", "dir", "gone"])

    assert removed == ["out", "one/two/x", "other/y", "dir"]
    assert tree(bench) == {"a": "input", "other/mine": "m"}
    assert sorted(os.listdir(bench.root)) == [".stagemake", "a", "other"]
    assert bench.shop.digester.entry("out") == "-"
    assert bench.shop.kept == []


EDITS: dict[str, Callable[[Path], object]] = {
    "another content": lambda root: (root / "dir/x").write_text("edited"),
    "a file more": lambda root: (root / "dir/mine").write_text("m"),
    "executable": lambda root: (root / "dir/x").chmod(0o755),
    "a file in its place": lambda root: ((root / "dir").rename(root / "b"), (root / "dir").write_text("x")),
    "a link in its place": lambda root: ((root / "dir").rename(root / "b"), (root / "dir").symlink_to("b")),
    "what can't be read": lambda root: os.mkfifo(root / "dir/fifo"),
}  # fmt: skip


@pytest.mark.parametrize("kind", EDITS)
def test_what_was_edited_since_is_the_users_now(bench: Bench, kind: str) -> None:
    keeper = built(bench, stage_of("dir/ out"), dir__x="x", out="o")
    EDITS[kind](bench.root)
    before = tree_of(bench.root)

    removed = keeper.remove_orphans(["dir", "out"])

    assert removed == ["out"]
    assert tree_of(bench.root) == before - {"out"}
    assert bench.shop.kept == []


def tree_of(root: Path) -> set[str]:
    return {str(one.relative_to(root)) for one in root.rglob("*") if ".stagemake" not in one.parts}


def test_what_was_begun_and_is_an_orphan_is_kept(bench: Bench) -> None:
    built(bench, stage_of("out more", name="other"), out="o", more="m")
    keeper = crashed(bench, "out")
    bench.write("out", "half")

    removed = keeper.remove_orphans(["out", "more"])

    assert removed == ["more"]
    assert bench.shop.kept == [("out", f"{KEPT}/out")]
    assert tree(bench, KEPT) == {"out": "half"}


def test_what_cannot_be_kept_or_removed_stays_and_the_others_go(bench: Bench) -> None:
    keeper = built(bench, stage_of("one two"), one="1", two="2")

    def fails(operation: str, path: str) -> None:
        if path.endswith("/one"):
            raise PermissionError(1, operation, path)

    durable.install(fails)
    try:
        removed = keeper.remove_orphans(["one", "two"])
    finally:
        durable.install(None)

    assert removed == ["two"]
    assert tree(bench) == {"a": "input", "one": "1"}


def test_that_orphans_are_gone_is_on_disk_before_they_are_forgotten(bench: Bench) -> None:
    keeper = built(bench, stage_of("one/two/x other/y top"), one__two__x="x", other__y="y", top="t")
    bench.write("other/mine", "m")
    synced: list[str] = []
    durable.install(lambda operation, path: synced.append(f"{operation} {path}"))
    try:
        keeper.remove_orphans(["one/two/x", "other/y", "top"])
    finally:
        durable.install(None)

    places = {one.partition(" ")[2] for one in synced if "sync" in one}
    assert {os.path.normpath(one) for one in places} == {str(bench.root), f"{bench.root}/other"}


# --- what is known ----------------------------------------------------------------------------------


def test_what_is_known_is_taken_from_the_last_build_of_the_process_where_it_is_ready(
    bench: Bench,
) -> None:
    built(bench, stage_of("out"), out="made")
    bench.shop.state._entries = {"mine": "f:00:1"}

    keeper = bench.keeper()

    assert keeper._known == {"mine": "f:00:1"}
    assert bench.keeper()._known.keys() == {"out"}


def test_a_stage_writes_its_outputs_and_its_depfile() -> None:
    stage = stage_of("out dir/")

    assert written_by(stage) == ("out", "dir/")
    assert written_by(evolve(stage, depfile=ProjectPath("d"))) == ("out", "dir/", "d")


@pytest.mark.parametrize("kind", ["file", "directory", "dead link", "nothing"])
def test_whatever_is_at_a_path_is_removed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "file":
        path.write_text("")
    elif kind == "directory":
        (path / "sub").mkdir(parents=True)
    elif kind == "dead link":
        path.symlink_to("nowhere")

    durable_remove(str(path))

    assert not os.path.lexists(path)


def test_outputs_of_all_traces_are_known_by_path(bench: Bench) -> None:
    keeper = built(bench, stage_of("out dir/"), out="o", dir__x="x")

    trace = bench.shop.state.snapshot.traces["make"]
    out, inside = trace[columns.OUTPUTS][0], dict(trace[columns.MANIFEST])
    assert keeper._known == {"out": out, **inside}
