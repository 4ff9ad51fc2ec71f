"""The graph that an identity is made of: one node per function, class, module or value it depends on.

A node's digest covers its own content and the *labels* of what it refers to, so that an explanation can name what
changed. The digest of a whole graph covers its exact shape: which name of which node leads to which other node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen
from xxhash import xxh3_128

from stagemake.fingerprint.encoding import fields

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterable

    from stagemake.fingerprint.sources import ParsedSource

FORMAT = "stagemake function identity 1"
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
    reads_text: bool = False
    text: tuple[ParsedSource, ast.AST] | None = None  # what its docstrings and comments are
    _own: bytes = b""
    _listed_digests: dict[bool, str] = field(factory=dict)

    def own(self) -> bytes:
        """Return content and the roles of sorted edges; the edges are sorted by the first call."""
        if not self._own:
            self.edges = sorted(dict.fromkeys(self.edges), key=_edge_order)
            roles = [role for role, _ in self.edges]
            self._own = fields(self.content, *roles)
        return self._own

    def listed_digest(self, *, with_text: bool) -> str:
        """Return the hex digest shown beside the label."""
        known = self._listed_digests.get(with_text)
        if known is not None:
            return known
        targets = [target.label or target.content.hex() for _, target in self.edges]
        text = self.source_text() if with_text else ""
        listed = digest_of(fields(self.own(), text, *targets)).hex()
        self._listed_digests[with_text] = listed
        return listed

    def source_text(self) -> str:
        """Return the source text with docstrings and comments; empty when there is none."""
        return "" if self.text is None else self.text[0].segment(self.text[1])


def _edge_order(edge: tuple[str, Component]) -> tuple[str, str, bytes]:
    return edge[0], edge[1].label, edge[1].content


def reachable(root: Component) -> list[Component]:
    """Return all nodes below `root`, itself first, in an order that depends on the shape alone."""
    seen: dict[int, Component] = {}
    pending = [root]
    while pending:
        component = pending.pop()
        if id(component) in seen:
            continue
        seen[id(component)] = component
        component.own()
        pending.extend(target for _, target in reversed(component.edges))
    return list(seen.values())


def summarize(root: Component) -> FunctionIdentity:
    """Return the identity that the graph below `root` amounts to.

    Cost: O(nodes + edges), without reading anything again.
    """
    order = reachable(root)
    number = {id(component): index.to_bytes(4, "big") for index, component in enumerate(order)}
    with_text = any(component.reads_text for component in order)
    parts: list[bytes] = [fields(FORMAT)]
    for component in order:
        targets = b"".join([number[id(target)] for _, target in component.edges])
        parts.append(fields(component.own(), targets))
        if with_text:
            parts.append(fields(component.source_text()))
    source = digest_of(b"".join(parts)).hex()
    return FunctionIdentity(
        source=source,
        components=_listed(order, source, with_text=with_text),
        fallbacks=_collected(component.fallbacks for component in order),
        always=any(component.always for component in order),
        files=_collected(component.files for component in order),
        absent=_collected(component.absent for component in order),
    )


def _listed(order: list[Component], source: str, *, with_text: bool) -> tuple[tuple[str, str], ...]:
    listed = [
        (component.label, component.listed_digest(with_text=with_text))
        for component in order
        if component.label
    ]
    if len({label for label, _ in listed}) < len(listed):
        # Several parts go by one label, like lambdas of one function: who refers to which of them is
        # told by the whole only, so that no difference goes unlisted.
        label, digest = listed[0]
        listed[0] = label, digest_of(fields(digest, source)).hex()
    return tuple(sorted(listed))


def _collected(groups: Iterable[list[str]]) -> tuple[str, ...]:
    return tuple(sorted({item for group in groups for item in group}))
