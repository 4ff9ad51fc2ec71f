"""Why a stage would run, or ran, for people: every difference, old and new."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from stagemake.model.plan import Reason, Verdict
from stagemake.model.result import INTERRUPTED
from stagemake.report.amount import ago, joined, plural, printable
from stagemake.report.change_text import changes_text
from stagemake.report.reason_words import reason_text
from stagemake.report.style import OUTCOME_COLOURS, VERDICT_COLOURS, Style
from stagemake.report.table import rest
from stagemake.report.width import columns_of, folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stagemake.model.difference import Difference
    from stagemake.model.explanation import Explanation, LastTime, Nearest
    from stagemake.past.build import PastBuild

VERDICTS = {
    Verdict.FRESH: "is fresh: nothing it depends on has changed",
    Verdict.HIT: "would be restored from the cache",
    Verdict.MISS: "would run",
    Verdict.MAYBE: "may run: that depends on what comes out upstream",
}
_WAITING = {
    Verdict.MISS: "would run",
    Verdict.MAYBE: "may run",
    Verdict.HIT: "would be restored",
}
OUTCOMES = {
    "ran": "ran",
    "restored": "was restored from the cache",
    "failed": "failed",
    "blocked": "was blocked",
    "cancelled": "was not run",
    INTERRUPTED: "was interrupted",
}
_KINDS = {
    "env": "variable",
    "config": "configuration",
    "param": "parameter",
    "program": "program",
    "value": "shared value",
    "code": "function",
}
_PLAIN = Style()
_CAN_NOT = "can't run"
_MISSED = {Reason.INPUT_MISSING.code, Reason.INPUT_UNREADABLE.code}
_MOST_PATHS = 3
_DIFF_LINES = 40
_SHORT_DIFF_LINES = 8
_WIDTH = 80


def ended_text(outcome: str, problem: str) -> str:
    """Return how a stage ended, as a verb: `was interrupted`."""
    is_cut_short = outcome == "cancelled" and problem == INTERRUPTED
    return OUTCOMES.get(INTERRUPTED if is_cut_short else outcome, outcome)


def why_text(
    explanation: Explanation, now_s: float, columns: int = 0, style: Style = _PLAIN
) -> str:
    """Return the explanation as text that ends with a newline.

    Args:
        explanation: Of one stage.
        now_s: Unix seconds.
        columns: Of the terminal, for sentences; 0: no line is broken.
        style: Colours of the verdict and of lines that changed.
    """
    return "\n".join(_lines(explanation, now_s, columns, style)) + "\n"


def _lines(explanation: Explanation, now_s: float, columns: int, style: Style) -> Iterator[str]:
    step = explanation.step
    name = printable(explanation.stage.name)
    text, colour = VERDICTS[step.verdict], VERDICT_COLOURS[step.verdict.value]
    if step.reason is Reason.RESUMED:
        text = f"is fresh: {step.reason.value}"
    elif explanation.missing or step.reason is Reason.INPUT_UNREADABLE:
        text, colour = _CAN_NOT, "red"
    yield f"`{name}` {style.paint(text, colour)}"
    if step.verdict is not Verdict.FRESH:
        said = reason_text(step.reason.code, step.subject)
        yield f"  because: {said}"
        changes = explanation.changes
        yield from changes_text(changes, most_lines=_DIFF_LINES, said=said, style=style)
        yield from _missing(explanation, columns)
    if explanation.last_time is not None:
        is_all = step.verdict is Verdict.FRESH
        yield from _last_time(explanation.last_time, now_s, columns, style, is_all=is_all)
    if explanation.nearest is not None:
        yield from _nearest(explanation.nearest, now_s, columns)
    for text in explanation.fallbacks:
        yield style.paint(folded("  note: ", printable(text), columns), "yellow")
    if explanation.counts:
        counted = ", ".join(map(printable, explanation.counts))
        yield folded("  its key counts ", counted, columns)
    if explanation.last_run:
        yield f"  last result: {explanation.last_run}"


def _missing(explanation: Explanation, columns: int) -> Iterator[str]:
    """Yield inputs that nobody makes, but for what is named already, and what to do about it."""
    if not explanation.missing:
        return
    differences = [change.difference for change in explanation.changes]
    named = {one.subject for one in differences if one.reason is Reason.INPUT_MISSING}
    named.add(explanation.step.subject)
    more = [path for path, _ in explanation.missing if path not in named]
    for path in more[:_MOST_PATHS]:
        yield f"  also: {reason_text(Reason.INPUT_MISSING.code, path)}"
    if len(more) > _MOST_PATHS:
        yield f"  also: {plural(len(more) - _MOST_PATHS, 'more input')} missing"
    yield folded("  hint: ", printable(explanation.missing[0][1]), columns)


def _nearest(nearest: Nearest, now_s: float, columns: int) -> Iterator[str]:
    """Yield how the nearest result differs: `1 of 214 inputs differs from the result of 2 days ago: src/a.h`."""
    yield "  nearest in the cache:"
    parts = []
    count = len(nearest.inputs)
    if count:
        verb = "differs" if count == 1 else "differ"
        paths = ", ".join(map(printable, nearest.inputs[:_MOST_PATHS]))
        more = f" and {count - _MOST_PATHS} more" if count > _MOST_PATHS else ""
        parts.append(
            (f"{count} of {plural(nearest.input_count, 'input')}", verb, f": {paths}{more}")
        )
    for kind, name in nearest.others:
        shown = f" {printable(name)}" if name else ""
        parts.append((f"the {_KINDS.get(kind, kind)}{shown}", "differs", ""))
    (what, verb, tail), *others = parts
    text = f"{what} {verb} from the result of {ago(now_s - nearest.created_s)}{tail}"
    yield folded("      ", text, columns, indent=8)
    yield from (f"      also {what}{tail}" for what, _, tail in others[:_MOST_PATHS])
    if len(others) > _MOST_PATHS:
        yield f"      and {plural(len(others) - _MOST_PATHS, 'more difference')}"


def _last_time(
    last: LastTime, now_s: float, columns: int, style: Style, *, is_all: bool
) -> Iterator[str]:
    ended = ended_text(last.outcome, last.problem)
    how = f": {printable(last.problem)}" if last.outcome == "failed" and last.problem else ""
    head = f"  it {ended} {ago(now_s - last.started_s)}, in build {last.build}"
    yield folded(head, how, columns)
    if not is_all:
        return
    said = reason_text(last.reason, last.subject)
    yield f"  because: {said}"
    yield from changes_text(last.changes, most_lines=_DIFF_LINES, said=said, style=style)
    yield from _diverged(last)


def _diverged(last: LastTime) -> Iterator[str]:
    if last.diverged is not None:
        output, how = printable(last.diverged.output), printable(last.diverged.how)
        yield f"  not reproducible: same inputs, another `{output}` ({how})"


def last_build_text(
    build: PastBuild,
    groups: Sequence[tuple[Sequence[str], LastTime]],
    left_out: int,
    now_s: float,
    *,
    most_names: int | None = None,
    style: Style = _PLAIN,
) -> str:
    """Return why each stage of a past build was done, in the order they settled.

    Args:
        build: The build.
        groups: Of those that were not fresh, the names of those that ended alike for the same cause; at least one.
        left_out: How many more stages there were.
        now_s: Unix seconds.
        most_names: So many of a group are named; None: all.
        style: Colours of how stages ended and of lines that changed.
    """
    is_cut = False
    told: set[Difference] = set()
    head = f"build {build.number}, {ago(now_s - build.started_s)}: {build.ending.value}"
    lines = [style.paint(head, "bold")]
    for names, last in groups:
        shown = names if most_names is None or len(names) <= most_names else names[: most_names - 1]
        is_cut = is_cut or len(shown) < len(names)
        lines += ["", *_heading(shown, len(names) - len(shown), last, style)]
        if last.outcome == "blocked":
            lines.append(f"  because: `{printable(last.subject)}` failed")
            continue
        if last.outcome == "failed" and last.problem:
            lines.append(f"  with: {printable(last.problem)}")
            if last.reason in _MISSED and f"`{printable(last.subject)}`" in last.problem:
                continue  # it never began, and that says why
        said = reason_text(last.reason, last.subject)
        ran = "ran " if last.outcome == "failed" else ""  # that is not why it failed
        lines += [f"  {ran}because: {said}"] if said else []
        lines += changes_text(
            last.changes, most_lines=_SHORT_DIFF_LINES, said=said, above=told, style=style
        )
        lines += _diverged(last)
    more = list(rest(left_out, "stage", "stagemake why --all"))
    if is_cut and not more:
        more = ["all names: stagemake why --all"]
    return "\n".join([*lines, *([""] if more else []), *more]) + "\n"


def waiting_text(verdicts: Iterable[Verdict], stuck: int) -> str:
    """Return in one line what a build would do by now, with the command that says more; empty for nothing.

    Args:
        verdicts: Of stages that can run.
        stuck: How many can't.
    """
    counts = Counter(verdicts)
    parts = [
        f"{plural(counts[verdict], 'stage')} {words}"
        for verdict, words in _WAITING.items()
        if counts[verdict]
    ]
    if stuck:
        parts.append(f"{plural(stuck, 'stage')} {_CAN_NOT}")
    return f"by now {joined(parts)}: stagemake -n" if parts else ""


def _heading(names: Sequence[str], left_out: int, last: LastTime, style: Style) -> list[str]:
    """Return how some stages ended, in lines that break between names."""
    quoted = [f"`{printable(name)}`" for name in names]
    if left_out:
        quoted.append(f"{left_out} more")
    ended = ended_text(last.outcome, last.problem)
    if len(quoted) > 1:
        ended = ended.replace("was ", "were ")
        quoted = [*(f"{one}," for one in quoted[:-2]), f"{quoted[-2]} and", quoted[-1]]
    lines = [""]
    for word in (*quoted, ended):
        line = f"{lines[-1]} {word}".lstrip()
        if columns_of(line) > _WIDTH and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = line
    colour = OUTCOME_COLOURS.get(last.outcome, "dim")  # painted last: it takes no columns
    lines[-1] = lines[-1].removesuffix(ended) + style.paint(ended, colour)
    return lines
