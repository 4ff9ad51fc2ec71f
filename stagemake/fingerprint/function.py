"""The identity of a Python function: its code, and that of everything it can reach, by content.

What counts, what doesn't and what falls back is listed in `docs/function-identity.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.fingerprint.component import FunctionIdentity, summarize
from stagemake.fingerprint.graph import Graph
from stagemake.fingerprint.sources import FileSources, SourceStore

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FileSources", "FunctionIdentifier", "FunctionIdentity", "SourceStore", "identify"]


class FunctionIdentifier:
    """Identifies functions of one evaluation; what they share is looked at once.

    Globals and closures are taken as they are when first met: make one after the Stagefile has run, while its
    modules are in `sys.modules` and its directories on `sys.path`, and drop it when anything changes.

    Args:
        project_root: Absolute path of the project. Never part of a digest.
        sources: Gives the exact texts that modules were compiled from; files it doesn't know are read.
    """

    def __init__(self, project_root: str, sources: SourceStore | None = None) -> None:
        self._graph = Graph(project_root, sources if sources is not None else FileSources())
        # By id of the function, which is kept so that the id stays its own.
        self._known: dict[int, tuple[object, FunctionIdentity]] = {}

    @property
    def looked_up(self) -> tuple[str, ...]:
        """Names of modules, dotted, that late imports were resolved by."""
        return self._graph.origins.looked_up

    def identify(self, function: Callable[..., object]) -> FunctionIdentity:
        """Return what `function` is, without calling it or importing anything.

        Any callable will do: a function, a bound method, a partial, an object with `__call__`.

        Cost: O(code reached) the first time; nothing later.
        """
        found = self.known(function)
        if found is None:
            root = self._graph.link(function, "the callable")
            self._graph.complete(root)
            found = summarize(root, self._graph.held_by_several)
            self._known[id(function)] = function, found
        return found

    def known(self, function: Callable[..., object]) -> FunctionIdentity | None:
        """Return what `identify` has returned; it needs no modules in place."""
        known = self._known.get(id(function))
        return None if known is None else known[1]


def identify(
    function: Callable[..., object], *, project_root: str, sources: SourceStore | None = None
) -> FunctionIdentity:
    """Return the identity of one function; for many, keep a `FunctionIdentifier`."""
    return FunctionIdentifier(project_root, sources).identify(function)
