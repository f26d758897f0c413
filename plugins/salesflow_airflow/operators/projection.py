"""Projects the sales, and holds past projections against what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from salesflow.projection.stored import (
    JUDGED_DAYS,
    TABLES,
    ProjectionOutcome,
    column_info,
    columns,
    value_lists,
)
from salesflow.report_store import Result, report_key, store_report
from salesflow_airflow.deployment import connect
from salesflow_airflow.operators.athena import AthenaStatementOperator


class ReadHistoryOperator(AthenaStatementOperator):
    """Reads what was sold each day; says in which file the rows are, for the tasks that follow.

    They share one result, so that a retry of theirs finds the same rows as before.

    Args:
        day: YYYY-MM-DD, the last day that is projected from; ``task.day``.
    """

    template_fields: Sequence[str] = ("day", *AthenaOperator.template_fields)

    def __init__(self, *, day: str, query: str = "sql/gold/daily_sales.sql", **kwargs: Any) -> None:
        super().__init__(query=query, **kwargs)
        self.day = day

    def execute(self, context: Context) -> dict[str, Any]:
        """Query, and name the result."""
        super().execute(context)
        execution = self.execution()
        return {
            "day": self.day,
            "uri": execution["ResultConfiguration"]["OutputLocation"],
            "query_id": self.query_execution_id,
            "scanned_bytes": execution["Statistics"].get("DataScannedInBytes", 0),
            "sql": sha256(self.query.replace(self.day, "").encode()).hexdigest(),
        }


class ProjectionRowsOperator(AthenaStatementOperator):
    """What both tasks of the projection do with their rows.

    Args:
        history: what `ReadHistoryOperator` returned.
        watermark: ISO 8601 time until which everything is in silver, for the manifests.
        delete: a statement that refers to ``task.table``, ``task.first`` and ``task.last``.
        insert: a statement that refers to ``task.table``, ``task.columns`` and ``task.values``.
    """

    template_fields: Sequence[str] = (
        "history",
        "bucket",
        "watermark",
        *AthenaOperator.template_fields,
    )

    def __init__(
        self,
        *,
        history: dict[str, Any],
        bucket: str,
        watermark: str,
        query: str = "",
        delete: str = "sql/gold/delete_rows.sql",
        insert: str = "sql/gold/insert_rows.sql",
        **kwargs: Any,
    ) -> None:
        super().__init__(query=query, **kwargs)
        self.history = history
        self.bucket = bucket
        self.watermark = watermark
        self.delete = delete
        self.insert = insert
        self.table = ""
        self.first = self.last = ""
        self.values = ""

    @property
    def day(self) -> str:
        """The last day that is projected from."""
        return str(self.history["day"])

    @property
    def columns(self) -> dict[str, str]:
        """The columns of the table that is written to, with their types."""
        return columns(TABLES[self.table])

    def read_history(self) -> list[dict[str, str]]:
        """The sales, as text."""
        from salesflow.result_files import read_texts

        texts = read_texts(self.read(self.history["uri"]))
        return [dict(zip(texts, row, strict=True)) for row in zip(*texts.values(), strict=True)]

    def read(self, uri: str) -> bytes:
        """An object in S3."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body = connect("s3", self.aws_conn_id).get_object(Bucket=bucket, Key=key)["Body"]
        return bytes(body.read())

    def replace_rows(
        self, context: Context, table: str, first: date, last: date, rows: Sequence[Any]
    ) -> None:
        """Replace the rows of a table whose `as_of` is one of these days.

        A retry that finds the same rows adopts the statements that succeeded before.
        """
        self.table, self.first, self.last = table, first.isoformat(), last.isoformat()
        self.run_statement(self.render_template(self.delete, context), context)
        for self.values in value_lists(rows):
            self.run_statement(self.render_template(self.insert, context), context)
        self.log.info("%s: %d rows", table, len(rows))

    def store(self, context: Context, name: str, row_type: type[Any], rows: Sequence[Any]) -> str:
        """Store rows as the day's report of that name; its URI."""
        from salesflow.projection.rows import as_csv

        manifest, new = store_report(
            connect("s3", self.aws_conn_id),
            self.bucket,
            name,
            self.day,
            Result(
                csv=as_csv(row_type, rows),
                columns=column_info(row_type),
                query_id=self.history["query_id"],
                scanned_bytes=self.history["scanned_bytes"],
            ),
            sql=self.history["sql"],
            adds_up=(),
            watermark=self.watermark,
            run_id=context["ti"].run_id,
            now=datetime.now(UTC),
        )
        uri = f"s3://{self.bucket}/{report_key(name, self.day)}"
        self.log.info("%s: version %d, %s", uri, manifest.version, "new" if new else "unchanged")
        return uri


class ProjectSalesOperator(ProjectionRowsOperator):
    """Projects the next 28 days, and stores rows, backtest, and the products left out.

    If the history doesn't allow a projection, none is left of that day in the tables, the files
    are empty, `projection_outcome` has the reason, and the task is skipped with it.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Project and store; where the rows are, and how many."""
        from salesflow.projection.history import (
            BrokenHistory,
            KnownDays,
            NotEnoughHistory,
            read_sales,
        )
        from salesflow.projection.project import Projection, project
        from salesflow.projection.series import NotProjected

        as_of = date.fromisoformat(self.day)
        try:
            sales = read_sales(self.read_history())
            projection = project(sales, KnownDays.since_first_sale(sales, as_of))
            outcome = ProjectionOutcome.projected(as_of)
        except NotEnoughHistory as error:
            projection = Projection(as_of, (), (), ())
            outcome = ProjectionOutcome.refused(as_of, f"not enough history: {error}")
        except BrokenHistory as error:
            projection = Projection(as_of, (), (), ())
            outcome = ProjectionOutcome.refused(as_of, f"the history is broken: {error}")
        for table, rows in (
            ("sales_projection", projection.days),
            ("projection_backtest", projection.backtest),
        ):
            self.replace_rows(context, table, as_of, as_of, rows)
            self.store(context, table, TABLES[table], rows)
        self.store(context, "projection_not_projected", NotProjected, projection.not_projected)
        self.store(context, "projection_outcome", ProjectionOutcome, [outcome])
        if outcome.sentence:
            raise AirflowSkipException(outcome.sentence)
        return {
            "s3_uri": f"s3://{self.bucket}/{report_key('sales_projection', self.day)}",
            "rows": len(projection.days),
            "not_projected": len(projection.not_projected),
        }


class MeasureAccuracyOperator(ProjectionRowsOperator):
    """Holds the projections of the last weeks against what was sold since.

    Where later days than the given one have been projected from, their sales are known, too.

    Args:
        query: the projections, with `known_until`; refers to ``task.day``, ``task.judged_days``.
    """

    judged_days = JUDGED_DAYS

    def __init__(self, *, query: str = "sql/gold/past_projections.sql", **kwargs: Any) -> None:
        super().__init__(query=query, **kwargs)

    def execute(self, context: Context) -> dict[str, Any]:
        """Measure and store; how many projections have been judged."""
        from salesflow.pages.reading import rows_of
        from salesflow.projection.accuracy import accuracy
        from salesflow.projection.history import (
            WEEK,
            BrokenHistory,
            KnownDays,
            NotEnoughHistory,
            read_sales,
        )
        from salesflow.projection.rows import Accuracy, ProjectedDay
        from salesflow.result_files import read_texts

        super().execute(context)
        text = self.read(self.execution()["ResultConfiguration"]["OutputLocation"])
        past = rows_of(ProjectedDay, text)
        if not past:
            self.log.info("no earlier projection can be judged yet")
            self.store(context, "projection_accuracy", Accuracy, [])
            return {"judged": 0}
        until = date.fromisoformat(read_texts(text)["known_until"][0])
        first = until - timedelta(days=JUDGED_DAYS)
        try:
            sales = read_sales(self.read_history())
            known = KnownDays.since_first_sale(sales, until)
        except (NotEnoughHistory, BrokenHistory) as error:
            raise AirflowSkipException(f"past projections can't be judged: {error}") from error
        # The week before them is what they are compared with; earlier sales would only take time.
        recent = replace(known, first=max(known.first, first - timedelta(days=WEEK)))
        rows = accuracy(past, sales, recent)
        self.replace_rows(context, "projection_accuracy", first, until, rows)
        self.store(context, "projection_accuracy", Accuracy, rows)
        return {"judged": len({row.as_of for row in rows}), "known_until": until.isoformat()}
