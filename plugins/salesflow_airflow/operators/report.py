"""Runs a report for one day or more, and stores what is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException
from airflow.sdk.execution_time.xcom import XCom

from salesflow.queries import QueryFailed, ask
from salesflow.report_store import Result, report_key, store_report
from salesflow.reports import columns_that_add_up, request_token
from salesflow.schema import CHANGELOG_TABLE
from salesflow_airflow.deployment import connect

_ANY_DAY: Final = "2000-01-01"


class ReportOperator(BaseOperator):
    """Runs the query of a report for each of some days, and stores the results in the lake.

    A result that is stored already leaves its files as they are. A day whose query fails doesn't
    keep the others from being stored; the task fails at the end, and names it. Returns one entry
    for each stored day, also if it fails.

    Args:
        report: its name; its query is `sql/reports/<name>.sql`, in which ``task.day`` is the day,
            ``task.complete_until`` and ``task.has_changelog`` what is known of it. Its header says
            which columns add up (`columns_that_add_up`).
        days: YYYY-MM-DD.
        watermark: ISO 8601 time until which all that was written is in silver, also for the
            manifests; None if nobody knows.
    """

    template_fields: Sequence[str] = (
        "report",
        "days",
        "bucket",
        "database",
        "workgroup",
        "watermark",
    )
    template_ext: Sequence[str] = (".sql",)

    def __init__(
        self,
        *,
        report: str,
        days: list[str],
        bucket: str,
        database: str,
        workgroup: str,
        watermark: str | None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.report = report
        self.days = days
        self.bucket = bucket
        self.database = database
        self.workgroup = workgroup
        self.watermark = watermark
        self.aws_conn_id = aws_conn_id
        self.day = _ANY_DAY

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Query and store, day by day."""
        sql = self._sql(context, _ANY_DAY)
        version, adds_up = sha256(sql.encode()).hexdigest(), columns_that_add_up(sql)
        stored, failed = [], []
        for day in self.days:
            try:
                stored.append(self._store(context, day, version, adds_up))
            except QueryFailed as error:
                failed.append(f"{self.report} of {day} failed: {error}")
        if failed:
            # Those who come after it have to know what is stored.
            context["ti"].xcom_push(key=XCom.XCOM_RETURN_KEY, value=stored)
            raise AirflowException("\n".join(failed))
        return stored

    @property
    def complete_until(self) -> str | None:
        """Until when all of the day is in silver, as SQL writes a time; at most the day's end."""
        if self.watermark is None:
            return None
        known = datetime.fromisoformat(self.watermark).astimezone(UTC).replace(tzinfo=None)
        end = datetime.fromisoformat(self.day) + timedelta(days=1)
        return min(known, end).isoformat(" ", "microseconds")

    @property
    def has_changelog(self) -> bool:
        """Whether a crawl has made the table of changes yet."""
        try:
            self._glue.get_table(DatabaseName=self.database, Name=CHANGELOG_TABLE)
        except self._glue.exceptions.EntityNotFoundException:
            return False
        return True

    def _store(
        self, context: Context, day: str, version: str, adds_up: frozenset[str]
    ) -> dict[str, Any]:
        ti = context["ti"]
        answer = ask(
            self._athena,
            self._sql(context, day),
            database=self.database,
            workgroup=self.workgroup,
            token=request_token(
                ti.dag_id, ti.run_id, self.report, ti.try_number, ti.max_tries, day
            ),
        )
        bucket, _, key = answer.output.removeprefix("s3://").partition("/")
        result = Result(
            csv=self._s3.get_object(Bucket=bucket, Key=key)["Body"].read(),
            columns=answer.column_info,
            query_id=answer.query_id,
            scanned_bytes=answer.scanned_bytes,
        )
        manifest, new = store_report(
            self._s3,
            self.bucket,
            self.report,
            day,
            result,
            sql=version,
            adds_up=adds_up,
            watermark=self.watermark,
            run_id=ti.run_id,
            now=datetime.now(UTC),
        )
        # What an earlier try of this run has stored, it has told nobody.
        ours = new or manifest.run_id == ti.run_id
        uri = f"s3://{self.bucket}/{report_key(self.report, day)}"
        self.log.info(
            "%s: version %d, %s, %d rows, %d bytes scanned",
            uri,
            manifest.version,
            "new" if new else "unchanged",
            manifest.rows,
            answer.scanned_bytes,
        )
        if new and manifest.restated:
            for column, change in manifest.restated.sums.items():
                self.log.info(
                    "%s: %s -> %s (%s)", column, change.before, change.after, change.difference
                )
        return {
            "name": self.report,
            "day": day,
            "s3_uri": uri,
            "rows": manifest.rows,
            "scanned_bytes": answer.scanned_bytes,
            "query_id": answer.query_id,
            "version": manifest.version,
            "restated": asdict(manifest.restated) if ours and manifest.restated else None,
        }

    # Made once, not for each day: a client takes longer than most of what it is asked.
    @cached_property
    def _athena(self) -> Any:
        return connect("athena", self.aws_conn_id)

    @cached_property
    def _glue(self) -> Any:
        return connect("glue", self.aws_conn_id)

    @cached_property
    def _s3(self) -> Any:
        return connect("s3", self.aws_conn_id)

    def _sql(self, context: Context, day: str) -> str:
        """The query for a day, as Jinja renders it."""
        self.day = day
        return str(self.render_template(f"sql/reports/{self.report}.sql", context))
