"""The page of a day in a real browser: drawn without a network, on a desk, a phone and paper."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daily_page import EMPTY, FULL, costly, named
from salesflow.pages.page import render

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
SCREENS = {"desk": (1280, 900), "phone": (390, 844), "laptop": (1366, 900)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        path = chromium or playwright.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("there is no Chromium")
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    pages = {"full": FULL, "empty": EMPTY, "hostile": named(HOSTILE), "costly": costly()}
    for name, report in pages.items():
        (folder / f"{name}.html").write_bytes(render(report))
    return folder


class Opened:
    """A page, and whatever went wrong while it was opened."""

    def __init__(self, browser: Any, file: Path, screen: str, scheme: str) -> None:
        width, height = SCREENS[screen]
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, offline=True
        )
        self.page = context.new_page()
        self.wrong: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.wrong.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.wrong.append(request.url))
        self.page.goto(file.as_uri())
        self.page.wait_for_function(
            "[...document.querySelectorAll('.chart')].every(chart => chart.querySelector('svg'))"
        )
        self.wrong.remove(file.as_uri())


@pytest.mark.parametrize(
    ("name", "screen", "scheme"),
    [
        ("full", "desk", "light"),
        ("full", "desk", "dark"),
        ("full", "phone", "light"),
        ("empty", "phone", "dark"),
        ("hostile", "desk", "light"),
        ("hostile", "phone", "light"),
        ("costly", "laptop", "light"),
        ("costly", "phone", "light"),
    ],
)
def test_it_is_drawn_without_a_network_and_fits(
    browser: Any, files: Path, name: str, screen: str, scheme: str
) -> None:
    opened = Opened(browser, files / f"{name}.html", screen, scheme)
    page = opened.page
    assert opened.wrong == []
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth") == page.evaluate(f"{root}.clientWidth")
    assert page.locator(".chart svg.main-svg").count() >= (0 if name == "empty" else 2)
    for chart in page.locator(".chart").all():
        drawn = chart.locator("svg.main-svg").first.bounding_box()
        assert drawn is not None
        assert drawn["width"] <= (chart.bounding_box() or drawn)["width"] + 1


@pytest.mark.parametrize("screen", ["laptop", "phone"])
def test_a_table_of_large_amounts_scrolls_by_itself_and_shows_that_there_is_more(
    browser: Any, files: Path, screen: str
) -> None:
    page = Opened(browser, files / "costly.html", screen, "light").page
    wide = page.evaluate(
        """() => [...document.querySelectorAll('.scroll')]
            .filter(box => box.scrollWidth > box.clientWidth)
            .map(box => {
                box.scrollLeft = box.scrollWidth;
                const cell = box.querySelector('tbody tr td:last-child');
                const end = cell.getBoundingClientRect().right;
                return {
                    whole: end <= box.getBoundingClientRect().right + 1,
                    shadows: getComputedStyle(box).backgroundAttachment,
                };
            })"""
    )
    assert len(wide) >= 3
    assert {table["whole"] for table in wide} == {True}
    assert {table["shadows"] for table in wide} == {"local, local, scroll, scroll"}


@pytest.mark.parametrize(("scheme", "ink"), [("light", "#17202b"), ("dark", "#e7ebf0")])
def test_texts_of_charts_follow_light_and_dark(
    browser: Any, files: Path, scheme: str, ink: str
) -> None:
    page = Opened(browser, files / "full.html", "desk", scheme).page
    red, green, blue = (int(ink[at : at + 2], 16) for at in (1, 3, 5))
    colors = page.eval_on_selector_all(
        ".chart :is(.xtick text, .ytick text, .xtitle, .ytitle, .legendtext)",
        "texts => [...new Set(texts.map(text => getComputedStyle(text).fill))]",
    )
    assert colors == [f"rgb({red}, {green}, {blue})"]


@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_in_a_chart_overlaps(browser: Any, files: Path, screen: str) -> None:
    page = Opened(browser, files / "full.html", screen, "light").page
    overlapping = page.evaluate(
        """() => [...document.querySelectorAll('.chart')].flatMap(chart => {
            const texts = [...chart.querySelectorAll(
                '.xtick text, .ytick text, .xtitle, .ytitle, .legendtext')];
            const boxes = texts.map(text => [text.textContent, text.getBoundingClientRect()]);
            return boxes.flatMap(([one, a], at) => boxes.slice(at + 1)
                .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1
                    && a.top < b.bottom - 1 && b.top < a.bottom - 1)
                .map(([other]) => `${chart.id}: ${one} and ${other}`));
        })"""
    )
    assert overlapping == []


def test_on_paper_all_is_unfolded_and_no_wider_than_the_sheet(
    browser: Any, files: Path, tmp_path: Path
) -> None:
    page = Opened(browser, files / "full.html", "desk", "dark").page
    page.evaluate(
        """() => addEventListener('beforeprint', () => {
            window.printed = {
                folded: document.querySelectorAll('details:not([open])').length,
                widths: [...document.querySelectorAll('.chart svg.main-svg')]
                    .map(svg => svg.getBoundingClientRect().width),
            };
        })"""
    )
    pdf = page.pdf(prefer_css_page_size=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 10
    printed = page.evaluate("window.printed")
    assert printed["folded"] == 0
    assert max(printed["widths"]) <= 690
    assert page.locator("details:not([open])").count() == page.locator("details").count() > 0


def test_what_is_folded_opens_by_keyboard(browser: Any, files: Path) -> None:
    page = Opened(browser, files / "full.html", "phone", "light").page
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.get_by_text("Sales by the hour (UTC)").is_visible()
