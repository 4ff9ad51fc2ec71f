"""The keywords of `command` and `@stage`, for type checkers and readers. Nobody imports it to run.

At run time it would cost 12 ms of every start: each annotation is compiled.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from stagemake.model.stage import Stage, StageDependency

PathLike = str | os.PathLike[str]
Input = PathLike | Stage | Sequence["PathLike | Stage"]
Order = str | Stage | StageDependency


class Keywords(TypedDict, total=False):
    """The keywords that `command` and `@stage` share."""

    inputs: Sequence[Input] | Input  # paths, globs' results, other stages (their outputs)
    implicit: Sequence[Input] | Input  # keyed like inputs, but not passed to the action
    outputs: Sequence[PathLike] | PathLike  # below the root; a trailing slash: a directory
    depfile: PathLike  # Make syntax, written by the action; what it lists becomes inputs
    cwd: PathLike  # the action's working directory, below the root; the root when left out
    env: Mapping[str, str | None] | Sequence[str] | str  # variables the action sees, keyed
    pass_env: Sequence[str] | str  # variables the action sees, not keyed
    secret_env: Sequence[str] | str  # the same, masked in logs
    config: (
        Mapping[str, Any] | Sequence[str] | str
    )  # values the action may read, keyed; a mapping gives defaults
    params: Mapping[str, Any]  # plain values the action may read, keyed; Any: see encoding
    uses: Sequence[str] | str  # shared values read
    provides: Sequence[str] | str  # shared values made
    tools: Sequence[str] | str  # further programs whose content counts
    after: Sequence[Order] | Order  # run after these; required ones are pulled into the build
    before: Sequence[Order] | Order  # run before these
    optional: Sequence[Order] | Order  # like `after`, but only if they are in the build anyway
    pool: str
    cpus: float  # how many of the job slots it takes
    memory: int | str  # bytes, or a text like "2 GiB"
    timeout: float  # seconds
    retries: int  # how often to try again after a failure
    cache: bool  # False: never stored nor restored
    always: bool  # True: run in every build
    console: bool  # True: the action has the tool's stdin, stdout and stderr to itself
    service: (
        bool  # True: it runs until it is ended; `watch` starts it, and anew after its inputs change
    )
    resumable: bool  # True: what an unfinished build has done of it, the next one does not repeat
    version: str | int  # counts towards the key; bump it to rerun
    ignore_code: bool  # the function's code doesn't count; `version` does
    any_python: bool  # results hold for every Python version
    description: str
