"""Changes and Firehose events of generated orders."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from salesflow.generator import history
from salesflow.orders import Put, Write

UNTIL = datetime(2026, 1, 31, tzinfo=UTC)


def writes(orders: int, days: int = 30) -> list[Write]:
    """The writes of a past, always the same."""
    return list(history(orders=orders, days=days, until=UNTIL, seed=1))


def change(write: Put, number: int) -> dict[str, Any]:
    """The stream record of an insert, as a pipe puts it on the Kinesis stream."""
    return {
        "eventID": f"{number:032x}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": int(write.at.timestamp()),
            "Keys": {"orderid": {"S": write.orderid}},
            "NewImage": write.order.to_item(),
            "SequenceNumber": f"{149600003405850000000000 + number}",
            "SizeBytes": 300,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/x",
    }


def firehose_event(records: int) -> dict[str, Any]:
    """What Firehose hands to the transform."""
    puts = (write for write in writes(records) if isinstance(write, Put))
    return {
        "invocationId": "bench",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:000000000000:deliverystream/bench",
        "region": "us-east-1",
        "records": [
            {
                "recordId": f"{number:056d}",
                "approximateArrivalTimestamp": 1_769_817_600_000,
                "data": base64.b64encode(json.dumps(change(put, number)).encode()).decode(),
            }
            for number, put in enumerate(islice(puts, records))
        ],
    }
