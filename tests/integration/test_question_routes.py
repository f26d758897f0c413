"""The routes of the questions' page, on a deployed lake and with Airflow's own login."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

import airflow_home
from question_lake import FORMULA, HOSTILE, ORDERS, QuestionLake, deploy, order
from salesflow.local import airflow_environment, aws_environment

QUERIES = "/questions/api/queries"
UNKNOWN = "00000000-0000-0000-0000-000000000000"
#: Runs for hours unless it is stopped.
ENDLESS = (
    "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x) "
    "CROSS JOIN UNNEST(sequence(1, 10000)) AS b(y) "
    "CROSS JOIN UNNEST(sequence(1, 10000)) AS c(z) WHERE (x * y + z) % 7 = 8"
)


@pytest.fixture(scope="module")
def lake(turning_aws: str, tmp_path_factory: pytest.TempPathFactory) -> QuestionLake:
    names = aws_environment(turning_aws)
    session = boto3.Session(
        aws_access_key_id=names["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=names["AWS_SECRET_ACCESS_KEY"],
        region_name=names["AWS_DEFAULT_REGION"],
    )

    def aws(service: str) -> Any:
        connect: Any = session.client  # a service's name is known at run time only
        return connect(service, endpoint_url=turning_aws)

    lake = QuestionLake(aws, deploy(aws, tmp_path_factory.mktemp("packages")))
    lake.fill()
    return lake


@pytest.fixture(scope="module")
def connection(turning_aws: str) -> Iterator[pytest.MonkeyPatch]:
    """Nothing but Airflow's connection leads to the AWS."""
    ours = airflow_environment(turning_aws, airflow_home.HOME)
    with pytest.MonkeyPatch.context() as patch:
        for name in aws_environment(turning_aws):
            patch.delenv(name, raising=False)
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", ours["AIRFLOW_CONN_AWS_DEFAULT"])
        yield patch


@pytest.fixture(scope="module")
def app(airflow_database: None, connection: pytest.MonkeyPatch) -> Any:
    from fastapi import FastAPI

    from salesflow_airflow.questions.router import router

    app = FastAPI()
    app.include_router(router)
    return app


@pytest.fixture(scope="module")
def stranger(app: Any) -> Any:
    """A client that isn't logged in."""
    from fastapi.testclient import TestClient

    return TestClient(app)


@pytest.fixture(scope="module")
def ann(app: Any, lake: QuestionLake) -> Any:
    """A client of a user who is logged in; the name is as odd as a name may be."""
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    logged_in = FastAPI()
    logged_in.include_router(app.router)
    logged_in.dependency_overrides[get_user] = lambda: SimpleNamespace(get_name=lambda: "ann\n; x")
    return TestClient(logged_in)


def ended(client: Any, query_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        question: dict[str, Any] = client.get(f"{QUERIES}/{query_id}").json()
        if question["state"] not in ("QUEUED", "RUNNING"):
            return question
        time.sleep(0.05)
    raise TimeoutError(query_id)


def ask(client: Any, sql: str) -> dict[str, Any]:
    response = client.post(QUERIES, json={"sql": sql})
    assert response.status_code == 201, response.text
    return ended(client, response.json()["id"])


def rows(client: Any, sql: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{QUERIES}/{ask(client, sql)['id']}/rows").json()
    return found


def routes(app: Any) -> list[tuple[str, str]]:
    from fastapi.routing import APIRoute

    return [
        (method, route.path.format(query_id=UNKNOWN, name="questions.js"))
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods)
    ]


def test_nobody_sees_or_asks_anything_without_a_login(app: Any, stranger: Any) -> None:
    found = routes(app)
    assert len(found) == 10
    for method, path in found:
        response = stranger.request(method, path, json={"sql": "SELECT 1"})
        assert (response.status_code, response.json()) == (401, {"detail": "Not authenticated"})


def test_not_even_a_faulty_body_is_read_without_a_login(stranger: Any) -> None:
    headers = {"Content-Type": "application/json"}
    assert stranger.post(QUERIES, content="{", headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["", "/static/questions.js", "/static/questions.css"])
def test_the_page_is_served_from_its_files(path: str, ann: Any) -> None:
    response = ann.get(f"/questions{path}")
    assert response.status_code == 200
    assert len(response.content) > 1000


@pytest.mark.parametrize("name", ["..%2Frouter.py", "router.py", "none"])
def test_no_other_file_is_served(name: str, ann: Any) -> None:
    assert ann.get(f"/questions/static/{name}").status_code == 404


def test_tables_come_with_their_columns_and_what_they_are(ann: Any) -> None:
    told = ann.get("/questions/api/tables").json()
    assert told["database"] == "salesflow_dev"
    current, orders = told["tables"]
    assert (current["name"], current["view"]) == ("orders_current", True)
    assert current["about"] == "The view of the orders that exist, in their newest state."
    assert (orders["name"], orders["view"]) == ("orders", False)
    assert orders["columns"][4] == {"name": "price", "type": "decimal(18,4)", "partition": False}
    assert orders["columns"][-1] == {"name": "order_date", "type": "date", "partition": True}


def test_examples_are_the_queries_of_the_stack_and_can_be_asked(ann: Any) -> None:
    told = ann.get("/questions/api/examples").json()
    examples = {each["name"]: each["sql"] for each in told["examples"]}
    assert set(examples) == {"all_rows", "expensive_orders", "sales_by_product", "unique_products"}
    found = rows(ann, examples["unique_products"])
    assert found["rows"][0][0] == "7"


def test_an_answer_has_what_was_read_its_cost_and_its_rows(ann: Any) -> None:
    question = ask(ann, "SELECT count(*) AS n, sum(price) AS total, max(NULL) AS x FROM orders")
    assert (question["state"], question["error"]) == ("SUCCEEDED", None)
    assert question["scanned_bytes"] > 100_000
    assert Decimal(question["cost"]) == Decimal("0.0000476837158203125")
    found = ann.get(f"{QUERIES}/{question['id']}/rows").json()
    total = sum(Decimal(order(number)["price"]) for number in range(ORDERS))
    assert [column["name"] for column in found["columns"]] == ["n", "total", "x"]
    assert found["columns"][1]["type"] == "decimal"
    [[count, summed, nothing]] = found["rows"]
    assert (count, Decimal(summed), nothing) == (str(ORDERS), total, None)
    assert found["more"] is False


def test_a_long_answer_is_cut_and_says_so_and_its_file_has_all(ann: Any) -> None:
    sql = "SELECT orderid, product_name, brand_name, price FROM orders ORDER BY orderid"
    question = ask(ann, sql)
    found = ann.get(f"{QUERIES}/{question['id']}/rows").json()
    assert (len(found["rows"]), found["more"]) == (1000, True)
    response = ann.get(f"{QUERIES}/{question['id']}/csv")
    assert response.headers["content-type"].startswith("text/csv")
    assert "attachment" in response.headers["content-disposition"]
    header, *read = csv.reader(io.StringIO(response.text, newline=""))
    assert header == ["orderid", "product_name", "brand_name", "price"]
    assert len(read) == ORDERS
    for number in (0, 3, 5, 6, ORDERS - 1):
        expected = order(number)
        name = expected["product_name"].replace(FORMULA, f"'{FORMULA}")
        assert read[number][:3] == [expected["orderid"], name, expected["brand_name"] or ""]
        assert Decimal(read[number][3]) == Decimal(expected["price"])
    assert HOSTILE in {row[1] for row in read}


@pytest.mark.parametrize(
    ("sql", "kind", "line", "column"),
    [
        ("DELETE FROM orders", "DELETE isn't allowed", 1, 1),
        ("-- all\nDROP TABLE orders", "DROP TABLE isn't allowed", 2, 1),
        ("SELECT 1;\nDELETE FROM orders", "one statement at a time", 1, 9),
        ("EXPLAIN ANALYZE DELETE FROM orders", "DELETE isn't allowed", 1, 17),
    ],
)
def test_what_writes_is_refused_and_not_run(
    sql: str, kind: str, line: int, column: int, ann: Any
) -> None:
    before = ann.get(QUERIES).json()
    response = ann.post(QUERIES, json={"sql": sql})
    assert response.status_code == 400
    assert kind in response.json()["error"]
    assert (response.json()["line"], response.json()["column"]) == (line, column)
    assert ann.get(QUERIES).json() == before


def test_a_fault_is_told_in_athenas_words_with_its_place(ann: Any) -> None:
    response = ann.post(QUERIES, json={"sql": "SELECT *\nFROM orders WHERE x = = 1"})
    assert response.status_code == 400
    assert "mismatched input '='" in response.json()["error"]
    assert (response.json()["line"], response.json()["column"]) == (2, 23)
    failed = ask(ann, "SELECT\n  pryce FROM orders")
    assert failed["state"] == "FAILED"
    assert failed["error"] == "COLUMN_NOT_FOUND: line 2:3: Column 'pryce' cannot be resolved"
    assert (failed["line"], failed["column"], failed["cost"]) == (2, 3, "0")
    refused = ann.get(f"{QUERIES}/{failed['id']}/rows")
    assert (refused.status_code, refused.json()["error"]) == (
        409,
        "the question has no answer: it is FAILED",
    )


def test_the_history_says_who_asked_what(ann: Any, lake: QuestionLake) -> None:
    asked = ask(ann, "SELECT 'a question' AS a\n")
    newest = ann.get(QUERIES).json()["questions"][0]
    assert newest["id"] == asked["id"]
    assert (newest["sql"], newest["asked_by"]) == ("SELECT 'a question' AS a", "ann ; x")
    kept = lake.aws("athena").get_query_execution(QueryExecutionId=asked["id"])["QueryExecution"]
    assert kept["Query"] == "-- asked by ann ; x\nSELECT 'a question' AS a"
    assert kept["WorkGroup"] == "salesflow-dev-questions"
    assert "/athena-results/questions/" in kept["ResultConfiguration"]["OutputLocation"]


def test_airflows_audit_log_has_the_question_even_a_refused_one(ann: Any) -> None:
    from airflow.models import Log
    from airflow.utils.session import create_session
    from sqlalchemy import select

    ann.post(QUERIES, json={"sql": "DROP TABLE orders -- by ann"})
    with create_session() as session:
        query = select(Log.owner, Log.event, Log.extra).order_by(Log.id.desc()).limit(1)
        owner, event, extra = session.execute(query).one()
    assert (owner, event) == ("ann\n; x", "salesflow_question")
    assert json.loads(extra) == {"sql": "DROP TABLE orders -- by ann", "stage": "dev"}


def test_a_running_question_can_be_cancelled(ann: Any) -> None:
    query_id = ann.post(QUERIES, json={"sql": ENDLESS}).json()["id"]
    assert ann.delete(f"{QUERIES}/{query_id}").status_code == 204
    assert ended(ann, query_id)["state"] == "CANCELLED"


def test_other_queries_can_not_be_read_through_the_page(ann: Any, lake: QuestionLake) -> None:
    lake.run("SELECT 1 AS not_for_you")
    [theirs] = lake.aws("athena").list_query_executions(
        WorkGroup=lake.outputs["WorkGroupName"], MaxResults=1
    )["QueryExecutionIds"]
    calls: list[Callable[..., Any]] = [
        lambda query_id: ann.get(f"{QUERIES}/{query_id}"),
        lambda query_id: ann.get(f"{QUERIES}/{query_id}/rows"),
        lambda query_id: ann.get(f"{QUERIES}/{query_id}/csv"),
        lambda query_id: ann.delete(f"{QUERIES}/{query_id}"),
    ]
    for call in calls:
        for query_id in (theirs, UNKNOWN):
            response = call(query_id)
            assert response.status_code == 404
            assert response.json()["error"] == f"there is no question {query_id}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Origin": "http://[bad"},
        {"Origin": "http://testserver:81"},
    ],
    ids=str,
)
def test_other_sites_can_neither_ask_nor_cancel(headers: dict[str, str], ann: Any) -> None:
    asked = ann.post(QUERIES, json={"sql": "SELECT 1"}, headers=headers)
    assert asked.status_code == 403
    assert "Airflow's own pages only" in asked.json()["error"]
    assert ann.delete(f"{QUERIES}/{UNKNOWN}", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://testserver"}], ids=str
)
def test_the_page_itself_can_ask(headers: dict[str, str], ann: Any) -> None:
    assert ann.post(QUERIES, json={"sql": "SELECT 1"}, headers=headers).status_code == 201


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_form_can_send_is_no_question(kind: str, ann: Any) -> None:
    body = json.dumps({"sql": "SELECT 1"})
    response = ann.post(QUERIES, content=body, headers={"Content-Type": kind})
    assert response.status_code == 415
    assert response.json()["error"] == "a question is sent as application/json"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '{"sql": null}',
        '{"sql": 1}',
        '{"sql": "SELECT \'\\ud800\'"}',
        '{"sql": ""}',
        '{"sql": "\\u0000"}',
        '{"sql": {"a": "\\udfff"}}',
        "[" * 100_000,
    ],
    ids=range(11),
)
def test_a_body_that_is_no_question_is_told_so(body: str, ann: Any) -> None:
    response = ann.post(QUERIES, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json().get("error") or response.json()["detail"]


def test_a_body_is_read_no_further_than_a_question_can_reach(ann: Any) -> None:
    headers = {"Content-Type": "application/json"}
    response = ann.post(QUERIES, content=b" " * 300_000, headers=headers)
    assert response.status_code == 413
    assert response.json()["error"] == "a question is sent in 262,144 bytes at most"


@pytest.mark.parametrize("path", [f"{QUERIES}/x", f"{QUERIES}/%00/rows", f"{QUERIES}?stage=A%20b"])
def test_an_id_or_stage_that_can_not_be_is_told_so(path: str, ann: Any) -> None:
    response = ann.get(path)
    assert (response.status_code, "error" in response.json()) == (400, True)


def test_a_stage_that_is_not_deployed_is_told_of(ann: Any) -> None:
    response = ann.get(f"{QUERIES}?stage=nowhere")
    assert response.status_code == 404
    assert response.json()["error"] == "Stage nowhere isn't deployed: run the DAG deploy_pipeline."


def test_an_aws_that_can_not_be_reached_is_told_of(
    ann: Any, connection: pytest.MonkeyPatch
) -> None:
    from salesflow_airflow.dashboard.deployments import opened

    there = airflow_environment("http://127.0.0.1:9", airflow_home.HOME)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", there["AIRFLOW_CONN_AWS_DEFAULT"])
        opened.cache_clear()
        for method, path in (("GET", ""), ("POST", ""), ("GET", f"/{UNKNOWN}/csv")):
            response = ann.request(method, f"{QUERIES}{path}", json={"sql": "SELECT 1"})
            assert response.status_code == 503
            assert response.json()["error"] == "AWS can't be reached."
    opened.cache_clear()
