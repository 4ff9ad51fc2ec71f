#!/usr/bin/env python3
"""Hold forecasts against builds: real and realistic projects, varied edits, several `-j`; tables beside the noise."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from archive import archive
from attrs import asdict, evolve, field, frozen
from calibration import LONG_S, Trial, middle, score
from documents import read_document, write_document
from edited import PROJECTS
from machine import describe_machine
from measure import RunFailedError
from mix import Size, mix
from peers import make_subject, stagemake_command
from survey import survey
from trials import Place, series

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from calibration import Error, Share
    from edited import Project
    from machine import Facts

SCHEMA = 1
LIMIT_S = 600.0
NAMES = (*PROJECTS, "mix")
HELD_OUT = {"survey": survey, "archive": archive}
"""Makers of projects that are built only when named; no constant was chosen by them."""
HEADER = (
    "builds", "verdict errors", "runs out of range", "below p50", "below p90",
    f"error of p50, above {LONG_S:g} s", "error of p50, all", "error of bytes",
)  # fmt: skip


@frozen
class Findings:
    """All trials of one run of this script, and what they were taken on."""

    machine: Facts
    settings: dict[str, Any]  # Any: the command line's options, as JSON can hold them
    trials: tuple[Trial, ...] = ()
    problems: tuple[str, ...] = field(default=())  # projects that could not be measured to the end


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", help="JSON file for all trials")
    parser.add_argument("--report", metavar="FILE", help="only print the tables of an earlier run")
    parser.add_argument("--projects", type=_names, default=",".join(NAMES))
    parser.add_argument("--edits", type=int, default=20, metavar="N", help="of each project")
    parser.add_argument("--jobs", type=_numbers, default="1,2,4")
    parser.add_argument("--repeats", type=int, default=2, help="trees that each build is done in")
    parser.add_argument("--quick", action="store_true",
                        help="6 edits, 2 repeats, -j 2, a mix of 60 stages: a look, no figures")  # fmt: skip
    parser.add_argument("--stages", type=int, default=500, help="of the mix")
    parser.add_argument("--stagemake", help="how to start it, like `python -m stagemake`")
    parser.add_argument("--work", help="directory for the trees; default: a new temporary one")
    return parser


def _names(text: str) -> tuple[str, ...]:
    given = tuple(text.split(","))
    known = (*NAMES, *HELD_OUT)
    strange = [name for name in given if name not in known]
    if strange:
        raise argparse.ArgumentTypeError(f"{strange[0]!r} is not one of {', '.join(known)}")
    return given


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def run(options: argparse.Namespace) -> Findings:
    """Build everything, saving after every build, and return all trials."""
    command = stagemake_command(options.stagemake)
    if shutil.which(command[0]) is None:
        raise SystemExit(f"forecast: no {command[0]} here; install it or give --stagemake")
    with tempfile.TemporaryDirectory(prefix="stagemake-forecast-") as temporary:
        work = os.path.abspath(options.work or temporary)
        os.makedirs(work, exist_ok=True)
        findings = Findings(
            {**describe_machine(work), "started": time.strftime("%Y-%m-%d %H:%M")},
            dict(vars(options)),
        )
        began_s = time.monotonic()
        for name in options.projects:
            try:
                for trial in _trials(options, name, command, work):
                    print(one_line(trial), file=sys.stderr, flush=True)
                    findings = _with(findings, trial, time.monotonic() - began_s)
                    if options.output:
                        save(findings, options.output)
            except (RunFailedError, OSError, ValueError) as error:
                print(f"forecast: {name}: {error}", file=sys.stderr, flush=True)
                findings = evolve(findings, problems=(*findings.problems, f"{name}: {error}"))
        return findings


def _trials(
    options: argparse.Namespace, name: str, command: tuple[str, ...], work: str
) -> Iterator[Trial]:
    project = _project(options, name, work)
    edits = [project.edits[index % len(project.edits)] for index in range(options.edits)]
    for jobs in options.jobs:
        tool = make_subject(command, jobs)
        places = [
            Place(tool, os.path.join(work, f"{name}-j{jobs}-{repeat}"), LIMIT_S)
            for repeat in range(options.repeats)
        ]
        yield from series(project, edits, places, jobs)
        for place in places:
            shutil.rmtree(place.root)


def _project(options: argparse.Namespace, name: str, work: str) -> Project:
    if name in HELD_OUT:
        return HELD_OUT[name]()
    return mix(Size(options.stages)) if name == "mix" else PROJECTS[name](work)


def _with(findings: Findings, trial: Trial, lasted_s: float) -> Findings:
    machine = {
        **findings.machine,
        "load_1min_at_end": round(os.getloadavg()[0], 2),
        "lasted_s": round(lasted_s),
    }
    return evolve(findings, machine=machine, trials=(*findings.trials, trial))


def save(findings: Findings, path: str) -> None:
    """Write all to `path`, whole or not at all."""
    write_document(path, SCHEMA, asdict(findings))


def load(path: str) -> Findings:
    """Read what `save` wrote.

    Raises:
        ValueError: The file is of another schema.
    """
    document = read_document(path, SCHEMA)
    trials = tuple(
        Trial(**{**row, "verdict_errors": tuple(row["verdict_errors"])})
        for row in document.pop("trials")
    )
    problems = tuple(document.pop("problems"))
    return Findings(trials=trials, problems=problems, **document)


# -- As text. --------------------------------------------------------------------------------------


def one_line(trial: Trial) -> str:
    """Return a trial in a few words, for the progress on a terminal."""
    said = "?" if trial.p50_s is None else f"{trial.p50_s:.2f} ({trial.p90_s:.2f})"
    wrong = f"  ! {trial.verdict_errors[0]}" if trial.verdict_errors else ""
    return (
        f"{trial.project:8}-j{trial.jobs} {trial.number:3}.{trial.repeat} {trial.edit[:34]:34}"
        f" said {said:>13}, took {trial.took_s:5.2f} s, {trial.runs} ran{wrong}"
    )


def report(findings: Findings) -> str:
    """Return everything as markdown: machine, how each was done, the table, what went wrong."""
    trials = findings.trials
    parts = ["\n".join(f"- {name}: {value}" for name, value in findings.machine.items())]
    parts.append(_table(trials))
    outside = middle([trial.process_s - trial.took_s for trial in trials])
    if outside is not None:
        parts.append(
            f"Beside the time that a build says, a process took {outside:.2f} s (a median)."
        )
    wrong = [
        f"{one.project} -j{one.jobs}, build {one.number}.{one.repeat} ({one.edit}): {error}"
        for one in trials
        for error in one.verdict_errors
    ]
    wrong += [f"not measured to the end: {problem}" for problem in findings.problems]
    if wrong:
        parts.append("\n".join(f"- {line}" for line in wrong))
    return "\n\n".join(parts) + "\n"


def _table(trials: Sequence[Trial]) -> str:
    rows = []
    projects = list(dict.fromkeys(trial.project for trial in trials))
    jobs = sorted({trial.jobs for trial in trials})
    for project in projects:
        mine = [trial for trial in trials if trial.project == project]
        rows += [(f"{project} -j{n}", [one for one in mine if one.jobs == n]) for n in jobs]
        rows.append((project, mine))
    rows += [(f"-j{n}", [one for one in trials if one.jobs == n]) for n in jobs]
    rows.append(("all", list(trials)))
    lines = [("", *HEADER), ("---",) * (len(HEADER) + 1)]
    lines += [(name, *_cells(part)) for name, part in rows if part]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(trials: Sequence[Trial]) -> tuple[str, ...]:
    found = score(trials)
    return (
        str(found.trials),
        str(found.verdict_errors),
        str(found.out_of_range),
        _share(found.below_p50),
        _share(found.below_p90),
        _error(found.long_error),
        _error(found.error),
        _error(found.disk_error),
    )


def _share(share: Share) -> str:
    if not share.total:
        return "-"
    return f"{share.count / share.total:.0%} ({share.low:.0%}-{share.high:.0%})"


def _error(error: Error) -> str:
    if error.median is None:
        return "-"
    floor = "-" if error.floor is None else f"{error.floor:.1%}"
    return f"{error.median:.1%} ({floor}) of {error.total}"


def main() -> int:
    """Run the command line; the exit status is 1 if a verdict was wrong or a build failed."""
    options = make_parser().parse_args()
    if options.quick:
        options.edits, options.repeats, options.jobs = 6, 2, (2,)
        options.stages = min(options.stages, 60)
    findings = load(options.report) if options.report else run(options)
    print(report(findings))
    is_wrong = any(trial.verdict_errors or not trial.is_in_range for trial in findings.trials)
    return 1 if is_wrong or findings.problems else 0


if __name__ == "__main__":
    sys.exit(main())
