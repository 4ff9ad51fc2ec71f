"""What past runs of a stage say about the next one: typical, spread, share of outliers, effect of input size. Pure.

The method: durations are looked at by their logarithm. What is typical is a weighted median, in which a run
counts half as much as one `HALF_LIFE` runs later, so one odd run moves nothing and a lasting change takes over
soon. The spread is the weighted median deviation (scaled to a standard deviation), drawn towards a prior while
runs are few. Where larger inputs took longer (Kendall's tau), the median slope between pairs of runs (Theil
and Sen) scales by size. Runs far out are counted apart: they say how heavy the tail is, not where the middle is.
"""

from __future__ import annotations

from math import exp, log
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from attrs import fields, frozen

from stagemake.model.quantile import median, weighted_quantile
from stagemake.model.quick import QuicklyMade, give_defaults
from stagemake.model.slope import slope_of

if TYPE_CHECKING:
    from collections.abc import Sequence

HALF_LIFE = 4.0  # runs

_LEAST_S = 1e-4  # what takes less is not worth telling apart
_PRIOR_SIGMA = 0.2
_PRIOR_RUNS = 3.0
_LEAST_SIGMA = 0.02
USUAL_VARIANCE = _PRIOR_SIGMA**2
"""Of the logarithms of one stage's runs, as long as nothing else is known."""
_PRIOR_ALL_RUNS = 30.0  # that this is worth, against runs of all stages of a project
MAD = 1.4826  # median deviation to standard deviation, for the normal distribution
_FAR = 3.5  # standard deviations: farther out is an outlier
_LEAST_FAR = 0.4  # of the logarithm: half as long again is no outlier, however steady the rest
_ENOUGH_RUNS = 5  # for outliers and for slopes


@frozen
class Run:
    """One successful run of a stage."""

    stage: str
    started_s: int  # unix seconds; orders runs for people, decides nothing
    duration_s: float
    cpu_s: float
    output_bytes: int
    changed: (
        bool | None
    )  # whether other inputs gave other outputs; None: there was nothing to compare
    stored_bytes: int = (
        0  # by how much the cache grew: contents not known from the run before, records
    )
    input_bytes: int = 0  # of the declared input files
    kind: str = ""  # what it ran: the program, or the function
    was_maybe: bool = False  # it ran because something upstream had come out differently
    stretch: float = 1.0  # by which factor it took longer than alone, for want of processors
    variant: int = 0  # what it was told, see `model.variant`
    was_told: bool = False  # it ran because that was something else than before

    def stretched(self, stretch: float) -> Run:
        """Return the same with another `stretch`; `evolve` would take 8 us."""
        values: list[Any] = list(_values(self))  # Any: all fields in their order
        values[_STRETCH] = stretch
        return Run(*values)


_NAMES = [each.name for each in fields(Run)]
_STRETCH = _NAMES.index("stretch")
_values = attrgetter(*_NAMES)


@frozen(slots=False)  # see QuicklyMade
class Fit(QuicklyMade):
    """What is expected of the next run."""

    samples: int
    median_s: float  # alone on the machine, at inputs of `at_bytes`
    sigma: float  # standard deviation of the logarithm
    output_bytes: int  # as of the last run
    stored_bytes: int  # of a run that changes its outputs, mean
    changed: int  # how many of the `compared` runs made other outputs than before
    compared: int
    cpu_share: float  # processor seconds by seconds; above 1 for what uses several
    slope: float = 0.0  # d log(seconds) / d log(bytes); 0: size makes no difference
    at_bytes: int = 0
    least_bytes: int = 0  # the sizes seen: beyond four times these, size says nothing
    most_bytes: int = 0
    outliers: int = 0
    outlier_log: float = 0.0  # their distance from the median, summed up
    kind: str = ""
    passed_on: int = 0  # how many of the `reached` runs changed outputs: those as a maybe
    reached: int = 0
    stretch: float = 1.0  # by which factor runs took longer for want of processors, as a rule
    told_changed: int = (
        0  # how many of the `told` runs changed outputs: those for another command, code, …
    )
    told: int = 0

    def seconds(self, input_bytes: int | None) -> float:
        """Return the median duration, alone, with inputs of this size; None: not known, taken as usual."""
        if not self.slope or not input_bytes:
            return self.median_s
        size = min(max(input_bytes, self.least_bytes / 4), self.most_bytes * 4)
        return float(self.median_s * (max(size, 1) / max(self.at_bytes, 1)) ** self.slope)

    def sigma_among(self, usual_variance: float) -> float:
        """Return `sigma` where the runs of other stages vary by so much: what few runs are drawn towards."""
        off = _PRIOR_RUNS * (usual_variance - USUAL_VARIANCE) / (self.samples + _PRIOR_RUNS)
        return float(max(self.sigma**2 + off, _LEAST_SIGMA**2) ** 0.5)


give_defaults(Fit)


def fit(runs: Sequence[Run]) -> Fit:
    """Return what runs of one stage, newest first, say about the next; there is at least one.

    Cost: O(n²) for n runs where sizes differ, else O(n log n).
    """
    return _fit_of_one(runs[0]) if len(runs) == 1 else _fit_of_several(runs)


def _fit_of_one(run: Run) -> Fit:
    """Return what the general way comes to for a first run, some ten times sooner: a cold build has only these."""
    size = log(max(run.input_bytes, 1))
    changed, compared = int(bool(run.changed)), int(run.changed is not None)
    return Fit.of(
        samples=1,
        median_s=exp(log(max(run.duration_s / run.stretch, _LEAST_S))),
        sigma=_SIGMA_OF_ONE,
        output_bytes=run.output_bytes,
        stored_bytes=run.stored_bytes,
        changed=changed,
        compared=compared,
        cpu_share=run.cpu_s / run.duration_s if run.duration_s else 0.0,
        at_bytes=round(exp(size)),
        least_bytes=run.input_bytes,
        most_bytes=run.input_bytes,
        kind=run.kind,
        passed_on=changed if run.was_maybe else 0,
        reached=compared if run.was_maybe else 0,
        told_changed=changed if run.was_told else 0,
        told=compared if run.was_told else 0,
        stretch=run.stretch,
    )


def _fit_of_several(runs: Sequence[Run]) -> Fit:
    weights = [0.5 ** (age / HALF_LIFE) for age in range(len(runs))]
    sizes = _sizes(runs)
    slope = _slope_of_time(sizes, level_of(runs, 0.0, 0.0))
    at = weighted_quantile(sizes, weights, 0.5)
    level = level_of(runs, slope, at)
    middle = weighted_quantile(level, weights, 0.5)
    off = [one - middle for one in level]
    spread = weighted_quantile([abs(one) for one in off], weights, 0.5) * MAD
    far = max(_FAR * spread, _LEAST_FAR)
    outliers = [one for one in off if one > far] if len(runs) >= _ENOUGH_RUNS else []
    compared = [run.changed for run in runs if run.changed is not None]
    reached = [run.changed for run in runs if run.changed is not None and run.was_maybe]
    told = [run.changed for run in runs if run.changed is not None and run.was_told]
    wall_s = sum(run.duration_s for run in runs)
    return Fit(
        samples=len(runs),
        median_s=exp(middle),
        sigma=shrunk(spread, len(runs)),
        output_bytes=runs[0].output_bytes,
        stored_bytes=_stored(runs, weights),
        changed=sum(compared),
        compared=len(compared),
        cpu_share=sum(run.cpu_s for run in runs) / wall_s if wall_s else 0.0,
        slope=slope,
        at_bytes=round(exp(at)),
        least_bytes=min(run.input_bytes for run in runs),
        most_bytes=max(run.input_bytes for run in runs),
        outliers=len(outliers),
        outlier_log=sum(outliers),
        kind=runs[0].kind,
        passed_on=sum(reached),
        reached=len(reached),
        told_changed=sum(told),
        told=len(told),
        stretch=weighted_quantile([run.stretch for run in runs], weights, 0.5),
    )


def level_of(runs: Sequence[Run], slope: float, at: float) -> list[float]:
    """Return the logarithm of what each run would have taken alone, with inputs of a size of which `at` is the logarithm."""
    return [
        log(max(run.duration_s / run.stretch, _LEAST_S)) - slope * (size - at)
        for run, size in zip(runs, _sizes(runs), strict=True)
    ]


def _slope_of_time(sizes: Sequence[float], logs: Sequence[float]) -> float:
    """Return by which power of the size the time grows; 0 where it does not clearly, or too few tell."""
    return (slope_of(sizes, logs, len(sizes)) or 0.0) if len(sizes) >= _ENOUGH_RUNS else 0.0


def _sizes(runs: Sequence[Run]) -> list[float]:
    return [log(max(run.input_bytes, 1)) for run in runs]


def usual_variance(runs: int, total: float) -> float:
    """Return how much runs of one stage vary in a project, as a variance of logarithms.

    Args:
        runs: Of all stages that have run often enough to tell.
        total: Of what `told_variance` says of these stages.
    """
    return min((total + _PRIOR_ALL_RUNS * USUAL_VARIANCE) / (runs + _PRIOR_ALL_RUNS), 1.0)


def told_variance(samples: int, sigma: float) -> float:
    """Return the variance of a stage's runs themselves, without what it was drawn towards, times these runs."""
    return max(sigma**2 * (samples + _PRIOR_RUNS) - _PRIOR_RUNS * USUAL_VARIANCE, 0.0)


def pooled(fits: Sequence[Fit]) -> Fit:
    """Return what to expect of a stage never run from others of its kind; there is at least one.

    Where those that read more take longer, its own size will tell; what is not known to read anything says nothing of that.
    """
    sized = [each for each in fits if each.at_bytes > 1]
    sizes = [log(each.at_bytes) for each in sized]
    logs = [log(max(each.median_s, _LEAST_S)) for each in sized]
    slope, at = _slope_of_time(sizes, logs), median(sizes) if sizes else 0.0
    if slope:
        logs = [one - slope * (size - at) for one, size in zip(logs, sizes, strict=True)]
    else:
        logs = [log(max(each.median_s, _LEAST_S)) for each in fits]
    middle = median(logs)
    between = median([abs(one - middle) for one in logs]) * MAD
    within = median([each.sigma for each in fits])
    return Fit(
        samples=sum(each.samples for each in fits),
        median_s=exp(middle),
        sigma=(shrunk(between, len(logs)) ** 2 + within**2) ** 0.5,
        output_bytes=round(median([each.output_bytes for each in fits])),
        stored_bytes=round(median([each.stored_bytes for each in fits])),
        changed=0,
        compared=0,
        cpu_share=median([each.cpu_share for each in fits]),
        stretch=median([each.stretch for each in fits]),
        slope=slope,
        at_bytes=round(exp(at)),
        least_bytes=min((each.at_bytes for each in sized), default=0),
        most_bytes=max((each.at_bytes for each in sized), default=0),
        kind=fits[0].kind,
    )


def _stored(runs: Sequence[Run], weights: Sequence[float]) -> int:
    """Return by how much a run makes the cache grow if its outputs change; as the first did, where none has."""
    pairs = [
        (run.stored_bytes, weight) for run, weight in zip(runs, weights, strict=True) if run.changed
    ]
    if not pairs:
        return max(run.stored_bytes for run in runs)
    return round(sum(size * weight for size, weight in pairs) / sum(weight for _, weight in pairs))


def shrunk(spread: float, count: int) -> float:
    """Return a standard deviation that few runs can neither make tiny nor huge."""
    total = count * spread**2 + _PRIOR_RUNS * _PRIOR_SIGMA**2
    return float((total / (count + _PRIOR_RUNS)) ** 0.5)


_SIGMA_OF_ONE = shrunk(0.0, 1)
