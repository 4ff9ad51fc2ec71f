"""Stages that run until somebody ends them: no part of a pipeline, but a reason to build what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.error import BadValue, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.resolve.edges import EdgeTable


def service_ids(table: EdgeTable) -> tuple[int, ...]:
    """Return the ids of all services, ascending.

    Raises:
        BadValue: A stage waits for one.
    """
    found = tuple([i for i, stage in enumerate(table.stages) if stage.service])
    if found:
        services = frozenset(found)
        for waiting, upstream in enumerate(table.upstream):
            if not services.isdisjoint(upstream):
                service = table.stages[min(services.intersection(upstream))]
                raise BadValue(
                    f"`{table.stages[waiting].name}` waits for the service `{service.name}`, which does not end",
                    facts=[
                        ("service", str(service.location or "by a program")),
                        ("waiting", str(table.stages[waiting].location or "by a program")),
                    ],
                    hint="have it wait for what the service waits for",
                )
    return found


def without_services(
    table: EdgeTable, wanted: Sequence[int], services: frozenset[int]
) -> list[int]:
    """Return the wanted stages with those that services need in their place, each once."""
    found: dict[int, None] = {}
    for stage_id in wanted:
        found.update(
            dict.fromkeys(table.upstream[stage_id] if stage_id in services else [stage_id])
        )
    return list(found)


def refuse_services(table: EdgeTable, targets: Sequence[str]) -> None:
    """Refuse targets that are services by name, for whoever does not run them.

    Raises:
        UsageError: One is.
    """
    for target in targets:
        stage_id = table.id_by_name.get(target)
        if stage_id is not None and table.stages[stage_id].service:
            raise UsageError(
                f"`{target}` is a service: it runs until it is ended, so it is no part of a build",
                hint=f"`stagemake watch {target}` builds what it needs and runs it",
            )
