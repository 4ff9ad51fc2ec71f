"""What is wrong with a plugin, in one line with its place; and the errors made of it."""

from __future__ import annotations

import os
import sys
import traceback

from attrs import frozen

from stagemake.model.error import PluginError, StagemakeError

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class PartFault(Exception):
    """A part of a plugin is not what it should be. One line that follows on "its hook `x` "."""


@frozen
class Fault:
    """Why a plugin is broken."""

    plugin: str
    version: str
    problem: str  # one line
    place: str = ""  # file and line of the plugin's own code, where it raised

    @property
    def sentence(self) -> str:
        """One line that tells which plugin, that it is left out, and why."""
        return f"`{self.plugin}` is broken and left out: {self.problem}"

    def error(self, headline: str = "") -> PluginError:
        """Return the error to raise where the plugin is needed."""
        facts = [("why", self.problem)] if headline else []
        if self.place:
            facts.append(("at", self.place))
        version = f" {self.version}" if self.version else ""
        facts.append(("plugin", f"{self.plugin}{version}"))
        return PluginError(
            headline or f"plugin `{self.plugin}` is broken: {self.problem}",
            facts=facts,
            hint="`stagemake plugins` shows all of them",
        )


def described(error: BaseException) -> str:
    """Return one line on an exception."""
    if isinstance(error, StagemakeError):
        return error.headline
    if isinstance(error, PartFault):
        return f"it {error}"
    if isinstance(error, SystemExit):
        return f"it called exit({error.code!r})"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}".rstrip(": ")[:300]


def place_of(error: BaseException) -> str:
    """Return where an exception comes from: the last line outside stagemake and the import system."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{short_path(error.filename)}:{error.lineno}"
    if isinstance(error, StagemakeError):
        return next((value for label, value in error.facts if label == "declared"), "")
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_PACKAGE, "<frozen", os.path.dirname(os.__file__)))
        or "-packages" in frame.filename.removeprefix(os.path.dirname(os.__file__))
    ]
    return f"{short_path(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""


def short_path(file: str) -> str:
    """Return a file relative to the entry of `sys.path` that it was imported from, else as it is."""
    best = ""
    for entry in sys.path:
        prefix = os.path.join(os.path.abspath(entry), "") if entry else ""
        if prefix and file.startswith(prefix) and len(prefix) > len(best):
            best = prefix
    return file[len(best) :]
