"""Draws `report.png` beside this file: the page of a real build, in a real browser. Run from anywhere.

Needs Chromium on PATH and Playwright (the extra `dev`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parents[1] / "Stagefile.example"
CHOSEN = "ranking"


def main() -> None:
    """Build the example twice, the second time with another value, and take the picture."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "example"
        root.mkdir()
        shutil.copy(EXAMPLE, root / "Stagefile")
        environ = {**os.environ, "STAGEMAKE_CACHE_DIR": f"{place}/cache"}
        for arguments in (["-s"], ["-s", "-D", "min_complexity=15"], ["report", "-o", "page.html"]):
            command = [sys.executable, "-m", "stagemake", *arguments]
            subprocess.run(command, cwd=root, env=environ, check=True)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": 1280, "height": 960})
            page.goto((root / "page.html").as_uri())
            page.fill("#search", CHOSEN)
            page.keyboard.press("Enter")
            page.locator("#details").focus()
            page.screenshot(path=HERE / "report.png")
            browser.close()


if __name__ == "__main__":
    main()
