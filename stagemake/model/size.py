"""How much a stage will write, by what it read and wrote so far. Pure.

A stage is taken to write what it wrote in its last run under what it is told now, times what inputs of another size
make of that: as its own runs under this variant had it (outputs hardly vary by chance, so two sizes will do), and as
large and small stages of its kind have it among each other. Own runs count by how far apart their sizes were, a
kind as if they had been one the double of the other. Where neither tells, a byte more of inputs makes a byte more
of outputs, or less where the stage writes less than it reads.
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING

from attrs import fields, frozen

from stagemake.model.quantile import median
from stagemake.model.slope import slope_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.fit import Run

_ENOUGH_STAGES = 5  # of a kind: their outputs differ for other reasons as well
_LEAST_PAIRS = 1  # of runs of one stage
_KIND_APART = log(2)  # what a kind counts as, whatever it has seen: its stages are not all alike


@frozen
class Written:
    """What a stage's runs of one variant say of how much it writes."""

    variant: int
    age: int  # how many runs there were since the last one of these: 0 for the variant of the last run
    read_bytes: int  # by the last one of these, of the declared input files; 0: not known
    made_bytes: int
    slope: float | None = None  # d log(made) / d log(read); None: these runs don't tell
    apart: float = (
        0.0  # how far apart the sizes are that say so: the logarithm of largest by smallest
    )

    def at(self, read_bytes: int | None, of_kind: float | None = None) -> int:
        """Return how much is written where so much is read.

        Args:
            read_bytes: Of the declared input files; None: not known, taken to be as before.
            of_kind: The slope among stages of this kind; None: they don't tell.
        """
        if not read_bytes or not self.read_bytes or read_bytes == self.read_bytes:
            return self.made_bytes
        slope = self.slope if self.slope is not None else of_kind
        if self.slope is not None and of_kind is not None:
            slope = (self.apart * self.slope + _KIND_APART * of_kind) / (self.apart + _KIND_APART)
        return _scaled(self.made_bytes, read_bytes, self.read_bytes, slope)


WRITTEN_COLUMNS = tuple(each.name for each in fields(Written))


def written_by(runs: Sequence[Run]) -> list[Written]:
    """Return what runs of one stage, newest first, say; one for each variant, that of the last run first.

    Cost: O(runs²) where the sizes of inputs differ.
    """
    if len(runs) == 1:  # as after a cold build: ten thousand times
        first = runs[0]
        return [Written(first.variant, 0, first.input_bytes, first.output_bytes)]
    by_variant: dict[int, list[Run]] = {}
    ages: dict[int, int] = {}
    for age, run in enumerate(runs):
        by_variant.setdefault(run.variant, []).append(run)
        ages.setdefault(run.variant, age)
    return [
        Written(variant, ages[variant], of[0].input_bytes, of[0].output_bytes, *_slope(of))
        for variant, of in by_variant.items()
    ]


def slope_of_kind(amounts: Sequence[tuple[int, int]]) -> float | None:
    """Return by which power stages write more that read more, of one kind; None where these can't tell.

    Args:
        amounts: Bytes read and bytes written, a pair a stage.
    """
    known = [pair for pair in amounts if pair[0] > 0]
    if len(known) < _ENOUGH_STAGES:
        return None
    return slope_of([log(read) for read, _ in known], _logs(known), len(known))


def written_by_kind(amounts: Sequence[tuple[int, int]], read_bytes: int | None) -> int:
    """Return how much a stage writes of which only others of its kind have run; there is at least one.

    Args:
        amounts: As in `slope_of_kind`.
        read_bytes: By this stage; None: not known, taken to be as usual.
    """
    made = round(median([made for _, made in amounts]))
    known = [pair for pair in amounts if pair[0] > 0]
    if not read_bytes or not known:
        return made
    slope = slope_of_kind(known)
    if slope:
        off = [log(max(made, 1)) - slope * log(read) for read, made in known]
        return round(exp(median(off) + slope * log(read_bytes)))
    return _scaled(made, read_bytes, median([read for read, _ in known]), slope)


def _scaled(made_bytes: int, read_bytes: int, before_bytes: float, slope: float | None) -> int:
    """Return what becomes of an amount where other inputs are read than `before_bytes`."""
    if slope is None:
        return round(made_bytes + (read_bytes - before_bytes) * min(made_bytes / before_bytes, 1.0))
    grown: float = made_bytes * (read_bytes / before_bytes) ** slope
    return round(grown)


def _slope(runs: Sequence[Run]) -> tuple[float | None, float]:
    """Return the slope that runs of one variant show, and how far apart their sizes are."""
    known = [(run.input_bytes, run.output_bytes) for run in runs if run.input_bytes > 0]
    if not known or known.count(known[0]) == len(known):
        return None, 0.0
    sizes = [log(read) for read, _ in known]
    return slope_of(sizes, _logs(known), _LEAST_PAIRS), max(sizes) - min(sizes)


def _logs(amounts: Sequence[tuple[int, int]]) -> list[float]:
    return [log(max(made, 1)) for _, made in amounts]
