"""Writes the site's reference of commands and options: each command as its `--help` tells it."""

from __future__ import annotations

from commands import Command, commands


def page() -> str:
    """Return the page as Markdown."""
    whole, *others = commands()
    lines = ["# Commands and options", "", *whole.paragraphs, ""]
    lines += [
        "Written from the program. [The command line](../command-line.md) tells it in prose.",
        "",
    ]
    for command in others:
        lines += _section(command)
    return "\n".join(lines) + "\n"


def _section(command: Command) -> list[str]:
    level = "#" * command.name.count(" ")
    lines = [
        f"#{level} {command.name}",
        "",
        "```text",
        f"{command.name} {command.usage}",
        "```",
        "",
    ]
    for text in command.paragraphs:
        lines += [f"```text\n{text}\n```" if "\n" in text else _plain(text), ""]
    lines += ["| option | meaning |", "|---|---|"]
    return [
        *lines,
        *(f"| `{_cell(how)}` | {_cell(_plain(what))} |" for how, what in command.options),
        "",
    ]


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", r"\*")


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
