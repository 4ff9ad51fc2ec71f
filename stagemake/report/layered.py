"""Where the nodes of a graph go: in ranks from left to right, near what they are connected with.

Our own, since no library of a licence that fits lays out some thousand nodes in a second: see
docs/decisions. Ranks are as wide as `most_a_rank` allows, so that a picture is no endless column.
"""

from __future__ import annotations

import heapq
from itertools import pairwise
from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

_SWEEPS = 12
_ROW_GAP = 10.0
_RANK_GAP = 56.0
_WAY_HEIGHT = 4.0  # of a long edge where it passes a rank
_MOST_WAYS = 4  # a node: beyond, long edges go straight, behind what is in between


@frozen
class Layout:
    """Centres of nodes, and the points between its ends that an edge passes; in pixels, from 0."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    ways: tuple[tuple[tuple[float, float], ...], ...]  # by edge
    width: float
    height: float


def layered(
    sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], most_a_rank: int = 0
) -> Layout:
    """Return where nodes go; the same for the same arguments. Cycles are allowed.

    Args:
        sizes: Width and height of each node.
        edges: Pairs of positions in `sizes`, from left to right.
        most_a_rank: How many nodes may be above each other; 0: by their number, for a broad screen.

    Cost: O((nodes + edges) log nodes) a sweep; some 0.2 s for 2 000 nodes.
    """
    if not sizes:
        return Layout((), (), (), 0.0, 0.0)
    most = most_a_rank or max(16, round(1.8 * len(sizes) ** 0.5))
    rank = _split(_ranks(len(sizes), edges), most)
    grid = _Grid.of(sizes, edges, rank)
    grid.arrange()
    top = min(y - h / 2 for y, h in zip(grid.y, grid.heights, strict=True))
    left = _lefts(sizes, rank)
    widths = [max((sizes[i][0] for i in row if i < len(sizes)), default=0.0) for row in grid.rows]
    count = len(sizes)
    ways = tuple(
        tuple(
            point
            for way in chain
            for point in (
                (left[grid.rank[way]], grid.y[way] - top),
                (left[grid.rank[way]] + widths[grid.rank[way]], grid.y[way] - top),
            )
        )
        for chain in grid.chains
    )
    bottom = max(y + h / 2 for y, h in zip(grid.y, grid.heights, strict=True))
    return Layout(
        tuple(left[rank[i]] + sizes[i][0] / 2 for i in range(count)),
        tuple(grid.y[i] - top for i in range(count)),
        ways,
        left[-1] + widths[-1],
        bottom - top,
    )


def _lefts(sizes: Sequence[tuple[float, float]], rank: Sequence[int]) -> list[float]:
    widths = [0.0] * (max(rank) + 1)
    for i, (width, _) in enumerate(sizes):
        widths[rank[i]] = max(widths[rank[i]], width)
    lefts, at = [], 0.0
    for width in widths:
        lefts.append(at)
        at += width + _RANK_GAP
    return lefts


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return a rank for each node: behind all that leads to it, as near to what follows as is short."""
    after: list[list[int]] = [[] for _ in range(count)]
    before: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        if a != b:
            after[a].append(b)
            before[b].append(a)
    waiting = list(map(len, before))
    rank = [0] * count
    ready = [i for i in range(count) if not waiting[i]]
    heapq.heapify(ready)
    order: list[int] = []
    done = [False] * count
    rest = iter(range(count))
    while len(order) < count:
        if not ready:  # a cycle: whoever comes first goes first
            ready.append(next(i for i in rest if not done[i]))
        i = heapq.heappop(ready)
        if done[i]:
            continue
        done[i] = True
        order.append(i)
        for b in after[i]:
            if not done[b]:
                rank[b] = max(rank[b], rank[i] + 1)
                waiting[b] -= 1
                if not waiting[b]:
                    heapq.heappush(ready, b)
    place = {i: at for at, i in enumerate(order)}
    for i in reversed(order):
        later = [rank[b] for b in after[i] if place[b] > place[i]]
        if later and len(after[i]) >= len(before[i]):
            rank[i] = max(rank[i], min(later) - 1)
    return rank


def _split(rank: list[int], most: int) -> list[int]:
    """Return ranks of at most `most` nodes: a larger one becomes several that follow each other."""
    members: list[list[int]] = [[] for _ in range(max(rank) + 1)]
    for i, at in enumerate(rank):
        members[at].append(i)
    found, base = [0] * len(rank), 0
    for row in members:
        parts = max(1, -(-len(row) // most))
        height = -(-len(row) // parts) or 1
        for at, i in enumerate(row):
            found[i] = base + at // height
        base += parts if row else 0
    return found


@define
class _Grid:
    """Nodes and ways of long edges by rank, with their places. Ways come after the nodes."""

    rank: list[int]
    heights: list[float]
    rows: list[list[int]]
    near: list[list[int]]  # neighbours, ways included
    chains: list[list[int]]  # by edge: the ways it takes
    y: list[float] = field(factory=list)

    @classmethod
    def of(
        cls,
        sizes: Sequence[tuple[float, float]],
        edges: Sequence[tuple[int, int]],
        rank: Sequence[int],
    ) -> _Grid:
        grid = cls(
            list(rank),
            [height for _, height in sizes],
            [[] for _ in range(max(rank) + 1)],
            [[] for _ in sizes],
            [],
        )
        farthest: dict[int, int] = {}  # ways are shared by all edges from one node
        for a, b in edges:
            farthest[a] = max(farthest.get(a, 0), rank[b] - rank[a] - 1)
        are_few = sum(farthest.values()) <= _MOST_WAYS * len(sizes)
        way_of: dict[tuple[int, int], int] = {}
        for a, b in edges:
            span = range(rank[a] + 1, rank[b]) if are_few else range(0)
            grid.chains.append([grid._way(way_of, a, at) for at in span])
            grid._connect([a, *grid.chains[-1], b])
        for i, at in enumerate(grid.rank):
            grid.rows[at].append(i)
        return grid

    def _way(self, way_of: dict[tuple[int, int], int], source: int, at: int) -> int:
        known = way_of.get((source, at))
        if known is None:
            known = way_of[source, at] = len(self.rank)
            self.rank.append(at)
            self.heights.append(_WAY_HEIGHT)
            self.near.append([])
        return known

    def _connect(self, chain: list[int]) -> None:
        for a, b in pairwise(chain):
            self.near[a].append(b)
            self.near[b].append(a)

    def arrange(self) -> None:
        """Order each rank by where its neighbours are, then pull nodes straight."""
        self.y = [0.0] * len(self.rank)
        for row in self.rows:
            self._place(row, None)
        best, shortest = list(self.y), self._length()
        for sweep in range(_SWEEPS):
            rows = self.rows if sweep % 2 == 0 else self.rows[::-1]
            for row in rows:
                wanted = {i: self._pull(i, side=-1 if sweep % 2 == 0 else 1) for i in row}
                row.sort(key=wanted.__getitem__)
                self._place(row, wanted)
            length = self._length()
            if length < shortest:
                best, shortest = list(self.y), length
        self.y = best
        for row in self.rows:
            row.sort(key=best.__getitem__)
        for sweep in range(4):
            for row in self.rows if sweep % 2 else self.rows[::-1]:
                self._place(row, {i: self._pull(i, side=0) for i in row})

    def _pull(self, i: int, *, side: int) -> float:
        """Return the mean of the neighbours on one side, or of all; where it is if there are none."""
        own = self.rank[i]
        found = [self.y[j] for j in self.near[i] if side * (self.rank[j] - own) >= (side != 0)]
        return sum(found) / len(found) if found else self.y[i]

    def _length(self) -> float:
        return sum(abs(self.y[i] - self.y[j]) for i, near in enumerate(self.near) for j in near)

    def _place(self, row: Sequence[int], wanted: dict[int, float] | None) -> None:
        """Put a rank's nodes as near as possible to where they want to be, in order and apart.

        Least squares by pooling neighbours that would overlap.
        """
        offsets, at = [], 0.0
        for i in row:
            gap = _ROW_GAP if self.heights[i] > _WAY_HEIGHT else _ROW_GAP / 2
            at += self.heights[i] / 2 + gap / 2
            offsets.append(at)
            at += self.heights[i] / 2 + gap / 2
        if wanted is None:
            for i, offset in zip(row, offsets, strict=True):
                self.y[i] = offset - at / 2
            return
        blocks: list[list[float]] = []  # sum of what is wanted, count
        for i, offset in zip(row, offsets, strict=True):
            blocks.append([wanted[i] - offset, 1.0])
            while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] > blocks[-1][0] * blocks[-2][1]:
                total, count = blocks.pop()
                blocks[-1][0] += total
                blocks[-1][1] += count
        starts = [total / count for total, count in blocks for _ in range(int(count))]
        for i, offset, start in zip(row, offsets, starts, strict=True):
            self.y[i] = start + offset
