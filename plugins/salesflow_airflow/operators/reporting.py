"""Which days are reported, and what is written down of it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.sdk import Context

from salesflow.report_store import read_version
from salesflow_airflow.deployment import connect
from salesflow_airflow.operators.athena import AthenaStatementOperator

_CHANGES_PER_STATEMENT: Final = 400
"""Athena takes a statement of 262,144 bytes; a change has half a thousand at most.

https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
"""


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


class RecordRestatementsOperator(AthenaStatementOperator):
    """Notes by how much the reports differ from the versions that they replaced; each version once.

    What is compared are the versions in the lake with those in the table: so what a report has
    stored is noted although another one failed, and also what earlier runs have left unnoted.

    Args:
        results: what the reports returned: an entry for each stored day.
        bucket: where the reports lie.
        query: asks for the versions that are noted already; refers to ``task.days``.
        restatements: a statement that refers to ``task.changes``.
    """

    template_fields: Sequence[str] = ("results", "bucket", *AthenaOperator.template_fields)

    def __init__(
        self,
        *,
        results: Any,
        bucket: str,
        query: str = "sql/gold/find_restatements.sql",
        restatements: str = "sql/gold/record_restatements.sql",
        **kwargs: Any,
    ) -> None:
        super().__init__(query=query, **kwargs)
        self.results = results
        self.bucket = bucket
        self.restatements = restatements
        self.changes: list[dict[str, Any]] = []

    @property
    def days(self) -> list[str]:
        """The days of which a report has replaced another one, now or earlier."""
        return sorted({report["day"] for report in self._replacing()})

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Ask what is noted already, and write down what isn't; what was written."""
        if not self.days:
            return []
        super().execute(context)
        noted = {(report, day, int(version or 0)) for report, day, version in self.result_rows()[1]}
        written = []
        for changes in _statements(self._unnoted(noted)):
            self.changes = changes
            self.run_statement(self.render_template(self.restatements, context), context)
            written += changes
        return written

    def _replacing(self) -> list[Mapping[str, Any]]:
        return [each for results in self.results for each in results if each["version"] > 1]

    def _unnoted(self, noted: Container[tuple[str, str, int]]) -> Iterator[list[dict[str, Any]]]:
        """The changes of each version that isn't noted."""
        s3 = connect("s3", self.aws_conn_id)
        for report in self._replacing():
            name, day = report["name"], report["day"]
            for version in range(2, report["version"] + 1):
                if (name, day, version) in noted:
                    continue
                manifest = read_version(s3, self.bucket, name, day, version)
                if manifest and manifest.restated:
                    restated = asdict(manifest.restated)
                    yield changes_of(
                        {"name": name, "day": day, "version": version, "restated": restated}
                    )


class RecordReportsOperator(AthenaStatementOperator):
    """Notes which days have been reported, and on how much of silver.

    Args:
        found: what `FindDaysOperator` returned.
        query: refers to ``task.days`` and ``task.merged_until``.
    """

    template_fields: Sequence[str] = ("found", *AthenaOperator.template_fields)

    def __init__(
        self, *, found: dict[str, Any], query: str = "sql/gold/record_runs.sql", **kwargs: Any
    ) -> None:
        super().__init__(query=query, **kwargs)
        self.found = found

    @property
    def days(self) -> list[str]:
        """The days that were reported."""
        return list(self.found["days"])

    @property
    def merged_until(self) -> str | None:
        """The time of the last merge that all reports know; None: there is no such merge."""
        return self.found["merged_until"]

    def execute(self, context: Context) -> None:
        """Write down that the days are reported, if all their reports know the same merges."""
        if self.merged_until is not None:
            super().execute(context)


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


def _statements(versions: Iterable[list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    """The changes of versions, as many as fit into a statement; those of a version stay together.

    So a version of which one change is noted has all of them noted.
    """
    changes: list[dict[str, Any]] = []
    for version in versions:
        if changes and len(changes) + len(version) > _CHANGES_PER_STATEMENT:
            yield changes
            changes = []
        changes = changes + version
    if changes:
        yield changes
