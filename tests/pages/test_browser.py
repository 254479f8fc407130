"""The pages in a real browser: Debian's Chromium, from the disk, with nothing else in reach."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pages.test_site import hostile

__all__ = ["hostile"]

CHROMIUM = shutil.which("chromium")
MISSING = [
    *([] if CHROMIUM else ["apt-get install chromium"]),
    *([] if importlib.util.find_spec("playwright") else ["pip install playwright"]),
    *(
        []
        if importlib.util.find_spec("axe_playwright_python")
        else ["pip install axe-playwright-python"]
    ),
]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=" and ".join(MISSING))

INDEX, MODEL, VERSION = "index.html", "models/tumours/index.html", "models/tumours/1.3.0.html"
COMPARE, AUDIT = "compare.html", "audit.html"
KINDS = (INDEX, MODEL, VERSION, COMPARE, AUDIT)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for all tests here; its event loop must not outlive them."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


class Visit:
    """A page that is looked at; what goes wrong in it is kept."""

    def __init__(self, browser: Any, folder: Path, **how: Any) -> None:
        how.setdefault("viewport", {"width": 1440, "height": 900})
        self.context = browser.new_context(**how)
        self.page = self.context.new_page()
        self.folder = folder
        self.wrong: list[str] = []
        self.page.on("console", lambda said: self.wrong.append(said.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        self.page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(self.folder.as_uri()):
            self.wrong.append(f"asked for {request.url}")

    def open(self, name: str) -> Any:
        self.page.goto(f"{self.folder.as_uri()}/{name}")
        return self.page

    def texts(self, selector: str) -> list[str]:
        """The texts of what of a kind is shown."""
        every = self.page.locator(selector)
        return [one.inner_text().strip() for one in every.all() if one.is_visible()]


@pytest.fixture
def visit(browser: Any, catalogue: Path) -> Iterator[Visit]:
    made = Visit(browser, catalogue)
    yield made
    made.context.close()
    assert made.wrong == []


def test_each_page_opens_without_an_error_and_asks_for_nothing_of_elsewhere(visit):
    for name in KINDS:
        page = visit.open(name)
        assert page.locator("h1").count() == 1
        assert page.evaluate("document.querySelectorAll('.needs-script:not([hidden])').length") >= 1


@pytest.mark.long
@pytest.mark.parametrize("width", [375, 1440])
def test_no_page_is_wider_than_the_screen(browser, catalogue, hostile, width):
    for folder, names in ((catalogue, KINDS), (hostile, ("models/progression/1.2.0.html", INDEX))):
        visit = Visit(browser, folder, viewport={"width": width, "height": 800})
        for name in names:
            page = visit.open(name)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        visit.context.close()
        assert visit.wrong == []


@pytest.mark.long
def test_the_search_finds_models_and_its_link_leads_back(visit):
    page = visit.open(INDEX)
    page.get_by_label("Search").fill("logistic ada")

    assert visit.texts("#models h2") == ["tumours"]
    assert visit.texts("#count") == ["1 of 2 models"]
    link = page.url
    page.get_by_label("Search").fill("nothing such")
    assert visit.texts("#nothing") == ["No model matches. Clear the search to see all."]
    visit.open(INDEX)
    page.goto("about:blank")
    page.goto(link)
    assert visit.texts("#models h2") == ["tumours"]
    visit.wrong = [one for one in visit.wrong if one != "asked for about:blank"]
    visit.open(f"{INDEX}#status=none")
    page.reload()
    assert visit.texts("#models h2") == ["progression"]


def test_versions_are_sorted_and_filtered(visit):
    page = visit.open(MODEL)
    versions = "#table tbody th"

    assert visit.texts(versions) == ["1.3.0", "1.2.0", "1.1.0", "1.0.0"]
    page.get_by_role("button", name="accuracy").click()
    assert visit.texts(versions)[0] == "1.0.0"
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("accuracy")
    page.get_by_role("button", name="Version").click()
    assert visit.texts(versions) == ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]
    page.get_by_role("combobox", name="Status").select_option("withdrawn")
    assert visit.texts(versions) == ["1.2.0", "1.3.0"]
    page.get_by_label("Filter", exact=True).fill("1.3 ada")
    assert visit.texts(versions) == ["1.3.0"]
    assert visit.texts("#count") == ["1 of 4 versions"]
    page.get_by_label("Filter", exact=True).fill("")
    page.get_by_label("At the end of this day").fill("2026-03-03")
    page.reload()
    assert visit.texts(versions) == ["1.2.0", "1.3.0"]
    assert page.get_by_label("At the end of this day").input_value() == "2026-03-03"


@pytest.mark.long
def test_a_curve_reads_its_values_to_mouse_and_keyboard(visit):
    page = visit.open(MODEL)
    plot, reading = page.locator(".plot").first, page.locator(".reading").first

    box = plot.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 20)
    assert reading.inner_text().startswith("1.0.0: ")
    page.mouse.move(0, 0)
    plot.focus()
    assert reading.inner_text().startswith("1.3.0: ")
    page.keyboard.press("ArrowLeft")
    assert reading.inner_text().startswith("1.2.0: ")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    assert reading.inner_text().startswith("1.0.0: ")


@pytest.mark.long
@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2026-03-09", "1.1.0 was in production, since 2026-03-09, by Ada Lovelace (recall fell"),
        ("2026-03-08", "1.3.0 was in production, since 2026-02-28, by Ada Lovelace (better on"),
        ("2025-12-31", "no version was live"),
    ],
)
def test_a_date_says_what_was_live_at_the_end_of_that_day(visit, day, said):
    page = visit.open(MODEL)
    page.get_by_label("At the end of this day (UTC)").fill(day)

    assert visit.texts("#live-then")[0].startswith(said)
    assert page.url.endswith(f"#date={day}")


@pytest.mark.long
def test_any_two_versions_are_compared_and_linked(visit):
    page = visit.open(f"{COMPARE}#tumours/1.0.0/1.3.0")
    page.locator(".compare").first.wait_for()
    metric = page.locator("tr", has_text="accuracy").first.inner_text().split()

    assert metric[0] == "accuracy"
    assert metric[3:] == ["▲", "+0.308"] or metric[3].startswith("+0.")
    shown = visit.texts(".compare tbody th")
    assert "params › logisticregression__C" in shown
    assert "params › logisticregression__max_iter" not in shown
    assert "train › rows" in shown
    page.get_by_label("Only differences").uncheck()
    page.locator(".same").first.wait_for()
    assert "params › logisticregression__max_iter" in visit.texts(".compare tbody th")
    page.get_by_role("button", name="Swap").click()
    page.wait_for_url("**#tumours/1.3.0/1.0.0")
    page.get_by_role("combobox", name="Model").select_option("progression")
    page.wait_for_url("**#progression/**")
    visit.open(VERSION).get_by_role("link", name="Compare with what is in production").click()
    page.wait_for_url("**#tumours/1.1.0/1.3.0")
    visit.open(MODEL).get_by_role("link", name="Compare versions").click()
    page.locator(".compare").first.wait_for()
    assert visit.texts("#count")[0].endswith("from 1.1.0 to 1.3.0")


@pytest.mark.long
def test_events_are_filtered_and_downloaded(visit):
    page = visit.open(AUDIT)
    page.get_by_role("combobox", name="Event").select_option("rolled-back")
    assert len(visit.texts("#table tbody tr")) == 1
    page.get_by_role("combobox", name="Event").select_option("")
    page.get_by_role("combobox", name="Model").select_option("progression")
    page.get_by_label("From", exact=True).fill("2026-04-01")
    assert len(visit.texts("#table tbody tr")) == 1
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert Path(download.value.path()).read_bytes() == (visit.folder / "events.csv").read_bytes()


@pytest.mark.long
def test_only_the_changed_parameters_are_shown_until_all_are_wanted(visit):
    page = visit.open(VERSION)

    assert len(visit.texts(".params tbody th")) == 2
    page.get_by_label("Only those changed from the defaults").uncheck()
    assert len(visit.texts(".params tbody th")) == 37


@pytest.mark.long
def test_what_is_copied_is_what_is_shown(browser, catalogue):
    visit = Visit(browser, catalogue, permissions=["clipboard-read", "clipboard-write"])
    page = visit.open(VERSION)
    page.get_by_role("button", name="Copy the Python code").click()

    page.get_by_text("Copied", exact=True).first.wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    visit.context.close()
    assert copied == 'import gitmodelstore as gms\n\nmodel = gms.load_model("tumours@1.3.0")'
    assert visit.wrong == []


@pytest.mark.long
def test_the_colours_follow_the_system_until_somebody_chooses_and_that_is_remembered(
    browser, catalogue
):
    visit = Visit(browser, catalogue, color_scheme="dark")
    page = visit.open(INDEX)
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)

    page.get_by_role("button", name="Colours: as the system").click()
    light = page.evaluate(background)
    visit.open(MODEL)
    assert page.evaluate(background) == light != dark
    page.get_by_role("button", name="Colours: light").click()
    assert page.evaluate(background) == dark
    visit.context.close()
    assert visit.wrong == []


@pytest.mark.long
def test_on_paper_there_are_no_controls(visit):
    page = visit.open(VERSION)
    page.emulate_media(media="print")

    assert page.locator("button:visible, input:visible, nav[aria-label=Pages]:visible").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf().startswith(b"%PDF-")


@pytest.mark.long
def test_everything_is_reached_by_keyboard(visit):
    page = visit.open(MODEL)
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.innerText"))
    for name in ("Skip to the content", "Compare", "Auto", "accuracy", "filter", "status", "date"):
        assert any(one.strip() == name for one in seen), name
    visit.open(INDEX)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_hostile_texts_run_nothing_and_stand_as_they_are(browser, hostile):
    visit = Visit(browser, hostile)
    for name in (INDEX, "models/progression/index.html", "models/progression/1.2.0.html", AUDIT):
        page = visit.open(name)
        assert page.evaluate("window.hacked") is None
    page = visit.open(f"{COMPARE}#progression/1.1.0/1.2.0")
    page.locator(".compare").first.wait_for()
    assert page.evaluate("window.hacked") is None
    assert page.locator("#result script, #result img, #result svg").count() == 0
    visit.context.close()
    assert visit.wrong == []


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", KINDS)
def test_axe_finds_nothing_serious(browser, catalogue, name, scheme):
    from axe_playwright_python.sync_playwright import Axe

    visit = Visit(browser, catalogue, color_scheme=scheme)
    page = visit.open(name)
    if name == COMPARE:
        page.locator(".compare").first.wait_for()
    found = Axe().run(page).response["violations"]
    visit.context.close()

    assert [
        (one["id"], one["impact"], [node["html"][:200] for node in one["nodes"]][:3])
        for one in found
    ] == []
