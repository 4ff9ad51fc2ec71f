"""What the recorder's stand-ins stand for: they are in place while Stagefiles run and while functions are looked at.

What a Stagefile took from `time` or `importlib` is one of them ever after.
"""

from __future__ import annotations

from types import FunctionType

_OF_STAND_INS = "stagemake.stagefile."  # what the names of their modules begin with


def real_of(value: object) -> object:
    """Return what a stand-in of `stagefile.stand_ins` stands for; any other value as it is."""
    if type(value) is not FunctionType or "stands_for" not in value.__dict__:
        return value
    if not str(value.__globals__.get("__name__")).startswith(_OF_STAND_INS):
        return value
    return value.__dict__["stands_for"]
