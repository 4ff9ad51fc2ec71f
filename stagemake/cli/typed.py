"""What was typed for a build, whichever parser has read it."""

from __future__ import annotations

from typing import NamedTuple


class Typed(NamedTuple):
    """What was typed, apart from where."""

    targets: tuple[str, ...] = ()
    jobs: int = 0  # 0: one a processor
    keep_going: bool = False
    dry_run: bool = False
    question: bool = False
    always_make: bool = False
    silent: bool = False
    verbose: bool = False
    as_json: bool = False
    assume_changed: tuple[str, ...] = ()
    affected: str | None = None
    output: str | None = None
    plan_file: str | None = None
    ask: bool = False
    events: str | None = None
    timeline: str | None = None
    cache: str = "on"
    cache_store: str = ""
    runner: str = ""
    check: bool = False
    sandbox: bool = False
    no_wait: bool = False
    color: str = "auto"
