"""The stages that a Makefile comes to, before they are written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from stagemake.start.make_graph import Node
    from stagemake.start.make_recipe import Recipe
    from stagemake.start.make_rules import Makefile, Unseen


@define(eq=False)
class Draft:
    """One stage to write."""

    node: Node
    recipe: Recipe
    inputs: tuple[str, ...] = ()
    implicit: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()  # empty for what makes no file
    depfile: str = ""
    always: bool = False

    @property
    def name(self) -> str:
        """The stage's name: the target, so that both are asked for by one word."""
        return self.node.name


@define
class Translation:
    """What a Makefile comes to."""

    makefile: Makefile
    drafts: list[Draft] = field(factory=list)  # what makes something comes before what reads it
    groups: dict[str, list[str]] = field(
        factory=dict
    )  # targets without recipe: the stages behind them
    goal: str = ""  # make's default goal
    goal_stages: list[str] = field(factory=list)
    unseen: list[Unseen] = field(factory=list)
    remarks: list[str] = field(factory=list)
