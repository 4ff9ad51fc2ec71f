"""What the runner's tests share: a runner that is always closed, waiting with a deadline, liveness by a FIFO."""

from __future__ import annotations

import contextlib
import os
import select
import time
from typing import TYPE_CHECKING, Any

from stagemake.runner.local import LocalRunner
from stagemake.runner.port import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from stagemake.runner.port import Completion

DEADLINE_S = 180.0
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


@contextlib.contextmanager
def local_runner(
    root: object, call: Callable[[int, bytes], bytes] | None = None, **options: Any
) -> Iterator[LocalRunner]:
    """Yield a LocalRunner in `root` and close it."""
    marker = f"test{os.getpid()}.{time.monotonic_ns()}"
    whole = None if call is None else lambda stage_id, payload, _say: call(stage_id, payload)
    runner = LocalRunner(str(root), call=options.pop("speaking", whole), marker=marker, **options)
    try:
        yield runner
    finally:
        runner.close()


def shell(stage_id: int, text: str, **options: Any) -> Work:
    """Return work for /bin/sh."""
    return Work(stage_id, ENV, argv=("/bin/sh", "-c", text), **options)


def called(stage_id: int, payload: bytes = b"", **options: Any) -> Work:
    """Return work for the runner's `call`."""
    return Work(stage_id, ENV, payload=payload, **options)


def run_all(runner: LocalRunner, works: Iterable[Work], jobs: int = 4) -> dict[int, Completion]:
    """Run all, `jobs` at a time; return completions by stage id."""
    waiting = list(works)[::-1]
    wanted = len(waiting)
    done: dict[int, Completion] = {}
    live = 0
    while len(done) < wanted:
        while waiting and live < jobs:
            runner.start(waiting.pop())
            live += 1
        arrived = runner.wait(DEADLINE_S)
        assert arrived, "nothing ended in time"
        for completion in arrived:
            assert completion.stage_id not in done, "ended twice"
            done[completion.stage_id] = completion
            live -= 1
    return done


def run_one(runner: LocalRunner, work: Work) -> Completion:
    """Run one action to its end."""
    return run_all(runner, [work])[work.stage_id]


class Lifeline:
    """A FIFO that processes hold open: it says when they are up, and ends when the last is gone."""

    def __init__(self, path: object) -> None:
        self.path = str(path)
        os.mkfifo(self.path)
        self._fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self._seen = b""

    def expect(self, lines: int) -> list[str]:
        """Wait until that many lines were written; return them sorted."""
        while self._seen.count(b"\n") < lines:
            data = self._read()
            assert data, "all writers went away"
            self._seen += data
        return sorted(self._seen.decode().splitlines())

    def expect_end(self) -> None:
        """Wait until nobody holds it. Only after `expect`: before the first writer it looks ended, too."""
        while self._read():
            pass

    def has_ended(self) -> bool:
        """Whether nobody holds it now."""
        try:
            return os.read(self._fd, 1 << 16) == b""
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)

    def _read(self) -> bytes:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        assert poll.poll(DEADLINE_S * 1000), "nothing happened in time"
        return os.read(self._fd, 1 << 16)
