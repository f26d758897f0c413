"""The page is one file, the same for the same contents, and shows every name as text."""

import base64
import json
import re
from dataclasses import replace
from datetime import datetime
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from daily_page import EMPTY, FULL, named, projected
from salesflow.pages import charts
from salesflow.pages.contents import DailyReport, DataState
from salesflow.pages.formatting import currency
from salesflow.pages.page import render
from salesflow.pages.reading import SECTIONS

HOSTILE = """</script><script>alert("1")</script><b onclick='x'>&amp;"""
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """A page as a browser would take it: its elements, and the text within them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append((self.elements[-1][1], data))
        elif data.strip() and self.open[-1] != "style":
            self.text.append(re.sub("[ \n]+", " ", data).strip(" "))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@cache
def html(report: DailyReport) -> str:
    return render(report).decode()


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html(FULL))


def test_the_same_contents_give_the_same_bytes() -> None:
    assert render(FULL) == html(FULL).encode()


def test_the_page_needs_no_other_file(page: Page) -> None:
    for name, attributes in page.elements:
        assert name not in ("link", "img", "iframe", "object", "base")
        assert "src" not in attributes
        assert not (attributes.get("href") or "#").strip("#").count(":")
    assert len(html(FULL)) < 6_000_000


def test_the_browser_may_run_the_two_scripts_of_the_page_and_no_other(page: Page) -> None:
    (policy,) = (
        meta["content"] or ""
        for meta in page.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    )
    running = [text for attributes, text in page.scripts if "type" not in attributes]
    hashes = [base64.b64encode(sha256(text.encode()).digest()).decode() for text in running]
    assert len(running) == 2
    assert re.findall(r"'sha256-([^']+)'", policy) == hashes
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in policy


def test_ids_are_unique_and_what_refers_to_them_finds_them(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-describedby", "data-figure"):
            assert attributes.get(name) is None or attributes[name] in ids
        if (attributes.get("href") or "").startswith("#"):
            assert (attributes["href"] or "")[1:] in ids


def test_tables_and_charts_can_be_heard(page: Page) -> None:
    tables, headers = page.all("table"), page.all("th")
    assert len(tables) == len(page.all("caption")) > 15
    assert {header.get("scope") for header in headers} == {"col", "row"}
    drawn = [each for each in page.all("div") if each.get("class") == "chart"]
    assert [chart["id"] for chart in drawn] == [
        "hourly", "categories", "projected-revenue", "projected-units",
    ]  # fmt: skip
    assert all(chart["role"] == "img" and chart["aria-label"] for chart in drawn)
    assert page.all("html")[0]["lang"] == "en"


def test_key_figures_are_compared_with_the_day_and_the_week_before(page: Page) -> None:
    start = page.text.index("Net sales")
    assert page.text[start : start + 6] == [
        "Net sales", "$1,234.56", "+23.5\u202f%", "on the day before",
        "\u221250.0\u202f%", "on the same day last week",
    ]  # fmt: skip


def test_what_is_known_of_the_day_is_said() -> None:
    assert "✓ complete" in html(FULL)
    early = replace(FULL, state=DataState(datetime(2026, 3, 4, 15)))  # noqa: DTZ001
    assert "! provisional" in html(early)
    assert "All that was written until 4 Mar 2026, 15:00 UTC" in html(early)
    assert "Nobody knows how complete this is." in html(EMPTY)


def test_the_projection_says_what_it_is_worth(page: Page) -> None:
    assert any("81 of 100 days were within the 80 % interval" in text for text in page.text)
    assert any("0.75 times that of repeating the last week" in text for text in page.text)
    assert any("Pager: not sold for 60 days" in text for text in page.text)


def test_an_empty_day_is_told_of_as_such() -> None:
    empty = Page(html(EMPTY))
    assert "There are no totals of this day." in empty.text
    assert "Nothing was sold on this day." in empty.text
    assert any("There is no projection: needs 84 days" in text for text in empty.text)
    assert not empty.all("table")
    assert not [each for each in empty.all("div") if each.get("class") == "chart"]


@pytest.mark.parametrize("section", [*SECTIONS, "restatements"])
def test_each_part_may_be_missing_alone(section: str) -> None:
    Page(html(replace(FULL, **{section: ()})))


def test_names_are_shown_as_text() -> None:
    shown = Page(html(named(HOSTILE)))
    assert len([1 for attributes, _ in shown.scripts if "type" not in attributes]) == 2
    assert not any("onclick" in attributes for _, attributes in shown.elements)
    assert HOSTILE in shown.text
    for attributes, text in shown.scripts:
        if attributes.get("type") == "application/json":
            assert "<" not in text
            json.loads(text)


def figure(chart: charts.Chart | None) -> Any:
    assert chart is not None
    return json.loads(chart.figure)


def test_axes_have_titles_with_units(page: Page) -> None:
    figures = [json.loads(text) for attributes, text in page.scripts if "type" in attributes]
    titles = [
        [each["layout"][axis].get("title") for axis in ("xaxis", "yaxis")] for each in figures
    ]
    assert [[title and title["text"] for title in both] for both in titles] == [
        ["Hour of the day (UTC)", "Net sales (USD)"],
        ["Net sales (USD)", None],
        ["Day (UTC)", "Revenue (USD)"],
        ["Day (UTC)", "Units (pieces)"],
    ]


def test_the_fan_has_what_was_sold_what_is_projected_and_both_intervals() -> None:
    wide, narrow, sold, ahead = figure(charts.projection(projected(), "revenue", currency("USD")))[
        "data"
    ]
    assert [trace["name"] for trace in (wide, narrow, sold, ahead)] == [
        "95 % interval", "80 % interval", "Sold", "Projected",
    ]  # fmt: skip
    assert wide["y"] == [140.0] * 28 + [60.0] * 28
    assert narrow["y"] == [120.0] * 28 + [80.0] * 28
    assert ahead["x"] == wide["x"][:28]
    assert (ahead["x"][0], sold["x"][-1], len(sold["x"])) == ("2026-03-05", "2026-03-04", 56)
    assert ahead["customdata"][0] == "$100 (80 %: $80 to $120)"


def test_names_in_charts_are_no_markup_and_not_too_long() -> None:
    shown = figure(
        charts.categories(named("<b>A name beyond all bounds</b>").categories, currency("EUR"))
    )
    assert "&lt;b&gt;A name beyond all …" in shown["layout"]["yaxis"]["ticktext"]
    assert shown["layout"]["xaxis"]["tickprefix"] == "€"


def test_a_chart_says_in_words_what_it_shows() -> None:
    chart = charts.hourly(FULL.hours, currency("USD"))
    assert chart is not None
    assert chart.summary == (
        "The best hour began at 23:00 UTC and brought $230.00, from 2 orders. 2 orders without a "
        "time are left out."
    )


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_stand_out_in_light_and_dark() -> None:
    light, dark = (
        dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", html(FULL), re.S)[:2]
    )
    data = set(re.findall(r'"color":"(#[0-9a-f]{6})"', html(FULL))) - {"#ffffff"}
    assert len(data) == 2
    for theme in (light, light | dark):
        for ground in ("paper", "panel"):
            for ink in ("ink", "muted", "up", "down", "link"):
                assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground)
        assert contrast(theme["ink"], theme["bar"]) >= 4.5
        for color in data:
            assert contrast(color, theme["paper"]) >= 3, color
    assert contrast("#2f7de1", "#ffffff") >= 3


def test_very_long_names_are_cut() -> None:
    text = render(replace(named("N" * 140_000), shop="test", state=EMPTY.state)).decode()
    assert "N" * 79 + "…" in text
    assert "N" * 80 + " (not in the catalogue)" not in text
    body = text[text.index("<body>") : text.index("<footer>")]
    assert "N" * 81 not in body
