"""An SVG of ours as PNG, by resvg: a wheel of the extra `png`, no program of the system."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stagemake.model.error import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_PIXELS = 40e6
_SHARPEST = 2.0  # pixels for one of the SVG's
_FAMILIES = (
    "DejaVu Sans Mono", "Menlo", "Consolas", "Liberation Mono", "Noto Sans Mono", "Ubuntu Mono", "Cousine",
    "FreeMono", "Courier New", "Monaco", "Source Code Pro", "Fira Mono", "Roboto Mono", "Hack", "Noto Mono",
    "DejaVu Sans", "Liberation Sans", "Noto Sans", "Arial", "Helvetica", "FreeSans", "Roboto",
)  # fmt: skip
_FONT_TRIAL = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">{}</svg>'


def png_bytes(svg: str) -> bytes:
    """Return a PNG, twice as fine as the SVG's pixels where that stays below 40 million of them.

    Raises:
        UsageError: The extra is not installed, or there is no font: letters would be missing.
    """
    try:
        from resvg_py import svg_to_bytes  # noqa: PLC0415 - gate, 3 ms, this format only
    except ImportError:
        raise UsageError(
            "PNG needs the package `resvg-py`, which is not installed",
            hint="pip install 'stagemake[png]', or write `--format svg`",
        ) from None
    family = _family(svg_to_bytes)
    found = re.search(r'width="([\d.e+]+)" height="([\d.e+]+)"', svg)
    assert found is not None, "our own SVG begins with its size"
    pixels = float(found[1]) * float(found[2])
    zoom = min(_SHARPEST, (_MOST_PIXELS / pixels) ** 0.5)
    return bytes(svg_to_bytes(svg_string=svg, zoom=zoom, monospace_family=family))


def _family(svg_to_bytes: Callable[..., Any]) -> str:  # Any: a list of bytes or bytes, by version
    """Return a font that is there: resvg leaves letters out in silence where there is none.

    Raises:
        UsageError: There is none.
    """
    empty = svg_to_bytes(svg_string=_FONT_TRIAL.format(""))
    for family in _FAMILIES:
        letter = f'<text y="15" font-family="{family}">M</text>'
        if svg_to_bytes(svg_string=_FONT_TRIAL.format(letter)) != empty:
            return family
    raise UsageError(
        "there is no font on this machine to draw a PNG with",
        hint="install one, `fonts-dejavu-core` for example, or write `--format svg`",
    )
