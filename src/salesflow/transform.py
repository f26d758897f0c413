"""A batch of Firehose's data transformation: records in, the same records answered.

The contract: https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html
"""

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from salesflow.changes import Refused, changelog_row

ANSWER_LIMIT: Final = 6 * 1024 * 1024
"""Bytes that Lambda lets a synchronous answer have.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

OK: Final = "Ok"
FAILED: Final = "ProcessingFailed"

Answer = dict[str, Any]
Log = Callable[[str], None]

_decode_json = json.JSONDecoder().decode
_ENVELOPE: Final = len(json.dumps({"records": []}))
# What json.dumps puts around a record id and its data, and the separator behind it.
_AROUND_RECORD: Final = len(json.dumps({"recordId": "", "result": OK, "data": ""}) + ", ")
_WIDEST_ESCAPE: Final = len(r"\u0000")


def transform_batch(event: Mapping[str, Any], log: Log = print) -> Answer:
    """Answer every record of a Firehose event, once and in order, with its row or as failed.

    A record that can't become a row is `ProcessingFailed`, never `Dropped`: Firehose then keeps the
    original under the error prefix. Why it failed goes to `log` as one line of JSON, because an
    answer has no place for it. One bad record never harms its neighbours.

    The answer stays within `ANSWER_LIMIT`; rows that would exceed it fail, and only those.
    """
    answers: list[Answer] = []
    largest_size = _ENVELOPE
    for record in event["records"]:
        record_id = record["recordId"]
        try:
            line = changelog_row(_change(record), record.get("approximateArrivalTimestamp"))
        except (Refused, RecursionError) as refusal:
            nested = isinstance(refusal, RecursionError)
            _log_failure(log, record_id, "nested too deeply" if nested else str(refusal))
            answer = _failure(record)
            largest_size += _size(answer)
        else:
            data = b2a_base64(line, newline=False).decode("ascii")
            answer = {"recordId": record_id, "result": OK, "data": data}
            largest_size += len(data) + _WIDEST_ESCAPE * len(record_id) + _AROUND_RECORD
        answers.append(answer)
    if largest_size > ANSWER_LIMIT:
        answers = _fitting(answers, log)
    return {"records": answers}


def _change(record: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        change = _decode_json(a2b_base64(record["data"], strict_mode=True).decode())
    except (KeyError, TypeError):
        raise Refused("the record has no data") from None
    except ValueError as error:
        # Of a JSONDecodeError the short form: the long one may quote the payload.
        reason = getattr(error, "msg", None) or str(error).split(":")[0]
        raise Refused(f"the data is no JSON text in base64: {reason}") from None
    if not isinstance(change, dict):
        raise Refused("the data is no JSON object")
    return change


def _failure(record: Mapping[str, Any]) -> Answer:
    """The answer for a record that failed, with the original data.

    Firehose keeps the original itself, yet its documentation demands `data` of every record, and
    a failure that carries the original reads the same whichever of the two it takes.
    """
    answer = {"recordId": record["recordId"], "result": FAILED}
    data = record.get("data")
    return answer | {"data": data} if isinstance(data, str) else answer


def _fitting(answers: list[Answer], log: Log) -> list[Answer]:
    """The answers, first come first served, with those that exceed the limit turned to failures.

    Room for a bare failure of every record that is still to come is set aside first. A failure goes
    without its data when only the bare one fits: AWS's own blueprints answer failures like that
    (kinesis-firehose-cloudwatch-logs-processor), and too long an answer would fail the whole batch.
    """
    bare = [{"recordId": answer["recordId"], "result": FAILED} for answer in answers]
    spare = ANSWER_LIMIT - _ENVELOPE - sum(map(_size, bare))
    fitting = []
    for answer, failure in zip(answers, bare, strict=True):
        extra = _size(answer) - _size(failure)
        if extra <= spare:
            spare -= extra
            fitting.append(answer)
            continue
        fitting.append(failure)
        if answer["result"] == OK:
            _log_failure(log, answer["recordId"], "the row doesn't fit in the batch's answer")
    return fitting


def _size(answer: Answer) -> int:
    """Bytes of an answer as Lambda's runtime writes it, with the separator behind it.

    The runtime doesn't escape what isn't ASCII, so this is the true size or a little more.
    """
    return len(json.dumps(answer)) + len(", ")


def _log_failure(log: Log, record_id: str, reason: str) -> None:
    log(
        json.dumps({"level": "WARNING", "message": FAILED, "recordId": record_id, "reason": reason})
    )
