"""Results as JSON: every sample of every row, and what machine and tools they were taken on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen
from bars import Figure
from campaign import Row
from documents import read_document, write_document
from measure import Measurement
from scenarios import Sample, Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

    from machine import Facts

SCHEMA = 1


@frozen
class Results:
    """All that one run of the harness found out."""

    subject: str  # the tool that every pair starts with; stagemake but for a trial of the harness
    machine: Facts
    versions: Mapping[str, str]  # by the tool's name
    settings: Mapping[str, Any]  # Any: the command line's options, as JSON can hold them
    rows: tuple[Row, ...]  # in the order measured
    rss_floor_kib: int
    figures: tuple[Figure, ...] = ()  # in the order measured


def save(results: Results, path: str) -> None:
    """Write the results to `path`, whole or not at all."""
    write_document(path, SCHEMA, asdict(results, value_serializer=_plain))


def load(path: str) -> Results:
    """Read what `save` wrote.

    Raises:
        ValueError: The file is of another schema.
    """
    document = read_document(path, SCHEMA)
    rows = tuple(_row(row) for row in document.pop("rows"))
    figures = tuple(_figure(figure) for figure in document.pop("figures", ()))
    return Results(rows=rows, figures=figures, **document)


# Any: JSON's own shapes, here and below.
def _row(document: dict[str, Any]) -> Row:
    pairs = tuple((_sample(one), _sample(other)) for one, other in document.pop("pairs"))
    scenario = Scenario(document.pop("scenario"))
    return Row(scenario=scenario, pairs=pairs, **document)


def _figure(document: dict[str, Any]) -> Figure:
    return Figure(samples=tuple(document.pop("samples")), **document)


def _sample(document: dict[str, Any]) -> Sample:
    return Sample(Measurement(**document["cost"]), document["written"])


def _plain(_owner: object, _attribute: object, value: Any) -> Any:
    return value.value if isinstance(value, Scenario) else value
