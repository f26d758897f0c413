"""Reconciles silver with the table of orders."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from airflow.sdk import BaseOperator, Context, Param
from airflow.sdk.exceptions import AirflowFailException

from salesflow.reconciliation.reconcile import Plan, reconcile
from salesflow.seeds import seeded
from salesflow_airflow.deployment import connect

MODES: Final = ("sample", "full", "off")


def reconcile_param() -> Param:
    """The param that says how much a run compares."""
    return Param(
        MODES[0],
        enum=list(MODES),
        description="How much of silver is compared with the table of orders: some orders, "
        "all, or none",
    )


class ReconcileOperator(BaseOperator):
    """Compares DynamoDB with silver, order by order; fails, naming the orders, if they differ.

    What was changed since silver was last complete is in flight, and no mismatch. Returns what was
    found and what it cost; the sample follows from the run's id, so that a retry compares the same.

    Args:
        outputs: those of the deployment's stacks.
        mode: one of the `MODES`; by default what the run was told.
        sample: about how many orders to compare in a sample.
    """

    template_fields: Sequence[str] = ("outputs", "mode", "sample")

    def __init__(
        self,
        *,
        outputs: dict[str, str],
        mode: str = "{{ params.reconcile }}",
        sample: int | str = 500,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.outputs = outputs
        self.mode = mode
        self.sample = sample
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any] | None:
        """Compare, and judge."""
        if self.mode not in MODES:
            raise AirflowFailException(f"reconcile is {self.mode!r}, none of {', '.join(MODES)}")
        if self.mode == "off":
            self.log.info("nothing is compared: reconcile is off")
            return None
        plan = Plan(
            sample=int(self.sample) if self.mode == "sample" else None,
            random=seeded(context["run_id"]),
        )
        found = reconcile(partial(connect, aws_conn_id=self.aws_conn_id), self.outputs, plan)
        text = "\n".join(found.lines())
        if found.mismatches:
            raise AirflowFailException(f"silver doesn't have the orders of the table:\n{text}")
        self.log.info("%s", text)
        return found.summary()
