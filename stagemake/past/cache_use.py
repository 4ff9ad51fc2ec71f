"""What the cache was worth: hits, bytes and time saved, over past builds and by stage. Asked by `cache stats`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagemake.past.build import PastBuild


@frozen
class StageUse:
    """One stage over the builds that are looked at."""

    name: str
    runs: int = 0  # those that failed too
    hits: int = 0  # restored
    spent_s: float = 0.0  # by its runs, in all
    saved_s: float | None = 0.0  # by its hits; None: it is not known how long it takes
    output_bytes: int | None = None  # of the last run or hit that told


@frozen
class CacheWorth:
    """What past builds did with the cache."""

    builds: int = 0
    hits: int = 0  # stages restored
    runs: int = 0  # stages that ran
    bytes_read: int = 0
    bytes_written: int = 0
    stages: tuple[StageUse, ...] = field(
        default=()
    )  # most seconds spent and saved first, then by name

    @property
    def saved_s(self) -> float:
        """Seconds of runs that hits made unnecessary, one after the other; hits of unknown stages are left out."""
        return sum(each.saved_s or 0.0 for each in self.stages)

    @property
    def unknown_hits(self) -> int:
        """How many hits are of stages that never ran here."""
        return sum(each.hits for each in self.stages if each.saved_s is None)


def worth_of(builds: Iterable[PastBuild], usual_s: Mapping[str, float]) -> CacheWorth:
    """Return what the cache was worth in these builds.

    Args:
        builds: Newest first.
        usual_s: How long a run takes, by stage; those that never ran here are left out.

    Cost: O(stages that were not fresh, in all builds).
    """
    runs: dict[str, int] = {}
    hits: dict[str, int] = {}
    spent_s: dict[str, float] = {}
    sizes: dict[str, int] = {}
    count = read = written = 0
    for build in builds:
        count += 1
        if build.cache is not None:
            read += build.cache.bytes_read
            written += build.cache.bytes_written
        for stage in build.stages:
            if stage.outcome == "restored":
                hits[stage.name] = hits.get(stage.name, 0) + 1
            elif stage.wall_s is not None:
                runs[stage.name] = runs.get(stage.name, 0) + 1
                spent_s[stage.name] = spent_s.get(stage.name, 0.0) + stage.wall_s
            else:
                continue
            if stage.output_bytes is not None:
                sizes.setdefault(stage.name, stage.output_bytes)
    stages = [
        StageUse(
            name,
            runs.get(name, 0),
            hits.get(name, 0),
            spent_s.get(name, 0.0),
            _saved_s(hits.get(name, 0), usual_s.get(name)),
            sizes.get(name),
        )
        for name in {**runs, **hits}
    ]
    stages.sort(key=lambda each: (-(each.spent_s + (each.saved_s or 0.0)), each.name))
    return CacheWorth(count, sum(hits.values()), sum(runs.values()), read, written, tuple(stages))


def _saved_s(hits: int, usual_s: float | None) -> float | None:
    if not hits:
        return 0.0
    return None if usual_s is None else hits * usual_s
