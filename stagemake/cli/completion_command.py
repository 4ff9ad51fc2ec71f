"""`stagemake completion SHELL`: what a shell sources so that TAB completes stage names."""

from __future__ import annotations

import click

from stagemake.cli.completion_candidates import complete
from stagemake.cli.completion_offer import Question
from stagemake.cli.completion_scripts import SCRIPTS
from stagemake.cli.raw_output import print_utf8
from stagemake.model.error import UsageError


@click.command("completion", options_metavar="")
@click.argument(
    "shell", type=click.Choice(list(SCRIPTS)), required=False, metavar="{bash|zsh|fish}"
)
@click.argument("question", nargs=-1, type=click.UNPROCESSED, metavar="")
def command(shell: str | None, question: tuple[str, ...]) -> int:
    """Print a script that makes TAB complete stages, pipelines, outputs and options.

    \b
    bash, in ~/.bashrc:  eval "$(stagemake completion bash)"
    zsh, in ~/.zshrc:    eval "$(stagemake completion zsh)"   (after compinit)
    fish:  stagemake completion fish > ~/.config/fish/completions/stagemake.fish

    TAB takes names from the last build, or runs the Stagefile if something
    has changed that they may depend on.
    """  # noqa: D301 - click's mark for lines to leave alone
    if shell is None:
        raise UsageError("name a shell: bash, zsh or fish")
    if question:
        asked = Question(shell, question)
        print_utf8(asked.text(complete(asked.words, asked.incomplete)))
    else:
        print_utf8(SCRIPTS[shell])
    return 0
