"""State that nobody of ours wrote, under a checksum that fits: absent, and nothing outside of the root is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fuzz_targets import SNAPSHOT, TRACE, _snapshot_bytes

from stagemake.freshness import snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project


@pytest.mark.parametrize("path", ["../victim", "/victim", "a/../../victim", "..", "", 5])
@pytest.mark.parametrize("column", ["outputs", "manifest", "interrupted"])
def test_outputs_outside_of_the_root_make_a_snapshot_absent(
    tmp_path: Path, path: object, column: str
) -> None:
    declared = (*TRACE[0][:4], (path,), *TRACE[0][5:]) if column == "outputs" else TRACE[0]
    inside = ((path, "f:0:1"),) if column == "manifest" else TRACE[6]
    trace = (declared, *TRACE[1:6], inside, *TRACE[7:])
    begun = {"s": (path,)} if column == "interrupted" else {}
    file = tmp_path / "snapshot"
    file.write_bytes(_snapshot_bytes(("boot", {}, {"a": trace}, begun)))

    found = snapshot.load(str(file))

    assert (found.traces, found.interrupted) == ({}, {})
    file.write_bytes(SNAPSHOT)
    assert snapshot.load(str(file)).traces == {"a": TRACE}


def test_a_state_that_came_with_a_project_removes_nothing_outside(project: Project) -> None:
    (project.base / "victim").write_text("precious")
    project.stagefile('command("a", "cat {inputs} > {outputs}", inputs=["in"], outputs=["out"])\n')
    project.write("in", "1").build().ran("a")
    planted = _snapshot_bytes((snapshot.boot_id(), {}, {}, {"a": ("../victim",)}))
    (project.root / ".stagemake/Stagefile/snapshot").write_bytes(planted)

    for arguments in (["clean"], [], ["clean"]):
        project.build(*arguments).exited(0)

    assert (project.base / "victim").read_text() == "precious"
