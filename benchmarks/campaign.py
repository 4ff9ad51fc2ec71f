"""Run the scenarios on one graph: each run of stagemake is followed by one of a peer, in turn."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

from attrs import evolve, frozen
from measure import RunFailedError
from scenarios import Sample, Scenario, begin, check_same, prove_restored, run_once
from trees import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from graphs import Graph
    from peers import Tool

# A scenario that is quick gets more pairs than asked for, to steady its median.
QUICK_S = 2.0
MOST_PAIRS_FACTOR = 3
RESTORE_YARDSTICK = "ninja"
BARE, OWN_NOOP = "python -c pass", "own no-op"
"""In a peer's place: what the subject is measured beside that is no other tool."""
# Elsewhere nothing is written, which the signatures prove.
COMPARED = (Scenario.COLD, Scenario.TOUCH, Scenario.EDIT, Scenario.RESTORE)


@frozen
class Settings:
    """How long to measure."""

    work: str  # directory for the trees; absolute
    pairs: int  # wanted for each scenario and peer
    limit_s: float  # for any one run
    budget_s: float  # for the pairs of one scenario, preparation included; one round always runs
    has_companions: bool = False  # beside a bare interpreter and the subject's own no-op, too


@frozen
class Row:
    """All pairs of one scenario on one graph with one peer."""

    shape: str
    stages: int
    scenario: Scenario
    peer: str
    pairs: tuple[tuple[Sample, Sample], ...] = ()  # (stagemake, peer), in the order they ran
    problem: str = ""  # why there are no more pairs
    variant: str = ""  # what was added to the subject's command line


@frozen
class Campaign:
    """One graph, stagemake's tree of it, and one tree for each peer."""

    settings: Settings
    subject: Tree
    peers: tuple[Tree, ...]
    serial: Iterator[int]  # numbers the edits

    def run(self, scenario: Scenario) -> Iterator[Row]:
        """Yield the scenario's rows, one for each peer that takes part."""
        peers = self._peers_for(scenario)
        rows = [_empty_row(scenario, peer) for peer in peers]
        prefix = self._next_prefix()
        try:
            begin(self.subject, scenario, prefix)
        except RunFailedError as problem:
            yield from (evolve(row, problem=_whose(self.subject, problem)) for row in rows)
            return
        for index, peer in enumerate(peers):
            try:
                begin(peer, scenario, prefix)
            except RunFailedError as problem:
                rows[index] = evolve(rows[index], problem=_whose(peer, problem))
        measured = self._rounds(peers, rows)
        if scenario is Scenario.RESTORE:
            measured = [self._proved(row) for row in measured]
        yield from measured
        if self.settings.has_companions and scenario is Scenario.NOOP:
            yield self._beside(scenario, BARE, self._run_bare)
        if self.settings.has_companions and scenario is Scenario.TOUCH:
            # One after each touch: it shows as well that the touch left nothing to do.
            yield self._beside(
                scenario, OWN_NOOP, lambda: run_once(self.subject, Scenario.NOOP, "")
            )

    def _beside(self, scenario: Scenario, name: str, other: Callable[[], Sample]) -> Row:
        """Return the row of the subject beside something that needs no tree."""
        row = evolve(_empty_row(scenario, self.subject), peer=name)
        start = time.monotonic()
        try:
            while _goes_on(self.settings, len(row.pairs), time.monotonic() - start):
                pair = (run_once(self.subject, scenario, self._next_prefix()), other())
                row = evolve(row, pairs=(*row.pairs, pair))
        except RunFailedError as problem:
            return evolve(row, problem=_whose(self.subject, problem))
        return row

    def _run_bare(self) -> Sample:
        """Start the interpreter that the subject is installed in, for nothing."""
        return Sample(self.subject.run((sys.executable, "-c", "pass")), 0)

    def _rounds(self, peers: Sequence[Tree], rows: list[Row]) -> Sequence[Row]:
        start = time.monotonic()
        for done in itertools.count():
            passed = time.monotonic() - start
            if not _goes_on(self.settings, done, passed):
                return rows
            for index, peer in enumerate(peers):
                if not rows[index].problem:
                    rows[index] = self._pair(rows[index], peer)
        raise AssertionError("BUG: counting came to an end")

    def _proved(self, row: Row) -> Row:
        try:
            prove_restored(self.subject)
        except RunFailedError as problem:
            return evolve(row, problem=row.problem or _whose(self.subject, problem))
        return row

    def _pair(self, row: Row, peer: Tree) -> Row:
        prefix = self._next_prefix()
        samples = []
        for tree in (self.subject, peer):
            try:
                samples.append(run_once(tree, row.scenario, prefix))
            except RunFailedError as problem:
                _keep_log(tree)
                return evolve(row, problem=_whose(tree, problem))
        if row.scenario in COMPARED:
            try:
                check_same(self.subject, peer)
            except RunFailedError as problem:
                return evolve(row, problem=_whose(self.subject, problem))
        return evolve(row, pairs=(*row.pairs, (samples[0], samples[1])))

    def _peers_for(self, scenario: Scenario) -> tuple[Tree, ...]:
        if scenario is not Scenario.RESTORE:
            return self.peers
        # Beside those that keep earlier results, and one that makes everything again.
        chosen = [
            peer for peer in self.peers if peer.tool.restores or peer.tool.name == RESTORE_YARDSTICK
        ]
        return tuple(chosen or self.peers[:1])

    def _next_prefix(self) -> str:
        return f"edit {next(self.serial)} "


def run_graph(
    graph: Graph,
    *,
    subject: Tool,
    peers: Sequence[Tool],
    scenarios: Sequence[Scenario],
    settings: Settings,
) -> Iterator[Row]:
    """Yield the rows of all scenarios on one graph; the trees are removed at the end.

    Args:
        graph: What to build.
        subject: stagemake.
        peers: Those that cannot express the graph, or not in a bearable time, are left out.
        scenarios: Run in the order of the enumeration.
        settings: How long to measure.
    """
    able = [peer for peer in peers if _is_able(peer, graph)]
    trees = [
        # Numbered: a peer measured beside itself needs two trees.
        Tree(tool, graph, os.path.join(settings.work, f"{number}-{tool.name}"), settings.limit_s)
        for number, tool in enumerate((subject, *able))
    ]
    campaign = Campaign(settings, trees[0], tuple(trees[1:]), itertools.count(1))
    try:
        for scenario in Scenario:
            if scenario in scenarios:
                yield from campaign.run(scenario)
    finally:
        for tree in trees:
            tree.remove()


def _is_able(peer: Tool, graph: Graph) -> bool:
    is_small = peer.most_stages is None or len(graph.stages) <= peer.most_stages
    return is_small and graph.shape in peer.shapes


def _goes_on(settings: Settings, done: int, passed_s: float) -> bool:
    """Tell whether another round is wanted after `done` of them in `passed_s` seconds."""
    if done < settings.pairs:
        return done == 0 or passed_s < settings.budget_s
    return done < MOST_PAIRS_FACTOR * settings.pairs and passed_s < min(QUICK_S, settings.budget_s)


def _empty_row(scenario: Scenario, peer: Tree) -> Row:
    return Row(peer.graph.shape, len(peer.graph.stages), scenario, peer.tool.name)


def _keep_log(tree: Tree) -> None:
    if os.path.exists(tree.log_path):
        shutil.copy(tree.log_path, f"{tree.root}.failed.log")


def _whose(tree: Tree, problem: RunFailedError) -> str:
    return f"{tree.tool.name}: {problem}"
