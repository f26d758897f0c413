"""What is said of a check, and from which figures on it fails."""

from __future__ import annotations

import pytest

from salesflow.quality import ROW_CHECKS, quarantine_outcomes, row_outcomes, text_literal

LIMIT = 0.2


def faulty(problem: str, found: int, orderid: str | None) -> dict[str, object]:
    path = "s3://lake/a.gz"
    return {"problem": problem, "found": found, "orderid": orderid, "event_id": "e", "path": path}


def test_every_row_check_has_an_outcome_and_those_that_failed_name_rows() -> None:
    outcomes = row_outcomes(
        [
            faulty("price is missing", 1, "a"),
            faulty("price is not more than 0", 7, "b"),
            faulty("price is not more than 0", 7, None),
        ]
    )
    assert [o.check_name for o in outcomes] == [f"row_{column}" for column in ROW_CHECKS]
    [failed] = [o for o in outcomes if not o.passed]
    assert (failed.check_name, failed.found) == ("row_price", 8)
    assert failed.sample == (
        "price is missing: orderid=a, event_id=e, s3://lake/a.gz; "
        "price is not more than 0: orderid=b, event_id=e, s3://lake/a.gz; "
        "price is not more than 0: orderid=None, event_id=e, s3://lake/a.gz"
    )
    assert {o.severity for o in outcomes} == {"blocking"}


@pytest.mark.parametrize(
    ("failed", "records", "noted", "stops"),
    [
        (0, 0, False, False),
        (1, 100, False, False),
        (2, 100, True, False),
        (19, 20, True, False),
        (20, 100, True, False),
        (21, 100, True, True),
        (30, 30, True, True),
    ],
)
def test_a_little_in_the_quarantine_is_noted_and_much_of_it_stops_the_merge(
    failed: int, records: int, noted: bool, stops: bool
) -> None:
    rate, limit = quarantine_outcomes(failed / (records or 1), failed, records, LIMIT)
    assert (rate.severity, rate.passed) == ("warning", not noted)
    assert (limit.severity, limit.passed) == ("blocking", not stops)
    assert rate.found == limit.found == failed
    assert rate.sample == f"{failed} of {records} records were quarantined"


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("", "''"),
        ("it's", "'it''s'"),
        ("a\nb\x00", "'a\ufffdb\ufffd'"),
        ("x" * 2001, "'" + "x" * 1997 + "...'"),
    ],
)
def test_text_becomes_sql(text: str, literal: str) -> None:
    assert text_literal(text) == literal
