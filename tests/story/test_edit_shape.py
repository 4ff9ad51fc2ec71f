"""What a build of one edited file among many leaves: results of one stage, and no file written anew for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from noop_kit import typed

from stagemake import StageManager
from stagemake.model.event import StageSettled, StageStarted

if TYPE_CHECKING:
    from project import Project

    from stagemake.model.event import Event

STAGEFILE = """\
for leaf in glob("in/*.txt"):
    command(f"copy.{leaf.stem}", "cat {inputs} > {outputs}", inputs=[leaf], outputs=[f"out/{leaf.stem}.txt"])
"""
LARGE = ("snapshot", "noop", "declared", "names")


@pytest.fixture
def built(project: Project) -> Project:
    """Return a built project of 100 stages that knows that there is nothing to do."""
    project.stagefile(STAGEFILE)
    for number in range(100):
        project.write(f"in/{number:03d}.txt", "text")
    assert typed(project).returncode == 0
    return project


def state_of(project: Project) -> dict[str, tuple[int, int]]:
    directory = project.root / ".stagemake/Stagefile"
    return {
        path.name: (path.stat().st_ino, path.stat().st_size)
        for path in directory.iterdir()
        if path.name in {*LARGE, "journal", "touched"}
    }


def edit(project: Project, name: str, text: str) -> None:
    project.write(f"in/{name}.txt", text)
    done = typed(project)
    assert (done.returncode, "1 ran, 99 unchanged" in done.stderr) == (0, True), done.stderr
    assert project.read(f"out/{name}.txt") == text


def test_nothing_that_all_stages_are_in_is_written_for_one(built: Project) -> None:
    before = state_of(built)

    edit(built, "007", "other")
    after = state_of(built)
    edit(built, "007", "again")
    edit(built, "050", "more")

    assert {name: after[name] for name in LARGE} == {name: before[name] for name in LARGE}
    assert {name: state_of(built)[name] for name in LARGE} == {name: before[name] for name in LARGE}
    assert after.keys() - before.keys() == {"journal", "touched"}
    assert after["journal"][1] + after["touched"][1] < 2000
    assert state_of(built)["journal"][0] == after["journal"][0]  # it is appended to


def test_what_was_left_beside_is_known_to_whoever_looks_at_all(built: Project) -> None:
    edit(built, "007", "other")

    assert typed(built).stderr == "stagemake: up to date\n"
    assert built.run("-n", "--color", "never").exited(0).stdout == "stagemake: up to date\n"
    assert built.run("-s", "--color", "never").exited(0).stderr == ""
    assert "`copy.007` is fresh" in built.run("why", "copy.007").exited(0).stdout
    built.write("in/050.txt", "by the long way").run("--color", "never").exited(0)
    assert "journal" not in state_of(built)
    assert typed(built).stderr == "stagemake: up to date\n"


@pytest.mark.parametrize("name", ["journal", "touched", "snapshot", "noop", "declared"])
@pytest.mark.parametrize("change", ["cut", "flipped", "gone"])
def test_damage_to_what_was_left_costs_time_and_no_more(
    built: Project, name: str, change: str
) -> None:
    edit(built, "007", "other")
    path = built.root / ".stagemake/Stagefile" / name
    data = path.read_bytes()
    middle = len(data) // 2
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if change == "cut" else data[:middle] + bytes((data[middle] ^ 1,)) + data[middle + 1 :])  # fmt: skip

    built.write("in/007.txt", "third").write("in/008.txt", "eighth")
    done = typed(built)

    assert done.returncode == 0, done.stderr
    assert [built.read(f"out/00{n}.txt") for n in (6, 7, 8)] == ["text", "third", "eighth"]
    assert typed(built).stderr == "stagemake: up to date\n"


def test_no_stage_waits_for_the_cache_to_be_opened(project: Project) -> None:
    project.stagefile('command("copy", "cat a > b", inputs=["a"], outputs=["b"])').write("a")
    seen: list[tuple[str, bool]] = []

    class Looker:
        def handle(self, event: Event) -> None:
            if isinstance(event, (StageStarted, StageSettled)):
                seen.append((type(event).__name__, (project.base / "new/cache.db").exists()))

    manager = StageManager(project.root, cache_dir=project.base / "new", reporters=[Looker()])
    manager.load()

    assert manager.execute_pipeline().ok

    assert seen == [("StageStarted", False), ("StageSettled", True)]
