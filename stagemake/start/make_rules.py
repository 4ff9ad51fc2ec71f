"""What a Makefile says, before anything is chosen: rules, variables, and what could not be followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen

from stagemake.start.make_functions import UntranslatableError

if TYPE_CHECKING:
    from stagemake.start.make_values import Values


@frozen
class Unseen:
    """Something that is not translated."""

    line: int  # 1-based; 0: the whole file
    what: str
    file: str = ""  # of included ones


@define
class Rule:
    """One rule as written, targets and prerequisites expanded."""

    targets: tuple[str, ...]
    prerequisites: tuple[str, ...]
    order_only: tuple[str, ...]
    line: int
    recipe: list[str] = field(factory=list)  # raw lines, without the tab
    pattern: str = ""  # of a static pattern rule
    is_grouped: bool = False  # `&:`
    problem: str = ""


@define
class Makefile:
    """What a Makefile says. Rules with `%` in a target are apart."""

    values: Values
    rules: list[Rule] = field(factory=list)
    patterns: list[Rule] = field(factory=list)
    phony: set[str] = field(factory=set)
    exported: list[str] = field(factory=list)
    unseen: list[Unseen] = field(factory=list)
    own_variables: dict[str, str] = field(factory=dict)  # targets with variables of their own
    goal: str = ""
    has_built_in_rules: bool = True
    refusal: str = ""  # why no recipe at all can be translated


def refuse_unknown(found: Makefile) -> None:
    """Refuse every recipe where nobody can say which shell reads it, or what environment it sees."""
    values = found.values
    if "SHELL" in values.by_name:
        try:
            words = values.own_value("SHELL").split()
        except UntranslatableError as error:
            found.refusal = str(error)
        else:
            unknown = values.by_name["SHELL"].unknown
            if unknown or len(words) != 1 or not words[0].isprintable():
                found.refusal = unknown or "`SHELL` is not one program"
    for variable in found.exported:
        try:
            values.value(variable)
        except UntranslatableError as error:
            found.refusal = f"every recipe sees the exported `{variable}`, and {error}"
