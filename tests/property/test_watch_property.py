"""Whatever is edited while a watch runs, and however fast: in the end all is as a clean build would have it."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from project import Project
from watch_kit import Watched, until

pytest.importorskip("watchfiles")

STAGEFILE = """
    from stages import SUFFIX

    parts = [
        command(f"part.{source.stem}", f"cat {{inputs}} > {{outputs}}; echo {SUFFIX} >> {{outputs}}",
                inputs=[source], outputs=[f"out/{source.stem}.part"])
        for source in glob("src/*.txt")
    ]
    command("all", "cat {inputs} /dev/null > {outputs}", inputs=parts, outputs=["out/all"])

    @stage(inputs=["out/all"], outputs=["out/upper"])
    def upper(context):
        context.outputs[0].write_text(context.inputs[0].read_text().upper())
"""

NAMES = st.sampled_from(["a", "b", "c", "d"])
EDITS = st.one_of(
    st.tuples(st.just("write"), NAMES, st.integers(0, 5)),
    st.tuples(st.just("write"), NAMES, st.integers(0, 5)),
    st.tuples(st.just("remove"), NAMES, st.just(0)),
    st.tuples(st.just("suffix"), st.just(""), st.integers(0, 3)),
    st.tuples(st.just("spoil"), NAMES, st.just(0)),
    st.tuples(st.just("break"), st.just(""), st.just(0)),
    st.tuples(st.just("declare"), NAMES, st.integers(0, 3)),
)
EACH = ("nothing", "build", "gc", "clear", "lose state", "lose cache", "move cache")
BESIDE = st.sampled_from(EACH)
"""What somebody else does in between, in another terminal."""
Edit = tuple[str, str, int]


def apply(project: Project, edit: Edit, suffix: int) -> int:
    """Make one edit; return the suffix that holds then."""
    kind, name, number = edit
    source = project.root / "src" / f"{name}.txt"
    if kind == "write":
        source.write_text(f"{name} {number}\n")
    elif kind == "remove":
        source.unlink(missing_ok=True)
        part = project.root / "out" / f"{name}.part"
        with suppress(FileNotFoundError):  # it was never made, or the watch has removed it
            if part.read_text() == "spoilt\n":  # else it is the user's, and stays
                part.unlink()
    elif kind == "suffix":
        project.write("stages.py", f"SUFFIX = {number}\n")
        return number
    elif kind == "spoil":
        part = project.root / "out" / f"{name}.part"
        if part.exists():
            part.write_text("spoilt\n")
    elif kind == "declare":
        project.stagefile(f"# {name} {number}\n{dedent(STAGEFILE)}")
    else:
        project.write("stages.py", "SUFFIX = (\n")
    return suffix


def happen(project: Project, beside: str, number: int) -> None:
    """Do what somebody else may do while the watch waits, or builds."""
    if beside == "build":
        project.run("-s")
    elif beside == "gc":
        project.run("cache", "gc", "--max-size", "1").exited(0)
    elif beside == "clear":
        project.run("cache", "clear", "--yes").exited(0)
    elif beside == "lose state":
        # A build that loses it while it runs ends with an error, and the watch with it.
        until(lambda: project.run("-q").exit_code == 0, "at rest")
        shutil.rmtree(project.root / ".stagemake", ignore_errors=True)
    elif beside == "lose cache":
        shutil.rmtree(project.cache, ignore_errors=True)
    elif beside == "move cache" and project.cache.exists():
        project.cache.rename(project.base / f"cache-{number}")


def expected(project: Project, suffix: int) -> dict[str, str]:
    """Return what a clean build makes, by path."""
    sources = sorted((project.root / "src").glob("*.txt"))
    parts = {f"out/{one.stem}.part": f"{one.read_text()}{suffix}\n" for one in sources}
    whole = "".join(parts.values())
    return {**parts, "out/all": whole, "out/upper": whole.upper()}


def found(project: Project) -> dict[str, str]:
    made = [path for path in (project.root / "out").glob("*") if path.is_file()]
    try:
        return {str(path.relative_to(project.root)): path.read_text() for path in made}
    except FileNotFoundError:  # it is being made anew
        return {}


@pytest.mark.slow
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(BESIDE, st.lists(EDITS, min_size=1, max_size=6)), min_size=1, max_size=5))
@example([(each, [("write", "a", n), ("write", "b", n)]) for n, each in enumerate(EACH)])
def test_in_the_end_all_is_as_after_a_clean_build(rounds: list[tuple[str, list[Edit]]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        project = Project(Path(directory).resolve())
        project.stagefile(STAGEFILE).write("stages.py", "SUFFIX = 0\n").write("src/a.txt", "a\n")
        suffix, has_lost = 0, False
        with Watched(project) as watch:
            watch.waits()
            for number, (beside, edits) in enumerate(rounds):
                happen(project, beside, number)
                for edit in edits:
                    suffix = apply(project, edit, suffix)
                project.write("stages.py", f"SUFFIX = {suffix}\n")  # mended, if it was broken

                has_lost |= beside == "lose state"
                wanted, after = expected(project, suffix), f"{beside}, {edits}"

                def is_right(wanted: dict[str, str] = wanted, has_lost: bool = has_lost) -> bool:
                    made = found(project)
                    # Without a state nobody knows that what no stage makes any more was made by one.
                    return (
                        wanted == {path: made.get(path) for path in wanted}
                        if has_lost
                        else wanted == made
                    )

                until(is_right, f"{wanted} after {after}: {watch.text}")
            until(lambda: project.run("-q").exit_code == 0, f"up to date: {watch.text}")
