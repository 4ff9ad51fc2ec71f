"""`stagemake init`: write a first Stagefile for what lies in a directory. Never overwrites one."""

from __future__ import annotations

import os

import click

from stagemake import durable
from stagemake.cli.command_names import COMMANDS
from stagemake.cli.raw_output import print_known
from stagemake.freshness.place import NAMES
from stagemake.model.error import NoStagefile, UsageError
from stagemake.report.amount import printable
from stagemake.stagefile.find import find_stagefile
from stagemake.start.first_stagefile import first_stagefile

_HINT = "`stagemake init -n` prints it, `stagemake init -f NAME` writes elsewhere"


@click.command("init")
@click.option("-C", "--directory", default=".", metavar="DIR", help="Look at DIR.")
@click.option(
    "-f", "--file", "stagefile", default="", metavar="FILE", help="Write FILE, not `Stagefile`."
)
@click.option("-n", "--dry-run", is_flag=True, help="Print it, write nothing.")
@click.option("--from-make", is_flag=True, help="Translate the Makefile, and look at nothing else.")
def command(directory: str, stagefile: str, *, dry_run: bool, from_make: bool) -> int:
    """Write a first Stagefile for this directory: what it has in it, as stages.

    Looks at C and C++ sources, a Makefile, a Snakefile, pyproject.toml, package.json and dvc.yaml, and runs
    nothing. What it can't see or translate it lists, also in the file.
    """
    path = os.path.join(os.path.abspath(directory), stagefile or NAMES[0])
    root = os.path.dirname(path)
    if not os.path.isdir(root):
        raise UsageError(f"there is no directory `{root}`")
    if not dry_run:
        _refuse_existing(root, path, is_named=bool(stagefile))
    made = first_stagefile(root, os.environ, COMMANDS, from_make=from_make)
    name = os.path.basename(path)
    if dry_run:
        print_known(made.text)
    else:
        try:
            durable.write_new(path, made.text.encode())
        except FileExistsError:  # somebody was faster
            _refuse_existing(root, path, is_named=True)
            raise
    nothing = "nothing that can be translated" if from_make else "nothing to build"
    _say(
        made.found or (f"{nothing}: two small stages to begin with",),
        (*made.remarks, *_above(root)),
        made.unseen,
    )
    if not dry_run:
        option = f" -f {printable(name)}" if name not in NAMES else ""
        click.echo(f"stagemake: wrote {printable(name)}", err=True)
        click.echo(
            f"hint: `stagemake{option} -n` says what it would do, `stagemake{option}` does it",
            err=True,
        )
    return 0


def _refuse_existing(root: str, path: str, *, is_named: bool) -> None:
    names = [path] if is_named else [os.path.join(root, name) for name in NAMES]
    for each in names:
        if os.path.lexists(each):
            raise UsageError(f"there is a `{os.path.basename(each)}` here already", hint=_HINT)


def _above(root: str) -> tuple[str, ...]:
    """Return a remark where a Stagefile of a directory above was found from here so far."""
    try:
        above = find_stagefile(os.path.dirname(root))
    except NoStagefile:
        return ()
    return (f"from here the new file is found instead of `{above}`",)


def _say(found: tuple[str, ...], remarks: tuple[str, ...], unseen: tuple[str, ...]) -> None:
    click.echo(f"stagemake: found {', '.join(found)}", err=True)
    for text in remarks:
        click.echo(f"note: {printable(text)}", err=True)
    for text in unseen:
        click.echo(f"left out: {printable(text)}", err=True)
