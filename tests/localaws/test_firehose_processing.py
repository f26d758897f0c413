"""Firehose: the transformation by a Lambda function, and what fails in it."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from localaws.firehose import processor
from localaws.firehose.processor import outcomes_of
from localaws.firehose.records import Fault, direct_record
from localaws.server import LocalAws
from localaws_chain import UPPER, Chain, chain

EVENTS = Path(__file__).parent / "events"

ECHOES_ITS_EVENT = """
import base64, json
def handler(event, context):
    data = base64.b64encode(json.dumps(event).encode()).decode()
    first, *others = [r["recordId"] for r in event["records"]]
    return {"records": [{"recordId": first, "result": "Ok", "data": data}]
            + [{"recordId": r, "result": "Dropped"} for r in others]}
"""
DOES_AS_THE_DATA_SAYS = """
import base64
def handler(event, context):
    answers = []
    for r in event["records"]:
        word = base64.b64decode(r["data"]).decode()
        if word != "Missing":
            answers.append({"recordId": r["recordId"], "result": word, "data": r["data"]})
    return {"records": answers}
"""
FAILS = """
def handler(event, context):
    raise ValueError("no")
"""
FAILS_TWICE = """
import boto3, base64
def handler(event, context):
    s3 = boto3.client("s3")
    tries = s3.list_objects_v2(Bucket="tries")["KeyCount"]
    s3.put_object(Bucket="tries", Key=event["invocationId"])
    if tries < 2:
        raise ValueError("not yet")
    return {"records": [{**r, "result": "Ok"} for r in event["records"]]}
"""
ANSWERS_NONSENSE = """
def handler(event, context):
    return "done"
"""
ANSWERS_TOO_MUCH = """
def handler(event, context):
    data = "eHh4" * 600_000
    return {"records": [{**r, "result": "Ok", "data": data} for r in event["records"]]}
"""
SLEEPS = """
import time
def handler(event, context):
    time.sleep(30)
"""
COUNTS = """
import base64
def handler(event, context):
    count = base64.b64encode(b"%d " % len(event["records"])).decode()
    first, *others = [r["recordId"] for r in event["records"]]
    return {"records": [{"recordId": first, "result": "Ok", "data": count}]
            + [{"recordId": r, "result": "Dropped"} for r in others]}
"""
PREFIXES = {
    "Prefix": "good/!{timestamp:yyyy}/",
    "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/!{timestamp:yyyy}/",
}


@pytest.fixture
def hops(local_aws: LocalAws) -> Chain:
    return chain(local_aws)


def transforming(hops: Chain, source: str, settings: Any = None, **parameters: Any) -> None:
    """An active delivery stream with a function."""
    function = hops.function(source, **(settings or {}))
    hops.delivery(**PREFIXES, ProcessingConfiguration=hops.processing(function, **parameters))


def errors(hops: Chain) -> list[dict[str, Any]]:
    lines = hops.delivered("errors/processing-failed/").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.behaviour("firehose", "The function's data is delivered in place of the record's")
def test_transformed_data_is_delivered(hops: Chain) -> None:
    transforming(hops, UPPER)
    hops.put_data(b"one\n", b"two\n")
    hops.step()
    hops.later(60)
    assert list(hops.objects().values()) == [b"ONE\nTWO\n"]


@pytest.mark.behaviour("firehose", "The function gets the event that AWS documents")
def test_event_has_the_shape_of_aws(hops: Chain) -> None:
    transforming(hops, ECHOES_ITS_EVENT)
    hops.put_data(b"data", key='k"1')
    hops.step()
    hops.later(60)
    event = json.loads(hops.delivered("good/"))
    expected = json.loads((EVENTS / "firehose_kinesis_event.json").read_text())
    assert shape(event) == shape(expected)
    (record,) = event["records"]
    (put,) = hops.records()
    millis = round(put["ApproximateArrivalTimestamp"].timestamp() * 1000)
    assert event["deliveryStreamArn"] == hops.aws.aws.arn("firehose", "deliverystream/rows")
    assert event["sourceKinesisStreamArn"] == hops.aws.aws.arn("kinesis", "stream/cdc")
    assert event["region"] == "us-east-1"
    assert b64decode(record["data"]) == b"data"
    assert record["approximateArrivalTimestamp"] == millis
    assert record["kinesisRecordMetadata"] == {
        "sequenceNumber": put["SequenceNumber"],
        "subsequenceNumber": 0,
        "partitionKey": 'k"1',
        "shardId": "shardId-000000000000",
        "approximateArrivalTimestamp": millis,
    }


@pytest.mark.behaviour("firehose", "For direct puts the event has no Kinesis metadata")
def test_event_of_direct_puts(hops: Chain) -> None:
    function = hops.function(ECHOES_ITS_EVENT)
    hops.delivery(direct=True, **PREFIXES, ProcessingConfiguration=hops.processing(function))
    hops.client("firehose").put_record(DeliveryStreamName="rows", Record={"Data": b"data"})
    hops.step()
    hops.later(60)
    event = json.loads(hops.delivered("good/"))
    expected = json.loads((EVENTS / "firehose_direct_event.json").read_text())
    assert shape(event) == shape(expected)


def shape(value: Any) -> Any:
    """Names and types."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__


@pytest.mark.behaviour("firehose", "Failed records go under ErrorOutputPrefix, one JSON a line")
@pytest.mark.behaviour("firehose", "A missing record id or another result word counts as failed")
def test_every_record_is_accounted_for(hops: Chain) -> None:
    transforming(hops, DOES_AS_THE_DATA_SAYS)
    words = [b"Ok", b"Dropped", b"ProcessingFailed", b"Missing", b"TransformationFailed"]
    hops.put_data(*words)
    hops.step()
    hops.later(60)
    assert hops.delivered("good/") == b"Ok"
    lines = errors(hops)
    assert [b64decode(line["rawData"]) for line in lines] == words[2:]
    assert [line["errorCode"] for line in lines] == [
        "Lambda.ProcessingFailedStatus",
        "Lambda.MissingRecordId",
        "Lambda.InvalidReturnFormat",
    ]
    ((key, _),) = hops.objects("errors/").items()
    assert key.startswith("errors/processing-failed/20")


@pytest.mark.behaviour("firehose", "An error line has the fields that AWS documents")
def test_error_line_has_the_shape_of_aws(hops: Chain) -> None:
    transforming(hops, DOES_AS_THE_DATA_SAYS)
    hops.put_data(b"ProcessingFailed")
    hops.step()
    ended = hops.now
    hops.later(60)
    (line,) = errors(hops)
    (put,) = hops.records()
    assert line == {
        "attemptsMade": 1,
        "arrivalTimestamp": round(put["ApproximateArrivalTimestamp"].timestamp() * 1000),
        "errorCode": "Lambda.ProcessingFailedStatus",
        "errorMessage": "ProcessingFailed status set for record",
        "attemptEndingTimestamp": round(ended.timestamp() * 1000),
        "rawData": b64encode(b"ProcessingFailed").decode(),
        "lambdaArn": hops.aws.aws.arn("lambda", "function:transform"),
    }


@pytest.mark.behaviour(
    "firehose", "A failed invocation is tried again NumberOfRetries times, 3 by default"
)
@pytest.mark.parametrize(("parameters", "attempts"), [({}, 4), ({"NumberOfRetries": 1}, 2)])
def test_failing_function_quarantines_its_batch(
    hops: Chain, parameters: dict[str, int], attempts: int
) -> None:
    transforming(hops, FAILS, **parameters)
    hops.put_data(b"1", b"2")
    hops.step()
    for _ in range(10):
        hops.later(60)
    assert hops.delivered("good/") == b""
    lines = errors(hops)
    assert [b64decode(line["rawData"]) for line in lines] == [b"1", b"2"]
    assert {line["attemptsMade"] for line in lines} == {attempts}
    assert {line["errorCode"] for line in lines} == {"Lambda.FunctionError"}


@pytest.mark.behaviour("firehose", "Retries are spaced, and have a new invocation id each")
def test_retries_are_spaced_and_may_succeed(hops: Chain) -> None:
    hops.bucket("tries")
    transforming(hops, FAILS_TWICE)
    hops.put_data(b"1")
    hops.step()
    hops.later(0.5)
    assert len(hops.objects(bucket="tries")) == 1
    hops.later(0.5)
    assert len(hops.objects(bucket="tries")) == 2
    hops.later(2)
    assert len(hops.objects(bucket="tries")) == 3
    hops.later(60)
    assert hops.delivered() == b"1"


@pytest.mark.behaviour("firehose", "An unreadable answer fails its whole batch, without a retry")
def test_unreadable_answer(hops: Chain) -> None:
    transforming(hops, ANSWERS_NONSENSE)
    hops.put_data(b"1", b"2")
    hops.step()
    hops.later(60)
    lines = errors(hops)
    assert [line["errorCode"] for line in lines] == ["Lambda.JsonProcessingException"] * 2
    assert {line["attemptsMade"] for line in lines} == {1}


@pytest.mark.behaviour("firehose", "An answer over 6 MB fails its whole batch")
def test_answer_over_the_limit(hops: Chain) -> None:
    transforming(hops, ANSWERS_TOO_MUCH, NumberOfRetries=0)
    hops.put_data(b"1", b"2", b"3")
    hops.step()
    hops.later(60)
    assert [line["errorCode"] for line in errors(hops)] == ["Lambda.FunctionError"] * 3


@pytest.mark.behaviour("firehose", "A function that takes longer than its timeout has failed")
def test_timeout(hops: Chain) -> None:
    transforming(hops, SLEEPS, {"Timeout": 1}, NumberOfRetries=0)
    hops.put_data(b"1")
    hops.step()
    hops.later(60)
    assert [line["errorCode"] for line in errors(hops)] == ["Lambda.FunctionError"]


@pytest.mark.behaviour("firehose", "A throttled invocation is tried again, then its batch fails")
def test_throttles(hops: Chain) -> None:
    transforming(hops, UPPER, NumberOfRetries=1)
    hops.client("lambda").put_function_concurrency(
        FunctionName="transform", ReservedConcurrentExecutions=0
    )
    hops.put_data(b"1")
    hops.step()
    hops.later(1)
    hops.later(60)
    (line,) = errors(hops)
    assert line["errorCode"] == "Lambda.InvokeLimitExceeded"
    assert line["attemptsMade"] == 2


def test_missing_function(hops: Chain) -> None:
    hops.delivery(**PREFIXES, ProcessingConfiguration=hops.processing("nothing", NumberOfRetries=0))
    hops.put_data(b"1")
    hops.step()
    hops.later(60)
    assert [line["errorCode"] for line in errors(hops)] == ["Lambda.ResourceNotFound"]


@pytest.mark.behaviour(
    "firehose", "The function is invoked at BufferSizeInMBs or BufferIntervalInSeconds"
)
def test_processing_buffer(hops: Chain) -> None:
    transforming(hops, COUNTS, BufferSizeInMBs=0.2, BufferIntervalInSeconds=30)
    hops.put_data(*[b"x" * 50_000] * 10)
    hops.step()
    hops.put_data(b"y")
    hops.step()
    hops.later(29)
    hops.later(31)
    hops.later(60)
    assert hops.delivered("good/") == b"4 4 3 "


@pytest.mark.behaviour("firehose", "An invocation's payload stays below 6 MB")
def test_payload_limit(hops: Chain) -> None:
    transforming(hops, COUNTS, BufferSizeInMBs=3, BufferIntervalInSeconds=30)
    for _ in range(60):
        hops.put_data(*[b"x"] * 500)
    hops.step()
    hops.later(30)
    hops.later(60)
    counts = [int(word) for word in hops.delivered("good/").split()]
    assert sum(counts) == 30_000
    assert len(counts) == 2
    event_bytes = len(direct_record("0" * 36, 0.0, "eA==").event) + 200
    assert max(counts) * event_bytes < processor.PAYLOAD_LIMIT * 1.2


RECORDS = [direct_record(name, 0.0, "") for name in ("a", "b")]
GOOD = {"recordId": "b", "result": "Ok", "data": "Yg=="}


@pytest.mark.behaviour(
    "firehose", "A record id that is answered twice has failed; unknown ones are ignored"
)
@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([{"recordId": "a", "result": "Ok", "data": "YQ=="}], b"a"),
        ([{"recordId": "a", "result": "Ok", "data": ""}], b""),
        ([{"recordId": "a", "result": "Dropped"}], None),
        ([{"recordId": "a", "result": "ProcessingFailed"}], processor.PROCESSING_FAILED),
        ([], processor.MISSING),
        ([{"recordId": "c", "result": "Ok", "data": "YQ=="}], processor.MISSING),
        ([{"recordId": "a", "result": "Dropped"}] * 2, processor.DUPLICATED),
        ([{"recordId": "a", "result": "ok", "data": "YQ=="}], processor.UNKNOWN_RESULT),
        ([{"recordId": "a"}], processor.UNKNOWN_RESULT),
        ([{"recordId": "a", "result": "Ok"}], processor.NO_DATA),
        ([{"recordId": "a", "result": "Ok", "data": None}], processor.NO_DATA),
        ([{"recordId": "a", "result": "Ok", "data": "not base64"}], processor.NO_DATA),
    ],
)
def test_answers(answers: list[dict[str, Any]], outcome: bytes | Fault | None) -> None:
    body = json.dumps({"records": [*answers, GOOD]}).encode()
    assert outcomes_of(body, RECORDS) == [outcome, b"b"]


@pytest.mark.parametrize(
    "body", [b"", b"null", b"{}", b"[]", b'{"records": 1}', b'{"records": [1]}']
)
def test_answers_that_are_none(body: bytes) -> None:
    assert outcomes_of(body, RECORDS) == [processor.UNREADABLE] * 2
