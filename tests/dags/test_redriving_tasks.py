"""The tasks around a redrive: what they hand on, and what they tell whom."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from localaws.server import LocalAws
from salesflow.deliveries import ERROR_PREFIX
from salesflow.quarantine import REASONS_PREFIX
from salesflow_airflow.defaults import ORDERS_WRITTEN
from salesflow_airflow.quarantine import judge_quarantine
from salesflow_airflow.redrive import announce_redrive, sum_up

FAILURE = b'{"arrivalTimestamp": 1, "attemptEndingTimestamp": 2, "rawData": "e30="}\n'


def outcome(changes: int, begin: str | None = None, end: str | None = None) -> dict[str, Any]:
    return {
        "changes": changes,
        "orders": changes,
        "refused": [],
        "written_from": begin,
        "written_until": end,
    }


def test_what_was_put_is_summed_up() -> None:
    quarantined = outcome(3, "2026-03-04T10:00:00+00:00", "2026-03-04T10:01:00+00:00")
    letters = outcome(2, "2026-03-04T10:02:00+00:00", "2026-03-04T10:03:00+00:00")
    assert sum_up.function([quarantined, letters]) == {
        "changes": 5,
        "orders": 5,
        "written_from": "2026-03-04T10:00:00+00:00",
        "written_until": "2026-03-04T10:03:00+00:00",
    }


def test_a_part_of_which_nothing_was_put_has_no_times() -> None:
    nothing = outcome(0, "2026-03-04T09:00:00+00:00")
    letters = outcome(2, "2026-03-04T10:02:00+00:00", "2026-03-04T10:03:00+00:00")
    assert sum_up.function([nothing, letters])["written_from"] == letters["written_from"]


def test_nothing_is_not_waited_for() -> None:
    with pytest.raises(AirflowSkipException, match="nothing to redrive"):
        sum_up.function([outcome(0), outcome(0)])


def test_the_announcement_has_what_ingestion_waits_for() -> None:
    events = {ORDERS_WRITTEN: SimpleNamespace(extra=None)}
    redriven = {key: value for key, value in outcome(5, "a", "b").items() if key != "refused"}
    announce_redrive.function(
        redriven,
        params={"stage": "dev"},
        task=SimpleNamespace(outlets=[ORDERS_WRITTEN]),
        outlet_events=events,
    )
    assert events[ORDERS_WRITTEN].extra == {
        "stage": "dev",
        "redriven": True,
        "changes": 5,
        "orders": 5,
        "written_from": "a",
        "written_until": "b",
    }


@pytest.mark.parametrize(
    ("since", "judged"),
    [
        (None, 3),
        ("2026-03-05T00:10:00+00:00", 2),
        ("2026-03-06T00:10:00+00:00", 1),
    ],
)
def test_an_ingestion_judges_what_has_come_since_the_one_before(
    aws_default: LocalAws, since: str | None, judged: int
) -> None:
    s3 = aws_default.aws.client("s3")
    s3.create_bucket(Bucket="lake")
    for day in (3, 4, 5):
        name = f"dt=2026-03-0{day}/hour=23/a"
        s3.put_object(Bucket="lake", Key=ERROR_PREFIX + name, Body=FAILURE)
    delivery = {"since": since}
    outputs = {"LakeBucketName": "lake"}
    assert judge_quarantine.function(outputs, delivery) == judged
    reasons = s3.list_objects_v2(Bucket="lake", Prefix=REASONS_PREFIX)
    assert reasons["KeyCount"] == judged
    # Whatever an ingestion has left out is judged before a redrive.
    assert judge_quarantine.function(outputs) == 3 - judged
