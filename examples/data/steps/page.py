"""The page, beside its pictures."""

from __future__ import annotations

import csv
import shutil
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def write_site(template: Path, scores: Path, best: str, images: Sequence[Path], out: Path) -> None:
    """Make the directory `out` with `index.html` and the images."""
    out.mkdir()
    for image in images:
        shutil.copyfile(image, out / image.name)
    with scores.open(newline="") as file:
        rows = [
            {**row, "r2": f"{float(row['r2']):.2f}", "error": f"{float(row['error']):.1f}"}
            for row in csv.DictReader(file)
        ]
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    page = environment.from_string(template.read_text()).render(
        rows=rows, best=best, images=[image.name for image in images]
    )
    (out / "index.html").write_text(page)
