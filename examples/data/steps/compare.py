"""Which model is best?"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def rank(scores: Sequence[Path], out: Path) -> str:
    """Write the models' scores as CSV, best first; return the best one's file name."""
    ranked = sorted(
        ({"name": path.stem, **json.loads(path.read_text())} for path in scores),
        key=lambda row: (-row["r2"], row["name"]),
    )
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ranked[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(ranked)
    return str(ranked[0]["name"])
