"""A real Chromium, driven by Playwright, for pages that people open from a file."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextlib.contextmanager
def chromium() -> Iterator[Any]:  # Any: of Playwright, which may not be there
    """Give a browser; skip the test with a reason where there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip(f"no browser here: none of {', '.join(_NAMES)} is on PATH")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu"], timeout=120_000
        )
        yield browser
        browser.close()


class Tab:
    """A page opened from a file, with everything that it complained of."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:  # Any: of Playwright
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page = browser.new_page(**({"viewport": {"width": 1200, "height": 900}} | options))
        self.page.set_default_timeout(120_000)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", state="attached")

    def text(self, selector: str) -> str:
        """Return the text of one element, spaces as one."""
        return " ".join(self.page.locator(selector).inner_text().split())

    def ask(self, script: str) -> Any:  # Any: what JSON can hold
        """Return the value of an expression in the page."""
        return self.page.evaluate(script)

    def close(self) -> None:
        """Close it; it must not have complained, nor asked for anything but itself."""
        self.page.close()
        assert self.complaints == []
        assert len(self.requests) == 1, self.requests
