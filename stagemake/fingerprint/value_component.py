"""Components of values: data by content, and what data refers to by edges.

Objects that know how to be copied say by `__reduce_ex__` what they hold; nothing is ever pickled.
"""

from __future__ import annotations

import copyreg
import functools
import os
import sys
from collections.abc import Mapping
from types import (
    BuiltinFunctionType,
    CellType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any

from attrs import frozen

from stagemake.fingerprint.component import digest_of
from stagemake.fingerprint.distributions import Owner
from stagemake.fingerprint.encoding import Encoder, Reference, Unencodable, fields
from stagemake.fingerprint.sharing import Sharing

if TYPE_CHECKING:
    from stagemake.fingerprint.component import Component
    from stagemake.fingerprint.graph import Graph

_SLOTS = (
    MethodDescriptorType,
    WrapperDescriptorType,
    ClassMethodDescriptorType,
    MemberDescriptorType,
    GetSetDescriptorType,
)

# Their state says nothing about what a fresh process would compute, so the type is all that counts.
_BY_TYPE = frozenset(
    {
        ("_thread", "lock"),
        ("_thread", "RLock"),
        ("_thread", "_local"),
        ("threading", "Condition"),
        ("threading", "Semaphore"),
        ("threading", "BoundedSemaphore"),
        ("threading", "Event"),
        ("weakref", "WeakKeyDictionary"),
        ("weakref", "WeakValueDictionary"),
        ("_weakrefset", "WeakSet"),
    }
)

# What `functools.wraps` puts on a wrapper, and what says nothing that its function does not.
_WRAPPED = frozenset(
    {"__annotations__", "__doc__", "__module__", "__name__", "__qualname__", "__type_params__",
     "__wrapped__", "cache_parameters"}
)  # fmt: skip
# Of things that go by a name, like type variables: what they were made with.
_TOLD = ("__bound__", "__constraints__", "__supertype__")


def expand_value(graph: Graph, component: Component, value: object) -> None:
    """Fill in the content of a value and edges to the functions and classes inside it."""
    written = graph.written(value)
    component.content = written.content
    component.edges += written.edges
    component.held = written.held
    kind = type(value)
    if isinstance(value, (list, dict, set)) or graph.owners.owner_of_class(kind) is Owner.OWN:
        component.edges.append(("object", graph.same(value)))
    if written.obstacle:
        component.always = True
        component.fallbacks.append(
            f"`{component.label}` holds {written.obstacle}, which has no stable content: runs always"
        )


@frozen
class Written:
    """A value's canonical digest, what it refers to, and what in it could not be written down."""

    content: bytes
    edges: tuple[tuple[str, Component], ...]
    held: dict[int, tuple[object, int]]  # what in it can change, see `Sharing.held`
    obstacle: str = ""


def write_value(graph: Graph, value: object) -> Written:
    """Encode a value. Foreign code (`__reduce_ex__`, descriptors) may raise anything: an obstacle."""
    if (
        value is sys.modules
    ):  # all that is loaded would say no more than that it runs always, and takes seconds
        return Written(digest_of(fields("unencodable", "sys.modules")), (), {}, "sys.modules")
    links = _Links(graph)
    obstacle = ""
    exact = Sharing(lambda kind: graph.owners.owner_of_class(kind) is Owner.OWN)
    try:
        encoded = Encoder(links, root=graph.origins.root, exact=exact).encode(value)
    except Unencodable as error:
        obstacle = f"{error.kind} at {error.path}" if error.path else error.kind
    except Exception as error:
        obstacle = f"{type(value).__qualname__} (raised {type(error).__name__})"
    if obstacle:
        encoded = fields("unencodable", obstacle)
    return Written(digest_of(encoded), tuple(links.edges), exact.held, obstacle)


class _Links:
    """Gives an encoder references for what is identified apart, and notes the edges."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.edges: list[tuple[str, Component]] = []

    def class_name(self, kind: type, path: str) -> str:
        self.edges.append((f"{path}: class", self._graph.named(kind)))
        return kind.__qualname__

    def preferred(self, value: object, path: str) -> object:
        del path
        kind = type(value)
        if kind.__module__.partition(".")[0] != "stagemake":
            return value
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            return int.__index__(value)
        if isinstance(value, Mapping):  # a case of a matrix
            return kind.__qualname__, str(value), dict(value)
        # Stages, contexts and the like are not code: what matters of them is keyed elsewhere.
        return Reference(f"{kind.__qualname__} {getattr(value, 'name', '')}")

    def stand_in(self, value: object, path: str) -> object:
        if isinstance(value, (FunctionType, type, ModuleType)):
            return self._refer(path, self._graph.named(value))
        if isinstance(value, _SLOTS):
            return "slot", value.__name__, value.__objclass__
        if isinstance(value, MethodType):
            return "bound method", value.__func__, value.__self__
        if isinstance(value, (BuiltinFunctionType, MethodWrapperType)):
            return self._builtin(value, path)
        if isinstance(value, (staticmethod, classmethod)):
            return type(value).__name__, value.__func__
        if isinstance(value, property):
            more = getattr(value, "__dict__", {})  # of a subclass
            return type(value), value.fget, value.fset, value.fdel, dict(more)
        if isinstance(value, CellType):
            return "cell", value.cell_contents
        if isinstance(value, functools.partial):
            return type(value), value.func, value.args, value.keywords, value.__dict__
        if isinstance(value, functools.partialmethod):
            return type(value), value.func, value.args, value.keywords
        if isinstance(value, functools.cached_property):
            return type(value), value.func
        return self._object(value, path)

    def _builtin(self, value: Any, path: str) -> object:  # Any: two types without a common base
        owner = value.__self__
        if owner is None or isinstance(owner, ModuleType):
            return self._refer(path, self._graph.outside(value.__module__, value.__qualname__))
        return "bound builtin", value.__name__, owner

    def _object(self, value: Any, path: str) -> object:  # Any: whatever the user's code holds
        kind = type(value)
        if any(value is shared for shared in (os.environ, sys.stdin, sys.stdout, sys.stderr)):
            return Reference(f"the process's own {kind.__qualname__}")
        if (kind.__module__, kind.__qualname__) in _BY_TYPE:
            return kind
        if isinstance(value, functools._lru_cache_wrapper):  # noqa: SLF001 - it has no public name
            more = {name: each for name, each in vars(value).items() if name not in _WRAPPED}
            return "lru_cache", value.__wrapped__, value.cache_parameters(), more
        try:
            reducer = copyreg.dispatch_table.get(kind)
            reduced = reducer(value) if reducer is not None else value.__reduce_ex__(4)
        except Exception:
            wrapped = getattr(value, "__wrapped__", None)
            if isinstance(wrapped, FunctionType):
                return kind, wrapped
            raise Unencodable(path, f"{kind.__module__}.{kind.__qualname__}") from None
        if isinstance(reduced, str):
            # It goes by the name of a global, like a TypeVar or a function of an extension module.
            module = getattr(value, "__module__", None) or kind.__module__
            self.edges.append((f"{path}: name", self._graph.outside(module, reduced)))
            told = {name: getattr(value, name, None) for name in _TOLD}
            return kind, reduced, {name: each for name, each in told.items() if each}
        made, arguments, state, items, pairs = (*reduced, None, None, None, None)[:5]
        return (
            self._refer(path, self._graph.named(kind)),
            made,
            arguments,
            state,
            None if items is None else list(items),
            None if pairs is None else list(pairs),
        )

    def _refer(self, path: str, target: Component) -> Reference:
        self.edges.append((path, target))
        return Reference(target.label)


def is_stagemake(graph: Graph, value: object) -> bool:
    """Whether a value is one of the Stagefile language's own words."""
    if isinstance(value, FunctionType):
        return graph.owners.owner_of(value) is Owner.STAGEMAKE
    kind = value if isinstance(value, type) else type(value)
    return kind.__module__.partition(".")[0] == "stagemake"
