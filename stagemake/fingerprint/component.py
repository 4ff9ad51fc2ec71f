"""The graph that an identity is made of: one node per function, class, module or value it depends on.

A node's digest covers its own content and the *labels* of what it refers to, so that an explanation can name what
changed. The digest of a whole graph covers its exact shape: which name of which node leads to which other node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen
from xxhash import xxh3_128

from stagemake.fingerprint.encoding import fields
from stagemake.fingerprint.holders import held_in_common

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Iterable
    from collections.abc import Set as AbstractSet

    from stagemake.fingerprint.sources import ParsedSource

FORMAT = "stagemake function identity 2"
"""Changes whenever equal code would get another digest."""


def digest_of(content: bytes) -> bytes:
    """Return the 16 bytes that stand for `content`."""
    return bytes(xxh3_128(content).digest())


@frozen
class FunctionIdentity:
    """What a function is, as far as its code and everything that code refers to are concerned."""

    source: str  # hex digest over all components, equal on Python 3.11 to 3.13
    components: tuple[tuple[str, str], ...]  # label and hex digest, sorted
    fallbacks: tuple[str, ...]  # what could not be resolved and what was done instead, sorted
    always: bool  # something can change the result unseen: only running is safe
    files: tuple[str, ...]  # sources read, sorted; relative to the root when inside it
    absent: tuple[str, ...]  # files whose appearance would change the identity, relative, sorted
    texts: Callable[[], dict[str, str]] = field(default=dict, eq=False, repr=False)
    """Source texts by the digests in `components`, where there are any. Cost: O(their lengths)."""


@define(eq=False)
class Component:
    """One node. Filled by whoever expands it, complete once the graph's work list is empty."""

    label: str  # shown to users; empty for what is too small to be listed
    content: bytes = b""  # a digest of what it is by itself
    edges: list[tuple[str, Component]] = field(factory=list)  # role, target
    fallbacks: list[str] = field(factory=list)
    always: bool = False
    files: list[str] = field(factory=list)
    absent: list[str] = field(factory=list)
    reads_text: bool = False  # docstrings and comments may matter to it
    reads_types: bool = False  # what annotations stand for, and who inherits, may matter to it
    hints: list[tuple[str, Component]] | None = None  # edges that count only for who reads types
    subject: object = None  # the function or class it stands for
    names: dict[str, object] | None = None  # its globals
    is_same: bool = False  # content says nothing: it stands for one object that several may hold
    held: dict[int, tuple[object, int]] = field(factory=dict)  # of a value: see `Sharing.held`
    text: tuple[ParsedSource, ast.AST] | None = None  # what its docstrings and comments are
    _own: bytes = b""
    _listed_digests: dict[tuple[bool, bool], str] = field(factory=dict)

    def own(self) -> bytes:
        """Return content and the roles of sorted edges; the edges are sorted by the first call."""
        if not self._own:
            self.edges = sorted(dict.fromkeys(self.edges), key=_edge_order)
            roles = [role for role, _ in self.edges]
            self._own = fields(self.content, *roles)
        return self._own

    def targets(self, *, with_hints: bool) -> list[tuple[str, Component]]:
        """Return sorted edges, hints behind them if these count."""
        if not with_hints or not self.hints:
            return self.edges
        return self.edges + sorted(dict.fromkeys(self.hints), key=_edge_order)

    def listed_digest(self, *, with_text: bool, with_hints: bool) -> str:
        """Return the hex digest shown beside the label."""
        known = self._listed_digests.get((with_text, with_hints))
        if known is not None:
            return known
        own = self.own()  # sorts the edges
        edges = self.targets(with_hints=with_hints)
        targets = [target.label or target.content.hex() for _, target in edges]
        text = self.source_text() if with_text else ""
        hinted = [role for role, _ in edges[len(self.edges) :]]
        listed = digest_of(fields(own, text, *hinted, *targets)).hex()
        self._listed_digests[with_text, with_hints] = listed
        return listed

    def source_text(self) -> str:
        """Return the source text with docstrings and comments, and the docstring it has now."""
        text = "" if self.text is None else self.text[0].segment(self.text[1])
        now = getattr(self.subject, "__doc__", None) if self.subject is not None else None
        # Indentation is left out: Python 3.13 strips it.
        lines = now.split("\n") if isinstance(now, str) else ()
        return "\n".join([text, *(line.strip() for line in lines)])


def _edge_order(edge: tuple[str, Component]) -> tuple[str, str, bytes]:
    return edge[0], edge[1].label, edge[1].content


def reachable(root: Component, *, with_hints: bool = False) -> list[Component]:
    """Return all nodes below `root`, itself first, in an order that depends on the shape alone."""
    seen: dict[int, Component] = {}
    pending = [root]
    while pending:
        component = pending.pop()
        if id(component) in seen:
            continue
        seen[id(component)] = component
        component.own()
        edges = component.edges if not with_hints else component.targets(with_hints=True)
        pending.extend([target for _, target in reversed(edges)])
    return list(seen.values())


def summarize(root: Component, held_by_several: AbstractSet[int]) -> FunctionIdentity:
    """Return the identity that the graph below `root` amounts to.

    Args:
        root: The function's, complete.
        held_by_several: See `Holders.several`, of all values of the graph.

    Cost: O(nodes + edges), without reading anything again.
    """
    order = reachable(root)
    with_hints = any(component.reads_types for component in order)
    if with_hints:
        order = reachable(root, with_hints=True)
    number = {id(component): index.to_bytes(4, "big") for index, component in enumerate(order)}
    with_text = any(component.reads_text for component in order)
    in_common = held_in_common(order, held_by_several)
    parts: list[bytes] = [fields(FORMAT)]
    for component in order:
        edges = component.edges if not with_hints else component.targets(with_hints=True)
        targets = b"".join([number[id(target)] for _, target in edges])
        parts.append(fields(component.own(), targets))
        if len(edges) > len(component.edges):
            parts.append(fields(*(role for role, _ in edges[len(component.edges) :])))
        if with_text:
            parts.append(fields(component.source_text()))
        if id(component) in in_common:
            numbers = [f"{mark} {number}" for mark, number in in_common[id(component)]]
            parts.append(fields("held", *numbers))
    source = digest_of(b"".join(parts)).hex()
    return FunctionIdentity(
        source=source,
        components=_listed(order, source, in_common, with_text=with_text, with_hints=with_hints),
        fallbacks=_collected(component.fallbacks for component in order),
        always=any(component.always for component in order),
        files=_collected(component.files for component in order),
        absent=_collected(component.absent for component in order),
        texts=lambda: _texts(order, with_text=with_text, with_hints=with_hints),
    )


def _texts(order: list[Component], *, with_text: bool, with_hints: bool) -> dict[str, str]:
    """Return the sources of functions, classes and modules; of a constant the line that sets it."""
    parsed = {
        component.label.partition(":")[0]: component.text[0]
        for component in order
        if component.text is not None
    }
    found = {}
    for component in order:
        file, _, name = component.label.partition(":")
        text = "" if component.text is None else component.text[0].segment(component.text[1])
        if not text and name and file in parsed:
            text = parsed[file].assignment(name)
        if text:
            found[component.listed_digest(with_text=with_text, with_hints=with_hints)] = f"{text}\n"
    return found


def _listed(
    order: list[Component],
    source: str,
    in_common: dict[int, list[tuple[int, int]]],
    *,
    with_text: bool,
    with_hints: bool,
) -> tuple[tuple[str, str], ...]:
    listed = [
        (component.label, component.listed_digest(with_text=with_text, with_hints=with_hints))
        for component in order
        if component.label
    ]
    shared = _shared(order, in_common)
    if shared:
        listed = [
            (label, digest_of(fields(digest, *shared[label])).hex() if label in shared else digest)
            for label, digest in listed
        ]
    if len({label for label, _ in listed}) < len(listed):
        # Several parts go by one label, like lambdas of one function: who refers to which of them is
        # told by the whole only, so that no difference goes unlisted.
        label, digest = listed[0]
        listed[0] = label, digest_of(fields(digest, source)).hex()
    return tuple(sorted(listed))


def _shared(
    order: list[Component], in_common: dict[int, list[tuple[int, int]]]
) -> dict[str, list[str]]:
    """Return, by label, what tells all that hold an object which that one holds too.

    By their names, not by numbers among all: what others share says nothing about these.
    """
    holders: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for component in order:
        for role, target in component.edges:
            if target.is_same:
                holders.setdefault(("same", id(target)), []).append((component.label, role))
        for mark, number in in_common.get(id(component), ()):
            holders.setdefault(("held", number), []).append((component.label, str(mark)))
    found: dict[str, list[str]] = {}
    for several in holders.values():
        if len(several) > 1:
            texts = sorted(f"{label} {role}" for label, role in several)
            for label, _ in several:
                found.setdefault(label, []).extend(texts)
    return found


def _collected(groups: Iterable[list[str]]) -> tuple[str, ...]:
    return tuple(sorted({item for group in groups for item in group}))
