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
    from collections.abc import Mapping, Sequence

    from stagemake.freshness.snapshot import Trace
    from stagemake.model.stage import Stage


@define(eq=False, repr=False)
class Amounts:
    """Sizes of outputs of stages that may run, as far as they can be foreseen. Lives for one plan."""

    _traces: Mapping[str, Trace]
    _bytes: dict[str, float] = field(factory=dict)  # by path
    _directories: set[str] = field(factory=set)

    def read_by(self, stage: Stage, entries: Sequence[str | None]) -> int | None:
        """Return how much a stage will read of its declared input files; None where that is not known.

        Args:
            stage: All stages before it in the plan have been put down.
            entries: Of its inputs and implicit inputs, in that order; None where it takes a run to know.
        """
        if None not in entries:
            return input_bytes(entries)
        total, sizes = 0.0, self._bytes
        for path, entry in zip((*stage.inputs, *stage.implicit), entries, strict=True):
            if entry is not None:
                total += input_bytes((entry,)) or 0
            elif path in sizes:
                total += sizes[path]
            elif path not in self._directories:  # they count nothing, there or not
                return None
        return round(total)

    def put_down(self, stage: Stage, made_bytes: int | None) -> None:
        """Note that a stage may write so much; None: not known. Its outputs share it as they did last time."""
        self._directories.update(path[:-1] for path in stage.outputs if path[-1] == "/")
        if made_bytes is None or not stage.outputs:
            return
        trace = self._traces.get(stage.name)
        if trace is None:
            if len(stage.outputs) == 1:
                self._bytes[stage.outputs[0]] = made_bytes
            return
        before = trace[columns.RECORD][2]
        if len(trace[columns.OUTPUTS]) != len(stage.outputs) or not before:
            return
        share = made_bytes / before
        for path, entry in (
            *zip(stage.outputs, trace[columns.OUTPUTS], strict=True), *trace[columns.MANIFEST],
        ):  # fmt: skip
            content = content_of(entry)
            if content is not None:
                self._bytes[path] = content[1] * share
