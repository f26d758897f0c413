"""The questions' page inside a real Airflow, before a deployed lake on the local AWS."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_home import ROOT
from question_lake import HOSTILE, ORDERS, PRODUCTS, QuestionLake, order

SCREENSHOTS = ROOT / "build" / "screenshots"
SOON = 30_000
ENDLESS = (
    "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x) "
    "CROSS JOIN UNNEST(sequence(1, 10000)) AS b(y) "
    "CROSS JOIN UNNEST(sequence(1, 10000)) AS c(z) WHERE (x * y + z) % 7 = 8"
)
BY_PRODUCT = "SELECT product_name, count(*) AS n FROM orders_current GROUP BY product_name"


@pytest.fixture(scope="module")
def lake(site: Any) -> Iterator[QuestionLake]:
    lake = QuestionLake(site.aws, site.outputs)
    lake.fill()
    yield lake
    lake.drop()


@pytest.fixture
def opened(site: Any, lake: QuestionLake, open_page: Callable[..., Any]) -> Any:
    """The page by itself, as a user of Airflow who is logged in sees it."""
    opened = open_page(storage_state=site.state)
    opened.page.goto(f"{site.url}/salesflow/questions")
    opened.page.locator("#tables details").first.wait_for(timeout=SOON)
    return opened


def ask(page: Any, sql: str) -> None:
    """Type a question and run it, by the keyboard."""
    page.locator("#sql").fill(sql)
    page.locator("#sql").press("Control+Enter")


def shown(page: Any) -> list[list[str]]:
    """The rows of the answer, once there is one."""
    page.locator("#rows tbody tr").first.wait_for(timeout=SOON)
    found: list[list[str]] = page.locator("#rows tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return found


def test_airflows_navigation_leads_to_an_answer_with_its_chart_and_cost(
    site: Any, lake: QuestionLake, open_page: Callable[..., Any]
) -> None:
    opened = open_page(storage_state=site.state)
    opened.page.goto(site.url)
    opened.page.get_by_role("link", name="Ask", exact=True).click()
    inside = opened.page.frame_locator("iframe[title=Ask]")
    inside.get_by_role("button", name="sales by product").click(timeout=SOON)
    inside.get_by_role("button", name="Run").click()
    inside.locator("#rows tbody tr").first.wait_for(timeout=SOON)
    assert inside.locator("#rows tbody tr").count() == len(PRODUCTS)
    inside.locator("#chart .bars .point").first.wait_for(timeout=SOON)
    assert inside.locator("#chart .bars .point").count() == len(PRODUCTS)
    facts = inside.locator("#facts").inner_text()
    assert re.search(r"Succeeded\s+[\d.]+ KB scanned\s+\$0\.000048 cost\s+[\d.]+ s", facts)
    above = inside.locator("#facts").bounding_box()["y"]
    assert above < inside.locator("#rows").bounding_box()["y"]
    assert opened.errors == []
    assert opened.foreign == []


def test_a_write_is_refused_with_its_reason_and_place(opened: Any, lake: QuestionLake) -> None:
    ask(opened.page, "-- tidy up\nDELETE FROM orders")
    problem = opened.page.get_by_role("alert")
    problem.get_by_text("DELETE isn't allowed: questions only read").wait_for(timeout=SOON)
    assert "^ line 2, column 1" in problem.inner_text()
    assert opened.page.evaluate("getSelection().toString()") == "DELETE"
    assert opened.page.locator("#gutter b").inner_text().strip() == "2"
    assert opened.page.locator("#rows tbody tr").count() == 0
    assert lake.run("SELECT count(*) FROM orders") == [(str(ORDERS),)]


def test_a_fault_is_shown_where_it_is(opened: Any) -> None:
    ask(opened.page, "SELECT orderid\nFROM orders\nWHERE pryce > 100")
    problem = opened.page.get_by_role("alert")
    problem.get_by_text("Column 'pryce' cannot be resolved").wait_for(timeout=SOON)
    assert opened.page.evaluate("getSelection().toString()") == "pryce"
    opened.page.locator("#facts", has_text="Failed").wait_for()


def test_markup_in_data_is_text_wherever_it_is_shown(opened: Any) -> None:
    ask(opened.page, f"{BY_PRODUCT}, '{HOSTILE.replace(chr(39), chr(39) * 2)}'")
    assert HOSTILE in {row[0] for row in shown(opened.page)}
    opened.page.locator("#chart .bars .point").first.wait_for(timeout=SOON)
    cut = opened.page.locator("#chart .xtick", has_text="<img src=x onerror")
    assert cut.count() == 1
    opened.page.locator("#history .sql", has_text="<script>").first.wait_for(timeout=SOON)
    assert (
        opened.page.locator(":is(main, aside) :is(img, script, a[href^='javascript'])").count() == 0
    )
    assert opened.page.title() == "Ask the lake"
    assert opened.errors == []


def test_the_file_has_the_rows_that_are_shown(opened: Any, tmp_path: Path) -> None:
    ask(
        opened.page,
        "SELECT orderid, brand_name, quantity, price FROM orders_current"
        " WHERE quantity > 3 ORDER BY orderid LIMIT 200",
    )
    rows = shown(opened.page)
    assert len(rows) == 200
    assert "NULL" in {row[1] for row in rows}
    with opened.page.expect_download() as download:
        opened.page.get_by_role("link", name="Download CSV").click()
    path = tmp_path / "answer.csv"
    download.value.save_as(path)
    with path.open(newline="") as file:
        header, *read = csv.reader(file)
    assert header == ["orderid", "brand_name", "quantity", "price"]
    assert read == [["" if value == "NULL" else value for value in row] for row in rows]


def test_a_long_answer_says_that_there_is_more(opened: Any) -> None:
    ask(opened.page, "SELECT orderid, price FROM orders ORDER BY orderid")
    assert [row[0] for row in shown(opened.page)] == [
        order(number)["orderid"] for number in range(1000)
    ]
    assert opened.page.locator("#counted").inner_text() == (
        "The first 1,000 rows; the file has all of them."
    )


def test_a_wide_answer_scrolls_and_its_chart_has_room(opened: Any) -> None:
    page = opened.page
    many = ", ".join(f"'a name of column {n}' AS column_{n}" for n in range(12))
    name = "concat('a name that is longer than an axis bears ', orderid)"
    ask(page, f"SELECT {name} AS name, brand_name, price, {many} FROM orders LIMIT 200")
    page.locator("#rows th", has_text="column_11").wait_for(timeout=SOON)
    box = "node => node.getBoundingClientRect().toJSON()"
    assert page.locator("#rows td", has_text="column 11").first.evaluate(box)["height"] < 40
    for label, option in (("Along", "name"), ("One for each", "brand_name"), ("Chart", "Bars")):
        page.locator("#choices label", has_text=label).locator("select").select_option(label=option)
    page.locator("#chart .bars .point").first.wait_for(timeout=SOON)
    legend = page.locator("#chart .legend").evaluate(box)
    axis = page.locator("#chart .xaxislayer-above").evaluate(box)
    plot = page.locator("#chart .barlayer").evaluate(box)
    assert legend["bottom"] <= plot["top"]
    assert plot["height"] > axis["height"] / 2


def test_rows_are_sorted_by_a_column_as_numbers(opened: Any) -> None:
    ask(opened.page, "SELECT * FROM (VALUES (10), (9), (NULL), (-1)) AS t (n)")
    assert shown(opened.page) == [["10"], ["9"], ["NULL"], ["-1"]]
    heading = opened.page.get_by_role("columnheader")
    for order_, expected in (
        ("ascending", ["-1", "9", "10", "NULL"]),
        ("descending", ["10", "9", "-1", "NULL"]),
        (None, ["10", "9", "NULL", "-1"]),
    ):
        heading.get_by_role("button").click()
        assert heading.get_attribute("aria-sort") == order_
        assert shown(opened.page) == [[value] for value in expected]


def test_numbers_are_sorted_by_all_of_their_digits(opened: Any) -> None:
    page = opened.page
    ask(page, "SELECT * FROM (VALUES 9007199254740993.02, 9007199254740993.01) AS t (n)")
    page.get_by_role("columnheader").get_by_role("button").click()
    assert shown(page) == [["9007199254740993.01"], ["9007199254740993.02"]]


def test_a_column_of_nothing_but_null_is_no_measure(opened: Any) -> None:
    rows = "FROM (VALUES ('a', 1), ('b', 2)) AS t (name, n)"
    ask(opened.page, f"SELECT name, n, CAST(NULL AS bigint) AS nothing {rows}")
    opened.page.locator("#chart .bars .point").first.wait_for(timeout=SOON)
    assert opened.page.get_by_label("Measure").locator("option:checked").inner_text() == "n"
    ask(opened.page, f"SELECT name, CAST(NULL AS bigint) AS missing {rows}")
    opened.page.locator("#rows th", has_text="missing").wait_for(timeout=SOON)
    assert opened.page.locator("#chart-part").is_hidden()


@pytest.fixture
def heavy(site: Any, lake: QuestionLake) -> Iterator[str]:
    """A table that holds more than a question may read: Athena's least limit, 10 MB."""
    athena, group = site.aws("athena"), site.outputs["QuestionsWorkGroupName"]
    usual = athena.get_work_group(WorkGroup=group)["WorkGroup"]["Configuration"]

    def limit(size: int) -> None:
        update = {"BytesScannedCutoffPerQuery": size}
        athena.update_work_group(WorkGroup=group, ConfigurationUpdates=update)

    bucket = site.outputs["LakeBucketName"]
    site.aws("s3").put_object(Bucket=bucket, Key="heavy/lines.csv", Body=b"0123456789\n" * 10**6)
    lake.run(f"CREATE EXTERNAL TABLE heavy (line string) LOCATION 's3://{bucket}/heavy/'")
    limit(10_000_000)
    yield "heavy"
    limit(usual["BytesScannedCutoffPerQuery"])
    lake.run("DROP TABLE heavy")
    site.aws("s3").delete_object(Bucket=bucket, Key="heavy/lines.csv")


def test_a_question_over_the_scan_limit_is_refused_with_the_reason(opened: Any, heavy: str) -> None:
    ask(opened.page, f"SELECT max(line) FROM {heavy}")
    waiting = opened.page.locator("#waiting", has_text="The question was cancelled.")
    waiting.wait_for(timeout=SOON)
    assert "Bytes scanned limit was exceeded" in waiting.inner_text()
    assert opened.page.locator("#rows tbody tr").count() == 0


def test_a_running_question_is_cancelled(opened: Any) -> None:
    ask(opened.page, ENDLESS)
    opened.page.locator("#facts", has_text="Running").wait_for(timeout=SOON)
    assert opened.page.locator("#history[inert]").count() == 1
    opened.page.get_by_role("button", name="Cancel", exact=True).click()
    opened.page.get_by_text("The question was cancelled.").first.wait_for(timeout=SOON)
    opened.page.get_by_role("button", name="Cancel", exact=True).wait_for(
        state="hidden", timeout=SOON
    )
    assert opened.page.get_by_role("button", name="Run").is_enabled()
    assert opened.page.locator("#history[inert]").count() == 0


def test_the_keyboard_completes_names_and_leaves_the_editor(opened: Any) -> None:
    editor = opened.page.locator("#sql")
    editor.press_sequentially("SELECT bra")
    opened.page.get_by_role("option", name="brand_name").wait_for()
    editor.press("ArrowDown")
    chosen = editor.get_attribute("aria-activedescendant")
    assert opened.page.locator(f"#{chosen}").get_attribute("aria-selected") == "true"
    editor.press("Enter")
    editor.press_sequentially(" FROM orders_c")
    editor.press("ArrowDown")
    editor.press("Enter")
    assert editor.input_value() == "SELECT brand_name FROM orders_current"
    editor.press("Tab")
    assert opened.page.evaluate("document.activeElement.id") == "run"
    editor.press("Control+z")
    assert editor.input_value() != "SELECT brand_name FROM orders_current"


def test_columns_are_inserted_and_questions_are_asked_again(opened: Any) -> None:
    opened.page.locator("#tables summary", has_text="orders_current").click()
    opened.page.locator("#sql").fill("SELECT max(price) AS dearest,")
    opened.page.get_by_role("button", name="Insert quantity, int").first.click()
    assert opened.page.locator("#sql").input_value() == "SELECT max(price) AS dearest,quantity"
    ask(opened.page, "SELECT max(price) AS dearest FROM orders")
    assert shown(opened.page) == [["499.2500"]]
    ask(opened.page, "SELECT 2 AS two")
    opened.page.locator("#rows th", has_text="two").wait_for(timeout=SOON)
    opened.page.locator("#history button", has_text="dearest").first.click()
    opened.page.locator("#rows th", has_text="dearest").wait_for(timeout=SOON)
    assert opened.page.locator("#sql").input_value() == "SELECT max(price) AS dearest FROM orders"
    assert shown(opened.page) == [["499.2500"]]


def test_an_answer_that_comes_late_is_not_shown_for_another_question(opened: Any) -> None:
    page = opened.page
    for name in ("early", "late"):
        ask(page, f"SELECT 1 AS {name}")
        page.locator("#history button", has_text=f"AS {name}").first.wait_for(timeout=SOON)
    held: list[Any] = []
    page.route("**/rows*", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/rows*"):
        page.locator("#history button", has_text="AS late").first.click()
    page.locator("#history button", has_text="AS early").first.click()
    page.locator("#rows th", has_text="early").wait_for(timeout=SOON)
    with page.expect_response("**/rows*") as late:
        held[0].continue_()
    late.value.finished()
    page.wait_for_timeout(200)
    assert page.locator("#sql").input_value() == "SELECT 1 AS early"
    assert page.locator("#rows th", has_text="early").is_visible()


def test_a_stage_that_is_not_deployed_is_told_of_in_each_part(
    site: Any, open_page: Callable[..., Any]
) -> None:
    opened = open_page(storage_state=site.state)
    opened.page.goto(f"{site.url}/salesflow/questions?stage=nowhere")
    for part in ("examples", "tables", "history"):
        state = opened.page.locator(f"#{part}-state", has_text="Stage nowhere isn't deployed")
        state.wait_for(timeout=SOON)
    live = opened.page.get_by_role("navigation").get_by_role("link", name="Live")
    assert live.evaluate("link => link.href") == f"{site.url}/salesflow/?stage=nowhere"


@pytest.mark.parametrize(
    ("name", "width", "height", "scheme"),
    [("light", 1366, 900, "light"), ("dark", 1366, 900, "dark"), ("phone", 360, 780, "light")],
    ids=["light", "dark", "phone"],
)
def test_the_page_fits_its_screen(
    name: str,
    width: int,
    height: int,
    scheme: str,
    site: Any,
    lake: QuestionLake,
    open_page: Callable[..., Any],
) -> None:
    opened = open_page(
        storage_state=site.state,
        viewport={"width": width, "height": height},
        color_scheme=scheme,
    )
    page = opened.page
    page.goto(f"{site.url}/salesflow/questions")
    page.locator("#tables details").first.wait_for(timeout=SOON)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"questions-{name}-empty.png", full_page=True)
    ask(
        page,
        "SELECT order_date, brand_name,\n       sum(quantity * price) AS sales\n"
        "FROM orders_current\nGROUP BY order_date, brand_name\nORDER BY order_date",
    )
    page.locator("#chart .scatterlayer .trace").nth(5).wait_for(timeout=SOON)
    page.screenshot(path=SCREENSHOTS / f"questions-{name}-answer.png", full_page=True)
    ask(page, "SELECT\n  colour\nFROM orders")
    page.get_by_role("alert").get_by_text("cannot be resolved").wait_for(timeout=SOON)
    page.screenshot(path=SCREENSHOTS / f"questions-{name}-fault.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") == width
