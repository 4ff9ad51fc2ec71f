"""`matrix()`: every combination of some values, each as a case with a readable, safe name."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from attrs import field, frozen

from stagemake.model.error import BadValue, StagemakeError, did_you_mean
from stagemake.stagefile.case_names import name_cases, name_values
from stagemake.stagefile.session import current
from stagemake.stagefile.shown import shown_value

_PLAIN = (str, int, float, PurePath)  # bool is an int
_TAKEN = ("get", "items", "keys", "values")  # what every mapping has


@frozen(eq=False, repr=False)
class Case(Mapping[str, Any]):  # Any: whatever the axes hold
    """One combination: a read-only mapping of axes to values, `case.axis` for `case["axis"]`.

    As text, and so in f-strings, it is its name, which is safe in names of stages and files.
    """

    _pairs: tuple[tuple[str, Any], ...] = field()  # Any: as above
    _name: str = field()

    def __getitem__(self, axis: str) -> Any:  # Any: as above
        for own, value in self._pairs:
            if own == axis:
                return value
        raise KeyError(axis)

    def __getattr__(self, axis: str) -> Any:  # Any: as above
        for own, value in self._pairs if axis[:1] != "_" else ():
            if own == axis:
                return value
        raise AttributeError(f"the matrix has no axis {axis!r}", name=axis, obj=self)

    def __iter__(self) -> Iterator[str]:
        return (axis for axis, _ in self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __hash__(self) -> int:
        return hash(frozenset(self._pairs))

    def __str__(self) -> str:
        return self._name

    def __format__(self, spec: str) -> str:
        return format(self._name, spec)

    def __repr__(self) -> str:
        return f"Case({', '.join(f'{axis}={value!r}' for axis, value in self._pairs)})"


@frozen
class _Axis:
    """One axis: its values in order, and the name of each."""

    name: str
    values: tuple[Any, ...]  # Any: as above
    names: tuple[str, ...]
    is_named: bool  # by the keys of a mapping

    def matches(self, index: int, wanted: object) -> bool:
        """Return whether the value at `index` is what an `exclude` means."""
        own = self.names[index] if self.is_named else self.values[index]
        return own == wanted and isinstance(own, bool) == isinstance(wanted, bool)


def matrix(
    *,
    exclude: Mapping[str, object] | Sequence[Mapping[str, object]] = (),
    where: Callable[[Case], object] | None = None,
    **axes: object,
) -> list[Case]:
    """Return every combination of the axes' values, the last axis changing fastest.

    Args:
        exclude: Combinations to leave out, each a mapping of some axes to a value or a list of them.
        where: Called with each case that is left; those it is true for are kept.
        **axes: Text, numbers, booleans, None, paths, or lists of them. A mapping gives values of any
            kind names of their own: `flags={"debug": ["-O0", "-g"], "release": ["-O2"]}`.

    Raises:
        BadValue: An axis can't be one, two of its values are equal, or `exclude` names what isn't there.
    """
    location = current().location(1)
    try:
        if not axes:
            raise BadValue(
                "matrix() has no axis", hint='give it one: matrix(mode=["debug", "release"])'
            )
        read = [_axis(name, values) for name, values in axes.items()]
        excluded = [
            _exclusion(one, read)
            for one in ((exclude,) if isinstance(exclude, Mapping) else exclude)
        ]
    except StagemakeError as error:
        raise error.at("matrix()", location) from None
    picked = [
        indexes
        for indexes in itertools.product(*(range(len(axis.values)) for axis in read))
        if not any(drops(indexes) for drops in excluded)
    ]
    rows = [tuple(axis.names[at] for axis, at in zip(read, one, strict=True)) for one in picked]
    cases = [
        Case(tuple((axis.name, axis.values[at]) for axis, at in zip(read, one, strict=True)), name)
        for one, name in zip(picked, name_cases([axis.name for axis in read], rows), strict=True)
    ]
    return cases if where is None else [case for case in cases if where(case)]


def _axis(name: str, given: object) -> _Axis:
    if name[0] == "_" or name in _TAKEN:
        raise BadValue(f"`{name}` can't be the name of an axis", hint="a case has that itself")
    if isinstance(given, Mapping):
        values, labels, is_named = tuple(given.values()), tuple(given), True
    elif given is None or isinstance(given, _PLAIN):
        values, labels, is_named = (given,), (given,), False
    elif isinstance(given, Iterable) and not isinstance(given, (bytes, bytearray, set, frozenset)):
        values = tuple(given)
        labels, is_named = values, False
    else:
        raise BadValue(
            f"the axis `{name}` is {shown_value(given)}, not a list",
            hint="a set has no order of its own; sorted(…) makes a list of it"
            if isinstance(given, (set, frozenset))
            else "",
        )
    for label in labels:
        if label is not None and not isinstance(label, _PLAIN):
            raise BadValue(
                f"the axis `{name}` holds {shown_value(label)}",
                hint=f'give it a name: {name}={{"name": …}}; else values are text, numbers, '
                "True, False, None and paths",
            )
    return _Axis(name, values, name_values(name, labels), is_named)


def _exclusion(given: object, axes: Sequence[_Axis]) -> Callable[[tuple[int, ...]], bool]:
    """Return what tells whether a combination, as indexes of values, is one to leave out."""
    if not isinstance(given, Mapping) or not given:
        raise BadValue(
            f"exclude holds {shown_value(given)}, not a mapping of axes to values",
            hint='write exclude=[{"axis": "value"}]',
        )
    by_name = {axis.name: number for number, axis in enumerate(axes)}
    wanted: list[tuple[int, set[int]]] = []
    for name, value in given.items():
        if name not in by_name:
            raise BadValue(
                f"exclude names the axis `{name}`, which the matrix does not have",
                hint=did_you_mean(str(name), by_name),
            )
        axis = axes[by_name[name]]
        found: set[int] = set()
        for one in value if isinstance(value, (list, tuple)) else (value,):
            at = [index for index in range(len(axis.values)) if axis.matches(index, one)]
            if not at:
                raise BadValue(
                    f"exclude names {shown_value(one)}, which the axis `{name}` does not hold",
                    hint=did_you_mean(str(one), axis.names) or "`where=` takes a function instead",
                )
            found.update(at)
        wanted.append((by_name[name], found))
    return lambda indexes: all(indexes[number] in found for number, found in wanted)
