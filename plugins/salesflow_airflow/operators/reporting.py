"""Which days are reported, and what is written down of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.sdk import Context

from salesflow_airflow.operators.athena import AthenaStatementOperator


class FindDaysOperator(AthenaStatementOperator):
    """Finds the days to report: the given one, and those that late changes have touched.

    Returns `days`, the given one first, and `merged_until`, the time of the last merge that all
    their reports will know; None in a run of some reports only.

    Args:
        day: YYYY-MM-DD; the query refers to it as ``task.day``.
    """

    template_fields: Sequence[str] = ("day", *AthenaOperator.template_fields)

    def __init__(self, *, day: str, query: str = "sql/gold/find_days.sql", **kwargs: Any) -> None:
        super().__init__(query=query, multiple_outputs=True, **kwargs)
        self.day = day

    def execute(self, context: Context) -> dict[str, Any]:
        """Query, and say which days were touched."""
        super().execute(context)
        _, rows = self.result_rows()
        days = [day for day, _ in rows]
        if days[1:]:
            self.log.info("late changes have touched %s", ", ".join(map(str, days[1:])))
        return {"days": days, "merged_until": rows[0][1]}


class RecordReportsOperator(AthenaStatementOperator):
    """Notes which days have been reported, and by how much that restates what was there.

    Args:
        results: what the reports returned.
        found: what `FindDaysOperator` returned.
        query: refers to ``task.days`` and ``task.merged_until``.
        restatements: a statement that refers to ``task.changes``.
    """

    template_fields: Sequence[str] = ("results", "found", *AthenaOperator.template_fields)

    def __init__(
        self,
        *,
        results: Any,
        found: dict[str, Any],
        query: str = "sql/gold/record_runs.sql",
        restatements: str = "sql/gold/record_restatements.sql",
        **kwargs: Any,
    ) -> None:
        super().__init__(query=query, **kwargs)
        self.results = results
        self.found = found
        self.restatements = restatements
        self.changes: list[dict[str, Any]] = []

    @property
    def days(self) -> list[str]:
        """The days that were reported."""
        return list(self.found["days"])

    @property
    def merged_until(self) -> str | None:
        """The time of the last merge that all reports know; None: there is no such merge."""
        return self.found["merged_until"]

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Write down what changed, then that the days are reported; what changed."""
        reports = [report for results in self.results for report in results]
        self.changes = [change for report in reports for change in changes_of(report)]
        if self.changes:
            self.run_statement(self.render_template(self.restatements, context), context)
        if self.merged_until is not None:
            self.run_statement(self.query, context)
        return self.changes


def changes_of(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A report's changes, one for each column whose sum is another; none if it isn't restated."""
    restated = report["restated"]
    if not restated:
        return []
    rows = {
        "report": report["name"],
        "day": report["day"],
        "version": report["version"],
        "rows_gone": restated["rows_gone"],
        "rows_new": restated["rows_new"],
    }
    sums = restated["sums"] or {None: {"before": None, "after": None, "difference": None}}
    return [rows | {"column": column} | change for column, change in sums.items()]
