"""Is the page whole, and the best model any good?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def check_site(site: Path, least_r2: float) -> None:
    """Raise SystemExit with what is wrong; print what was found.

    Raises:
        SystemExit: An image is missing, or the best R² is too low.
    """
    text = (site / "index.html").read_text()
    images = re.findall(r'<img src="([^"]+)"', text)
    missing = [name for name in images if not (site / name).is_file()]
    if missing or not images:
        raise SystemExit(f"the page has no {', '.join(missing) or 'images'}")
    best = max(map(float, re.findall(r'<td class="r2">([-\d.]+)</td>', text)))
    if best < least_r2:
        raise SystemExit(f"the best R2 is {best:.2f}, wanted are {least_r2}")
    print(f"{len(images)} images, best R2 {best:.2f}")
