"""What acts promise about the build after them, and what is raised when something isn't true."""

from __future__ import annotations

from attrs import frozen


class Difference(Exception):
    """Something that has to be true is not. The text says which act led there."""


@frozen
class Effect:
    """What an act allows and forbids in the build that follows."""

    runs_nothing: bool = False  # nothing that counts has changed
    runs_needed_only: bool = False  # what has the same basis as before must not run
