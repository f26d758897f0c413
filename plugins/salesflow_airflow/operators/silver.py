"""Silver: its tables, its watermark and the merge."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from salesflow.declared_decimals import widened_decimals
from salesflow.merges import Watermark, cuts, timestamp_literal
from salesflow.schema import Column
from salesflow.silver import ORDERS_TABLE, TableAltered, missing_columns
from salesflow_airflow.deployment import connect
from salesflow_airflow.operators.athena import AthenaStatementOperator, DeliveryQueryOperator

_CREATES: Final = re.compile(r"^CREATE (?:EXTERNAL )?TABLE IF NOT EXISTS (\w+)", re.MULTILINE)


class DeclareTablesOperator(AthenaStatementOperator):
    """Makes the tables and views as they are declared.

    Tables are created unless they are there; those that are get the digits that their decimals were
    declared with since, and the table of orders the columns. If somebody has altered that by hand,
    the task fails with the column's name.

    Args:
        tables: statements; they refer to the lake's bucket as ``task.bucket``.
        views: statements, run last.
        add_columns: a statement that refers to the columns as ``task.columns``.
        widen_column: a statement that refers to ``task.table`` and ``task.widened``.
    """

    template_fields: Sequence[str] = ("bucket", "tables", "views", *AthenaOperator.template_fields)

    def __init__(
        self,
        *,
        bucket: str,
        tables: Sequence[str],
        views: Sequence[str],
        add_columns: str = "sql/silver/add_columns.sql",
        widen_column: str = "sql/gold/widen_column.sql",
        **kwargs: Any,
    ) -> None:
        super().__init__(query="", **kwargs)
        self.bucket = bucket
        self.tables = list(tables)
        self.add_columns = add_columns
        self.views = list(views)
        self.columns: list[Column] = []
        self.widen_column = widen_column
        self.table = ""
        self.widened = ("", "")

    def execute(self, context: Context) -> list[str]:
        """Run the statements; the names of the columns that were added."""
        there = self._catalogue()
        # To ask for each table in a statement of its own would take seconds in every run.
        for statement in self.tables:
            name = _name_of(statement)
            if name is None or name not in there:
                self.run_statement(statement, context)
            else:
                self._widen(context, name, statement, there[name])
        if ORDERS_TABLE in there:
            self.columns = self._missing_columns(there[ORDERS_TABLE])
        if self.columns:
            self.run_statement(self.render_template(self.add_columns, context), context)
        for statement in self.views:
            self.run_statement(statement, context)
        return [column.name for column in self.columns]

    def _catalogue(self) -> dict[str, Mapping[str, Any]]:
        """The database's tables by their names."""
        pages = (
            connect("glue", self.aws_conn_id)
            .get_paginator("get_tables")
            .paginate(DatabaseName=self.database)
        )
        return {table["Name"]: table for page in pages for table in page["TableList"]}

    def _widen(self, context: Context, name: str, statement: str, table: Mapping[str, Any]) -> None:
        self.table = name
        columns = table["StorageDescriptor"]["Columns"]
        for column, kind in widened_decimals(statement, columns).items():
            self.widened = (column, kind)
            self.run_statement(self.render_template(self.widen_column, context), context)

    def _missing_columns(self, table: Mapping[str, Any]) -> list[Column]:
        try:
            return missing_columns(table["StorageDescriptor"]["Columns"])
        except TableAltered as error:
            raise AirflowFailException(f"{error} (see the runbook)") from error


def _name_of(statement: str) -> str | None:
    made = _CREATES.search(statement)
    return made[1] if made else None


class ReadWatermarkOperator(AthenaStatementOperator):
    """Reads how far silver has come: `newest` and `complete_until`, ISO 8601 or None."""

    def __init__(self, *, query: str = "sql/silver/read_watermark.sql", **kwargs: Any) -> None:
        super().__init__(query=query, multiple_outputs=True, **kwargs)

    def execute(self, context: Context) -> dict[str, str | None]:
        """Query, and read the row."""
        super().execute(context)
        [row] = self.result_rows()[1]
        watermark = Watermark.of(row)
        self.log.info("silver has come to %s", watermark)
        return {
            name: at.isoformat() if at else None
            for name, at in (
                ("newest", watermark.newest),
                ("complete_until", watermark.complete_until),
            )
        }


class MergeOrdersOperator(DeliveryQueryOperator):
    """Merges what a delivery brought into silver, in as many statements as Athena needs.

    A retry goes on with the statement that failed: those that succeeded are adopted by their
    tokens. To merge anything twice would change nothing.

    Args:
        query: counts the order dates that are written to.
        note: writes down, before the merge, which dates it touches: ``task.touched``.
        merge: refers as ``task.until`` to the last order date that it may write to, if any.
    """

    def __init__(
        self,
        *,
        query: str = "sql/silver/find_order_dates.sql",
        note: str = "sql/silver/record_merged_days.sql",
        merge: str = "sql/silver/merge_orders.sql",
        **kwargs: Any,
    ) -> None:
        super().__init__(query=query, **kwargs)
        self.note = note
        self.merge = merge
        self.touched: list[str] = []
        self.until: str | None = None

    def execute(self, context: Context) -> dict[str, int]:
        """Merge; the numbers of changes read, orders and dates written, and bytes read for it."""
        if not self.delivery["partitions"]:
            self.log.info("there are no new rows to merge")
            return {"changes": 0, "orders": 0, "order_dates": 0, "scanned_bytes": 0}
        self.run_statement(self.query, context)
        scanned = self._scanned_bytes()
        _, rows = self.result_rows()
        dates = [(day, int(orders or 0)) for day, orders, *_ in rows if day is not None]
        others = {day for *_, days in rows if days for day in days.split(",")}
        self.touched = sorted({day for day, _ in dates} | others)
        if self.touched:
            self.run_statement(self.render_template(self.note, context), context)
        for until in cuts([day for day, _ in dates]):
            self.until = until
            self.run_statement(self.render_template(self.merge, context), context)
            scanned += self._scanned_bytes()
        merged = {
            "changes": sum(int(changes or 0) for _, _, changes, _ in rows),
            "orders": sum(orders for _, orders in dates),
            "order_dates": len(dates),
            "scanned_bytes": scanned,
        }
        self.log.info("%(changes)d changes read, %(orders)d orders written", merged)
        return merged

    def _scanned_bytes(self) -> int:
        return int(self.execution()["Statistics"].get("DataScannedInBytes", 0))


class RecordMergeOperator(DeliveryQueryOperator):
    """Moves the watermark: notes what has been merged.

    Args:
        merged: what the merge returned; a statement refers to it as ``task.merged``.
    """

    template_fields: Sequence[str] = ("merged", *DeliveryQueryOperator.template_fields)

    def __init__(
        self,
        *,
        merged: dict[str, int],
        query: str = "sql/silver/record_merge.sql",
        **kwargs: Any,
    ) -> None:
        super().__init__(query=query, **kwargs)
        self.merged = merged

    @property
    def newest(self) -> str:
        """The new watermark, as SQL."""
        return _timestamp(self.delivery["watermark"])

    @property
    def complete_until(self) -> str:
        """Until when all that was written is now in silver, as SQL."""
        return _timestamp(self.delivery["written_until"])

    @property
    def first_dt(self) -> str:
        """The first day of the changelog that was read, as SQL."""
        return _text(min((dt for dt, _ in self.delivery["partitions"]), default=None))

    @property
    def last_dt(self) -> str:
        """The last day of the changelog that was read, as SQL."""
        return _text(max((dt for dt, _ in self.delivery["partitions"]), default=None))


def _timestamp(iso: str | None) -> str:
    return timestamp_literal(datetime.fromisoformat(iso) if iso else None)


def _text(value: str | None) -> str:
    return "NULL" if value is None else f"'{value}'"
