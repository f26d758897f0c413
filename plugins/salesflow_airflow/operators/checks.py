"""The checks of the gate between bronze and silver, and the gate itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import pyathena
from airflow.providers.amazon.aws.hooks.athena_sql import AthenaSQLHook
from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.common.sql.operators.sql import SQLThresholdCheckOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from salesflow.bronze import unreadable_objects
from salesflow.merges import partition_condition
from salesflow.quality import (
    BLOCKING,
    VOLUME_LEAST,
    VOLUME_MOST,
    Outcome,
    problems_outcome,
    quarantine_outcomes,
    row_outcomes,
    volume_outcome,
)
from salesflow_airflow.deployment import connect
from salesflow_airflow.operators import athena
from salesflow_airflow.operators.athena import AthenaStatementOperator

Outcomes = list[dict[str, Any]]
"""Instances of `Outcome`, as tasks hand them on."""


class WorkgroupHook(AthenaSQLHook):
    """The provider's hook for SQL on Athena, in a given database and workgroup.

    The provider takes them from the connection, but ours are outputs of a stack. PyAthena, to
    which it connects, is told the connection's endpoint too.
    """

    def __init__(self, *, database: str, workgroup: str, aws_conn_id: str) -> None:
        super().__init__(athena_conn_id=aws_conn_id, aws_conn_id=aws_conn_id)
        self.database = database
        self.workgroup = workgroup
        self.first: Sequence[Any] = ()

    def get_conn(self) -> Any:
        """A connection of PyAthena."""
        region = self.conn.region_name
        return pyathena.connect(
            session=self.get_session(region_name=region),
            region_name=region,
            endpoint_url=self.conn.get_service_endpoint_url("athena"),
            schema_name=self.database,
            work_group=self.workgroup,
            poll_interval=athena.POLL_SECONDS,
        )

    def get_first(self, sql: Any, parameters: Any = None) -> Any:
        """The first row of a result, which is kept: a check looks at its first value only."""
        self.first = super().get_first(sql, parameters)
        return self.first


class LakeCheckOperator(SQLThresholdCheckOperator):
    """Judges the first value of a query's row; the result says what came of it.

    The provider's operator fails if the value is beyond a threshold. Here the gate does, once the
    outcomes of all checks are recorded.

    Args:
        delivery: what the delivery sensor found.
        since: when the newest object came that was merged before, ISO 8601; None: none was.
    """

    template_fields: Sequence[str] = (
        *("delivery", "since", "workgroup"),
        *SQLThresholdCheckOperator.template_fields,
    )

    def __init__(
        self,
        *,
        delivery: dict[str, Any],
        since: str | None,
        workgroup: str,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=aws_conn_id, retry_on_failure=False, **kwargs)
        self.delivery = delivery
        self.since = since
        self.workgroup = workgroup

    @cached_property
    def hook(self) -> WorkgroupHook:
        """Where the queries run."""
        return WorkgroupHook(
            database=self.database or "", workgroup=self.workgroup, aws_conn_id=self.conn_id or ""
        )

    def get_db_hook(self) -> WorkgroupHook:
        """What the provider's operator queries by."""
        return self.hook

    @property
    def new_partitions(self) -> str:
        """The SQL condition on dt and hour that selects the partitions with rows that are new."""
        return partition_condition(self.delivery["partitions"])

    @property
    def since_second(self) -> int:
        """What was made from then on is new, epoch seconds."""
        return int(datetime.fromisoformat(self.since).timestamp()) if self.since else 0

    @property
    def first_day(self) -> str:
        """The first partition of failed records that can have new ones, YYYY-MM-DD."""
        # A folder is named after the oldest record in its object, perhaps of the day before.
        since = datetime.fromtimestamp(self.since_second, UTC)
        return (since - timedelta(days=1)).date().isoformat()

    def judge(self, context: Context) -> tuple[bool, Sequence[Any]]:
        """Query; whether the first value is within the thresholds, and the whole row."""
        try:
            super().execute(context)
        except AirflowFailException:
            if not self.check_results:
                raise
        return self.check_results[0].success, self.hook.first


class CheckRowsOperator(LakeCheckOperator):
    """Checks that all objects can be read and that no new row breaks a rule.

    The result has the `outcomes`, and of the rows that are new their number (`new_rows`) and that
    of their orders (`new_orders`); None if an object can't be read.

    With the param `set_aside`, the rows that break a rule are set aside before.

    Args:
        bucket: where the objects lie.
        name_rows: the query that says which rows break which rule.
        set_aside_rows: the statement that sets them aside.
    """

    template_fields: Sequence[str] = (
        *LakeCheckOperator.template_fields,
        *("bucket", "name_rows", "set_aside_rows"),
    )

    def __init__(
        self,
        *,
        bucket: str,
        sql: str = "sql/gate/check_rows.sql",
        name_rows: str = "sql/gate/name_rows.sql",
        set_aside_rows: str = "sql/gate/set_aside_rows.sql",
        **kwargs: Any,
    ) -> None:
        super().__init__(sql=sql, min_threshold=0, max_threshold=0, multiple_outputs=True, **kwargs)
        self.bucket = bucket
        self.name_rows = name_rows
        self.set_aside_rows = set_aside_rows

    def execute(self, context: Context) -> dict[str, Any]:
        """Check; name what is wrong."""
        try:
            if context["params"]["set_aside"]:
                self.hook.run(self.set_aside_rows)
            passed, (_, new_rows, new_orders) = self.judge(context)
        except pyathena.OperationalError:
            # Athena doesn't always say which object it failed for, and never which others it will.
            s3 = connect("s3", self.conn_id)
            problems = list(unreadable_objects(s3, self.bucket, self.delivery["partitions"]))
            if not problems:
                raise
            objects = problems_outcome("objects", problems)
            return {"outcomes": [asdict(objects)], "new_rows": None, "new_orders": None}
        faulty = [] if passed else self._named_rows()
        outcomes = [problems_outcome("objects", []), *row_outcomes(faulty)]
        return {
            "outcomes": [asdict(outcome) for outcome in outcomes],
            "new_rows": new_rows,
            "new_orders": new_orders,
        }

    def _named_rows(self) -> list[dict[str, Any]]:
        columns = ("problem", "found", "orderid", "event_id", "path")
        rows = self.hook.get_records(self.name_rows)
        return [dict(zip(columns, row, strict=True)) for row in rows]


class CheckQuarantineOperator(LakeCheckOperator):
    """Checks which part of the new records is in the quarantine.

    Args:
        new_rows: how many records became rows; None: nobody can tell, and nothing is checked.
        max_threshold: the part, 0 to 1, from which on the merge isn't made.
    """

    template_fields: Sequence[str] = ("new_rows", *LakeCheckOperator.template_fields)

    def __init__(
        self, *, new_rows: int | None, sql: str = "sql/gate/check_quarantine.sql", **kwargs: Any
    ) -> None:
        super().__init__(sql=sql, min_threshold=0, **kwargs)
        self.new_rows = new_rows

    def execute(self, context: Context) -> Outcomes:
        """Check."""
        if self.new_rows is None:
            return []
        _, (rate, failed, records) = self.judge(context)
        limit = float(self.max_threshold)
        return [asdict(o) for o in quarantine_outcomes(rate, failed, records, limit)]


class CheckVolumeOperator(LakeCheckOperator):
    """Checks that there are about as many orders as usual at these hours.

    Args:
        new_orders: how many orders are to be merged; None: nobody can tell, and nothing is checked.
    """

    template_fields: Sequence[str] = ("new_orders", *LakeCheckOperator.template_fields)

    def __init__(
        self, *, new_orders: int | None, sql: str = "sql/gate/check_volume.sql", **kwargs: Any
    ) -> None:
        super().__init__(sql=sql, min_threshold=VOLUME_LEAST, max_threshold=VOLUME_MOST, **kwargs)
        self.new_orders = new_orders

    def execute(self, context: Context) -> Outcomes:
        """Check."""
        if self.new_orders is None:
            return []
        passed, (_, orders, usual) = self.judge(context)
        return [asdict(volume_outcome(passed, orders, usual))]


class PassGateOperator(AthenaStatementOperator):
    """Records the outcomes of all checks, and fails if one of those failed that block.

    Args:
        outcomes: those of each check; a statement refers to all of them as ``task.results``.
    """

    template_fields: Sequence[str] = ("outcomes", *AthenaOperator.template_fields)

    def __init__(
        self,
        *,
        outcomes: Sequence[Outcomes],
        query: str = "sql/gate/record_checks.sql",
        **kwargs: Any,
    ) -> None:
        super().__init__(query=query, **kwargs)
        self.outcomes = outcomes

    @property
    def results(self) -> list[Outcome]:
        """All outcomes."""
        return [Outcome(**outcome) for outcomes in self.outcomes for outcome in outcomes]

    def execute(self, context: Context) -> dict[str, int]:
        """Record, then let pass or not; how many checks passed and failed."""
        super().execute(context)
        failed = [outcome for outcome in self.results if not outcome.passed]
        for outcome in self.results:
            (self.log.info if outcome.passed else self.log.warning)("%s", outcome)
        if blocking := [str(outcome) for outcome in failed if outcome.severity == BLOCKING]:
            raise AirflowFailException(
                "nothing is merged, because\n" + "\n".join(blocking) + "\n(see docs/runbook.md)"
            )
        return {"passed": len(self.results) - len(failed), "failed": len(failed)}
