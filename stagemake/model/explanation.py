"""Everything there is to say about why a stage would run, or ran: values that `why` shows."""

from __future__ import annotations

from attrs import frozen

from stagemake.model.difference import Difference  # noqa: TC001 - attrs field type, read by tools
from stagemake.model.line_diff import LineDiff  # noqa: TC001 - as above
from stagemake.model.plan import Step  # noqa: TC001 - as above
from stagemake.model.repeat import Divergence  # noqa: TC001 - as above
from stagemake.model.stage import Stage, StageId  # noqa: TC001 - as above


@frozen
class Change:
    """A difference, and what changed in it line by line where that is known."""

    difference: Difference
    diff: LineDiff | None = None


@frozen
class Cause:
    """One reason why a stage needs work, and the stage that makes what changed, if one does."""

    difference: Difference
    producer: StageId | None = None


@frozen
class Nearest:
    """The result in the cache that was made from the most similar things."""

    key: str
    created_s: int  # unix seconds
    inputs: tuple[str, ...]  # those that differ
    input_count: int  # of the stage now
    others: tuple[tuple[str, str], ...]  # kind and name of what else differs


@frozen
class LastTime:
    """How a stage last ended in a build here, other than fresh."""

    build: int
    started_s: float  # of that build, unix seconds
    outcome: str  # code
    reason: str  # code
    subject: str
    changes: tuple[Change, ...] = ()
    diverged: Divergence | None = None  # from what its key had made before
    problem: str = ""  # one line, of a failure


@frozen
class Explanation:
    """One stage's verdict with everything that led to it."""

    stage: Stage
    step: Step
    changes: tuple[Change, ...] = ()  # from its last result here; empty without one
    nearest: Nearest | None = None  # only when it is nearer than that
    last_time: LastTime | None = None  # only when nothing is to be done now
    fallbacks: tuple[
        str, ...
    ] = ()  # what is not exact: parts of its function, what does not repeat
    counts: tuple[str, ...] = ()  # what its key is made of, in words
    last_run: str = ""
    missing: tuple[
        tuple[str, str], ...
    ] = ()  # inputs that nobody makes, each with a hint: it can't run
