"""Whatever is edited while a watch runs, and however fast: in the end all is as a clean build would have it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
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
)
Edit = tuple[str, str, int]


def apply(project: Project, edit: Edit, suffix: int) -> int:
    """Make one edit; return the suffix that holds then."""
    kind, name, number = edit
    source = project.root / "src" / f"{name}.txt"
    if kind == "write":
        source.write_text(f"{name} {number}\n")
    elif kind == "remove":
        source.unlink(missing_ok=True)
    elif kind == "suffix":
        project.write("stages.py", f"SUFFIX = {number}\n")
        return number
    elif kind == "spoil":
        part = project.root / "out" / f"{name}.part"
        if part.exists():
            part.write_text("spoilt\n")
    else:
        project.write("stages.py", "SUFFIX = (\n")
    return suffix


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
@given(st.lists(st.lists(EDITS, min_size=1, max_size=6), min_size=1, max_size=5))
def test_in_the_end_all_is_as_after_a_clean_build(rounds: list[list[Edit]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        project = Project(Path(directory).resolve())
        project.stagefile(STAGEFILE).write("stages.py", "SUFFIX = 0\n").write("src/a.txt", "a\n")
        suffix = 0
        with Watched(project) as watch:
            watch.waits()
            for edits in rounds:
                for edit in edits:
                    suffix = apply(project, edit, suffix)
                project.write("stages.py", f"SUFFIX = {suffix}\n")  # mended, if it was broken

                wanted = expected(project, suffix)
                until(lambda: found(project) == wanted, f"{wanted} after {edits}: {watch.text}")  # noqa: B023 - at once
            until(lambda: project.run("-q").exit_code == 0, f"up to date: {watch.text}")
