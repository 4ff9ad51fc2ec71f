"""`stagemake init`: from what lies in a directory to the text of a Stagefile. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.error import UsageError
from stagemake.start.c_sources import c_section
from stagemake.start.dvc_pipeline import dvc_section
from stagemake.start.make_code import make_section
from stagemake.start.make_reader import NAMES
from stagemake.start.make_stages import translate_makefile
from stagemake.start.package_json import package_section
from stagemake.start.python_project import python_section
from stagemake.start.section import Section, stagefile_text
from stagemake.start.snake_code import snake_section
from stagemake.start.survey import survey

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from stagemake.start.survey import Survey

_STARTER = '''\
# A command: the program, what it reads and what it makes. It runs when one of these changes.
command("hello", "echo hello > {outputs}", outputs=["build/hello.txt"])


# A function: the same, in Python. It also runs when its code changes.
@stage(inputs=["build/hello.txt"], outputs=["build/shout.txt"])
def shout(context):
    """Say it louder."""
    text = context.inputs[0].read_text()
    context.outputs[0].write_text(text.upper())'''


@frozen
class FirstStagefile:
    """A Stagefile to write, and what to say about it."""

    text: str
    found: tuple[str, ...]  # what it was made from, like `C sources`
    unseen: tuple[str, ...]  # left out; in the text as well
    remarks: tuple[str, ...]


def first_stagefile(
    root: str, environ: Mapping[str, str], reserved: Collection[str], *, from_make: bool
) -> FirstStagefile:
    """Return a Stagefile for what lies in `root`.

    Args:
        root: An absolute path.
        environ: Its PATH says which tools are installed; variables that a Makefile would import are known by it.
        reserved: Words of stagemake's command line, which a stage had better not be called.
        from_make: Translate the Makefile and look at nothing else.

    Raises:
        UsageError: `from_make`, and there is no Makefile; or all there is can't be read on this machine.
    """
    found = survey(root)
    makefile = found.named(*NAMES)
    if from_make and not makefile:
        raise UsageError("there is no Makefile here", facts=[("looked for", ", ".join(NAMES))])
    sections = _sections(found, makefile, environ, reserved, from_make=from_make)
    used = [section for section in sections if section.code]
    more = found.skipped
    for section in sections if not used else ():
        if section.lacks:  # a Stagefile of examples would only be in the way of the real one
            why, mend = section.lacks
            raise UsageError(
                f"`{section.title}` can't be read: {why}",
                hint=f"{mend}, then `stagemake init` again",
            )
    if not used:
        sections.append(Section("", tuple(_STARTER.split("\n")), frozenset({"command", "stage"})))
    return FirstStagefile(
        stagefile_text(sections, more),
        tuple(section.title for section in used),
        (*(each for section in sections for each in section.unseen), *more),
        tuple(each for section in used for each in section.remarks),
    )


def _sections(
    found: Survey,
    makefile: str,
    environ: Mapping[str, str],
    reserved: Collection[str],
    *,
    from_make: bool,
) -> list[Section]:
    sections: list[Section] = []
    if makefile:
        # It knows better than a look at the sources how these are compiled.
        made = translate_makefile(found.root, makefile, environ)
        sections.append(make_section(made, makefile, found.root, reserved))
    if from_make:
        return sections
    has_stages = bool(sections and sections[0].code)
    more = [
        None if has_stages else c_section(found),
        snake_section(found, reserved),
        dvc_section(found),
    ]
    sections += [section for section in more if section is not None]
    taken = frozenset(name for section in sections for name in section.names)
    more = [python_section(found, environ, taken), package_section(found, ("build", "dist"))]
    return sections + [section for section in more if section is not None]
