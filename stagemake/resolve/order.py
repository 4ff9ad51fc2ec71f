"""In which order do stages run so that each comes after what it waits for?

Depth first, because then a stage follows right after what it needs: a build's listing reads as the author
thinks, and files are read while they are still warm. Kahn's algorithm would run all first stages first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.resolve.cycle import Cycle, find_cycle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NEW, _OPEN, _DONE = 0, 1, 2


def order(
    upstream: Sequence[Sequence[int]], roots: Iterable[int] | None = None
) -> tuple[int, ...] | Cycle:
    """Return ids so that each comes after everything it waits for, or the cycle in the way.

    Args:
        upstream: Ordering edges; `upstream[i]` are the ids that `i` waits for.
        roots: What to reach, sooner ones first where edges allow; None: every id, ascending.

    Returns:
        The roots and whatever is upstream of them, each once. The same `upstream` and `roots` give the
        same answer.

    Cost: O(stages + edges), several times as much with a cycle.
    """
    states = bytearray(len(upstream))
    ordered: list[int] = []
    for root in range(len(upstream)) if roots is None else roots:
        if states[root]:
            continue
        states[root] = _OPEN
        path = [root]
        waiting = [iter(upstream[root])]
        while path:
            for stage_id in waiting[-1]:
                state = states[stage_id]
                if state == _NEW:
                    states[stage_id] = _OPEN
                    path.append(stage_id)
                    waiting.append(iter(upstream[stage_id]))
                    break
                if state == _OPEN:
                    return find_cycle(upstream)
            else:
                waiting.pop()
                stage_id = path.pop()
                states[stage_id] = _DONE
                ordered.append(stage_id)
    return tuple(ordered)
