"""What comes of a run that ended well: each thing recorded of it, each thing it is refused for, each thing that moved meanwhile."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from shop_kit import Bench, entry, row, stage_of

from stagemake.cache.envelope import digest_of
from stagemake.execute.settle import HookProblem, StageProblem
from stagemake.freshness import snapshot as columns
from stagemake.model.entry import directory_entry, link_entry
from stagemake.model.mode import CacheMode
from stagemake.model.request import BuildRequest
from stagemake.model.result import ActionResult, LogBlob
from stagemake.model.stage import ProjectPath
from stagemake.plan.judge import strong_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# --- what is recorded -------------------------------------------------------------------------------


def test_all_that_is_known_of_a_run_is_in_its_result(bench: Bench) -> None:
    stage = stage_of("out deep/er", provides=("word", "n"))
    run = bench.begun(stage)
    bench.write("out", "made")
    bench.write("deep/er", "more")

    made = bench.settled(
        stage, run=run, stdout=b"said", stderr=b"warned", value=b'{"word": "\\"w\\"", "n": "5"}',
        wall_s=1.23456789, cpu_s=0.98765432,
    )  # fmt: skip

    assert made.result == ActionResult(
        outputs=(row("deep/er", "more"), row("out", "made")),
        discovered=(),
        provided=(("n", "5"), ("word", '"w"')),
        stdout=LogBlob(digest_of(b"said"), 4),
        stderr=LogBlob(digest_of(b"warned"), 6),
        duration_s=1.234568,
        cpu_s=0.987654,
        stage="make",
        created_s=1234,
    )
    texts = [b"said", b"warned", b"made", b"more"]
    assert made.small == {digest_of(text): text for text in texts}
    assert (made.notes, made.found, made.divergence) == ((), (), None)
    assert (made.is_for_cache, made.keeps_contents) == (True, True)


def test_the_trace_is_what_the_run_was_judged_by_and_what_it_left(bench: Bench) -> None:
    bench.values["word"] = '"w"'
    stage = stage_of("out deep/er", implicit=(ProjectPath("b"),), uses=("word",))
    bench.write("b", "implicit")
    run = bench.begun(stage)
    bench.write("out", "made")
    bench.write("deep/er", "more")

    made = bench.settled(stage, run=run, wall_s=2.0, cpu_s=1.0)

    judged = run.judgement
    assert made.key == judged.key == strong_key(bench.shop.world.weak_bytes(stage), judged, ())
    assert made.trace == (
        judged.declaration, judged.key, judged.entries, judged.programs, (),
        (entry("made"), entry("more")), (), (judged.values, ()), (2.0, 1.0, 8),
    )  # fmt: skip
    assert judged.entries == (entry("input"), entry("implicit"))
    assert judged.programs
    assert judged.values == (("word", '"w"'),)


def test_a_directory_is_recorded_with_all_that_is_in_it_and_files_beside_it_are_not(
    bench: Bench,
) -> None:
    stage = stage_of("out dir/")
    run = bench.begun(stage)
    bench.write("out", "made")
    bench.write("dir/sub/x", "more")
    os.symlink("sub/x", bench.root / "dir/link")

    made = bench.settled(stage, run=run)

    inside = (("link", link_entry("sub/x")), ("sub", "d"), ("sub/x", entry("more")))
    assert made.trace[columns.OUTPUTS] == (entry("made"), directory_entry(inside))
    assert made.trace[columns.MANIFEST] == (
        ("dir", "d"), *((f"dir/{path}", one) for path, one in inside),
    )  # fmt: skip
    assert [one.path for one in made.result.outputs] == ["dir", "dir/link", "dir/sub", "dir/sub/x", "out"]  # fmt: skip


def test_a_large_output_is_not_held_in_memory(bench: Bench) -> None:
    stage = stage_of()
    run = bench.begun(stage)
    bench.write("out", b"x" * (1 << 16))

    assert bench.settled(stage, run=run).small == {}


def test_nothing_printed_is_no_content(bench: Bench) -> None:
    stage = stage_of()
    bench.write("out", "made")

    made = bench.settled(stage, stdout=b"", stderr=b"x")

    assert (made.result.stdout, made.result.stderr) == (LogBlob(), LogBlob(digest_of(b"x"), 1))
    assert made.small.keys() == {digest_of(b"x"), digest_of(b"made")}


def test_secrets_are_in_no_log(bench: Bench) -> None:
    bench.environ["TOKEN"] = "s3cret"
    stage = stage_of(secret_env=("TOKEN",))
    bench.write("out", "made")

    made = bench.settled(stage, stdout=b"a s3cret b", stderr=b"s3cret")

    assert made.small[made.result.stdout.digest] == b"a *** b"
    assert made.small[made.result.stderr.digest] == b"***"


def test_a_run_without_a_key_gets_one_of_what_it_was_judged_by(bench: Bench) -> None:
    stage = stage_of()
    run = bench.begun(stage)
    key, run.judgement.key = run.judgement.key, None
    bench.write("out", "made")

    made = bench.settled(stage, run=run)

    assert made.key == key is not None
    assert made.trace[columns.KEY] == key


@pytest.mark.parametrize(
    ("words", "mode", "has_store", "expected"),
    [
        ({}, CacheMode.ON, True, True),
        ({}, CacheMode.WRITE, True, True),
        ({}, CacheMode.READ, True, False),
        ({}, CacheMode.OFF, True, False),
        ({}, CacheMode.ON, False, False),
        ({"cache": False}, CacheMode.ON, True, False),
    ],
)
def test_a_result_is_for_the_cache_where_stage_request_and_cache_take_it(
    bench: Bench, words: dict[str, Any], mode: CacheMode, *, has_store: bool, expected: bool
) -> None:
    bench.open(request=BuildRequest(cache=mode), open_store=lambda: bench.store if has_store else None)  # fmt: skip
    bench.write("out", "made")

    made = bench.settled(stage_of(**words))

    assert (made.is_for_cache, made.notes) == (expected, ())
    assert made.trace[columns.KEY] == made.key


def test_a_link_that_leaves_the_project_is_recorded_and_not_cached(bench: Bench) -> None:
    stage = stage_of()
    run = bench.begun(stage)
    os.symlink("../elsewhere", bench.root / "out")

    made = bench.settled(stage, run=run)

    assert made.is_for_cache is False
    (note,) = made.notes
    assert note.startswith("not cached: link leaves the project")
    assert made.trace[columns.KEY] == made.key == run.judgement.key
    assert made.trace[columns.OUTPUTS] == (link_entry("../elsewhere"),)


def test_a_link_that_leaves_the_project_is_not_judged_where_nothing_is_cached(bench: Bench) -> None:
    stage = stage_of(cache=False)
    run = bench.begun(stage)
    os.symlink("../elsewhere", bench.root / "out")

    assert bench.settled(stage, run=run).notes == ()


def test_what_differs_from_the_last_result_of_the_key_is_told(bench: Bench) -> None:
    stage = stage_of()
    run = bench.begun(stage)
    bench.write("out", "first")
    run.old = bench.settled(stage, run=run).trace
    bench.write("out", "second")
    bench.shop.digester.forget(["out"])

    made = bench.settled(stage, run=run)

    assert made.divergence is not None
    assert (made.divergence.output, made.result.is_disputed) == ("out", True)


# --- outputs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outputs", "kind", "problem"),
    [
        ("out", "nothing", "it did not make its output `out`"),
        ("dir/", "nothing", "it did not make its output `dir/`"),
        ("dir/", "file", "its output `dir/` is declared as a directory and isn't one"),
        ("dir/", "link", "its output `dir/` is declared as a directory and isn't one"),
        ("out", "directory", "its output `out` is a directory; declare it as `out/`"),
        ("out", "fifo", "its output `out` can't be read: neither a file nor a directory nor a symbolic link"),
    ],
)  # fmt: skip
def test_an_output_that_is_missing_or_of_another_kind_is_a_problem(
    bench: Bench, outputs: str, kind: str, problem: str
) -> None:
    path = bench.root / outputs
    if kind == "file":
        path.write_text("x")
    elif kind == "link":
        path.symlink_to(".")
    elif kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)

    with pytest.raises(StageProblem) as caught:
        bench.settled(stage_of(outputs))

    assert str(caught.value) == problem
    assert caught.value.may_go_away


# --- shared values ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, b"", b"{}", b'{"other": "1"}'])
def test_a_shared_value_that_is_not_set_is_a_problem(bench: Bench, value: bytes | None) -> None:
    bench.write("out", "made")

    with pytest.raises(StageProblem, match=r"did not set the shared value `word`"):
        bench.settled(stage_of(provides=("word",)), value=value)


def test_what_a_stage_does_not_provide_is_left(bench: Bench) -> None:
    bench.write("out", "made")

    none = bench.settled(stage_of(), value=b'{"word": "1"}')
    one = bench.settled(stage_of(provides=("word",)), value=b'{"word": "1", "more": "2"}')

    assert (none.result.provided, one.result.provided) == ((), (("word", "1"),))


@pytest.mark.parametrize(
    ("secret", "value", "is_refused"),
    [
        ("12345678", "x12345678x", True),
        ("1234567", "x1234567x", False),
        ("12345678", "x1234567x", False),
        ("ab\tcd\nef\u00e9", "ab\tcd\nef\u00e9", True),
    ],
)
def test_a_shared_value_holds_no_secret_that_can_be_told_from_chance(
    bench: Bench, secret: str, value: str, *, is_refused: bool
) -> None:
    bench.environ["TOKEN"] = secret
    bench.write("out", "made")
    stage = stage_of(secret_env=("TOKEN",), provides=("word",))
    given = json.dumps({"word": json.dumps(value)}).encode()

    if not is_refused:
        assert bench.settled(stage, value=given).result.provided == (("word", json.dumps(value)),)
        return
    with pytest.raises(StageProblem, match=r"its shared value `word` holds a secret"):
        bench.settled(stage, value=given)


# --- hooks ------------------------------------------------------------------------------------------


class Hooked:
    """Hooks of a build that has some; what they do is the test's."""

    is_empty = False


def test_hooks_see_size_and_values_and_what_they_change_counts(bench: Bench) -> None:
    bench.open(hooks=Hooked())
    bench.write("out", "made")
    bench.write("dir/x", "more")
    heard: list[tuple[int, Mapping[str, str]]] = []

    def signs(size_bytes: int, provided: Mapping[str, str]) -> None:
        heard.append((size_bytes, provided))
        bench.write("out", "made and signed")
        bench.write("dir/y", "new")

    made = bench.settled(
        stage_of("out dir/", provides=("n",)), approve=signs, value=b'{"n": "1"}', stdout=b"",
    )  # fmt: skip

    assert heard == [(8, {"n": "1"})]
    assert made.trace[columns.OUTPUTS][0] == entry("made and signed")
    assert [one.path for one in made.result.outputs] == ["dir", "dir/x", "dir/y", "out"]
    assert digest_of(b"made and signed") in made.small


def test_an_objection_of_a_hook_ends_it(bench: Bench) -> None:
    bench.open(hooks=Hooked())
    bench.write("out", "made")

    def objects(_size_bytes: int, _provided: Mapping[str, str]) -> None:
        raise HookProblem("no")

    with pytest.raises(HookProblem) as caught:
        bench.settled(stage_of(), approve=objects)

    assert not caught.value.may_go_away
