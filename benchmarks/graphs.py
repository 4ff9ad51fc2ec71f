"""The graphs that are built. `writers.py` writes them down in the language of each tool."""

from __future__ import annotations

import math

from attrs import frozen

SHAPES = ("wide", "layered", "cutoff", "chain", "functions")
"""wide: every stage reads one leaf of its own.
layered: isqrt(stages) a layer; a stage reads 2 or 3 outputs of the layer above inside its block of 5,
so that one leaf reaches 5 stages a layer; the last stage reads every sink.
cutoff: layered, but stages that read a leaf count its lines: an edit within the line changes no output.
chain: all in one line below one leaf.
functions: wide, but each stage is a Python function.
"""

LAYERED = ("layered", "cutoff")
LEAF_REPEATS = 128  # of a stage's name and a blank: about 1 KiB a leaf
BLOCK = 5


@frozen
class GraphStage:
    """One stage: what it reads, what it writes, and the program that does it."""

    name: str
    upstream: tuple[int, ...]  # indices into Graph.stages, all lower than its own
    inputs: tuple[str, ...]  # paths relative to the tree
    output: str
    tool: str  # a program that reads the inputs and writes the output to stdout

    @property
    def shell_text(self) -> str:
        """The stage's action as every tool passes it to /bin/sh."""
        return f"{self.tool} {' '.join(self.inputs)} > {self.output}"


@frozen
class Graph:
    """Stages in an order in which they could run."""

    shape: str  # one of SHAPES
    stages: tuple[GraphStage, ...]

    @property
    def cuts_off(self) -> bool:
        """Whether an edited leaf changes no output."""
        return self.shape == "cutoff"

    def sinks(self) -> tuple[GraphStage, ...]:
        """Return the stages that no other stage reads, in order. Cost: O(stages + edges)."""
        read = {index for stage in self.stages for index in stage.upstream}
        return tuple(stage for index, stage in enumerate(self.stages) if index not in read)

    def leaves(self) -> dict[str, str]:
        """Return the text of every file that no stage makes, by path."""
        return {s.inputs[0]: leaf_text(s.name) for s in self.stages if not s.upstream}

    def first_leaf(self) -> str:
        """Return the path of the leaf that scenarios touch and edit."""
        return self.stages[0].inputs[0]

    def reached(self) -> tuple[GraphStage, ...]:
        """Return the stages that the first leaf reaches, in order. Cost: O(stages + edges)."""
        hit = {0}
        for index, stage in enumerate(self.stages):
            if not hit.isdisjoint(stage.upstream):
                hit.add(index)
        return tuple(self.stages[index] for index in sorted(hit))


def leaf_text(name: str) -> str:
    """Return the original text of the leaf that stage `name` reads."""
    return (name + " ") * LEAF_REPEATS


def make_graph(shape: str, stage_count: int) -> Graph:
    """Return the graph of that shape.

    Args:
        shape: One of SHAPES.
        stage_count: At least 1; layered needs 10 or more to have two layers.

    Cost: O(stages).
    """
    names = [f"s{index:06d}" for index in range(stage_count)]
    # cksum keeps an output small at any depth, and any change of an input shows in it.
    tool = "cksum" if shape in LAYERED else "cat"
    leaf_tool = "grep -c s" if shape == "cutoff" else tool  # a leaf is one line
    return Graph(
        shape=shape,
        stages=tuple(
            GraphStage(
                name=name,
                upstream=upstream,
                inputs=tuple(f"out/{names[u]}.txt" for u in upstream) or (f"in/{name}.txt",),
                output=f"out/{name}.txt",
                tool=tool if upstream else leaf_tool,
            )
            for name, upstream in zip(names, _edges(shape, stage_count), strict=True)
        ),
    )


def _edges(shape: str, stage_count: int) -> list[tuple[int, ...]]:
    if shape == "chain":
        return [(index - 1,) if index else () for index in range(stage_count)]
    if shape not in LAYERED:
        return [()] * stage_count
    width = max(BLOCK, math.isqrt(stage_count))
    edges = [_layered_upstream(index, width) for index in range(stage_count - 1)]
    read = {upstream for each in edges for upstream in each}
    return [*edges, tuple(index for index in range(stage_count - 1) if index not in read)]


def _layered_upstream(index: int, width: int) -> tuple[int, ...]:
    layer, column = divmod(index, width)
    if not layer:
        return ()
    start = column // BLOCK * BLOCK
    size = min(BLOCK, width - start)
    columns = {start + (column - start + step) % size for step in range(2 + index % 2)}
    return tuple(sorted((layer - 1) * width + each for each in columns))
