"""Errors as people see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stagemake.model.error import StagemakeError
    from stagemake.report.style import Style


def error_text(error: StagemakeError, style: Style, columns: int) -> str:
    """Return an error, lines that fit `columns` (0: of any length), with the word in front painted."""
    return error.text(columns).replace("error:", style.paint("error:", "red"), 1) + "\n"
