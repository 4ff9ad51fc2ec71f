"""What a build says of stages that made something else from the same than they had before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.report.amount import plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stagemake.model.result import StageResult

_MOST_SHOWN = 5


def divergence_lines(results: Iterable[StageResult]) -> Iterator[str]:
    """Yield the lines for a whole build, none where there is nothing to say."""
    found = [(one.name, one.divergence) for one in results if one.divergence is not None]
    for name, divergence in found[:_MOST_SHOWN]:
        more = f", and {divergence.count - 1} more" if divergence.count > 1 else ""
        yield (
            f"stagemake: `{printable(name)}` is not reproducible: same inputs, another"
            f" `{printable(divergence.output)}`{more}"
        )
        yield f"  {printable(divergence.how)}"
    if len(found) > _MOST_SHOWN:
        yield f"  and {plural(len(found) - _MOST_SHOWN, 'more stage')}: stagemake doctor names them"
    if found:
        yield f"  see where: stagemake verify {printable(found[0][0])}"
