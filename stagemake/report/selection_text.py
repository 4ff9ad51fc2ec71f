"""Which stages a range of commits touches, for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagemake.report.amount import plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.model.selection import Chosen, Selection


def selection_lines(selection: Selection, *, verbose: bool) -> Iterator[str]:
    """Yield a line that says how many stages were selected and why; with `verbose` one for each of them."""
    revision = printable(selection.revision)
    for path in selection.submodules:
        yield f"stagemake: `{printable(path)}` is another repository: all in it counts as changed"
    if not selection.paths:
        yield f"stagemake: nothing differs from {revision}: no stage is affected"
        return
    differing = f"{plural(len(selection.paths), 'file')} that {_verb(selection)} from {revision}"
    wanted = plural(selection.wanted, "stage")
    count = len(selection.stages)
    if selection.everything:
        verb = "counts" if count == 1 else "count"
        yield f"stagemake: {count} of {wanted} {verb} as affected by {differing}:"
        yield f"  {printable(selection.everything)}"
        return
    if not count:
        yield f"stagemake: none of {wanted} is affected by {differing}"
        return
    yield f"stagemake: {count} of {wanted} {'is' if count == 1 else 'are'} affected by {differing}"
    if verbose:
        yield from (f"  {_why(one)}" for one in selection.stages)


def selection_object(selection: Selection | None) -> dict[str, Any] | None:
    """Return the same for JSON; None: nothing was selected by."""
    if selection is None:
        return None
    return {
        "revision": selection.revision,
        "commit": selection.commit,
        "paths": list(selection.paths),
        "submodules": list(selection.submodules),
        "everything": selection.everything or None,
        "wanted": selection.wanted,
        "stages": [
            {"name": one.name, "cause": one.cause.code, "subject": one.subject}
            for one in selection.stages
        ],
    }


def _verb(selection: Selection) -> str:
    return "differs" if len(selection.paths) == 1 else "differ"


def _why(one: Chosen) -> str:
    subject = f" {printable(one.subject)}" if one.subject else ""
    return f"{printable(one.name)} {one.cause.value}{subject}"
