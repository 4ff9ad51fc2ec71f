"""`stagemake graph`: which stage waits for which, as a picture, the source of one, or JSON, or a page. Only reads.

Also what its compilers are told, as a JSON compilation database.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from stagemake.cli.project_options import project_options
from stagemake.cli.raw_output import print_bytes, print_utf8
from stagemake.cli.replaced_file import replace_file
from stagemake.model.error import UsageError
from stagemake.model.request import BuildRequest
from stagemake.report.graph_edges import edges_of, part_of, reduced
from stagemake.report.graph_picture import Look, picture

if TYPE_CHECKING:
    from stagemake.cli.place import Place
    from stagemake.manager import StageManager
    from stagemake.model.selection import Selection


@click.command("graph")
@click.argument("targets", nargs=-1)
@click.option("--format", "form", default="dot",
              type=click.Choice(["dot", "mermaid", "json", "svg", "png", "html", "compile-commands"]),
              help="What to write (default: dot).")  # fmt: skip
@click.option("-o", "--output", default="-", metavar="FILE", help="Write FILE, not stdout.")
@click.option("--files", is_flag=True, help="Draw files between the stages.")
@click.option("--labels", is_flag=True, help="Write on each edge what makes it.")
@click.option("--group", is_flag=True, help="Put stages with the same first part of a dotted name "
              "into a box.")  # fmt: skip
@click.option("--reduce", "is_reduced", is_flag=True,
              help="Leave out edges that a longer way implies.")  # fmt: skip
@click.option("--changed-since", "revision", metavar="REV",
              help="Show only what is affected by files that differ from REV of git.")  # fmt: skip
@project_options
def command(  # noqa: PLR0917 - click passes keywords
    place: Place,
    targets: tuple[str, ...],
    form: str,
    output: str,
    files: bool,
    labels: bool,
    group: bool,
    is_reduced: bool,
    revision: str | None,
) -> int:
    """Show which stage waits for which and why; with TARGETS only what these take."""
    if form == "json" and (files or labels or group):
        raise UsageError(
            "`--files`, `--labels` and `--group` are for pictures",
            hint="the JSON always has all paths and reasons",
        )
    if form == "compile-commands" and (files or labels or group or is_reduced or revision):
        raise UsageError(
            "a compilation database takes TARGETS and `-o` only",
            hint="stagemake graph --format compile-commands -o compile_commands.json",
        )
    if form == "html" and (files or labels or group or is_reduced or revision):
        raise UsageError(
            "the page takes TARGETS and `-o` only",
            hint="stagemake graph --format html -o graph.html",
        )
    if form in {"svg", "png"} and group:
        raise UsageError(
            "`--group` is for dot and mermaid",
            hint="stagemake graph --group | dot -Tsvg, or `stagemake report`",
        )
    if form == "png" and output == "-" and sys.stdout.isatty():
        raise UsageError("a PNG is nothing for a terminal", hint="name a file: -o graph.png")
    manager = place.manager(records=revision is not None)
    cwd = place.cwd(manager.root)
    if form == "html":
        from stagemake.cli.report_command import plan_page  # noqa: PLC0415 - gate, one format only

        _give(plan_page(place, manager, targets), place, manager, output)
        return 0
    selection = None
    if revision is not None:
        from stagemake.cli.affected_stages import selected  # noqa: PLC0415 - gate, with git only

        everything = targets or tuple(
            stage.name for stage in manager.get_stages() if not stage.service
        )
        request = BuildRequest(targets=everything, cwd=cwd)
        selection = selected(manager, revision, request, verbose=False, is_quiet=False)
    if form == "compile-commands":
        from stagemake.cli.compile_database import database_text  # noqa: PLC0415 - gate, one format only

        text = database_text(manager, targets, cwd)
    else:
        look = Look(files, labels, group)
        text = _graph(manager, targets, cwd, form, look, is_reduced, selection)
    if form == "png":
        from stagemake.report.graph_png import png_bytes  # noqa: PLC0415 - gate, one format only

        _give(png_bytes(text), place, manager, output)
    elif output == "-":
        print_utf8(text)
    else:
        _give(text.encode(), place, manager, output)
    return 0


def _give(data: bytes, place: Place, manager: StageManager, output: str) -> None:
    if output == "-":
        print_bytes(data)
    else:
        replace_file(os.path.join(place.directory, output), data, manager, output)


def _graph(  # noqa: PLR0917 - the command's own parameters, passed on once
    manager: StageManager,
    targets: tuple[str, ...],
    cwd: str,
    form: str,
    look: Look,
    is_reduced: bool,
    selection: Selection | None,
) -> str:
    pipeline = manager.project.shown(targets, cwd)
    edges = edges_of(pipeline)
    if selection is not None:
        pipeline, edges = part_of(pipeline, edges, frozenset(selection.names))
    shown = {stage.name for stage in pipeline.stages}
    pipelines = tuple(
        each
        for each in manager.project.registry.pipelines.values()
        if shown.issuperset(each.members)
    )
    if is_reduced:
        edges = reduced(edges, len(pipeline.stages))
    if form == "json":
        from stagemake.report.graph_json import graph_object  # noqa: PLC0415 - gate, one format only
        from stagemake.report.json_form import dumps  # noqa: PLC0415 - as above

        return dumps(graph_object(pipeline, edges, pipelines, selection))
    drawn = picture(pipeline, edges, pipelines, look)
    if form == "mermaid":
        from stagemake.report.graph_mermaid import mermaid_text  # noqa: PLC0415 - as above

        return mermaid_text(drawn)
    if form in {"svg", "png"}:
        from stagemake.report.graph_svg import svg_text  # noqa: PLC0415 - as above

        return svg_text(drawn)
    from stagemake.report.graph_dot import dot_text  # noqa: PLC0415 - as above

    return dot_text(drawn)
