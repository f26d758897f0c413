"""The task at the end of an ingestion that compares, as far as it isn't `reconcile` itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from salesflow.reconciliation.ledger import Verdict
from salesflow.reconciliation.reconcile import Plan
from salesflow.reconciliation.report import NamedOrder, Reconciliation, Totals
from salesflow_airflow.operators import reconcile
from salesflow_airflow.operators.reconcile import ReconcileOperator


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that were asked for; order A is missing unless all are compared."""
    asked: list[Plan] = []

    def compare(connect: Any, outputs: dict[str, str], plan: Plan) -> Reconciliation:
        assert outputs == {"OrdersTableName": "orders"}
        asked.append(plan)
        missing = 0 if plan.sample is None else 1
        return Reconciliation(
            complete_until=datetime(2026, 1, 1, tzinfo=UTC),
            sample=plan.sample is not None,
            compared=1,
            dynamodb=Totals(),
            silver=Totals(),
            tombstones=0,
            counts=dict.fromkeys(Verdict, 0) | {Verdict.MISSING: missing},
            named=[NamedOrder("A", Verdict.MISSING)] * missing,
        )

    monkeypatch.setattr(reconcile, "reconcile", compare)
    return asked


def task(mode: str) -> ReconcileOperator:
    return ReconcileOperator(
        task_id="reconcile", outputs={"OrdersTableName": "orders"}, mode=mode, sample="70"
    )


def test_a_mismatch_fails_the_task_for_good_and_names_the_orders(plans: list[Plan]) -> None:
    with pytest.raises(AirflowFailException, match="missing A"):
        task("sample").execute({"run_id": "one"})
    assert plans[0].sample == 70


def test_what_was_found_is_the_tasks_result(plans: list[Plan]) -> None:
    found = task("full").execute({"run_id": "one"})
    assert found is not None
    assert (found["mode"], found["match"]) == ("full", True)
    assert plans[0].sample is None


def test_a_retry_compares_the_same_sample_and_another_run_another(plans: list[Plan]) -> None:
    for run_id in ("one", "one", "two"):
        with pytest.raises(AirflowFailException):
            task("sample").execute({"run_id": run_id})
    first, again, other = (plan.random.random() for plan in plans)
    assert first == again != other


def test_it_can_be_turned_off(plans: list[Plan]) -> None:
    assert task("off").execute({"run_id": "one"}) is None
    assert plans == []


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(AirflowFailException, match="'some'"):
        task("some").execute({"run_id": "one"})
