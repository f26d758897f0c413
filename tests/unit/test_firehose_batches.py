"""Every record of a Firehose batch is answered once and in order, within Lambda's limit."""

import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesflow.transform import ANSWER_LIMIT, transform_batch

EVENTS = Path(__file__).parent / "events"
INSERT = json.loads((EVENTS / "insert_with_required_attributes_only.json").read_text())


def encoded(payload: Any) -> str:
    return b64encode(json.dumps(payload).encode()).decode()


def batch(*data: str) -> dict[str, Any]:
    return {"records": [{"recordId": f"r{i}", "data": text} for i, text in enumerate(data)]}


def insert(orderid: str = "921", **extra: Any) -> str:
    change = json.loads(json.dumps(INSERT))
    change["dynamodb"]["Keys"] = {"orderid": {"S": orderid}}
    change["dynamodb"]["NewImage"] |= {"orderid": {"S": orderid}, **extra}
    return encoded(change)


def results(answer: dict[str, Any]) -> list[str]:
    return [record["result"] for record in answer["records"]]


@pytest.fixture
def log() -> list[str]:
    return []


def test_a_batch_of_firehose_is_answered_with_rows(log: list[str]) -> None:
    event = json.loads((EVENTS / "firehose_invocation.json").read_text())
    answer = transform_batch(event, log.append)
    assert [r["recordId"] for r in answer["records"]] == [r["recordId"] for r in event["records"]]
    rows = [json.loads(b64decode(record["data"])) for record in answer["records"]]
    assert [row["event_type"] for row in rows] == ["INSERT", "MODIFY", "REMOVE"]
    assert log == []


def test_a_poison_record_fails_alone_and_says_why(log: list[str]) -> None:
    poison = insert(price={"S": "free"})
    answer = transform_batch(batch(insert(), poison, insert()), log.append)
    assert results(answer) == ["Ok", "ProcessingFailed", "Ok"]
    assert answer["records"][1]["data"] == poison
    assert [json.loads(line) for line in log] == [
        {
            "level": "WARNING",
            "message": "ProcessingFailed",
            "recordId": "r1",
            "reason": "attribute price has type 'S', not N",
        }
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("%%%", "no JSON text in base64"),
        ("ä", "no JSON text in base64"),
        ("", "no JSON text in base64"),
        (b64encode(b"\xff\xfe").decode(), "no JSON text in base64"),
        (b64encode(b'{"half":').decode(), "no JSON text in base64"),
        (encoded([INSERT]), "no JSON object"),
        (b64encode(b"[" * 100_000).decode(), "nested too deeply"),
    ],
)
def test_a_payload_that_is_no_change_fails(data: str, reason: str, log: list[str]) -> None:
    answer = transform_batch(batch(data), log.append)
    assert answer == {"records": [{"recordId": "r0", "result": "ProcessingFailed", "data": data}]}
    assert reason in json.loads(log[0])["reason"]


@pytest.fixture
def usual_recursion_limit() -> Iterator[None]:
    """Python's own, which other libraries of the test process may have raised."""
    raised = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(raised)


@pytest.mark.usefixtures("usual_recursion_limit")
def test_an_attribute_nested_too_deeply_fails(log: list[str]) -> None:
    value: dict[str, Any] = {"S": "bottom"}
    for _ in range(400):
        value = {"L": [value]}
    assert results(transform_batch(batch(insert(extra=value)), log.append)) == ["ProcessingFailed"]


@pytest.mark.parametrize("data", [None, 5])
def test_a_record_without_data_fails(data: Any, log: list[str]) -> None:
    event = {"records": [{"recordId": "r0", "data": data}, {"recordId": "r1"}]}
    answer = transform_batch(event, log.append)
    assert answer["records"] == [
        {"recordId": "r0", "result": "ProcessingFailed"},
        {"recordId": "r1", "result": "ProcessingFailed"},
    ]


def test_a_reason_does_not_show_the_payload(log: list[str]) -> None:
    transform_batch(batch(b64encode(b"secret name").decode()), log.append)
    assert "secret" not in log[0]


def test_reasons_go_to_standard_output_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    transform_batch(batch("%%%"))
    assert json.loads(capsys.readouterr().out)["recordId"] == "r0"


def test_only_the_rows_that_do_not_fit_the_answer_fail(log: list[str]) -> None:
    # Quotes and backslashes double at each of the two levels of JSON in `attributes`.
    swelling = insert("b", note={"S": '"' * 350_000})
    event = batch(insert("a"), *[swelling] * 6, insert("z"))
    answer = transform_batch(event, log.append)
    assert len(json.dumps(answer)) <= ANSWER_LIMIT
    outcome = results(answer)
    assert (outcome[0], outcome[-1]) == ("Ok", "Ok")
    assert outcome.count("ProcessingFailed") == len(log) > 0
    assert "doesn't fit in the batch's answer" in log[0]


def test_many_failures_with_their_data_fit_the_answer(log: list[str]) -> None:
    answer = transform_batch(batch(*["x" * 100_000] * 70), log.append)
    assert len(json.dumps(answer)) <= ANSWER_LIMIT
    assert set(results(answer)) == {"ProcessingFailed"}
    assert "data" in answer["records"][0]
    assert "data" not in answer["records"][-1]
    assert len(log) == 70


@given(
    st.lists(
        st.one_of(
            st.text(),
            st.binary().map(lambda raw: b64encode(raw).decode()),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            ).map(encoded),
            st.just(insert()),
        )
    )
)
def test_every_record_of_any_batch_is_accounted_for(data: list[str]) -> None:
    log: list[str] = []
    event = batch(*data)
    answer = transform_batch(event, log.append)
    assert [r["recordId"] for r in answer["records"]] == [r["recordId"] for r in event["records"]]
    outcome = results(answer)
    assert set(outcome) <= {"Ok", "ProcessingFailed"}
    assert len(log) == outcome.count("ProcessingFailed")
