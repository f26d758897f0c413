"""The wire: requests are checked against AWS's own models, errors have AWS's shape."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from localaws.errors import AwsError
from localaws.wire import Wire, coerce, service_model, to_json, validate


def wire(**operations: Any) -> Wire:
    return Wire("athena", operations)


def call(wire: Wire, operation: str, body: Any) -> tuple[int, dict[str, str], Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, headers, answer = wire.handle(
        "POST", "/", {"x-amz-target": f"AmazonAthena.{operation}"}, raw, {}
    )
    return status, headers, json.loads(answer)


def test_an_operation_gets_the_parameters_and_its_answer_is_sent_back() -> None:
    seen = []

    def get(params: dict[str, Any]) -> dict[str, Any]:
        seen.append(params)
        return {"NamedQuery": {"Name": "all", "Database": "d", "QueryString": "q"}}

    status, headers, answer = call(
        wire(GetNamedQuery=get), "GetNamedQuery", {"NamedQueryId": "a" * 36}
    )
    assert status == 200
    assert headers["Content-Type"] == "application/x-amz-json-1.1"
    assert seen == [{"NamedQueryId": "a" * 36}]
    assert answer["NamedQuery"]["Name"] == "all"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, "NamedQueryId"),
        ({"NamedQueryId": 7}, "NamedQueryId"),
        ({"NamedQueryId": "x", "Colour": "red"}, "Colour"),
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
    ],
)
@pytest.mark.behaviour(
    "server",
    "Requests of our services are checked against AWS's own models, and the culprit is named",
)
def test_a_request_that_the_model_forbids_is_refused_and_the_culprit_named(
    body: Any, fault: str
) -> None:
    status, _, answer = call(wire(GetNamedQuery=lambda _: {}), "GetNamedQuery", body)
    assert status == 400
    assert fault in answer["message"]


@pytest.mark.behaviour("server", "An operation that isn't supported is refused by name")
def test_what_is_not_supported_is_refused_by_name() -> None:
    status, headers, answer = call(wire(), "CreateNotebook", {})
    assert status == 501
    assert headers["x-amzn-ErrorType"] == "UnsupportedOperation"
    assert "athena:CreateNotebook" in answer["message"]


def test_an_operation_that_aws_does_not_have_is_unknown() -> None:
    assert call(wire(), "MakeCoffee", {})[2]["__type"] == "UnknownOperationException"


def test_a_service_uses_its_own_error_codes() -> None:
    def refuse(_: Any) -> Any:
        raise AwsError("ValidationException", "no")

    own = Wire("athena", {"ListWorkGroups": refuse}, {"ValidationException": "InvalidRequest"})
    assert call(own, "ListWorkGroups", {})[2]["__type"] == "InvalidRequest"


def test_rest_services_are_found_by_method_and_path() -> None:
    seen = []

    def describe(params: dict[str, Any]) -> dict[str, Any]:
        seen.append(params)
        return {}

    rest = Wire("pipes", {"DescribePipe": describe})
    status, *_ = rest.handle("GET", "/v1/pipes/orders%2Edev", {}, b"", {})
    assert (status, seen) == (200, [{"Name": "orders.dev"}])


def test_cloudformation_strings_become_numbers_and_booleans() -> None:
    shape = service_model("firehose").operation_model("CreateDeliveryStream").input_shape
    assert shape is not None
    given = {
        "DeliveryStreamName": "s",
        "ExtendedS3DestinationConfiguration": {
            "RoleARN": "arn:aws:iam::000000000000:role/r",
            "BucketARN": "arn:aws:s3:::b",
            "BufferingHints": {"SizeInMBs": "5", "IntervalInSeconds": "60"},
            "CloudWatchLoggingOptions": {"Enabled": "true"},
        },
    }
    params = coerce(shape, given)
    destination = params["ExtendedS3DestinationConfiguration"]
    assert destination["BufferingHints"] == {"SizeInMBs": 5, "IntervalInSeconds": 60}
    assert destination["CloudWatchLoggingOptions"]["Enabled"] is True
    validate(shape, params)


def test_an_unknown_word_for_an_enumeration_is_refused() -> None:
    shape = service_model("firehose").operation_model("CreateDeliveryStream").input_shape
    assert shape is not None
    with pytest.raises(AwsError, match="'Magic' at 'DeliveryStreamType'"):
        validate(shape, {"DeliveryStreamName": "s", "DeliveryStreamType": "Magic"})


def test_times_are_epoch_seconds_on_the_wire() -> None:
    shape = service_model("glue").operation_model("GetCrawler").output_shape
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert to_json(shape, {"Crawler": {"CreationTime": at}}) == {
        "Crawler": {"CreationTime": at.timestamp()}
    }


def test_an_answer_with_an_unknown_member_is_our_fault() -> None:
    shape = service_model("glue").operation_model("GetCrawler").output_shape
    with pytest.raises(TypeError, match="Colour"):
        to_json(shape, {"Colour": "red"})
