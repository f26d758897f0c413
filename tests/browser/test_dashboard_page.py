"""The dashboard's page in each of its states, told what to show: legible, exact, calm."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import pairwise
from typing import Any

import pytest

from dashboard_server import DashboardServer, example, time_text
from dashboard_states import STATES, tell_failing, tell_well

SOON = 15_000


def show(server: DashboardServer, opened: Any, state: str) -> Any:
    """Open the page in a state."""
    tell, mark, word = STATES[state]
    tell(server)
    page = opened.page
    page.goto(server.url)
    page.locator(f"#verdict[data-state={mark}] h1", has_text=word).wait_for(timeout=SOON)
    return page


LEGIBLE = """() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
        return [red, green, blue, alpha / 255];
    };
    const over = (top, under) => [0, 1, 2].map((at) => top[at] * top[3] + under[at] * (1 - top[3]));
    const light = (color) => {
        const [red, green, blue] = color.slice(0, 3).map((each) => each / 255)
            .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const behind = (node) => {
        const layers = [];
        for (let each = node; each; each = each.parentElement) {
            const style = getComputedStyle(each);
            const ends = [...style.backgroundImage.matchAll(/(?:rgb|color)a?\\([^)]*\\)/g)];
            if (ends.length) layers.push(rgba(ends.at(-1)[0]));
            layers.push(rgba(style.backgroundColor));
        }
        return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const poor = [];
    let seen = 0;
    while (texts.nextNode()) {
        const node = texts.currentNode.parentElement;
        const text = texts.currentNode.textContent.trim();
        if (!text || !node.checkVisibility({ visibilityProperty: true })) continue;
        if (node.closest(".unseen, .skip, noscript")) continue;
        const style = getComputedStyle(node);
        const ground = behind(node);
        const ink = over(rgba(node instanceof SVGElement ? style.fill : style.color), ground);
        const [high, low] = [light(ink), light(ground)].sort((a, b) => b - a);
        const ratio = (high + 0.05) / (low + 0.05);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        seen += 1;
        if (ratio < (large ? 3 : 4.5)) poor.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
    }
    return { seen, poor };
}"""


TOO_WIDE = """cards => cards.filter(card => card.scrollWidth > card.clientWidth)
    .map(card => card.querySelector("h2, h3").textContent)"""

SCROLLED = """["so-far", "products", "categories"].filter(name => {
    const { parentNode } = document.getElementById(name);
    return parentNode.scrollWidth > parentNode.clientWidth;
})"""


@pytest.mark.parametrize("state", STATES)
def test_each_state_is_legible_and_fits_any_screen(
    page_server: DashboardServer, open_page: Callable[..., Any], state: str
) -> None:
    opened = open_page(viewport={"width": 360, "height": 740}, reduced_motion="reduce")
    page = show(page_server, opened, state)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        legible = page.evaluate(LEGIBLE)
        assert legible["poor"] == []  # WCAG 2.2, 1.4.3: 4.5 to 1, large text 3 to 1
        assert legible["seen"] > 20
    for width in (360, 768, 1024):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.eval_on_selector_all(".card", TOO_WIDE) == []
        assert page.evaluate(SCROLLED) == []
    assert page.evaluate("document.getAnimations().length") == 0
    assert opened.errors == []
    assert opened.foreign == []


def test_signs_of_states_differ_by_shape(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    opened = open_page()
    shapes = set()
    for state in ("well", "failing", "empty", "stale"):
        page_server.forget()
        page = show(page_server, opened, state)
        shapes.add(page.locator("#verdict-sign .shape").get_attribute("d"))
    assert len(shapes) == 4


def test_a_page_without_orders_says_how_to_begin(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = show(page_server, open_page(), "empty")
    link = page.locator("#start").get_by_role("link", name="generate_orders")
    assert link.get_attribute("href") == page_server.url.replace(
        "/salesflow/", "/dags/generate_orders"
    )
    assert page.get_by_text("Too short a past.").is_visible()
    assert page.locator("#latest-empty").is_visible()


def test_what_is_stale_keeps_its_figures_and_says_since_when(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = show(page_server, open_page(), "stale")
    assert page.locator("#revenue-today").inner_text() == "$198,875"
    assert "out of date" in page.locator("[aria-labelledby=day-title] .age").inner_text()
    assert "3 min old" in page.locator("[aria-labelledby=day-title] .age").inner_text()
    assert "AWS can't be reached. So since" in page.locator("#notice").inner_text()


def test_the_live_figures_are_told_of_first_when_all_fail(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = open_page().page
    now = datetime.now(UTC)
    for kind, minutes in (("lake", 4), ("live", 2), ("pipeline", 3)):
        failing = example(kind, now - timedelta(minutes=minutes))
        page_server.tell(
            kind, failing | {"error": "AWS can't be reached.", "since": time_text(now)}
        )
    page.goto(page_server.url)
    read = now - timedelta(minutes=2)
    page.locator("#notice", has_text=f"The figures are as of {read:%H:%M:%S}").wait_for(
        timeout=SOON
    )
    page_server.tell("live", example("live", datetime.now(UTC)))
    page_server.tell("pipeline", example("pipeline", datetime.now(UTC)))
    lake = f"The figures of the lake are as of {now - timedelta(minutes=4):%H:%M:%S}"
    page.locator("#notice", has_text=lake).wait_for(timeout=SOON)


def test_it_says_when_nobody_is_signed_in_and_goes_on_afterwards(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = show(page_server, open_page(), "well")
    page_server.status = HTTPStatus.UNAUTHORIZED
    page_server.cut()
    page.locator("#verdict-word", has_text="Signed out").wait_for(timeout=SOON)
    link = page.locator("#notice").get_by_role("link", name="Sign in")
    assert "/api/v2/auth/login?next=http" in link.get_attribute("href")
    assert page.locator("#revenue-today").inner_text() == "$198,875"
    tell_well(page_server)
    page_server.status = HTTPStatus.OK
    page.locator("#verdict-word", has_text="All is well").wait_for(timeout=SOON)
    assert page.locator("#notice").is_hidden()


def test_a_stage_that_is_not_there_is_told_of_and_is_no_loss(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = show(page_server, open_page(), "well")
    page_server.status = HTTPStatus.NOT_FOUND
    page_server.cut()
    page.locator("#verdict-word", has_text="No figures").wait_for(timeout=SOON)
    assert "Not Found. It is tried again" in page.locator("#notice").inner_text()
    page.wait_for_timeout(5_000)
    assert page.locator("#verdict-word").inner_text() == "No figures"
    tell_well(page_server)
    page_server.status = HTTPStatus.OK
    page.locator("#verdict-word", has_text="All is well").wait_for(timeout=SOON)


def test_the_navigation_stays_with_the_stage(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = open_page().page
    page.goto(f"{page_server.url}?stage=prod")
    links = page.get_by_role("navigation").get_by_role("link")
    assert links.evaluate_all("links => links.map(link => link.href)") == [
        f"{page_server.url}?stage=prod",
        f"{page_server.url}questions?stage=prod",
    ]


def test_the_newest_report_leads_to_its_page(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = open_page().page
    page_server.tell_examples(datetime.now(UTC))
    day = example("lake", datetime.now(UTC))["data"]["last_report"]["day"]
    page.goto(f"{page_server.url}?stage=prod")
    link = page.get_by_role("link", name="The page of")
    link.wait_for(timeout=SOON)
    assert link.evaluate("link => link.href") == f"{page_server.url}days/{day}?stage=prod"


def test_a_stream_that_ends_and_begins_again_is_no_loss(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = show(page_server, open_page(), "well")
    page.evaluate(
        """() => {
            window.words = [];
            const word = document.getElementById("connection");
            new MutationObserver(() => window.words.push(word.textContent))
                .observe(word, { childList: true, characterData: true, subtree: true });
        }"""
    )
    before = page_server.requests.count("/airflow/salesflow/api/events")
    page_server.cut()
    live = example("live", datetime.now(UTC))
    live["data"]["so_far"]["today"]["orders"] = 4321
    page_server.tell("live", live)
    page.locator("#orders-today", has_text="4,321").wait_for(timeout=SOON)
    assert page_server.requests.count("/airflow/salesflow/api/events") == before + 1
    assert page.evaluate("window.words") == []


def test_figures_change_without_a_word_to_screen_readers(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = show(page_server, open_page(), "well")
    page.evaluate(
        """() => {
            window.spoken = [];
            new MutationObserver((changes) => window.spoken.push(...changes))
                .observe(document.getElementById("announcer"), { childList: true, subtree: true });
        }"""
    )
    assert page.locator("[aria-live], [role=status], [role=alert], [role=log]").count() == 1
    live = example("live", datetime.now(UTC))
    for orders in range(900, 905):
        live["data"]["so_far"]["today"]["orders"] = orders
        page_server.tell("live", live)
        page.locator("#orders-today", has_text=str(orders)).wait_for(timeout=SOON)
    assert page.evaluate("window.spoken.length") == 0


def test_a_change_of_state_is_announced(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    opened = open_page()
    opened.page.clock.install()
    page = show(page_server, opened, "well")
    tell_failing(page_server)
    page.locator("#verdict-word", has_text="failing").wait_for(timeout=SOON)
    assert page.locator("#announcer").inner_text() == ""
    for orders in (4_321, 4_322, 4_323):
        page.clock.run_for(5_500)
        tell_orders(page_server, orders, page.evaluate("Date.now()"))
        page.locator("#orders-today", has_text=f"{orders:,}").wait_for(timeout=SOON)
    assert "The pipeline is failing" in page.locator("#announcer").inner_text()


def test_only_what_is_counted_is_called_exact(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = show(page_server, open_page(), "well")
    ages = {part: page.locator(f"[aria-labelledby={part}-title] .age") for part in AGED}
    assert {part: age.inner_text().partition(" ")[0] for part, age in ages.items()} == AGED
    lake = example("lake", datetime.now(UTC))
    lake["data"]["projection"] = {"missing": "Too short a past."}
    page_server.tell("lake", lake)
    ages["projection"].get_by_text("nothing yet").wait_for(timeout=SOON)


AGED = {"day": "≈", "latest": "≈", "exact": "✓", "customers": "✓", "projection": "projected"}


def test_what_hangs_without_a_word_is_no_state_of_now(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    opened = open_page()
    opened.page.clock.install()
    page = show(page_server, opened, "well")
    page.clock.run_for(12_000)
    assert page.locator("#verdict-word").inner_text() == "Out of date"
    assert page.locator("#connection").inner_text() == "Not up to date"
    assert "Nothing new has come since" in page.locator("#notice").inner_text()
    tell_orders(page_server, 4_321, page.evaluate("Date.now()"))
    page.locator("#verdict-word", has_text="All is well").wait_for(timeout=SOON)
    assert page.locator("#connection").inner_text() == "Live"
    assert page.locator("#notice").is_hidden()


def tell_orders(server: DashboardServer, orders: int, milliseconds: int) -> None:
    """Tell how many orders there are at a time by the page's clock."""
    live = example("live", datetime.fromtimestamp(milliseconds / 1000, UTC))
    live["data"]["so_far"]["today"]["orders"] = orders
    server.tell("live", live)


def test_only_what_arrives_is_marked_as_new(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = show(page_server, open_page(), "well")
    assert page.locator("#latest .fresh").count() == 0
    live = example("live", datetime.now(UTC))
    live["data"]["latest"] = copy.deepcopy(live["data"]["latest"])
    fresh = live["data"]["latest"][0] | {"orderid": "fresh", "arrived": live["read_at"]}
    live["data"]["latest"].insert(0, fresh)
    page_server.tell("live", live)
    page.locator("#latest li", has_text="fresh").first.wait_for(timeout=SOON)
    assert page.locator("#latest li").first.get_attribute("class") == "fresh"


def test_what_looks_the_same_is_shown_as_often_as_it_is_told(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = show(page_server, open_page(), "well")
    live = example("live", datetime.now(UTC))
    twice, product = live["data"]["latest"][0], live["data"]["products"][0]
    statuses = ("shipped", "paid", "paid")
    live["data"]["latest"] = [twice | {"status": status} for status in statuses]
    live["data"]["products"] = [product, product]  # of long names that are cut
    for orders in ("4,321", "4,322", "4,323"):
        live["data"]["so_far"]["today"]["orders"] = int(orders.replace(",", ""))
        page_server.tell("live", live)
        page.locator("#orders-today", has_text=orders).wait_for(timeout=SOON)
    latest = page.locator("#latest li .about").all_inner_texts()
    assert [text.split(" · ")[1] for text in latest] == list(statuses)
    assert page.locator("#products tbody tr").count() == len(live["data"]["products"])


def test_pause_holds_the_figures_until_it_goes_on(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = show(page_server, open_page(), "well")
    page.get_by_role("button", name="Pause").press("Enter")
    assert "Paused at" in page.locator("#connection").inner_text()
    live = example("live", datetime.now(UTC))
    live["data"]["so_far"]["today"]["orders"] = 4321
    page_server.tell("live", live)
    pipeline = example("pipeline", datetime.now(UTC))
    page_server.tell("pipeline", pipeline)
    page.wait_for_timeout(300)
    assert page.locator("#orders-today").inner_text() == "888"
    page.get_by_role("button", name="Go on").press("Enter")
    page.locator("#orders-today", has_text="4,321").wait_for(timeout=SOON)
    assert page.locator("#verdict").get_attribute("data-state") == "failing"


def test_money_is_exact_beyond_what_a_float_holds(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    live = example("live", datetime.now(UTC))
    live["data"]["so_far"]["today"]["revenue"] = "90071992547409931.07"
    live["data"]["latest"][0] |= {"quantity": 3, "price": "30023997515803310.3567"}
    page_server.tell("live", live)
    page = open_page().page
    page.goto(page_server.url)
    page.locator("#latest li").first.wait_for(timeout=SOON)
    assert "$90,071,992,547,409,931.07" in page.locator("#so-far").inner_text()
    assert "$90,071,992,547,409,931.07" in page.locator("#latest li").first.inner_text()


def test_a_chart_is_read_by_keyboard_and_as_a_table(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = show(page_server, open_page(), "well")
    for chart, key, words in (
        ("hours", "Home", ["0:00 to 1:00", "Today $6,612.20 · 31", "Yesterday $6,635.66 · 28"]),
        ("projection", "End", ["Projected $", "80 % $", "95 % $", " to $"]),
    ):
        slider = page.locator(f"#{chart}")
        slider.focus()
        slider.press(key)
        spoken = slider.get_attribute("aria-valuetext")
        assert [word for word in words if word not in spoken] == []
        assert page.locator(f"#{chart} .tip").is_visible()
        table = page.locator(f"#{chart}-table")
        table.locator("xpath=ancestor::details/summary").press("Enter")
        assert table.locator("tbody tr").count() == (24 if chart == "hours" else 28)
    unnamed = page.locator("svg:not([aria-hidden=true]):not([role=img][aria-label])")
    assert unnamed.count() == 0


def test_it_has_landmarks_headings_in_order_and_named_regions(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = show(page_server, open_page(), "failing")
    assert [
        page.locator(each).count() for each in ("main", "header.top", "footer", "nav", "h1")
    ] == [1] * 5
    levels = page.eval_on_selector_all("h1, h2, h3", "all => all.map(each => +each.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.locator("main section:not([aria-labelledby])").count() == 0
    assert page.locator("table:not(:has(thead th[scope=col]))").count() == 0


def test_all_modules_are_asked_for_at_once(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    page = show(page_server, open_page(), "well")
    preloaded = page.eval_on_selector_all(
        "[rel=modulepreload]", "all => all.map(each => each.href)"
    )
    loaded = {path for path in page_server.requests if path.endswith(".js")}
    assert {address.partition("/airflow")[2] for address in preloaded} == {
        path.removeprefix("/airflow")
        for path in loaded
        if not path.endswith(("/main.js", "/theme.js"))
    }


def test_the_last_runs_are_told_as_airflow_tells_them(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    now = datetime.now(UTC)
    page_server.runs = {
        "ingest_orders": [
            {
                "dag_run_id": "manual__2026-03-05T13:00:00+00:00",
                "state": "failed",
                "run_after": time_text(now),
                "start_date": time_text(now - timedelta(seconds=90)),
                "end_date": time_text(now - timedelta(seconds=30)),
            }
        ],
        "project_sales": [],
    }
    page = show(page_server, open_page(), "well")
    row = page.locator("#runs tr", has_text="ingest_orders")
    row.get_by_text("Failed").wait_for(timeout=SOON)
    assert "took 1 min" in row.inner_text()
    href = row.get_by_role("link", name="The run of ingest_orders").get_attribute("href")
    assert href == page_server.url.replace(
        "/salesflow/", "/dags/ingest_orders/runs/manual__2026-03-05T13%3A00%3A00%2B00%3A00"
    )
    assert "Has not run yet" in page.locator("#runs tr", has_text="project_sales").inner_text()
    assert "no such DAG" in page.locator("#runs tr", has_text="deploy_pipeline").inner_text()


def test_long_silence_is_told_where_orders_are_usual(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    tell_well(page_server)
    live = example("live", datetime.now(UTC))
    for minute in live["data"]["minutes"][30:]:
        minute |= {"orders": 0, "units": 0, "revenue": "0", "changes": 0}
    usual = [{"hour": hour, "orders": 60, "revenue": "6000.00"} for hour in range(24)]
    live["data"]["hours"] |= {"yesterday": usual, "last_week": usual}
    page_server.tell("live", live)
    page = open_page().page
    page.goto(page_server.url)
    page.locator("#verdict-word", has_text="Sales are quiet").wait_for(timeout=SOON)
    sentence = page.locator("#sales-sentence").inner_text()
    assert "60 an hour are usual" in sentence


def test_amounts_beyond_all_comparison_fit_a_phone(
    page_server: DashboardServer, open_page: Callable[..., Any]
) -> None:
    live = example("live", datetime.now(UTC))
    live["data"]["so_far"]["today"]["revenue"] = "270549120881889749999999999.99"
    live["data"]["latest"][0] |= {"quantity": 2147483647, "price": "99999999999999.9999"}
    page_server.tell("live", live)
    page = open_page(viewport={"width": 360, "height": 740}).page
    page.goto(page_server.url)
    page.locator("#latest li").first.wait_for(timeout=SOON)
    assert "> +10,000\u202f%" in page.locator("#revenue-against").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.eval_on_selector_all(".card", TOO_WIDE) == []
