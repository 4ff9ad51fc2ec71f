"""One canonical byte string per plain value, for everything that goes into a key or an identity.

Every field is a tag, a length and a payload, so no two values share bytes by a shifted boundary. The
types count: 1, 1.0 and True are three values. Never uses `hash`, `repr` of containers, or `id`.
"""

from __future__ import annotations

import enum
import struct
import types
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

from stagemake.fingerprint.instances import defined_names, extra_attributes, field_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stagemake.fingerprint.sharing import Sharing

VERSION = b"\x01"
"""First byte of every encoding; changes whenever the same value would get other bytes."""

DEEPEST = 150  # nested containers; far below the interpreter's own limit of frames
LARGEST_BYTES = 1 << 28  # shared sub-structures are written out each time, and could explode


class Unencodable(TypeError):
    """A value has no canonical bytes.

    Args:
        path: Where it sits, like `[2]['handle']`; empty for the value itself.
        kind: Its type, or what is wrong with it.
    """

    def __init__(self, path: str, kind: str) -> None:
        super().__init__(f"{kind} at {path}" if path else kind)
        self.path = path
        self.kind = kind


@frozen
class Reference:
    """Stands in an encoding for something that is identified apart, like a function."""

    text: str


class Resolver(Protocol):
    """Answers for what an encoder cannot write down by itself."""

    def class_name(self, kind: type, path: str) -> str:
        """Return the stable name of an instance's class."""

    def preferred(self, value: object, path: str) -> object:
        """Return what to write instead of an instance that could be written, or `value` itself."""

    def stand_in(self, value: object, path: str) -> object:
        """Return something encodable instead of `value`, or raise `Unencodable`."""


class _Strict:
    """Names classes by module and qualified name and has no stand-ins."""

    def class_name(self, kind: type, path: str) -> str:
        del path
        return f"{kind.__module__}.{kind.__qualname__}"

    def preferred(self, value: object, path: str) -> object:
        del path
        return value

    def stand_in(self, value: object, path: str) -> object:
        kind = type(value)
        raise Unencodable(path, f"{kind.__module__}.{kind.__qualname__}")


def encode(value: object) -> bytes:
    """Return the canonical bytes of a plain value, equal for equal values of equal types.

    Plain: None, numbers, text, bytes, containers, enum members, paths, ranges, slices, dates, Decimal,
    Fraction, compiled patterns, UUIDs, built-in types, and dataclass, attrs and named-tuple instances.
    The order of a dict or set does not count, that of an OrderedDict does.

    Raises:
        Unencodable: For anything else, naming where in the structure it sits.

    Cost: O(size of the value).
    """
    scalar = _SCALARS.get(type(value))
    return VERSION + scalar(value) if scalar is not None else Encoder().encode(value)


def fields(*parts: bytes | str) -> bytes:
    """Join parts so that no other list of parts gives the same bytes; text and bytes differ."""
    return b"".join(
        [
            _tagged(b"b", part)
            if isinstance(part, bytes)
            else _tagged(b"s", part.encode("utf-8", "surrogatepass"))
            for part in parts
        ]
    )


def _tagged(tag: bytes, payload: bytes) -> bytes:
    return b"%b%b%b" % (tag, len(payload).to_bytes(8, "big"), payload)


def _integer(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _float(value: float) -> bytes:
    # All not-a-numbers are one value; -0.0 differs from 0.0 by its sign bit.
    return b"nan" if value != value else struct.pack(">d", value)  # noqa: PLR0124 - nan alone differs from itself


_SCALARS: dict[type, Callable[[Any], bytes]] = {  # Any: each takes its own type only
    type(None): lambda _: _tagged(b"n", b""),
    type(...): lambda _: _tagged(b"e", b""),
    type(NotImplemented): lambda _: _tagged(b"m", b""),
    bool: lambda value: _tagged(b"t", b"1" if value else b"0"),
    int: lambda value: _tagged(b"i", _integer(value)),
    float: lambda value: _tagged(b"f", _float(value)),
    complex: lambda value: _tagged(b"c", fields(_float(value.real), _float(value.imag))),
    str: lambda value: _tagged(b"s", value.encode("utf-8", "surrogatepass")),
    bytes: lambda value: _tagged(b"b", value),
    bytearray: lambda value: _tagged(b"B", bytes(value)),
}

_PARTS: dict[tuple[str, str], Callable[[Any], object]] = {  # Any: each takes its own type only
    ("builtins", "range"): lambda value: (value.start, value.stop, value.step),
    ("builtins", "slice"): lambda value: (value.start, value.stop, value.step),
    ("datetime", "date"): lambda value: value.isoformat(),
    ("datetime", "time"): lambda value: (value.isoformat(), value.fold, value.tzinfo),
    ("datetime", "datetime"): lambda value: (value.isoformat(), value.fold, value.tzinfo),
    ("datetime", "timedelta"): lambda value: (value.days, value.seconds, value.microseconds),
    ("datetime", "timezone"): lambda value: (value.utcoffset(None), value.tzname(None)),
    ("zoneinfo", "ZoneInfo"): lambda value: value.key,
    ("decimal", "Decimal"): str,
    ("fractions", "Fraction"): lambda value: (value.numerator, value.denominator),
    ("re", "Pattern"): lambda value: (value.pattern, value.flags),
    ("typing", "ForwardRef"): lambda value: value.__forward_arg__,
    ("uuid", "UUID"): lambda value: value.int,
}

_PATHS = frozenset({"PurePosixPath", "PosixPath", "PureWindowsPath", "WindowsPath"})
_BASES = (int, float, complex, str, bytes, bytearray, tuple, list, dict, set, frozenset)


class Encoder:
    """Encodes values, asking `resolver` where they are not plain; one at a time.

    Args:
        resolver: Names classes and stands in for functions, modules and instances.
        root: Texts and paths at or below this directory are written relative to it, so that a moved
            checkout keeps its keys; empty for none.
        exact: With it, the order of dicts counts, and which mutable parts are one object.
    """

    def __init__(
        self, resolver: Resolver | None = None, *, root: str = "", exact: Sharing | None = None
    ) -> None:
        self._exact = exact
        self._resolver: Resolver = resolver if resolver is not None else _Strict()
        self._root = root.rstrip("/")
        self._scalars = dict(_SCALARS)
        if self._root:
            self._scalars[str] = self._text
        self._open: dict[int, int] = {}  # id of a container being written -> its depth
        self._trail: list[str] = []
        self._size_bytes = 0

    def encode(self, value: object) -> bytes:
        """Return the canonical bytes of `value`; see the function `encode`."""
        self._open.clear()
        self._trail.clear()
        self._size_bytes = 0
        return VERSION + self._value(value)

    def _text(self, value: str) -> bytes:
        root = self._root
        if value.startswith(root) and (len(value) == len(root) or value[len(root)] == "/"):
            return _tagged(b"r", value[len(root) + 1 :].encode("utf-8", "surrogatepass"))
        return _tagged(b"s", value.encode("utf-8", "surrogatepass"))

    def _value(self, value: object) -> bytes:
        scalar = self._scalars.get(type(value))
        if scalar is not None:
            return scalar(value)
        if isinstance(value, Reference):
            return _tagged(b"R", value.text.encode("utf-8", "surrogatepass"))
        depth = len(self._open)
        ancestor = self._open.get(id(value))
        if ancestor is not None:
            return _tagged(b"^", _integer(depth - ancestor))
        if depth >= DEEPEST:
            raise Unencodable(self._path(), f"nesting deeper than {DEEPEST}")
        if self._exact is not None:
            mark = self._exact.mark(value)
            if mark:
                return _tagged(b"@", _integer(mark))
        self._open[id(value)] = depth
        encoded = self._container(value)
        del self._open[id(value)]
        self._size_bytes += len(encoded)
        if self._size_bytes > LARGEST_BYTES:
            raise Unencodable(self._path(), f"a value of more than {LARGEST_BYTES >> 20} MiB")
        return encoded

    def _container(self, value: object) -> bytes:
        kind = type(value)
        if kind in {tuple, list, set, frozenset, dict}:
            return self._builtin(value)
        if isinstance(value, types.MappingProxyType):
            return _tagged(b"M", self._mapping(value.items()))
        if isinstance(value, enum.Enum):
            return self._named(b"E", (value.name, value.value), kind)
        if isinstance(value, type) and value.__module__ == "builtins":
            return _tagged(b"T", value.__qualname__.encode())
        parts = _PARTS.get((kind.__module__, kind.__qualname__))
        if parts is not None:
            return _tagged(b"P", fields(kind.__qualname__) + self._value(parts(value)))
        if kind.__module__.partition(".")[0] == "pathlib" and kind.__qualname__ in _PATHS:
            return _tagged(b"p", fields(kind.__qualname__) + self._value(str(value)))
        return self._instance(value, kind)

    def _builtin(self, value: Any) -> bytes:  # Any: one of the five container types
        kind = type(value)
        if kind is tuple:
            return _tagged(b"u", self._items(value))
        if kind is list:
            return _tagged(b"l", self._items(value))
        if kind is dict:
            return _tagged(b"d", self._mapping(value.items()))
        return _tagged(b"S" if kind is set else b"F", self._unordered(value))

    def _instance(self, value: Any, kind: type) -> bytes:  # Any: its class decides what it has
        preferred = self._resolver.preferred(value, self._path())
        if preferred is not value:
            return self._value(preferred)
        names = field_names(kind)
        if names is not None:
            contents = {name: getattr(value, name) for name in names if hasattr(value, name)}
            contents.update(extra_attributes(value))
            return self._named(b"o", contents, kind)
        base = next((base for base in _BASES if isinstance(value, base)), None)
        if base is not None and "__reduce__" not in defined_names(kind):
            return self._subclass(value, kind, base)
        return self._value(self._resolver.stand_in(value, self._path()))

    def _subclass(self, value: Any, kind: type, base: type) -> bytes:  # Any: an instance of `base`
        if kind.__qualname__ == "OrderedDict" and kind.__module__ == "collections":
            content: object = tuple(value.items())
        elif base in {set, frozenset, dict}:
            content = base(value)
        elif base in {tuple, list}:
            content = base(iter(value))
        else:
            content = base.__new__(base, value)
        factory = getattr(value, "default_factory", None) if base is dict else None
        return self._named(b"k", (content, factory, extra_attributes(value)), kind)

    def _named(self, tag: bytes, content: object, kind: type) -> bytes:
        return _tagged(
            tag, fields(self._resolver.class_name(kind, self._path())) + self._value(content)
        )

    def _items(self, items: Iterable[object]) -> bytes:
        parts = []
        scalars = self._scalars
        for index, item in enumerate(items):
            scalar = scalars.get(type(item))
            parts.append(scalar(item) if scalar is not None else self._step(f"[{index}]", item))
        return b"".join(parts)

    def _unordered(self, items: Iterable[object]) -> bytes:
        scalars = self._scalars
        parts = []
        exact, self._exact = self._exact, None  # which of them comes first is chance
        for item in items:
            scalar = scalars.get(type(item))
            parts.append(scalar(item) if scalar is not None else self._step("{}", item))
        self._exact = exact
        return b"".join(sorted(parts))

    def _mapping(self, items: Iterable[tuple[object, object]]) -> bytes:
        entries = []
        for key, item in items:
            scalar = self._scalars.get(type(key))
            name = f"[{key!r}]" if scalar is not None else f"[{type(key).__name__}]"
            encoded_key = scalar(key) if scalar is not None else self._step("{key}", key)
            entries.append(encoded_key + self._step(name, item))
        return b"".join(sorted(entries) if self._exact is None else entries)

    def _step(self, name: str, item: object) -> bytes:
        self._trail.append(name)
        encoded = self._value(item)
        self._trail.pop()
        return encoded

    def _path(self) -> str:
        return "".join(self._trail)
