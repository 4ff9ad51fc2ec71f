"""The fences round what plugins bring: nothing they do gets further."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fakes import ScriptedRunner

from stagemake.cache.envelope import digest_of
from stagemake.cache.fault import FaultKind
from stagemake.cache.guarded import MOST_FAILURES, GuardedStore
from stagemake.cache.memory import MemoryStore
from stagemake.model.event import Notice
from stagemake.plugins.discover import normalized
from stagemake.report.guarded import GuardedReporter
from stagemake.report.port import FanOut
from stagemake.runner.guarded import GuardedRunner
from stagemake.runner.port import Completion, Work

if TYPE_CHECKING:
    from pathlib import Path

KEY = "a" * 32
DATA = b"content"
DIGEST = digest_of(DATA)


class Raising:
    """Raises whatever is asked of it, and counts."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        def method(*_: Any, **__: Any) -> Any:
            self.count += 1
            raise self.error

        return method


# --- Caches. ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("no"), SystemExit(2)])
def test_a_cache_that_raises_is_empty_and_takes_nothing(
    error: BaseException, tmp_path: Path
) -> None:
    for ask, answer in (
        (lambda store: store.get([KEY]), {}),
        (lambda store: store.put(KEY, b"record"), None),
        (lambda store: store.touch([KEY]), None),
        (lambda store: store.missing([DIGEST]), {DIGEST}),
        (lambda store: store.read(DIGEST, 100), None),
        (lambda store: store.put_bytes(DIGEST, DATA), False),
        (lambda store: store.put_file(DIGEST, "x", 1), False),
        (lambda store: store.fetch(DIGEST, 7, str(tmp_path / "x"), 0o644), False),
        (lambda store: store.flush(), None),
        (lambda store: store.close(), None),
    ):
        store = GuardedStore(Raising(error), "it")  # type: ignore[arg-type]  # that's the test

        assert ask(store) == answer
        assert len(store.faults) == 1


def test_a_cache_is_not_asked_again_after_some_failures_in_a_row_but_closed() -> None:
    inner = Raising(OSError("gone"))
    store = GuardedStore(inner, "it")  # type: ignore[arg-type]  # that's the test

    for _ in range(10):
        store.get([KEY])
    assert inner.count == MOST_FAILURES
    store.close()

    assert inner.count == MOST_FAILURES + 1
    assert store.faults.first[FaultKind.READ] == "it: OSError: gone"


def test_a_success_in_between_forgives() -> None:
    class Now(MemoryStore):
        fails = True

        def get(self, keys: Any) -> dict[str, bytes]:
            if self.fails:
                raise OSError("gone")
            return super().get(keys)

    inner = Now()
    store = GuardedStore(inner, "it")
    for fails in (True, True, False) * 5:
        inner.fails = fails
        store.get([KEY])
    inner.fails = False
    store.put(KEY, b"record")

    assert store.get([KEY]) == {KEY: b"record"}


@pytest.mark.parametrize("rubbish", [3, {KEY: 3}, {KEY: b"other"}, {KEY: "text"}, [1], None])
def test_rubbish_for_records_is_a_miss(rubbish: Any) -> None:
    inner = MemoryStore()
    inner.get = lambda _: rubbish  # type: ignore[method-assign]  # that's the test

    assert GuardedStore(inner, "it").get([KEY]) == {}


@pytest.mark.parametrize("rubbish", [3, b"other", "text", b"content and more"])
def test_rubbish_for_a_content_is_a_miss(rubbish: Any) -> None:
    inner = MemoryStore()
    inner.read = lambda *_: rubbish  # type: ignore[method-assign]  # that's the test

    assert GuardedStore(inner, "it").read(DIGEST, 100) is None


@pytest.mark.parametrize("left", ["nothing", "other", "short", "link", "directory", "hard link"])
def test_a_fetch_that_lies_leaves_nothing(left: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "own").write_bytes(DATA)

    def fetch(*_: Any) -> bool:
        if left == "other":
            target.write_bytes(b"CONTENT")
        elif left == "short":
            target.write_bytes(b"c")
        elif left == "link":
            target.symlink_to("own")
        elif left == "directory":
            target.mkdir()
        elif left == "hard link":
            target.hardlink_to(tmp_path / "own")
        return True

    inner = MemoryStore()
    inner.fetch = fetch  # type: ignore[method-assign]  # that's the test

    assert not GuardedStore(inner, "it").fetch(DIGEST, len(DATA), str(target), 0o644)
    assert not target.exists()
    assert not target.is_symlink()


def test_a_fetch_gives_exactly_the_permissions(tmp_path: Path) -> None:
    inner = MemoryStore()

    def fetch(_: str, __: int, path: str, ___: int) -> bool:
        (tmp_path / path).write_bytes(DATA)
        (tmp_path / path).chmod(0o777)
        return True

    inner.fetch = fetch  # type: ignore[method-assign]  # that's the test

    assert GuardedStore(inner, "it").fetch(DIGEST, len(DATA), str(tmp_path / "x"), 0o640)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


# --- Runners. --------------------------------------------------------------------------------------


def work(stage_id: int) -> Work:
    return Work(stage_id, {}, argv=("true",))


def test_a_good_runner_is_passed_through() -> None:
    inner = ScriptedRunner()
    runner = GuardedRunner(inner, "it")

    runner.prepare()
    runner.start(work(0))
    runner.start(work(1))

    assert [one.stage_id for one in (*runner.wait(None), *runner.wait(None))] == [0, 1]
    runner.stop(now=True)
    runner.close()
    assert inner.stops == [True]
    assert inner.closed


def test_a_runner_that_can_not_start_fails_that_action() -> None:
    runner = GuardedRunner(Raising(OSError("no route")), "it")  # type: ignore[arg-type]  # that's the test

    runner.start(work(4))

    (completion,) = runner.wait(None)
    assert (completion.stage_id, completion.exit_code) == (4, 126)
    assert completion.note == "it: start raised OSError: no route"
    runner.close()


@pytest.mark.parametrize(
    "rubbish", [[3], [Completion(9, 0)], 3, [Completion(0, 0), Completion(0, 0)]]
)
def test_rubbish_of_a_runner_fails_what_runs_and_nothing_more_is_started(rubbish: Any) -> None:
    inner = ScriptedRunner()
    inner.wait = lambda _: rubbish  # type: ignore[method-assign]  # that's the test
    runner = GuardedRunner(inner, "it")
    runner.start(work(0))
    runner.start(work(1))

    ended = runner.wait(None)
    assert {one.stage_id for one in ended} == {0, 1}
    runner.start(work(2))

    assert [one.stage_id for one in runner.wait(None)] == [2]
    assert inner.started_ids == [0, 1]


def test_a_runner_that_can_not_prepare_or_stop_fails_what_there_is() -> None:
    runner = GuardedRunner(Raising(OSError("gone")), "it")  # type: ignore[arg-type]  # that's the test
    runner.prepare()

    runner.start(work(0))

    assert runner.wait(None)[0].note == "it: prepare raised OSError: gone"
    runner.stop(now=False)


# --- Reporters. ------------------------------------------------------------------------------------


def test_a_reporter_that_fails_is_told_nothing_more_and_the_others_are_told_so() -> None:
    heard: list[str] = []

    class Good:
        def handle(self, event: Any) -> None:
            heard.append(event.text)

    inner = Raising(SystemExit(1))
    fan = FanOut([GuardedReporter(inner, "a reporter of plugin `x`"), Good()])

    fan.handle(Notice("one"))
    fan.handle(Notice("two"))

    assert inner.count == 1
    assert heard == [
        "one",
        "a reporter of plugin `x` failed and is told nothing more: SystemExit: 1",
        "two",
    ]


def test_a_reporter_may_lack_close_and_may_fail_in_it() -> None:
    class Plain:
        def handle(self, event: Any) -> None:
            del event

    assert GuardedReporter(Plain(), "x").close() == ""
    assert (
        GuardedReporter(Raising(OSError("full")), "x").close() == "x can't be closed: OSError: full"
    )


@pytest.mark.parametrize("name", ["Stage_Make.Words", "stage-make-words", "STAGE..MAKE__WORDS"])
def test_names_of_distributions_are_compared_as_pip_does(name: str) -> None:
    assert normalized(name) == "stage-make-words"
