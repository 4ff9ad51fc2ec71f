"""The names that a piece of code needs from outside, as values."""

from __future__ import annotations

from attrs import frozen


@frozen
class Load:
    """One use of a name: `helpers.clean(x)` loads `helpers` with the attributes `("clean",)`."""

    name: str
    attributes: tuple[str, ...] = ()
    argument: str | None = None  # the first argument of a call, when it is a literal text
    is_global: bool = False  # by a `global` statement, whatever the closure has under that name


@frozen
class LateImport:
    """An import statement inside the code."""

    module: str  # as written, without the leading dots
    names: tuple[str, ...] = ()  # what `from` takes; may hold `*`
    level: int = 0  # leading dots


@frozen
class Binding:
    """A local name that an import statement binds."""

    name: str
    module: str  # as written, without the leading dots
    attribute: str = ""  # what `from` takes; empty for a module
    level: int = 0


@frozen
class Names:
    """What a piece of code needs from outside. Sets: order never counts."""

    free: frozenset[Load]
    local: frozenset[Load]  # bound inside; only for spotting dynamic calls through late imports
    imports: frozenset[LateImport]
    bindings: frozenset[Binding]  # what these imports bind
    reads_text: bool  # docstrings or source text may matter to it
    reads_types: bool  # what annotations stand for may matter to it
    reads_subclasses: bool  # it asks classes who inherits from them
    reaches_globals: (
        str  # an attribute by which it gets at globals of whatever it likes; else empty
    )
