"""What holds for every project: targets find what they name, and a closure is complete."""

from __future__ import annotations

import posixpath
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import Project, Upstream, projects, upstreams

from stagemake.model.error import UnknownTarget
from stagemake.resolve.select import closure, select

WORKING_DIRECTORIES = st.sampled_from(["", "out", "src", "tree/a", "a/b/c"])


def selected(project: Project, targets: list[str], cwd_prefix: str = "") -> list[str]:
    """Return the names that `targets` select."""
    stages = sorted(project.stages, key=lambda stage: stage.name)
    ids = select(targets, stages=stages, pipelines={}, cwd_prefix=cwd_prefix)
    return [stages[stage_id].name for stage_id in ids]


@given(projects(), st.data())
def test_names_select_themselves_in_the_order_given_each_once(
    project: Project, data: st.DataObject
) -> None:
    targets = data.draw(st.lists(st.sampled_from(project.names))) if project.stages else []

    assert list(dict.fromkeys(targets)) == selected(project, targets)


@given(projects(), WORKING_DIRECTORIES, st.sampled_from(["", "./", "x/../"]))
def test_an_output_selects_its_owner_from_every_working_directory(
    project: Project, cwd_prefix: str, detour: str
) -> None:
    for stage in project.stages:
        for output in stage.outputs:
            target = detour + posixpath.relpath(output, cwd_prefix or ".")
            spellings = [target]
            if output.endswith("/"):
                spellings += [f"{target}/", f"{target}/some/file"]
            for spelling in spellings:
                assert [stage.name] == selected(project, [spelling], cwd_prefix)


@given(projects(), st.sampled_from(["*", "a*", "?", "??", "[ab]*", "*.*", "*.[0-9]?"]))
def test_a_pattern_selects_the_names_that_match_or_is_an_error(
    project: Project, pattern: str
) -> None:
    matching = [name for name in project.names if fnmatchcase(name, pattern)]

    if matching:
        assert matching == selected(project, [pattern])
    else:
        with pytest.raises(UnknownTarget):
            selected(project, [pattern])


@given(projects(), st.text(alphabet="abcd./xyz*?[]", max_size=6), WORKING_DIRECTORIES)
def test_any_text_either_selects_something_or_is_an_unknown_target(
    project: Project, target: str, cwd_prefix: str
) -> None:
    error = None
    names = []
    try:
        names = selected(project, [target], cwd_prefix)
    except UnknownTarget as unknown:
        error = unknown

    assert names or (error and f"`{target}`" in error.headline and error.hint)


@given(upstreams(), st.data())
def test_a_closure_is_the_smallest_set_that_holds_the_wanted_and_all_they_pull(
    pulls: Upstream, data: st.DataObject
) -> None:
    wanted = data.draw(st.sets(st.sampled_from(range(len(pulls))))) if pulls else set()
    expected = set(wanted)
    for _ in pulls:
        expected |= {above for below in expected for above in pulls[below]}

    assert tuple(sorted(expected)) == closure(wanted, pulls)
