"""context.storage: acting and only noting show the same files, and neither leaves the root."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stagemake.model.error import BadPath
from stagemake.model.operation import DryRunContext
from stagemake.recording import RecordingStorage
from stagemake.storage import LiveStorage, Places

if TYPE_CHECKING:
    from pathlib import Path

PATHS = st.sampled_from(["a", "b", "d", "d/a", "d/e/a", "x/y"])
ACTS = st.one_of(
    st.tuples(st.just("write"), PATHS, st.sampled_from([b"1", b"22"])),
    st.tuples(st.sampled_from(["copy", "move"]), PATHS, PATHS),
    st.tuples(st.sampled_from(["remove", "mkdir"]), PATHS),
    st.tuples(st.just("chmod"), PATHS, st.just(0o700)),
)


def places(root: Path) -> Places:
    return Places(os.path.realpath(root), os.path.realpath(root / ".stagemake/scratch"))


def fill(root: Path) -> None:
    (root / "d/e").mkdir(parents=True)
    (root / "a").write_bytes(b"a")
    (root / "d/e/a").write_bytes(b"dea")


def told(storage: Any, act: tuple[Any, ...]) -> str:
    try:
        getattr(storage, act[0])(*act[1:])
    except (OSError, BadPath) as error:
        return type(error).__name__
    return "done"


def shown(storage: Any) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    waiting = ["."]
    while waiting:
        for path in storage.list(waiting.pop()):
            assert storage.exists(path)
            try:
                found[path] = storage.read(path)
            except IsADirectoryError:
                found[path] = None
                waiting.append(path)
    return found


def on_disk(root: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(root)): None if path.is_dir() else path.read_bytes()
        for path in root.rglob("*")
    }


@settings(max_examples=200, deadline=None)
@given(acts=st.lists(ACTS, max_size=8))
@example(acts=[("copy", "d", "a")])
@example(acts=[("move", "d", "a"), ("write", "d", b"1"), ("chmod", "d/a", 0o700)])
@example(acts=[("mkdir", "d/a"), ("copy", "d", "d/a")])
def test_what_is_noted_shows_what_acting_would_leave_and_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[Any, ...]]
) -> None:
    live_root, noted_root = (tmp_path_factory.mktemp(name) for name in ("live", "noted"))
    fill(live_root)
    fill(noted_root)
    before = on_disk(noted_root)
    context = DryRunContext("s")
    live = LiveStorage(places(live_root))
    noted = RecordingStorage(places(noted_root), context)

    for act in acts:
        assert told(live, act) == told(noted, act), act

    assert shown(live) == shown(noted) == on_disk(live_root)
    assert on_disk(noted_root) == before


def test_each_verb_is_one_operation_with_a_description(tmp_path: Path) -> None:
    fill(tmp_path)
    context = DryRunContext("edit")
    storage = RecordingStorage(places(tmp_path), context)

    storage.write("new", "text")
    storage.write("a", b"12345")
    storage.copy("d", "copied")
    storage.move("a", "moved/a")
    storage.remove("new")
    storage.mkdir("empty")
    storage.mkdir("d")
    storage.chmod("d/e/a", 0o755)

    assert [one.dry_run_description() for one in context.planned_operations] == [
        "create new",
        "modify a",
        "copy d to copied",
        "move a to moved/a",
        "delete new",
        "create empty/",
        "chmod 755 d/e/a",
    ]
    assert set(context.stage_operations) == {"edit"}
    assert storage.read_text("moved/a") == "12345"
    assert storage.read("copied/e/a") == b"dea"


@pytest.fixture(params=[LiveStorage, lambda where: RecordingStorage(where, DryRunContext("s"))])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    root = tmp_path / "root"
    (root / ".stagemake/scratch").mkdir(parents=True)
    (root / "a").write_text("a")
    (tmp_path / "secret").write_text("s")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "up").symlink_to(tmp_path)
    return request.param(places(root))


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/passwd", "d/../../secret", "up/secret", "..", "up/new", "", "a\0b"]
)
@pytest.mark.parametrize("verb", ["read", "write", "remove", "mkdir", "exists", "copy", "move"])
def test_nothing_outside_the_root_is_reached(storage: Any, verb: str, path: str) -> None:
    more = {"write": ("x",), "copy": ("b",), "move": ("b",)}.get(verb, ())

    with pytest.raises(BadPath):
        getattr(storage, verb)(path, *more)


def test_a_link_to_the_outside_is_not_read_but_can_be_replaced(
    storage: Any, tmp_path: Path
) -> None:
    with pytest.raises(BadPath, match="leads out of the project"):
        storage.read("out")

    storage.write("out", "mine")

    assert storage.read_text("out") == "mine"
    assert (tmp_path / "secret").read_text() == "s"


@pytest.mark.parametrize("path", [".", ".stagemake", ".stagemake/snapshot"])
def test_stagemakes_own_directory_and_the_root_are_not_changed(storage: Any, path: str) -> None:
    for verb, more in (("write", ("x",)), ("remove", ()), ("move", ("b",)), ("mkdir", ())):
        with pytest.raises(BadPath):
            getattr(storage, verb)(path, *more)


def test_absolute_paths_inside_the_root_and_the_scratch_directory_are_fine(
    storage: Any, tmp_path: Path
) -> None:
    storage.write(tmp_path / "root/deep/er", b"1")
    storage.write(tmp_path / "root/.stagemake/scratch/note", b"2")

    assert storage.list("deep") == ("deep/er",)
    assert storage.read(tmp_path / "root/.stagemake/scratch/note") == b"2"


def test_a_file_holds_bytes_or_text(storage: Any) -> None:
    with pytest.raises(TypeError, match="a file holds bytes or text, not a int"):
        storage.write("a", 3)


def test_a_mode_stays_when_a_file_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o755)
    storage = LiveStorage(places(tmp_path))

    storage.write("tool", "#!/bin/sh\nexit 1\n")
    storage.copy("tool", "copy")

    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("tool", "copy")} == {0o755}
