"""Fakes of the ports, turned by hand: no process is started and no time passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from stagemake.runner.port import Completion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stagemake.runner.port import Work


class ScriptedRunner:
    """A Runner whose actions end when and how the test says.

    `script` says how a stage's action ends, and what it does to the world just before. `finish`
    ends a running one at once. A `wait` that finds nothing finished ends the oldest running action
    as scripted, by default with success; with `hand_cranked` it is an error instead of a hang.
    """

    def __init__(self, *, hand_cranked: bool = False) -> None:
        self.started: list[Work] = []  # all, in order
        self.running: dict[int, Work] = {}  # by stage id, oldest first
        self.most_at_once = 0
        self.stops: list[bool] = []  # `now` of each stop
        self.closed = False
        self.clock_s = 0.0
        self._hand_cranked = hand_cranked
        self._scripts: dict[int, list[tuple[Completion, Callable[[Work], None] | None]]] = {}
        self._finished: list[Completion] = []

    def script(
        self, completion: Completion, effect: Callable[[Work], None] | None = None
    ) -> ScriptedRunner:
        """Let the next action of the completion's stage end with it; call again for a retry's."""
        self._scripts.setdefault(completion.stage_id, []).append((completion, effect))
        return self

    def finish(self, stage_id: int) -> None:
        """End a running action as scripted; the next `wait` tells of it."""
        work = self.running.pop(stage_id)
        scripts = self._scripts.get(stage_id)
        completion, effect = scripts.pop(0) if scripts else (_success(work), None)
        if effect is not None:
            effect(work)
        started_s, self.clock_s = self.clock_s, self.clock_s + completion.wall_s
        self._finished.append(attrs.evolve(completion, started_s=started_s))

    @property
    def started_ids(self) -> list[int]:
        """The stage ids of all starts, in order."""
        return [work.stage_id for work in self.started]

    def start(self, work: Work) -> None:
        """Record the start."""
        assert not self.closed, "started after close"
        assert work.stage_id not in self.running, f"stage {work.stage_id} runs already"
        assert (work.argv is None) != (work.payload is None), "exactly one of argv and payload"
        self.started.append(work)
        self.running[work.stage_id] = work
        self.most_at_once = max(self.most_at_once, len(self.running))

    def wait(self, timeout_s: float | None) -> Sequence[Completion]:
        """Return what was finished; see the class for what happens when nothing was."""
        if not self._finished and self.running and timeout_s != 0:
            assert not self._hand_cranked, "waits for ever: nothing was finished"
            self.finish(next(iter(self.running)))
        finished, self._finished = self._finished, []
        return finished

    def stop(self, *, now: bool, typed: bool = False) -> None:
        """End all that runs by SIGTERM, or SIGKILL when `now`, in order of start."""
        self.stops.append(now)
        self._finished += [Completion(stage_id, -9 if now else -15) for stage_id in self.running]
        self.running.clear()

    def close(self) -> None:
        """Forget what runs."""
        self.running.clear()
        self._finished.clear()
        self.closed = True


def _success(work: Work) -> Completion:
    return Completion(work.stage_id, 0, value=None if work.payload is None else b"", wall_s=1.0)


class TimedRunner(ScriptedRunner):
    """A ScriptedRunner with a clock, on which no time passes: each action takes what the test says.

    `wait` turns the clock to the end of the action that ends first. Actions that compute share the processors evenly.

    Args:
        seconds: What an action takes alone, by stage id.
        computes: Whether it computes all that time.
        processors: How many there are.
        effect: Writes its outputs.
    """

    def __init__(
        self, seconds: Callable[[int], float], computes: Callable[[int], bool], processors: int,
        effect: Callable[[Work], None],
    ) -> None:  # fmt: skip
        super().__init__()
        self._seconds, self._computes, self._effect = seconds, computes, effect
        self._processors = processors
        self._left: dict[int, float] = {}
        self._began: dict[int, float] = {}

    def now_s(self) -> float:
        """Return what the clock says."""
        return self.clock_s

    def start(self, work: Work) -> None:
        """Record the start."""
        super().start(work)
        self._left[work.stage_id] = self._seconds(work.stage_id)
        self._began[work.stage_id] = self.clock_s

    def wait(self, timeout_s: float | None) -> Sequence[Completion]:
        """Let all go on until the first one ends."""
        del timeout_s
        if not self._left:
            return []
        many = sum(map(self._computes, self._left))
        speed = {
            one: min(self._processors / many, 1.0) if self._computes(one) else 1.0
            for one in self._left
        }
        first = min(self._left, key=lambda one: (self._left[one] / speed[one], one))
        passed_s = self._left[first] / speed[first]
        for one, rate in speed.items():
            self._left[one] -= passed_s * rate
        self.clock_s += passed_s
        del self._left[first]
        began_s, work = self._began.pop(first), self.running.pop(first)
        self._effect(work)
        cpu_s = self._seconds(first) if self._computes(first) else 0.0
        took = attrs.evolve(_success(work), wall_s=self.clock_s - began_s, cpu_s=cpu_s)
        return [attrs.evolve(took, started_s=began_s)]
