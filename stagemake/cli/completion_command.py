"""`stagemake completion SHELL`: what a shell sources so that TAB completes stage names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stagemake.cli.completion_candidates import complete
from stagemake.cli.completion_line import escaped, split_line
from stagemake.cli.completion_scripts import SCRIPTS
from stagemake.cli.raw_output import print_utf8
from stagemake.model.error import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.cli.completion_candidates import Answer


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

    TAB then runs the Stagefile to learn its names.
    """  # noqa: D301 - click's mark for lines to leave alone
    if shell is None:
        raise UsageError("name a shell: bash, zsh or fish")
    if question:
        print_utf8(_answer(shell, question))
    else:
        print_utf8(SCRIPTS[shell])
    return 0


def _answer(shell: str, question: Sequence[str]) -> str:
    """Answer what a script of ours asks.

    bash sends the line up to the cursor and the part of it that it will replace; the others the words.
    """
    if shell == "bash":
        line, replaced = (*question, "")[:2]
        return _bash_answer(line, replaced)
    *words, incomplete = question
    if shell == "fish":  # sends the last word as typed
        incomplete = split_line(incomplete)[1].text
    return _text(complete(words, incomplete))


def _bash_answer(line: str, replaced: str) -> str:
    """Answer with what replaces `replaced`, quoted as it has to be typed.

    bash cuts words at characters like `:` and `=` (COMP_WORDBREAKS) and replaces only what is behind
    the last one.
    """
    words, last = split_line(line)
    kept_raw = last.raw.removesuffix(replaced)
    kept = split_line(kept_raw)[1].text
    return _text(complete(words[1:], last.text), kept, last.quote)


def _text(answer: Answer, kept: str = "", quote: str | None = None) -> str:
    """Return one line a candidate, without what is `kept`; quoted if `quote` is given, empty or not."""
    lines = [f"{answer.files}\t\t"] if answer.files else []
    for each in answer.candidates:
        text = each.text.removeprefix(kept)
        if quote is not None:
            text = escaped(text, quote)
        help_line = "".join(char if char.isprintable() else " " for char in each.help)
        lines.append(f"{'part' if each.goes_on else 'word'}\t{text}\t{help_line}")
    return "".join(f"{line}\n" for line in lines)
