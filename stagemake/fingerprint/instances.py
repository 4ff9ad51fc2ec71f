"""What an instance is made of, as its class declares it; without importing dataclasses or attrs."""

from __future__ import annotations


def defined_names(kind: type) -> set[str]:
    """Return what a class and its bases define beyond the built-in ones, by name."""
    own = [each for each in kind.__mro__ if each.__module__ not in {"builtins", "collections"}]
    return {name for each in own for name in vars(each)}


def field_names(kind: type) -> tuple[str, ...] | None:
    """Return the fields of a dataclass, attrs class or named tuple, in order; None for others."""
    declared = kind.__dict__.get("__dataclass_fields__")
    if declared is not None:
        return tuple(declared)
    attributes = kind.__dict__.get("__attrs_attrs__")
    if attributes is not None:
        return tuple(attribute.name for attribute in attributes)
    if issubclass(kind, tuple) and isinstance(kind.__dict__.get("_fields"), tuple):
        return tuple(kind.__dict__["_fields"])
    return None


def extra_attributes(value: object) -> dict[str, object]:
    """Return what an instance carries beside its fields; attrs caches a seeded hash there."""
    own = getattr(value, "__dict__", None)
    if not isinstance(own, dict):
        return {}
    return {name: item for name, item in own.items() if not name.startswith("_attrs_cached")}
