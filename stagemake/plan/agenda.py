"""What may start next: the one rule that the scheduler builds by and the forecast simulates with.

A stage is ready when everything upstream has settled. Of the ready ones, the first by critical path starts
for which there is room: processors, memory, its pool, the console.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from attrs import define, evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stagemake.model.pipeline import Pipeline

Shape = tuple[float, int, str, bool]
"""What a stage takes while it runs: processors, bytes of memory, a place in a pool, the console."""


PLAIN: Shape = (1.0, 0, "", False)
"""Of most stages: when one ends, any other one has room."""


@frozen
class Limits:
    """What there is to share."""

    jobs: int
    memory_bytes: int
    pools: Mapping[str, int]  # places by name


@define(eq=False, repr=False)
class Agenda:
    """Ready stages and the room that is left. Whoever asks `next` says by `take` that the stage runs now."""

    _limits: Limits
    _downstream: Sequence[Sequence[int]]
    _wanted: Sequence[Shape]  # by stage, as declared
    _shapes: Sequence[Shape]  # by stage, cut to what there is
    _weight: Sequence[float]  # by stage; the largest goes first, then the lower id
    _waiting: list[int]  # upstream stages that have not settled, by stage
    _is_settled: bytearray  # by stage
    _ready: dict[
        Shape, list[tuple[float, int]]
    ]  # heaps: stages of one shape have room or not together
    _free_cpus: float
    _free_memory_bytes: int
    _free_in_pool: dict[str, int]
    _running: int = 0
    _is_console_taken: bool = False

    @classmethod
    def of(
        cls, pipeline: Pipeline, limits: Limits, weight: Sequence[float], passed: Iterable[int]
    ) -> Agenda:
        """Return the agenda at the start of a build.

        Args:
            pipeline: All stages.
            limits: What there is to share.
            weight: By stage, the seconds from its start to the end of what hangs on it.
            passed: Stages that need nothing: settled from the start, whatever they wait for.
        """
        wanted = [(one.cpus, one.memory_bytes, one.pool, one.console) for one in pipeline.stages]
        shapes = _cut(wanted, limits.jobs)
        made = cls(
            limits, pipeline.downstream, wanted, shapes, weight, [len(ids) for ids in pipeline.upstream],
            bytearray(len(shapes)), {}, float(limits.jobs), limits.memory_bytes, dict(limits.pools),
        )  # fmt: skip
        for stage_id in passed:
            made._is_settled[stage_id] = 1
        made._release([stage_id for stage_id, count in enumerate(made._waiting) if not count])
        return made

    def copy(self) -> Agenda:
        """Return the same state to go on from apart. Cost: O(stages), some microseconds a thousand."""
        return Agenda(
            self._limits, self._downstream, self._wanted, self._shapes, self._weight,
            self._waiting.copy(), self._is_settled.copy(),
            {shape: heap.copy() for shape, heap in self._ready.items()},
            self._free_cpus, self._free_memory_bytes, self._free_in_pool.copy(), self._running,
            self._is_console_taken,
        )  # fmt: skip

    def with_jobs(self, jobs: int) -> Agenda:
        """Return the same state with another number of jobs; nothing may run yet. Cost: as `copy`."""
        assert not self._running, "what runs was let in by another number"
        shapes = _cut(self._wanted, jobs)
        ready: dict[Shape, list[tuple[float, int]]] = {}
        for heap in self._ready.values():
            for item in heap:
                heapq.heappush(ready.setdefault(shapes[item[1]], []), item)
        return Agenda(
            evolve(self._limits, jobs=jobs), self._downstream, self._wanted, shapes, self._weight,
            self._waiting.copy(), self._is_settled.copy(), ready,
            float(jobs), self._free_memory_bytes, self._free_in_pool.copy(),
        )  # fmt: skip

    def _release(self, free: list[int]) -> None:
        """Take in stages whose upstream is done; past settled ones, which have nothing to do.

        Order also holds through a fresh stage: what comes after it comes after what it waits for.
        """
        downstream, waiting, settled = self._downstream, self._waiting, self._is_settled
        while free:
            stage_id = free.pop()
            if not settled[stage_id]:
                heap = self._ready.setdefault(self._shapes[stage_id], [])
                heapq.heappush(heap, (-self._weight[stage_id], stage_id))
                continue
            for other in downstream[stage_id]:
                waiting[other] -= 1
                if not waiting[other]:
                    free.append(other)

    def reopen(self, stage_ids: Iterable[int]) -> None:
        """Have stages that were passed take their turn after all; what they wait for has not all settled."""
        for stage_id in stage_ids:
            assert self._waiting[stage_id], "it has been passed already"
            self._is_settled[stage_id] = 0

    def settle(self, stage_id: int) -> None:
        """Note that a stage is done, so that what waited for it alone is ready."""
        settled, waiting = self._is_settled, self._waiting
        settled[stage_id] = 1
        for other in self._downstream[stage_id]:  # the common case of `_release`, spelled out
            waiting[other] = count = waiting[other] - 1
            if not count:
                if settled[other]:
                    self._release([other])
                else:
                    heap = self._ready.setdefault(self._shapes[other], [])
                    heapq.heappush(heap, (-self._weight[other], other))

    def next(self) -> int | None:
        """Return the ready stage that starts now and forget it; None while there is none with room.

        Cost: O(shapes + log ready).
        """
        if self._free_cpus <= 0:
            return None
        best: list[tuple[float, int]] | None = None
        for shape, heap in self._ready.items():
            if (best is None or heap[0] < best[0]) and self._has_room(shape):
                best = heap
        if best is None:
            return None
        stage_id = heapq.heappop(best)[1]
        if not best:
            del self._ready[self._shapes[stage_id]]
        return stage_id

    @property
    def is_plain(self) -> bool:
        """Whether all stages are `PLAIN`. Cost: O(stages)."""
        return all(shape == PLAIN for shape in self._wanted)

    def ahead(self, accepts: Callable[[int], bool]) -> int | None:
        """Return the ready stage that starts next once there is room, and forget it; for plain stages only.

        None also if it is not accepted: nothing goes past it.
        """
        heap = self._ready.get(PLAIN)
        if heap is None or not accepts(heap[0][1]):
            return None
        stage_id = heapq.heappop(heap)[1]
        if not heap:
            del self._ready[PLAIN]
        return stage_id

    def put_back(self, stage_id: int) -> None:
        """Take in again what was given out and has not run."""
        self._release([stage_id])

    def _has_room(self, shape: Shape) -> bool:
        cpus, memory_bytes, pool, console = shape
        if pool and self._free_in_pool[pool] < 1:
            return False
        if console and self._is_console_taken:
            return False
        if not self._running:  # what wants more than there is gets the whole machine
            return True
        return cpus <= self._free_cpus and memory_bytes <= self._free_memory_bytes

    def take(self, stage_id: int) -> None:
        """Note that a stage runs from now on."""
        self._occupy(stage_id, 1)

    def give_back(self, stage_id: int) -> None:
        """Note that it does not run any more; settled or not."""
        self._occupy(stage_id, -1)

    def _occupy(self, stage_id: int, sign: int) -> None:
        cpus, memory_bytes, pool, console = self._shapes[stage_id]
        self._running += sign
        self._free_cpus -= sign * cpus
        self._free_memory_bytes -= sign * memory_bytes
        if pool:
            self._free_in_pool[pool] -= sign
        if console:
            self._is_console_taken = sign > 0


def _cut(wanted: Sequence[Shape], jobs: int) -> Sequence[Shape]:
    """Return the shapes with no more processors than there are jobs."""
    cut = {shape: (min(shape[0], jobs), *shape[1:]) for shape in set(wanted)}
    if all(shape == other for shape, other in cut.items()):
        return wanted
    return [cut[shape] for shape in wanted]
