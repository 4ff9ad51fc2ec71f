"""Which names from outside a piece of code loads, by Python's scoping rules. Nothing is executed.

The answer comes from the syntax tree alone, so that it is the same on every Python version.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from attrs import evolve

from stagemake.fingerprint.names import Binding, LateImport, Load, Names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# What `_Walk._visit` has a case for; all other nodes only hold nodes.
_SPECIAL = frozenset(
    {
        ast.Name,
        ast.Attribute,
        ast.Call,
        *_FUNCTIONS,
        ast.Lambda,
        ast.ClassDef,
        *_COMPREHENSIONS,
        ast.AnnAssign,
        ast.AugAssign,
        ast.Import,
        ast.ImportFrom,
        ast.Global,
        ast.Nonlocal,
        ast.ExceptHandler,
        ast.MatchAs,
        ast.MatchStar,
        ast.MatchMapping,
        ast.NamedExpr,
    }
)
_TEXTUAL = frozenset(
    {
        "__doc__",
        "getsource",
        "getsourcelines",
        "getdoc",
        "getcomments",
        "help",
        "render_doc",
        "getlines",
    }
)
_TYPES_READERS = frozenset(
    {"__annotations__", "get_annotations", "get_type_hints", "getfullargspec", "signature"}
)
_ALL_GLOBALS = frozenset({"__globals__", "f_back", "f_builtins", "f_globals", "tb_frame"})


class _Scope:
    __slots__ = ("bound", "is_class", "is_comprehension", "outer", "parent", "to_globals")

    def __init__(self, parent: _Scope | None, kind: type[ast.AST]) -> None:
        self.parent = parent
        self.is_class = kind is ast.ClassDef
        self.is_comprehension = kind in _COMPREHENSIONS
        self.bound: set[str] = set()
        self.to_globals: set[str] = set()
        self.outer: set[str] = set()  # nonlocal

    def binds(self, name: str) -> bool:
        """Whether a load in this scope finds `name` before the globals."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.to_globals:
                return False
            # A name of a class body may as well be read from the globals, before it is assigned.
            if not scope.is_class and name in scope.bound and name not in scope.outer:
                return True
            scope = scope.parent
        return False

    def declares(self, name: str) -> bool:
        """Whether `global` says here, or around, that `name` is one."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.to_globals:
                return True
            scope = scope.parent
        return False


def names_in(root: ast.AST) -> Names:
    """Return what a function, lambda, class, module or expression loads from outside.

    Decorators, defaults and annotations of the root itself are left out: they were evaluated when it was
    defined. Annotations are left out everywhere.

    Cost: O(nodes).
    """
    return _Walk(root).result()


class _Walk:
    def __init__(self, root: ast.AST) -> None:
        self._loads: list[tuple[Load, _Scope]] = []
        self._imports: set[LateImport] = set()
        self._bindings: set[Binding] = set()
        self._reads_text = False
        self._attributes: set[str] = set()
        self._pending: list[tuple[ast.AST, _Scope]] = []
        scope = _Scope(None, type(root))
        if isinstance(root, (*_FUNCTIONS, ast.Lambda)):
            self._enter_function(root, scope)
        elif isinstance(root, (ast.ClassDef, ast.Module)):
            self._push(root.body, scope)
        else:
            self._push([root], scope)
        pending = self._pending
        while pending:
            node, scope = pending.pop()
            kind = type(node)
            if kind in _SPECIAL:
                self._visit(node, scope)
                continue
            for name in kind._fields:
                value = getattr(node, name, None)
                if isinstance(value, ast.AST):
                    pending.append((value, scope))
                elif isinstance(value, list):
                    pending.extend([(one, scope) for one in value if isinstance(one, ast.AST)])

    def result(self) -> Names:
        free: set[Load] = set()
        local: set[Load] = set()
        for load, scope in self._loads:
            if scope.binds(load.name):
                local.add(load)
            else:
                free.add(evolve(load, is_global=True) if scope.declares(load.name) else load)
        seen = self._attributes
        return Names(
            frozenset(free),
            frozenset(local),
            frozenset(self._imports),
            frozenset(self._bindings),
            reads_text=self._reads_text or not _TEXTUAL.isdisjoint(seen),
            reads_types=not _TYPES_READERS.isdisjoint(seen),
            reads_subclasses="__subclasses__" in seen,
            reaches_globals=min(_ALL_GLOBALS & seen, default=""),
        )

    def _push(self, nodes: Iterable[ast.AST | None], scope: _Scope) -> None:
        self._pending.extend((node, scope) for node in nodes if node is not None)

    def _visit(self, node: ast.AST, scope: _Scope) -> None:
        match node:
            case ast.Name() | ast.Attribute():
                self._use(node, scope)
            case ast.Call():
                self._call(node, scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                scope.bound.add(node.name)
                self._push(node.decorator_list, scope)
                self._push([*node.args.defaults, *node.args.kw_defaults], scope)
                self._enter_function(node, _Scope(scope, type(node)))
            case ast.Lambda():
                self._push([*node.args.defaults, *node.args.kw_defaults], scope)
                self._enter_function(node, _Scope(scope, type(node)))
            case ast.ClassDef():
                scope.bound.add(node.name)
                self._push([*node.decorator_list, *node.bases, *node.keywords], scope)
                inner = _Scope(scope, type(node))
                inner.bound.update(_type_parameters(node))
                self._push(node.body, inner)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._comprehension(node, scope)
            case ast.AnnAssign():
                self._push([node.target, node.value], scope)
            case ast.AugAssign():
                self._push([node.target, node.value], scope)
                if isinstance(node.target, ast.Name):
                    self._loads.append((Load(node.target.id), scope))
            case _:
                self._bind(node, scope)
                self._push(ast.iter_child_nodes(node), scope)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, scope: _Scope
    ) -> None:
        inner = _Scope(scope, type(node))
        self._push([node.generators[0].iter], scope)  # evaluated outside
        results = [child for child in ast.iter_child_nodes(node) if child not in node.generators]
        self._push(results, inner)
        for index, generator in enumerate(node.generators):
            self._push([generator.target, *generator.ifs], inner)
            self._push([generator.iter] if index else [], inner)

    def _bind(self, node: ast.AST, scope: _Scope) -> None:
        """Note the names that a statement or pattern binds by other means than a Name node."""
        match node:
            case ast.Import():
                for alias in node.names:
                    scope.bound.add(alias.asname or alias.name.partition(".")[0])
                    self._import(LateImport(alias.name))
                    module = alias.name if alias.asname else alias.name.partition(".")[0]
                    self._bindings.add(Binding(alias.asname or module, module))
            case ast.ImportFrom():
                taken = tuple(alias.name for alias in node.names)
                scope.bound.update(alias.asname or alias.name for alias in node.names)
                module = node.module or ""
                self._import(LateImport(module, taken, node.level))
                self._bindings.update(
                    Binding(alias.asname or alias.name, module, alias.name, node.level)
                    for alias in node.names
                )
            case ast.Global():
                scope.to_globals.update(node.names)
            case ast.Nonlocal():
                scope.outer.update(node.names)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                scope.bound.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                scope.bound.add(name)
            case ast.NamedExpr():
                target = scope
                while target.is_comprehension and target.parent is not None:
                    target = target.parent
                target.bound.add(node.target.id)
            case _:
                pass

    def _enter_function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: _Scope
    ) -> None:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        scope.bound.update(argument.arg for argument in every)
        scope.bound.update(
            argument.arg for argument in (arguments.vararg, arguments.kwarg) if argument
        )
        scope.bound.update(_type_parameters(node))
        self._push([node.body] if isinstance(node, ast.Lambda) else node.body, scope)

    def _import(self, statement: LateImport) -> None:
        self._imports.add(statement)
        if statement.module == "inspect":
            self._reads_text = True

    def _call(self, node: ast.Call, scope: _Scope) -> None:
        first = node.args[0] if node.args else None
        second = node.args[1] if len(node.args) > 1 else None
        rest: list[ast.AST] = [*node.args, *node.keywords]
        if isinstance(node.func, ast.Name) and node.func.id == "getattr":
            name = _text(second)
            self._attributes.add(name or "getattr")
            if name is not None and isinstance(first, (ast.Name, ast.Attribute)):
                self._use(first, scope, extra=name)
                rest = [*node.args[2:], *node.keywords]
        self._push(rest, scope)
        self._use(node.func, scope, argument=_text(first))

    def _use(
        self, node: ast.AST, scope: _Scope, *, argument: str | None = None, extra: str | None = None
    ) -> None:
        attributes = [] if extra is None else [extra]
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        self._attributes.update(attributes)
        if not isinstance(node, ast.Name):
            self._push([node], scope)
        elif isinstance(node.ctx, ast.Load):
            load = Load(node.id, tuple(reversed(attributes)), argument)
            self._loads.append((load, scope))
            self._attributes.add(node.id)
        else:
            scope.bound.add(node.id)


def _text(node: ast.AST | None) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def _type_parameters(node: ast.AST) -> Iterator[str]:
    """Yield names like the T of `def f[T](x)`; only Python 3.12 and later have them."""
    for parameter in getattr(node, "type_params", ()):
        yield parameter.name
