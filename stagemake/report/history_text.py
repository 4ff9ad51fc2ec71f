"""Past builds for people: a list with scores, one build, the difference of two. At most 80 columns."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.past.compare import Change
from stagemake.past.score import by_stage, overall
from stagemake.report.amount import ago, duration, interval, plural, printable
from stagemake.report.reason_words import reason_text
from stagemake.report.style import OUTCOME_COLOURS, Style
from stagemake.report.table import middle, rest, table
from stagemake.report.width import room_for_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagemake.model.repeat import Repeat
    from stagemake.past.build import PastBuild, PastStage
    from stagemake.past.compare import Compared
    from stagemake.past.score import Score

_PLAIN = Style()
_NAME_WIDTH = 30
_SHORT_NAME_WIDTH = 20
_INSIDE = {True: "inside", False: "longer than that", None: ""}
_WORDS = {"cut_off": "unchanged", "cancelled": "not run"}
_SHORT = {True: "yes", False: "no", None: ""}


@frozen
class Page:
    """How much to show, and where it is read."""

    most: int | None  # rows of a list; None: all
    width: int  # columns of the terminal; 0: nothing is cut
    now_s: float  # unix seconds, for what happened today
    style: Style = _PLAIN

    @property
    def name_width(self) -> int:
        """How long a stage's name may be."""
        return room_for_names(self.width, _NAME_WIDTH)

    @property
    def short_name_width(self) -> int:
        """How long it may be beside much else."""
        return room_for_names(self.width, _SHORT_NAME_WIDTH)


def builds_text(
    builds: Sequence[PastBuild], newer: int, page: Page, repeats: Sequence[Repeat] = ()
) -> str:
    """Return the list of builds, newest first, with the scores of their forecasts.

    Args:
        builds: Newest first.
        newer: How many more were noted by a newer version.
        page: See there.
        repeats: What checks of stages have found, by name.
    """
    return "\n".join((*_builds(builds, newer, page), *_repeats(repeats, page))) + "\n"


def _repeats(repeats: Sequence[Repeat], page: Page) -> Iterator[str]:
    found = [one for one in repeats if one.is_unsteady]
    if not found:
        return
    yield ""
    yield "not reproducible: they made something else from the same inputs"
    rows = [("stage", "output", "differed", "last", "found by")]
    for one in found[: page.most]:
        name, output = (
            middle(printable(text), page.short_name_width) for text in (one.stage, one.output)
        )
        often = f"{one.differed} of {one.compared}"
        rows.append((name, output, often, ago(page.now_s - one.differed_s), one.found_by))
    yield from table(rows, width=page.width, style=page.style)
    yield from rest(len(found) - page.most if page.most else 0, "stage", "stagemake history --all")


def _builds(builds: Sequence[PastBuild], newer: int, page: Page) -> Iterator[str]:
    if not builds:
        yield "no builds yet: one that had nothing to do is not listed"
    else:
        shown = builds[: page.most]
        rows = [_HEADING, *(_build_row(build, page.now_s) for build in shown)]
        yield from table(rows, right=range(2, 11), width=page.width, style=page.style)
        yield from rest(len(builds) - len(shown), "build", "stagemake history --all")
    if newer:
        yield f"{plural(newer, 'build')} noted by a newer stagemake: left out"
    score = overall(builds)
    if score.count:
        yield ""
        yield from _scores(score, by_stage(builds), page)


_HEADING = (
    "run", "when", "took", "p50", "p90", "in", "ran", "hits", "same", "bad", "left", "targets",
)  # fmt: skip


def _build_row(build: PastBuild, now_s: float) -> tuple[str, ...]:
    forecast, counts = build.forecast_s, build.counts
    bad = counts.get("failed", 0) + counts.get("blocked", 0)
    return (
        f"{build.number:>3}",
        _when(build.started_s, now_s),
        build.ending.value if build.wall_s is None else _short(build.wall_s),
        "" if forecast is None else _short(forecast.p50),
        "" if forecast is None else _short(forecast.p90),
        _SHORT[build.is_inside],
        str(counts.get("ran", 0)),
        str(counts.get("restored", 0)),
        str(counts.get("fresh", 0) + counts.get("cut_off", 0)),
        str(bad or ""),
        str(counts.get("cancelled") or ""),  # cut short, or not begun
        " ".join(map(printable, build.targets)) or "(default)",
    )


def _short(seconds: float) -> str:
    return duration(seconds).replace(" ", "")


def _what(build: PastBuild) -> str:
    words = ("ran", "restored", "failed", "blocked")
    cut_short = sum(stage.was_interrupted for stage in build.stages)
    counts, not_run = build.counts, build.counts.get("cancelled", 0) - cut_short
    parts = [f"{counts[code]} {code}" for code in words if counts.get(code)]
    for count, word in ((cut_short, "interrupted"), (not_run, "not run")):
        parts += [f"{count} {word}"] if count else []
    return ", ".join(parts) or "nothing ran"


def _when(at_s: float, now_s: float) -> str:
    there, now = time.localtime(at_s), time.localtime(now_s)
    if there[:3] == now[:3]:
        return time.strftime("%H:%M:%S", there)
    return time.strftime("%m-%d %H:%M" if there[0] == now[0] else "%Y-%m-%d", there)


def _scores(score: Score, stages: dict[str, Score], page: Page) -> Iterator[str]:
    yield "forecasts against what came (inside: took no longer than p90):"
    rows = [("", "forecasts", "inside", "median error"), ("builds", *_score_cells(score))]
    worst = sorted(stages, key=lambda name: (-(stages[name].median_error or 0.0), name))
    shown = worst[: page.most]
    rows += [
        (middle(printable(name), page.name_width), *_score_cells(stages[name])) for name in shown
    ]
    yield from table(rows, right=(1, 2, 3), style=page.style)
    yield from rest(len(worst) - len(shown), "stage", "stagemake history --all")


def _score_cells(score: Score) -> tuple[str, str, str]:
    error = "" if score.median_error is None else f"{score.median_error:.0%}"
    return str(score.count), f"{score.inside / score.count:.0%}" if score.count else "", error


def build_text(build: PastBuild, page: Page) -> str:
    """Return one build with its stages: what came of each, and why."""
    return "\n".join(_build(build, page)) + "\n"


def _build(build: PastBuild, page: Page) -> Iterator[str]:
    targets = " ".join(map(printable, build.targets)) or "(default)"
    yield page.style.paint(f"build {build.number}: {targets}", "bold")
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(build.started_s))
    yield f"  began     {at}, {ago(page.now_s - build.started_s)}, with {plural(build.jobs, 'job')}"
    took = "?" if build.wall_s is None else duration(build.wall_s)
    said = (
        "none: a stage had no result here"
        if build.forecast_s is None
        else interval(build.forecast_s)
    )
    yield f"  took      {took}"
    yield f"  forecast  {said}" + (
        f": {_INSIDE[build.is_inside]}" if _INSIDE[build.is_inside] else ""
    )
    unchanged = build.counts.get("fresh", 0) + build.counts.get("cut_off", 0)
    tail = f", {unchanged} unchanged" if unchanged else ""
    yield f"  ended     {build.ending.value}: {_what(build)}{tail}"
    stages = [stage for stage in build.stages if stage.outcome != "cut_off"]
    if not stages:
        return
    yield ""
    shown = stages[: page.most]
    rows = [
        ("outcome", "stage", "took", "expected", "why"),
        *(_stage_row(stage, page) for stage in shown),
    ]
    yield from table(
        rows, right=(2, 3), width=page.width, style=page.style, colours=OUTCOME_COLOURS
    )
    yield from rest(len(stages) - len(shown), "stage", f"stagemake history --all {build.number}")
    for stage in shown:
        if stage.diverged is not None:
            output, how = printable(stage.diverged.output), printable(stage.diverged.how)
            name = printable(stage.name)
            yield f"not reproducible: `{name}`: same inputs, another `{output}` ({how})"


def _stage_row(stage: PastStage, page: Page) -> tuple[str, ...]:
    return (
        _WORDS.get(stage.word, stage.word),
        middle(printable(stage.name), page.name_width),
        "" if stage.wall_s is None else duration(stage.wall_s),
        "" if stage.expected_s is None else duration(stage.expected_s.p50),
        _why(stage),
    )


def _why(stage: PastStage) -> str:
    if stage.outcome == "blocked":
        return f"needs {printable(stage.subject)}"
    return reason_text(stage.reason, stage.subject) if stage.reason else ""


def comparison_text(
    before: PastBuild, after: PastBuild, found: Sequence[Compared], page: Page
) -> str:
    """Return what differs between two builds, stage by stage."""
    return "\n".join(_comparison(before, after, found, page)) + "\n"


def _comparison(
    before: PastBuild, after: PastBuild, found: Sequence[Compared], page: Page
) -> Iterator[str]:
    for build in (before, after):
        took = "?" if build.wall_s is None else duration(build.wall_s)
        targets = middle(" ".join(map(printable, build.targets)) or "(default)", 24)
        yield f"build {build.number}: {targets}: {_what(build)} in {took}"
    yield ""
    if not found:
        yield "no stage differs"
        return
    shown = found[: page.most]
    heading = ("what", "stage", f"build {before.number}", f"build {after.number}", "reason")
    rows = [heading, *(_row(one, page) for one in shown)]
    yield from table(rows, width=page.width, style=page.style)
    tail = f"stagemake history --all {before.number} {after.number}"
    yield from rest(len(found) - len(shown), "stage", tail)


def _row(one: Compared, page: Page) -> tuple[str, ...]:
    was, now = one.before, one.after
    reason = ""
    if Change.REASON in one.changes and was is not None and now is not None:
        reason = f"{_why(now)} (was: {_why(was)})"
    return (
        "+".join(change.value for change in one.changes),
        middle(printable(one.name), page.short_name_width),
        "" if Change.ADDED in one.changes else _cell(was),
        "" if Change.REMOVED in one.changes else _cell(now),
        reason,
    )


def _cell(stage: PastStage | None) -> str:
    if stage is None:
        return "fresh"
    ended = _WORDS.get(stage.word, stage.word)
    return ended if stage.wall_s is None else f"{ended} {duration(stage.wall_s)}"
