"""The site is built without a warning, by our own Stagefile's command, and its reference is the program's."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import subprocess
import sys
import threading
from html import unescape
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from browser_kit import chromium

import stagemake
from stagemake.cli.command_names import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("material", reason="needs the extra `docs`")
pytestmark = pytest.mark.slow

HOME = Path(__file__).parents[2]


class Links(HTMLParser):
    """Collects what a page links to, and what can be linked to in it."""

    def __init__(self) -> None:
        super().__init__()
        self.goals: list[str] = []
        self.anchors = {""}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one tag."""
        found = dict(attrs)
        self.anchors.add(found.get("id") or "")
        goal = found.get("href") if tag in {"a", "link"} else found.get("src")
        if goal is not None:
            self.goals.append(goal)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the site, built as the Stagefile's stage `docs` builds it."""
    place = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-d", str(place)],
        cwd=HOME, capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr
    return place


def read(path: Path) -> Links:
    links = Links()
    links.feed(path.read_text("utf-8"))
    return links


def test_every_link_and_anchor_leads_somewhere_and_nothing_is_loaded_from_elsewhere(
    site: Path,
) -> None:
    pages = {path: read(path) for path in site.rglob("*.html") if path.name != "404.html"}
    broken = []

    for path, page in pages.items():
        for goal in page.goals:
            if goal.startswith(("https://", "http://", "data:", "mailto:")):
                continue
            file, _, anchor = unquote(goal).partition("#")
            target = (path.parent / file).resolve() if file else path
            known = pages[target].anchors if target in pages else {anchor}
            if not target.exists() or anchor not in known:
                broken.append(f"{path.relative_to(site)}: {goal}")

    assert len(pages) > 50
    assert broken == []
    loaded = [
        found
        for path in pages
        for found in re.findall(
            r"<(?:script|img)[^>]*src=\"(https?:[^\"]*)", path.read_text("utf-8")
        )
    ]
    assert loaded == []


def test_the_reference_has_every_command_name_and_schema(site: Path) -> None:
    def text(name: str) -> str:
        return unescape(re.sub(r"<[^>]*>", "", (site / "reference" / name).read_text("utf-8")))

    anchors = {
        name: read(site / "reference" / name).anchors for name in ("commands.html", "python.html")
    }

    assert {f"stagemake-{name}" for name in COMMANDS} <= anchors["commands.html"]
    assert {name.lower() for name in stagemake.__all__ if name != "__version__"} <= anchors[
        "python.html"
    ]
    assert "--assume-changed PATH" in text("commands.html")
    assert "argv_or_text" in text("python.html")
    for path in (HOME / "stagemake" / "schemas").glob("*.json"):
        assert json.loads(path.read_text("utf-8"))["title"].replace("`", "") in text("json.html")


@contextlib.contextmanager
def served(site: Path) -> Iterator[str]:
    """Serve the site, as whoever publishes it does, and give its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_in_a_browser_pages_are_as_wide_as_it_and_search_finds(site: Path) -> None:
    complaints: list[str] = []

    with served(site) as home, chromium() as browser:
        for width, scheme in ((1280, "light"), (420, "dark")):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.set_default_timeout(120_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda request: complaints.append(request.url)
                    if not request.url.startswith((home, "data:", "blob:")) else None)  # fmt: skip
            for name in ("index", "tutorial", "migrating", "command-line", "reference/python"):
                page.goto(f"{home}{name}.html")
                wider = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                assert wider == 0, f"{name} at {width}"
            scheme_shown = page.evaluate("document.body.dataset.mdColorScheme")
            assert scheme_shown == {"light": "default", "dark": "slate"}[scheme]
            page.close()
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{home}index.html")
        results = page.locator(".md-search-result__item")
        for _ in range(
            60
        ):  # until somebody listens to the field: that is some time after the page has loaded
            page.locator(".md-search__input").fill("")
            page.locator(".md-search__input").press_sequentially("depfile")
            page.wait_for_timeout(500)
            if results.count():
                break
        found = results.first.inner_text()

    assert "The Stagefile" in found
    assert complaints == []


def test_the_stagefile_has_a_stage_for_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stagemake", "list", "--json", "docs"],
        cwd=HOME, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    (stage,) = (one for one in json.loads(done.stdout)["stages"] if one["name"] == "docs")
    assert stage["outputs"] == ["site/"]
