"""How much stages will read: the sizes of their inputs, those included that others are about to make.

What a stage that may run will write is put down by path when it is its turn, so that the next one finds it: a file
that doubles is sorted into one that does, of which the sum is taken. Nothing is read for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.freshness import snapshot as columns
from stagemake.model.entry import content_of
from stagemake.plan.kind import input_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagemake.freshness.snapshot import Trace
    from stagemake.model.stage import Stage


@define(eq=False, repr=False)
class Amounts:
    """Sizes of outputs of stages that may run, as far as they can be foreseen. Lives for one plan."""

    _traces: Mapping[str, Trace]
    _directory_bytes: Callable[[str], int | None]  # by the entry of one that was seen
    _bytes: dict[str, float] = field(factory=dict)  # by path, without slash

    def read_by(self, stage: Stage, entries: Sequence[str | None]) -> int | None:
        """Return how much a stage will read of its declared inputs, files and all in directories; None: not known.

        Args:
            stage: All stages before it in the plan have been put down.
            entries: Of its inputs and implicit inputs, in that order; None where it takes a run to know.
        """
        known = input_bytes(entries, self._directory_bytes)
        if known is not None:
            return known
        total = 0.0
        for path, entry in zip((*stage.inputs, *stage.implicit), entries, strict=True):
            size: float | None = input_bytes((entry,), self._directory_bytes)
            if size is None:  # to be made, or a directory to be restored
                size = self._bytes.get(path.rstrip("/"))
            if size is None:
                return None
            total += size
        return round(total)

    def put_down(self, stage: Stage, made_bytes: int | None) -> None:
        """Note that a stage may write so much; None: not known. Its outputs share it as they did last time."""
        if made_bytes is None or not stage.outputs:
            return
        trace = self._traces.get(stage.name)
        if trace is None:
            if len(stage.outputs) == 1:
                self._bytes[stage.outputs[0].rstrip("/")] = made_bytes
            return
        before = trace[columns.RECORD][2]
        if len(trace[columns.OUTPUTS]) != len(stage.outputs) or not before:
            return
        share = made_bytes / before
        tops = [path[:-1] for path in stage.outputs if path[-1] == "/"]
        self._bytes.update(dict.fromkeys(tops, 0.0))
        for path, entry in (
            *zip(stage.outputs, trace[columns.OUTPUTS], strict=True), *trace[columns.MANIFEST],
        ):  # fmt: skip
            content = content_of(entry)
            if content is None:
                continue
            self._bytes[path] = content[1] * share
            for top in tops:  # nearly always one, or none
                if path.startswith(f"{top}/"):
                    self._bytes[top] += content[1] * share
