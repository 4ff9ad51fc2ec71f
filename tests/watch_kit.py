"""A watch in a process of its own, and what it has said so far; and a bench and a watcher without any disk."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.model.result import BuildOutcome, Outcome, StageResult
from stagemake.watch.interest import Interest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Collection, Iterator
    from typing import Self

    from project import Project

    from stagemake.model.error import StagemakeError
    from stagemake.model.stage import Stage
    from stagemake.watch.mailbox import Changed

LIMIT_S = 180.0  # after which a condition is taken not to come true any more
WAITING = "waiting for changes"


def until(is_so: Callable[[], object], what: str, limit_s: float = LIMIT_S) -> None:
    """Wait for a condition."""
    limit = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < limit, f"never came: {what}"
        time.sleep(0.005)


class Watched:
    """One `stagemake watch`. `with` it, so that it ends."""

    def __init__(self, project: Project, *arguments: str) -> None:
        self.project = project
        self._process: subprocess.Popen[str] = project.start("watch", *arguments)
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(LIMIT_S)
        self._reader.join()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None, "both were asked for"
            stream.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def text(self) -> str:
        """All that was said, times and paths as in results."""
        return self.project.normal("".join(self._lines))

    def count(self, text: str) -> int:
        return self.text.count(text)

    def waits(self, times: int = 1) -> Watched:
        """Wait until it has come to rest so often."""
        return self.says(WAITING, times)

    def says(self, text: str, times: int = 1) -> Watched:
        until(lambda: self.count(text) >= times or self.has_ended, f"{text!r} in {self.text}")
        assert self.count(text) >= times, self.text
        return self

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None and not self._reader.is_alive()

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal and return the exit status."""
        self._process.send_signal(number)
        return self._process.wait(LIMIT_S)

    def _read(self) -> None:
        assert self._process.stderr is not None, "it was asked for"
        for line in self._process.stderr:
            self._lines.append(line)


@define
class ScriptedWatcher:
    """Says what a test wants it to say."""

    tell: Callable[[Changed], None]
    watched: frozenset[str] = frozenset()
    is_closed: bool = False
    refuses: bool = False

    def watch(self, directories: Collection[str]) -> bool:
        if self.refuses:
            raise OSError(28, "No space left on device")
        before, self.watched = self.watched, frozenset(directories)
        return before != self.watched

    def close(self) -> None:
        self.is_closed = True


class ScriptedInterest(Interest):
    """Counts what a test says counts."""

    def __init__(self, counts: set[str]) -> None:
        super().__init__("/root", None)
        self.counts = counts
        self.asked_where = 0
        self.on_looked: Callable[[], object] = lambda: None  # called when all has been looked at

    def moved(self, heard: Collection[str]) -> set[str]:  # type: ignore[override]  # a test's own
        return self.counts & set(heard)

    def moved_meanwhile(self, heard: Collection[str]) -> set[str]:  # type: ignore[override]  # as above
        return self.moved(heard)

    def slices(self) -> Iterator[set[str]]:
        for _ in range(20):
            yield set()
        self.on_looked()

    def full(self, path: str) -> str:
        return path

    def directories(self) -> frozenset[str]:
        self.asked_where += 1
        return frozenset()


@define
class ScriptedBench:
    """Builds by doing what the test says next."""

    builds: list[Callable[[], BuildOutcome]]
    interest: ScriptedInterest
    asked: list[set[str] | None] = field(factory=list)
    stopped_by: list[int] = field(factory=list)
    on_ready: Callable[[], object] = lambda: None
    services: tuple[Stage, ...] = ()
    held_looks: int = 0  # so often somebody else is seen to build

    @property
    def is_held_elsewhere(self) -> bool:
        self.held_looks -= 1
        return self.held_looks >= 0

    def build(self, moved: set[str] | None) -> BuildOutcome:
        self.asked.append(moved)
        return self.builds.pop(0)()

    def look_back(self, outcome: BuildOutcome) -> None:
        del outcome

    def catch_up(self) -> bool:
        return False

    def stop(self, number: int) -> None:
        self.stopped_by.append(number)


@define
class Said:
    """What a watch has told, as short texts."""

    all: list[str] = field(factory=list)
    on_notice: Callable[[], None] = lambda: None

    def changed(self, paths: Collection[str]) -> None:
        self.all.append(f"changed {' '.join(paths)}".strip())

    def given_up(self, path: str) -> None:
        self.all.append(f"given up for {path}")

    def mistake(self, error: StagemakeError) -> None:
        self.all.append(f"mistake {error.headline}")

    def waiting(self) -> None:
        self.all.append("waiting")

    def notice(self, text: str) -> None:
        self.all.append(f"notice {text}")
        self.on_notice()

    def why(self, outcome: BuildOutcome | None) -> None:
        self.all.append(f"why {outcome is not None}")

    def help(self) -> None:
        self.all.append("help")


def good() -> BuildOutcome:
    return BuildOutcome((StageResult("one", Outcome.RAN, key="0"),), 0.0)


def unrecorded() -> BuildOutcome:
    """Return how a build ends whose stage read what was edited while it ran."""
    return BuildOutcome((StageResult("one", Outcome.RAN),), 0.0)


def given_up() -> BuildOutcome:
    return BuildOutcome((StageResult("one", Outcome.CANCELLED),), 0.0, interrupted_by=15)


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def ended(pid_text: str) -> bool:
    return not is_alive(int(pid_text))


def own_files() -> int:
    """How many descriptors this process has open."""
    return len(os.listdir("/dev/fd"))
