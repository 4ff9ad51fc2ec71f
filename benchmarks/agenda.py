"""What `run.py` measures: which graphs, scenarios and peers belong together, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen
from scenarios import Scenario

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

CHEAP = ("--cache", "auto")
"""What is made sooner than brought back is not kept; without it everything is."""

ALL = tuple(Scenario)
LOOKS = (Scenario.NOOP, Scenario.TOUCH, Scenario.EDIT, Scenario.DRY_BUILT)


@frozen
class Part:
    """Some rows that are measured in one go, on each of its graphs in turn."""

    name: str  # for --only; several parts may share it
    shapes: tuple[str, ...]
    sizes: tuple[int, ...]
    scenarios: tuple[Scenario, ...]
    peers: tuple[str, ...]
    pairs: int
    budget_s: float = 60.0  # for a scenario's pairs; one round always runs
    options: tuple[str, ...] = ()  # of stagemake
    has_companions: bool = False
    is_usual: bool = True  # else only with --all


WIDE, LAYERED = ("wide",), ("layered",)
PARTS = (
    # Beside nothing but ninja, and start-up alone: what growth is counted from.
    Part("start", WIDE, (1,), ALL, ("ninja",), 5),
    Part("small", (*WIDE, *LAYERED), (1000,), (Scenario.DRY_NEW, *LOOKS), ("ninja",), 7,
         has_companions=True),
    Part("small", (*WIDE, *LAYERED), (1000,), (Scenario.COLD,), ("ninja",), 3),
    Part("cutoff", ("cutoff",), (1000,), (Scenario.EDIT,), ("ninja",), 7),
    Part("cache", (*WIDE, *LAYERED), (1000,), (Scenario.COLD,), ("ninja",), 2, options=CHEAP),
    Part("cache", WIDE, (1000,), (Scenario.RESTORE,), ("turbo-sh", "bazel"), 3),
    Part("cache", WIDE, (1000,), (Scenario.RESTORE,), ("turbo-sh", "bazel"), 3, options=CHEAP),
    Part("functions", ("functions",), (1000,), (Scenario.COLD,), ("doit", "pytask"), 2),
    Part("large", (*WIDE, *LAYERED), (10_000,), (Scenario.COLD, *LOOKS), ("ninja",), 5, 20.0,
         has_companions=True),
    Part("large", WIDE, (10_000,), (Scenario.DRY_NEW,), ("doit",), 3, 30.0),
    Part("large", WIDE, (10_000,), (Scenario.COLD,), ("ninja",), 1, options=CHEAP),
    Part("huge", WIDE, (100_000,), (Scenario.DRY_NEW, Scenario.COLD, *LOOKS), ("ninja",), 5, 10.0),
    # What takes longer than it tells.
    Part("rest", LAYERED, (10_000,), (Scenario.COLD,), ("ninja",), 1, options=CHEAP,
         is_usual=False),
    Part("rest", WIDE, (10_000,), (Scenario.RESTORE,), ("turbo-sh", "bazel"), 2, is_usual=False),
    Part("rest", WIDE, (100_000,), (Scenario.RESTORE,), ("ninja",), 1, is_usual=False),
    Part("rest", (*WIDE, *LAYERED), (1000,), ALL, ("make", "doit", "scons", "scons-cache", "task"),
         3, is_usual=False),
    Part("rest", WIDE, (100,), ALL, ("turbo", "turbo-sh", "snakemake"), 3, is_usual=False),
)  # fmt: skip
EXTRAS = {
    "starts": ("--help", "--version", "completion"),
    "gib": ("1 GiB input hashed", "1 GiB output restored"),
}
"""Single figures, by name for --only."""
NAMES = (*dict.fromkeys(part.name for part in PARTS), *EXTRAS)


def chosen(
    *, only: Collection[str], sizes: Collection[int], peers: Collection[str], has_all: bool
) -> tuple[Part, ...]:
    """Return the parts that are asked for, with the peers that are.

    Args:
        only: Names of parts; empty: all usual ones.
        sizes: Stage counts; empty: as the parts say. One that no part has gets a part like `small`.
        peers: Names; empty: as the parts say. One that no part has joins those of 1 000 stages.
        has_all: Whether parts that are not usual take part.
    """
    found = []
    for part in (*PARTS, *_for_sizes(sizes, peers), *_for_peers(peers)):
        if not (part.is_usual or has_all or part.name in only) or (only and part.name not in only):
            continue
        kept_sizes = tuple(size for size in part.sizes if not sizes or size in sizes)
        kept_peers = tuple(peer for peer in part.peers if not peers or peer in peers)
        if kept_sizes and kept_peers:
            found.append(evolve(part, sizes=kept_sizes, peers=kept_peers))
    return tuple(found)


def _for_sizes(sizes: Iterable[int], peers: Collection[str]) -> tuple[Part, ...]:
    known = {size for part in PARTS for size in part.sizes}
    others = tuple(size for size in sizes if size not in known)
    shapes = (*WIDE, *LAYERED, "cutoff")
    beside = tuple(peers) or ("ninja",)
    return (Part("sizes", shapes, others, ALL, beside, 3, has_companions=True),) if others else ()


def _for_peers(peers: Iterable[str]) -> tuple[Part, ...]:
    known = {peer for part in PARTS if part.is_usual for peer in part.peers}
    others = tuple(peer for peer in peers if peer not in known)
    shapes = (*WIDE, *LAYERED)
    return (Part("peers", shapes, (100, 1000), ALL, others, 3),) if others else ()
