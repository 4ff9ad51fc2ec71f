"""The page of `report` in a real browser: what people see, type and click; hostile names; thousands of stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from browser_kit import Tab, chromium
from project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

APP = """\
objects = [
    command(f"compile.{n}", "echo compiling {inputs}; cat {inputs} > {outputs}",
            inputs=[f"{n}.c"], outputs=[f"obj/{n}.o"], description=f"compile {n}")
    for n in ("alpha", "beta", "gamma")
]
command("link", "cat {inputs} > {outputs}", inputs=objects, outputs=["app"])
command("check", "echo 'it is wrong' >&2; exit 3", inputs=["app"])
command("ship", "true", inputs=["app"], after=["check"])
"""
HOSTILE = [
    "</script><script>window.broken=1</script>", "<img/src=x/onerror=window.broken=1>", "&lt;b&gt;",
    "quo\"te'", "<!--", "]]>", "@@DATA@@", "${1+1}", "ünï漢😀", "__proto__", "constructor",
]  # fmt: skip
BIG = """\
for lib in range(20):
    objects = [
        command(f"compile.lib{lib}.f{i}", "cp {inputs} {outputs}", inputs=["src"], outputs=[f"b/{lib}/{i}.o"])
        for i in range(COUNT)
    ]
    command(f"archive.lib{lib}", "cat {inputs} > {outputs}", inputs=objects, outputs=[f"b/{lib}.a"])
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a second build: something ran, something failed, something was as before."""
    project = Project(tmp_path_factory.mktemp("app")).stagefile(APP)
    for name in ("alpha", "beta", "gamma"):
        project.write(f"{name}.c", name)
    project.build("link").exited(0)
    project.write("beta.c", "</script>").build("-k").failed("check").blocked("ship")
    project.build("report", "-o", "page.html").printed("page.html\n").exited(0)
    return project.root / "page.html"


@pytest.fixture
def tab(browser: Any, app: Path) -> Iterator[Tab]:
    opened = Tab(browser, app)
    yield opened
    opened.close()


def test_it_tells_the_build_and_chooses_what_failed(tab: Tab) -> None:
    assert tab.text("#title") == "project: build 2"
    assert tab.text("#chip") == "failed"
    assert tab.ask("document.querySelectorAll('#graph .node').length") == 6
    assert tab.text("#details-head") == "check"
    details = tab.text("#details")
    assert "exit status 3" in details
    assert "it is wrong" in details
    assert "lane 1" in tab.text("#time-box")
    assert "Critical path: " in tab.text("#time-text")
    assert "The last 2 builds" in tab.text("#past-text")


def test_search_finds_by_name_and_path_and_shows_the_stage(tab: Tab) -> None:
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("beta.c")

    assert tab.page.locator("#found li").count() == 1
    tab.page.keyboard.press("Enter")

    assert tab.text("#details-head") == "compile.beta"
    details = tab.text("#details")
    for told in ("input changed: beta.c", "compiling beta.c", "compile beta", "obj/beta.o", "link"):
        assert told in details
    assert tab.ask("document.querySelector('#graph .on').getAttribute('aria-label')").startswith(
        "compile.beta: ran"
    )


def test_clicks_choose_in_graph_table_and_timeline(tab: Tab) -> None:
    tab.page.locator("#graph .node", has_text="link").click()
    assert tab.text("#details-head") == "link"

    tab.page.locator("#details button", has_text="compile.gamma").click()
    assert tab.text("#details-head") == "compile.gamma"

    tab.page.locator("#time-box .pick").first.click()
    assert tab.text("#details-head") == "compile.beta"

    tab.page.locator("#stages button", has_text="ship").click()
    assert tab.text("#details-head") == "ship"
    assert "blocked by a failure" in tab.text("#details")


def test_zoom_and_drag_move_the_graph(tab: Tab) -> None:
    def scale() -> float:
        return float(tab.ask("document.querySelector('#graph > g').getCTM().a"))

    def left() -> float:
        return float(tab.ask("document.querySelector('#graph > g').getCTM().e"))

    fitted = scale()
    tab.page.click("#zoom-in")
    assert scale() > fitted * 1.3
    tab.page.click("#zoom-fit")
    assert scale() == pytest.approx(fitted)
    box = tab.page.locator("#graph").bounding_box()
    at_x, at_y, before = box["x"] + 8, box["y"] + 8, left()
    tab.page.mouse.move(at_x, at_y)
    tab.page.mouse.down()
    tab.page.mouse.move(at_x + 60, at_y + 10, steps=3)
    tab.page.mouse.up()
    assert left() == pytest.approx(before + 60, abs=2)
    tab.page.mouse.wheel(0, -300)  # it has the focus now
    tab.page.wait_for_function(f"document.querySelector('#graph > g').getCTM().a > {fitted * 1.2}")


def test_the_keyboard_is_enough(tab: Tab) -> None:
    tab.page.focus("#graph")
    for key in ("Escape", "ArrowDown", "ArrowRight", "Enter"):
        tab.page.keyboard.press(key)
    assert tab.text("#details-head") == "link"
    tab.page.keyboard.press("+")
    tab.page.keyboard.press("0")

    tab.page.focus("#time-box .pick[tabindex='0']")
    tab.page.keyboard.press("End")
    tab.page.keyboard.press("Enter")
    assert tab.text("#details-head") == "check"

    tab.page.focus("[data-column='name']")
    tab.page.keyboard.press("Enter")
    assert tab.text("#stages tbody tr:first-child .name") == "check"
    tab.page.keyboard.press("Enter")
    assert tab.text("#stages tbody tr:first-child .name") == "ship"


def test_every_control_has_a_name_and_shows_the_focus(tab: Tab) -> None:
    unnamed = tab.ask(
        """[...document.querySelectorAll('button, input, select, [tabindex]')].filter((one) =>
             one.checkVisibility() && !(one.textContent.trim() || one.getAttribute('aria-label')
               || one.getAttribute('aria-labelledby') || one.labels?.length)).map((one) => one.outerHTML)"""
    )
    assert unnamed == []
    seen = []
    for _ in range(14):
        tab.page.keyboard.press("Tab")
        seen.append(
            tab.ask("document.activeElement.id || document.activeElement.textContent.trim()")
        )
        assert tab.ask("getComputedStyle(document.activeElement).outlineStyle") != "none", seen
    assert seen[:8] == [
        "to the graph", "graph", "timeline", "forecast", "stages", "builds", "theme", "search"
    ]  # fmt: skip
    assert "graph" in seen[8:]


CONTRAST = """() => {
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((one) => one / 255)
      .map((one) => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor;
      if (!color.endsWith(', 0)')) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const poor = [];
  for (const node of document.querySelectorAll('main p, main td, main th, main dd, main dt, main li, main button, h1, h2, h3, header a, .chip, pre, footer')) {
    if (!node.textContent.trim() || !node.checkVisibility()) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${node.tagName} ${node.className} ${node.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return [...new Set(poor)];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_can_be_read(browser: Any, app: Path, scheme: str) -> None:
    tab = Tab(browser, app, color_scheme=scheme)

    ground = tab.ask("getComputedStyle(document.body).backgroundColor")

    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme]
    assert tab.ask(CONTRAST) == []
    other = {"light": ["auto", "light", "dark"], "dark": ["auto", "light"]}[scheme]
    assert tab.text("#theme") == other[0]
    for theme in other[1:]:
        tab.page.click("#theme")
        assert tab.text("#theme") == theme
    assert ground != tab.ask("getComputedStyle(document.body).backgroundColor")
    assert tab.ask(CONTRAST) == []
    tab.close()


@pytest.mark.parametrize("width", [1400, 420])
def test_nothing_sticks_out_sideways(browser: Any, app: Path, width: int) -> None:
    tab = Tab(browser, app, viewport={"width": width, "height": 900})

    assert tab.ask("document.documentElement.scrollWidth") == width
    tab.close()


def test_it_prints_without_controls_on_white(browser: Any, app: Path) -> None:
    tab = Tab(browser, app, color_scheme="dark", viewport={"width": 700, "height": 900})

    tab.page.emulate_media(media="print")

    assert tab.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.ask("document.documentElement.scrollWidth") == 700
    for control in ("#search", "#zoom-in", "#theme", ".bar nav"):
        assert not tab.page.locator(control).is_visible()
    for part in ("#graph", "#time-box svg", "#stages", "#details", "#past-box svg"):
        assert tab.page.locator(part).is_visible()
    assert tab.page.pdf()[:5] == b"%PDF-"
    tab.close()


def test_the_whole_graph_is_on_paper_however_it_was_zoomed(tab: Tab) -> None:
    """What a person sees of it on the screen is not what fits a sheet."""
    tab.page.click("#zoom-in")
    tab.page.click("#zoom-in")
    seen = tab.ask("document.querySelector('#graph > g').getAttribute('transform')")
    sticking_out = """(() => {
        const paper = document.querySelector('#graph').getBoundingClientRect();
        return [...document.querySelectorAll('#graph .node')].filter((one) => {
            const box = one.getBoundingClientRect();
            return box.left < paper.left || box.right > paper.right
                || box.top < paper.top || box.bottom > paper.bottom;
        }).length;
    })()"""
    assert tab.ask(sticking_out) > 0

    tab.page.emulate_media(media="print")
    tab.ask("window.dispatchEvent(new Event('beforeprint'))")

    assert tab.ask(sticking_out) == 0
    assert tab.ask("document.querySelectorAll('#graph .node text').length") == 12
    tab.ask("window.dispatchEvent(new Event('afterprint'))")
    assert tab.ask("document.querySelector('#graph > g').getAttribute('transform')") == seen


def test_a_long_name_does_not_stick_out_and_a_log_keeps_its_columns(
    browser: Any, project: Project
) -> None:
    name = "is_it_small_enough_for_the_old_machine_in_the_cellar_of_the_house"
    project.stagefile(f'command("{name}", "printf %0200d 7; exit 1")').build().exited(1)
    project.build("report", "-o", "page.html").exited(0)

    tab = Tab(browser, project.root / "page.html", viewport={"width": 400, "height": 900})

    assert tab.ask("document.documentElement.scrollWidth") == 400
    assert tab.ask("getComputedStyle(document.querySelector('#details pre')).whiteSpace") == "pre"
    tab.close()


def test_motion_is_reduced_where_that_is_wished(browser: Any, app: Path) -> None:
    tab = Tab(browser, app, reduced_motion="reduce")

    assert tab.ask("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    tab.close()


def test_names_and_logs_are_never_markup_or_program(browser: Any, project: Project) -> None:
    project.stagefile(
        f"""
        names = {HOSTILE!r}
        for name in names:
            command(name, "printf '%s\\\\n' '</script><b>bold</b>' '\\033[31mred\\033[0m'", inputs=["src"],
                    params={{"of": name}}, description="\\u2028<b>\\0" + name)
        command("last", "true", inputs=["</style>.txt"], after=names)
        """
    )
    project.write("src").write("</style>.txt")
    project.build("-s").exited(0)
    project.build("report", "-o", "page.html").exited(0)

    tab = Tab(browser, project.root / "page.html")

    assert tab.ask("window.broken") is None
    shown = tab.ask("[...document.querySelectorAll('#stages .name')].map((one) => one.textContent)")
    assert sorted([*HOSTILE, "last"]) == sorted(shown)
    tab.page.fill("#search", "<img")
    tab.page.keyboard.press("Enter")
    assert tab.text("#details-head") == HOSTILE[1]
    assert tab.text("#details pre") == "</script><b>bold</b> red"
    assert tab.ask("document.querySelectorAll('#details b, #details img, main script').length") == 0
    tab.close()


def test_two_thousand_stages_are_ready_in_two_seconds(browser: Any, project: Project) -> None:
    project.stagefile(BIG.replace("COUNT", "99")).write("src")
    project.build("report", "-n", "-o", "page.html").exited(0)
    tab = Tab(browser, project.root / "page.html")
    metrics = tab.page.context.new_cdp_session(tab.page)
    metrics.send("Performance.enable", {"timeDomain": "threadTicks"})
    tab.page.reload()
    tab.page.wait_for_selector("html[data-ready]", state="attached")
    told = metrics.send("Performance.getMetrics")["metrics"]

    # Of the processor, since tests run beside others: some 0.4 s on an ordinary machine.
    assert {one["name"]: one["value"] for one in told}["TaskDuration"] < 2
    assert tab.ask("document.querySelectorAll('#graph .node').length") == 2000
    tab.page.fill("#search", "compile.lib7.f42")
    tab.page.keyboard.press("Enter")
    assert tab.text("#details-head") == "compile.lib7.f42"
    assert tab.page.locator("#graph .on text").last.text_content() == "compile.lib7.f42"
    tab.requests.pop()  # the second time
    tab.close()


def test_more_stages_are_summarised_and_opened_by_family(browser: Any, project: Project) -> None:
    project.stagefile(BIG.replace("COUNT", "120")).write("src")
    project.build("report", "-n", "-o", "page.html").exited(0)
    tab = Tab(browser, project.root / "page.html")

    def nodes() -> list[str]:
        return tab.ask(
            "[...document.querySelectorAll('#graph .node')].map((one) => one.getAttribute('aria-label'))"
        )

    assert [label.partition(";")[0] for label in nodes()] == [
        "family compile: 2400 stages",
        "family archive: 20 stages",
    ]
    tab.page.locator("#graph .node").first.click()
    assert len(nodes()) == 21  # of each library, and what they go to
    assert "summary \u203a compile" in tab.text("#crumbs")
    tab.page.focus("#graph")
    tab.page.keyboard.press("Backspace")
    assert len(nodes()) == 2
    tab.page.fill("#search", "compile.lib3.f7")
    tab.page.keyboard.press("Enter")
    assert "summary \u203a compile \u203a compile.lib3" in tab.text("#crumbs")
    assert len(nodes()) == 121
    tab.close()
