"""How values stand in the errors of the Stagefile language."""

from __future__ import annotations

from stagemake.model.stage import Stage


def shown_value(value: object) -> str:
    """Return a value as an error shows it: short, and the same in every run."""
    if isinstance(value, Stage):
        return f"the stage `{value.name}`"
    if callable(value) and hasattr(value, "__qualname__"):
        return f"the function `{value.__qualname__}`"
    text = repr(value)
    if " at 0x" in text:  # no address: it tells nothing and differs every time
        return f"an instance of `{type(value).__qualname__}`"
    return text if len(text) <= 80 else f"{text[:77]}..."
