"""`stagemake bench`: how fast stages are taken through here, cold, warm and with nothing to do."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from stagemake import durable
from stagemake.cli.building_options import jobs_option
from stagemake.cli.project_options import color_option, project_options
from stagemake.cli.raw_output import print_known
from stagemake.cli.signals import Ended, handled
from stagemake.model.error import StagemakeError, UsageError
from stagemake.report.amount import printable
from stagemake.report.bench_text import bench_text, verdict_text
from stagemake.report.json_form import dumps
from stagemake.report.style import style_for
from stagemake.throughput.baseline import bench_object, read_baseline
from stagemake.throughput.figures import Bench, Figures, Scenario
from stagemake.throughput.machine import describe
from stagemake.throughput.rounds import Request, Rounds
from stagemake.throughput.scratch import Scratch
from stagemake.throughput.spread import Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from stagemake.cli.place import Place
    from stagemake.manager import StageManager
    from stagemake.model.pipeline import Pipeline
    from stagemake.throughput.baseline import Baseline
    from stagemake.throughput.spread import Verdict

_USUAL_PLACE = "/tmp"  # noqa: S108 - a directory of our own with a random name is made in it


@click.command("bench")
@click.argument("targets", nargs=-1)
@jobs_option
@click.option("-r", "--repeat", type=click.IntRange(min=1), default=5, metavar="N",
              help="Build N times cold and N times warm (default: 5).")  # fmt: skip
@click.option("--baseline", "baseline_file", metavar="FILE",
              help="Compare with the figures in FILE; write them there if it is not there yet.")  # fmt: skip
@click.option("-o", "--output", metavar="FILE", help="Write the figures to FILE, for --baseline.")
@click.option("--tolerance", type=click.FloatRange(min=0), default=5.0, metavar="PERCENT",
              help="Exit with 1 only if slower by more than this (default: 5).")  # fmt: skip
@click.option("--work", metavar="DIR", default=None,
              help="Put the copy into DIR (default: the temporary directory).")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@color_option
@project_options
def command(  # noqa: PLR0917 - click passes keywords
    place: Place, targets: tuple[str, ...], jobs: int | None, repeat: int, baseline_file: str | None,
    output: str | None, tolerance: float, work: str | None, color: str, *, as_json: bool,
) -> int:  # fmt: skip
    """Measure how fast TARGETS are built: cold, from the cache, and with nothing to do.

    Builds a copy of the project with a cache of its own: outputs, state, history and cache of the project
    stay as they are. The stages do run, several times: what they do elsewhere, as sending something
    somewhere, they do each time. Exits with 1 when slower than the baseline by more than the noise.
    """
    baseline = None if baseline_file is None else read_baseline(baseline_file)
    manager = place.manager(jobs=jobs or 0)
    pipeline = manager.project.pipeline(targets, place.cwd(manager.root))
    if not pipeline.stages:
        raise UsageError("there is no stage to measure")
    _refuse_outputs_elsewhere(manager.root, pipeline)
    bench = _measured(
        place,
        manager,
        pipeline,
        targets,
        jobs,
        repeat,
        work or os.environ.get("TMPDIR") or _USUAL_PLACE,
    )
    verdicts: Mapping[Scenario, Verdict] = {}
    if baseline is not None:
        baseline.check(bench)
        verdicts = baseline.verdicts(bench)
    text = dumps(bench_object(bench, baseline, verdicts))
    for path in {output, baseline_file if baseline is None else None} - {None}:
        assert path is not None, "taken out"
        _write(path, text)
    if as_json:
        print_known(text)
    else:
        print_known(bench_text(bench))
        _compare(baseline, bench, verdicts, tolerance / 100, color)
    if baseline_file is not None and baseline is None:
        click.echo(f"stagemake: `{printable(baseline_file)}` was not there; it holds these figures now", err=True)  # fmt: skip
    return int(
        any(
            each.word is Word.SLOWER and each.change > tolerance / 100 for each in verdicts.values()
        )
    )


def _measured(  # noqa: PLR0917 - what the command line says
    place: Place, manager: StageManager, pipeline: Pipeline, targets: tuple[str, ...],
    jobs: int | None, repeat: int, work: str,
) -> Bench:  # fmt: skip
    if not os.path.isdir(work):
        raise UsageError(f"there is no directory `{work}`")
    outputs = {path.rstrip("/") for stage in manager.get_stages() for path in stage.outputs}
    with _ending_in_order():
        scratch = Scratch.below(work, manager.root, frozenset(outputs), [manager.cache_directory])
        try:
            rounds = Rounds(
                scratch,
                _request(place, manager, targets, jobs),
                [stage.name for stage in pipeline.stages],
                lambda text: click.echo(f"stagemake: {text}", err=True),
            )
            rounds.take(repeat)
        finally:
            scratch.close()
    count = len(pipeline.stages)
    return Bench(
        jobs=jobs or manager.settings.jobs or os.cpu_count() or 1,
        targets=targets,
        stages=count,
        rounds=repeat,
        machine=describe(),
        input_bytes=rounds.input_bytes,
        output_bytes=rounds.output_bytes,
        figures=tuple(Figures(each, tuple(rounds.samples[each]), count) for each in Scenario),
        notes=tuple(_notes(rounds, count)),
    )


def _request(
    place: Place, manager: StageManager, targets: tuple[str, ...], jobs: int | None
) -> Request:
    name = os.path.basename(place.path())
    words = [] if jobs is None else [f"-j{jobs}"]
    if place.stagefile:
        words += ["-f", os.path.relpath(name, place.cwd(manager.root) or ".")]
    for value in place.values:
        words += ["-D", value]
    once_more = ("--cache-store", "disk") if manager.settings.cache_store else ()
    return Request(
        words=(*words, *targets),
        once_more=once_more,
        stagefile=name,
        cwd=place.cwd(manager.root),
        environ=dict(os.environ),
    )


def _refuse_outputs_elsewhere(root: str, pipeline: Pipeline) -> None:
    """Refuse outputs behind links that lead out of the project: building the copy would write them."""
    for stage in pipeline.stages:
        for output in stage.outputs:
            parent = os.path.realpath(f"{root}/{os.path.dirname(output.rstrip('/'))}")
            if parent != root and not parent.startswith(f"{root}/"):
                raise StagemakeError(
                    f"the output `{output}` of `{stage.name}` lies outside of the project",
                    facts=[("where", f"`{parent}`")],
                    hint="a build of the copy would write it; measure other targets",
                )


def _notes(rounds: Rounds, count: int) -> Iterator[str]:
    scratch = rounds.scratch
    warm = rounds.samples[Scenario.WARM][-1]
    if warm.ran:
        yield f"warm: {warm.ran} of {count} stages ran, as the cache does not have them"
    if not rounds.has_nothing_to_do:
        yield "no-op: there was something to do, as for stages that run each time"
    if os.stat(os.path.dirname(scratch.directory)).st_dev != os.stat(scratch.root).st_dev:
        yield "the copy was on another file system than the project; --work DIR puts it elsewhere"
    if scratch.skipped:
        first = printable(scratch.skipped[0])
        yield f"{len(scratch.skipped)} paths can't be copied and were left out, the first: {first}"


def _compare(
    baseline: Baseline | None, bench: Bench, verdicts: Mapping[Scenario, Verdict],
    tolerance: float, color: str,
) -> None:  # fmt: skip
    if baseline is not None:
        style = style_for(color, os.environ, is_terminal=sys.stdout.isatty())
        text = verdict_text(baseline, bench, verdicts, tolerance, style)
        click.echo(f"\n{text}", nl=False, color=style.is_on)


def _write(path: str, text: str) -> None:
    try:
        durable.write_atomic(os.path.abspath(path), text.encode())
    except OSError as error:
        raise StagemakeError(
            f"the figures can't be written to `{path}`", facts=[("why", error.strerror or "")]
        ) from error


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Have signals raise, so that the copy is removed whatever ends us."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise Ended(number)

    with handled((signal.SIGTERM, signal.SIGHUP), end):
        yield
