"""How much longer a stage takes when it is told other things: under other flags, parameters or code. Pure.

A *variant* is all that a stage is told, as one number: its command or code, environment, configuration, parameters.
Where the runs that are known are of several, each variant has a middle of its own, newer runs counting more. It is
drawn towards that of all runs, but not far: one compilation with `-O0` says more of the next one than ten with `-O2`.
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from stagemake.model.fit import HALF_LIFE, MAD, level_of, shrunk
from stagemake.model.quantile import weighted_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.fit import Fit, Run

UNKNOWN = 0
"""The number of a run of which nobody noted what it was told."""

_PRIOR_RUNS = 0.25  # that all runs together are worth, against those of one variant
_ENOUGH_RUNS = 2  # of one variant, to tell how far they are apart


@frozen
class Variant:
    """What runs of one variant of a stage say, beside its `Fit`."""

    number: int
    shift_log: float  # by how much they take longer than all runs, as a logarithm
    sigma: float  # as in the fit, without what variants differ by

    def of(self, fit: Fit) -> Fit:
        """Return what a stage's runs say of the next one of this variant."""
        return evolve(fit, median_s=fit.median_s * exp(self.shift_log), sigma=self.sigma)


def variants_of(runs: Sequence[Run], fit: Fit) -> list[Variant]:
    """Return what each variant's runs say; none where the runs are all of one, or it is not known of which.

    Args:
        runs: Of one stage, newest first, as `fit` had them.
        fit: What they say together.
    """
    by_number: dict[int, list[float]] = {}
    for run, level in zip(runs, level_of(runs, fit.slope, log(max(fit.at_bytes, 1))), strict=True):
        by_number.setdefault(run.variant, []).append(level)
    if len(by_number) < 2:
        return []
    middle_of_all = log(fit.median_s)
    middles = {number: _middle(levels) for number, levels in by_number.items()}
    off = [
        abs(level - middles[number])
        for number, levels in by_number.items()
        if len(levels) >= _ENOUGH_RUNS
        for level in levels
    ]
    sigma = shrunk(weighted_quantile(off, [1.0] * len(off), 0.5) * MAD, len(off)) if off else None
    return [
        Variant(
            number,
            len(levels) / (len(levels) + _PRIOR_RUNS) * (middles[number] - middle_of_all),
            fit.sigma if sigma is None else sigma,
        )
        for number, levels in by_number.items()
        if number != UNKNOWN
    ]


def _middle(levels: Sequence[float]) -> float:
    return weighted_quantile(levels, [0.5 ** (age / HALF_LIFE) for age in range(len(levels))], 0.5)
