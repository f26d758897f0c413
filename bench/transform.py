"""The transform beside the least that any transform must do: decode, parse, write, encode."""

from __future__ import annotations

import base64
import json
from typing import Any

from bench.events import firehose_event
from bench.measurement import Measurement, seconds_of
from salesflow.transform import transform_batch

RECORDS = 2_000


def measure() -> list[Measurement]:
    """Records per second of both, and their ratio."""
    event = firehose_event(RECORDS)
    bare = seconds_of(lambda: _bare_loop(event), runs=15)
    ours = seconds_of(lambda: transform_batch(event), runs=15)
    return [
        Measurement("transform: bare decode-and-encode loop", RECORDS / bare, "records/s"),
        Measurement("transform: transform_orders", RECORDS / ours, "records/s"),
        Measurement(
            "transform: time beside the bare loop", ours / bare, "×", "≤ 1.3", ours / bare <= 1.3
        ),
    ]


def _bare_loop(event: dict[str, Any]) -> dict[str, Any]:
    answers = []
    for record in event["records"]:
        change = json.loads(base64.b64decode(record["data"]))
        line = json.dumps(change).encode() + b"\n"
        data = base64.b64encode(line).decode()
        answers.append({"recordId": record["recordId"], "result": "Ok", "data": data})
    return {"records": answers}
