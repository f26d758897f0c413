"""Reading both sides: the table's pages, and the result file of a query."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import given
from hypothesis import strategies as st

from salesflow.reconciliation.orders_table import OrdersTable, ReadStalled
from salesflow.reconciliation.silver import (
    COLUMNS,
    ResultFile,
    ResultMalformed,
    csv_lines,
    fitting,
    some_orders,
)


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Any:
        yield self._content


Answer = Callable[[str, dict[str, Any]], dict[str, Any]]


def table(answer: Answer) -> OrdersTable:
    """A table behind a real client, with the wire format but without a socket."""
    client = boto3.client(
        "dynamodb", region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t"
    )

    def send(request: Any, **_: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().partition(".")[2]
        body = json.dumps(answer(operation, json.loads(request.body))).encode()
        headers = {"Content-Length": str(len(body))}
        return AWSResponse(request.url, 200, headers, _Body(body))

    client.meta.events.register("before-send.dynamodb", send)
    return OrdersTable(client, "orders", sleep=lambda _: None)


def item(orderid: str, **more: Any) -> dict[str, Any]:
    return {"orderid": {"S": orderid}, **more}


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [entry["orderid"]["S"] for entry in items]


def test_a_scan_reads_every_page_of_every_segment_and_says_what_it_cost() -> None:
    def answer(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        assert operation == "Scan"
        assert request["TotalSegments"] == 3
        assert request["ReturnConsumedCapacity"] == "TOTAL"
        assert not request.get("ConsistentRead")
        segment = request["Segment"]
        page = (
            int(request["ExclusiveStartKey"]["orderid"]["S"]) if segment and len(request) > 4 else 0
        )
        found: dict[str, Any] = {
            "Items": [item(f"{segment}-{page}")] if page != 1 else [],
            "ConsumedCapacity": {"TableName": "orders", "CapacityUnits": 0.5},
        }
        if page < segment:
            found["LastEvaluatedKey"] = {"orderid": {"S": str(page + 1)}}
        return found

    orders = table(answer)
    pages = list(orders.scan(3))
    assert sorted(i for page in pages for i in ids(page)) == ["0-0", "1-0", "2-0", "2-2"]
    assert orders.units == 3.0


def test_a_page_that_can_not_be_read_ends_the_scan() -> None:
    def answer(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if request["Segment"] == 1:
            raise RuntimeError("broken")
        return {"Items": [item("a")]}

    with pytest.raises(RuntimeError, match="broken"):
        list(table(answer).scan(2))


@pytest.mark.parametrize(("total", "segments"), [(0, 1), (99, 1), (1000, 10), (10**9, 1_000_000)])
def test_a_sample_is_one_random_segment_of_the_right_size(total: int, segments: int) -> None:
    seen: list[int] = []

    def answer(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation == "DescribeTable":
            return {"Table": {"ItemCount": total}}
        assert request["TotalSegments"] == segments
        assert 0 <= request["Segment"] < segments
        assert request["Limit"] == 100 - sum(seen)
        seen.append(60)
        found = [item(f"{len(seen)}-{n}") for n in range(min(60, request["Limit"]))]
        return {"Items": found, "LastEvaluatedKey": {"orderid": {"S": "x"}}}

    assert len(table(answer).sample(100, Random(1))) == 100


def test_a_segment_that_is_smaller_than_the_sample_is_all_there_is() -> None:
    def answer(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation == "DescribeTable":
            return {"Table": {"ItemCount": 5}}
        return {"Items": [item("a"), item("b")]}

    assert ids(table(answer).sample(100, Random(1))) == ["a", "b"]


def test_given_orders_are_read_in_batches_until_none_is_unprocessed() -> None:
    asked: list[int] = []

    def answer(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        assert operation == "BatchGetItem"
        keys = request["RequestItems"]["orders"]["Keys"]
        assert request["RequestItems"]["orders"]["ConsistentRead"] is True
        asked.append(len(keys))
        done, left = (keys[:-30], keys[-30:]) if len(keys) == 100 else (keys, [])
        there = [item(key["orderid"]["S"]) for key in done if key["orderid"]["S"] != "7"]
        found: dict[str, Any] = {"Responses": {"orders": there}}
        if left:
            found["UnprocessedKeys"] = {"orders": {"Keys": left}}
        return found

    orders = table(answer)
    wanted = [str(n) for n in range(250)]
    assert sorted(ids(list(orders.read(wanted)))) == sorted(set(wanted) - {"7"})
    assert asked == [100, 30, 100, 30, 50]
    assert orders.units > 0  # from the size of the answers, which name no units
    assert list(orders.read([])) == []


def test_keys_that_stay_unprocessed_are_an_error() -> None:
    def answer(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        left = request["RequestItems"]["orders"]
        return {"Responses": {}, "UnprocessedKeys": {"orders": left}}

    with pytest.raises(ReadStalled, match="2 keys"):
        list(table(answer).read(["a", "b"]))


def test_what_is_binary_is_as_in_the_stream() -> None:
    gift = {"M": {"b": {"B": "AAH/"}, "l": {"L": [{"BS": ["AAH/"]}, {"N": "1"}]}}}

    def answer(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return {"Items": [item("a", gift=gift, photo={"B": "AAH/"})]}

    [[found]] = table(answer).scan(1)
    assert found == item("a", gift=gift, photo={"B": "AAH/"})


# ---------------------------------------------------------------------- result files

CELLS = st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=5), st.just('"\n,"'))


def written(rows: list[list[str | None]]) -> bytes:
    """As Athena writes them: what isn't NULL in quotes."""
    lines = (
        ",".join("" if cell is None else '"' + cell.replace('"', '""') + '"' for cell in row)
        for row in rows
    )
    return "".join(line + "\n" for line in lines).encode()


class S3:
    """One object, which is read in ranges."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def head_object(self, **place: str) -> Any:
        assert place == {"Bucket": "lake", "Key": "results/1.csv"}
        return {"ContentLength": len(self.content)}

    def get_object(self, Range: str, **place: str) -> Any:
        first, last = map(int, Range.removeprefix("bytes=").split("-"))

        class Body:
            @staticmethod
            def read() -> bytes:
                return self.content[first : last + 1]

        return {"Body": Body}


def result(content: bytes) -> ResultFile:
    client: Any = S3(content)
    return ResultFile(client, "s3://lake/results/1.csv")


@given(rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=5), size=st.integers(1, 50))
def test_lines_are_found_in_any_chunks_with_their_places(
    rows: list[list[str | None]], size: int
) -> None:
    data = written(rows)
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    found = list(csv_lines(chunks))
    assert [line + b"\n" for _, line in found] == [written([row]) for row in rows]
    assert all(data[place : place + len(line)] == line for place, line in found)


def test_a_file_that_was_cut_off_is_malformed() -> None:
    with pytest.raises(ResultMalformed):
        list(csv_lines(iter([b'"a","b'])))
    with pytest.raises(ResultMalformed):
        list(csv_lines(iter([b'"a","b\n"c"'])))


def test_rows_have_their_values_and_can_be_found_again() -> None:
    texts = {
        "orderid": 'A"1\n',
        "is_deleted": "false",
        "last_sequence_number": "0001",
        "product_name": "",
        "quantity": "2",
        "price": "10.5000",
    }
    live = [texts.get(name) for name in COLUMNS]
    removed = [(texts | {"orderid": "B", "is_deleted": "true"}).get(name) for name in COLUMNS]
    file = result(written([list(COLUMNS), live, removed]))
    one, other = file.rows()
    assert (one.orderid, one.sequence_number) == ('A"1\n', "0001")
    assert one.values is not None
    assert one.values[:5] == (None, "", None, None, "2")
    assert (other.orderid, other.values) == ("B", None)
    assert file.row(one.start, one.length) == one
    assert file.row(other.start, other.length) == other


def test_an_empty_result_has_no_rows() -> None:
    assert list(result(written([list(COLUMNS)])).rows()) == []


def test_a_line_with_too_few_values_is_malformed() -> None:
    with pytest.raises(ResultMalformed, match="1 values"):
        list(result(b'"header"\n"x"\n').rows())


def test_ids_are_literals_whatever_they_hold() -> None:
    assert some_orders(["a", "o'b"], "a", None) == ("orderid IN ('a', 'o''b') OR (orderid > 'a')")
    assert some_orders([], None, None) == "TRUE"
    assert some_orders(["a"], "a", "b'") == (
        "orderid IN ('a') OR (orderid > 'a' AND orderid < 'b''')"
    )


def test_no_more_ids_are_asked_for_than_a_statement_may_hold() -> None:
    assert fitting(["x" * 26] * 5000) == 5000
    long = ["\u00e4'" * 500] * 500
    assert 50 < fitting(long) < 150
    assert len(some_orders(long[: fitting(long)], long[0], long[1]).encode()) < 262_144
