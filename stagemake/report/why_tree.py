"""From a stage upstream to the edits that it needs work for, as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from stagemake.report.amount import plural, printable
from stagemake.report.reason_words import reason_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stagemake.model.explanation import Cause
    from stagemake.report.listing_tree import Twigs

_MOST_LEVELS = 12
_MOST_LINES = 100


@frozen
class _Item:
    """One line to come: a stage or, without one, what a stage needs work for."""

    stage_id: int | None
    text: str
    prefix: str
    twig: str
    level: int


@frozen
class CauseTree:
    """Draws the tree. `describe` says what happens to a stage, `causes_of` why."""

    describe: Callable[[int], str]
    causes_of: Callable[[int], Sequence[Cause]]
    name_of: Callable[[int], str]
    twigs: Twigs
    most_lines: int | None = _MOST_LINES  # None: all
    _done: set[int] = field(factory=set)

    def text(self, roots: Sequence[int]) -> str:
        """Return a tree for each root, each stage taken apart once; ends with a newline.

        `(*)` behind a stage says that its causes are shown above, `(below)` that asking for it
        shows them.
        """
        lines: list[str] = []
        stack = [_Item(root, "", "", "", 0) for root in reversed(roots)]
        while stack:
            item = stack.pop()
            lines.append(self._line(item))
            stack.extend(reversed(self._children(item)))
        shown = lines[: self.most_lines]
        if len(shown) < len(lines):
            shown.append(
                f"and {plural(len(lines) - len(shown), 'more line')}: stagemake why --tree --all"
            )
        return "\n".join(shown) + "\n"

    def _line(self, item: _Item) -> str:
        if item.stage_id is None:
            return f"{item.prefix}{item.twig}{item.text}"
        mark = ""
        if item.stage_id in self._done:
            mark = " (*)"
        elif item.level == _MOST_LEVELS:
            mark = f" (below: stagemake why --tree {printable(self.name_of(item.stage_id))})"
        via = f"  ({item.text})" if item.text else ""
        name = printable(self.name_of(item.stage_id))
        return f"{item.prefix}{item.twig}{name} {self.describe(item.stage_id)}{via}{mark}"

    def _children(self, item: _Item) -> list[_Item]:
        if item.stage_id is None or item.stage_id in self._done or item.level == _MOST_LEVELS:
            return []
        self._done.add(item.stage_id)
        causes = self.causes_of(item.stage_id)
        found: dict[object, tuple[int | None, str]] = {}
        for cause in causes:
            text = reason_text(cause.difference.reason.code, cause.difference.subject)
            if cause.producer is None or cause.producer == item.stage_id:
                found[text] = None, text
            else:
                found.setdefault(
                    cause.producer, (cause.producer, printable(cause.difference.subject))
                )
        under = {self.twigs.fork: self.twigs.beside, self.twigs.last: self.twigs.below}
        prefix = item.prefix + under.get(item.twig, "")
        rows = list(found.values())
        return [
            _Item(
                stage_id,
                text,
                prefix,
                self.twigs.last if at == len(rows) - 1 else self.twigs.fork,
                item.level + 1,
            )
            for at, (stage_id, text) in enumerate(rows)
        ]
