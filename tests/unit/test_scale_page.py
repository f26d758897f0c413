"""The page about other databases: its records give the rows that it shows."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from salesflow.changes import changelog_row

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def example(name: str) -> Any:
    """A JSON example of the page."""
    found = re.search(rf"```json {name}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None, name
    return json.loads(found[1], parse_float=Decimal)


def test_a_record_made_of_a_debezium_event_gives_the_row_that_is_shown() -> None:
    event, record = example("debezium"), example("record")
    row = changelog_row(record, arrived_ms=event["ts_ms"])
    assert json.loads(row, parse_float=Decimal) == example("row")


def test_the_record_says_what_the_debezium_event_says() -> None:
    event, change = example("debezium"), example("record")["dynamodb"]
    for image, of_event in (("OldImage", "before"), ("NewImage", "after")):
        values = {name: next(iter(typed.values())) for name, typed in change[image].items()}
        assert values == {name: str(value) for name, value in event[of_event].items()}
    assert change["SequenceNumber"] == str(event["source"]["lsn"])
    assert change["ApproximateCreationDateTime"] == event["ts_ms"] // 1000
