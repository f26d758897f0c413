"""Reports lie under stable keys, are left alone while nothing changes, and say what did."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.amazon.aws.utils import waiter_with_logging
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException
from pyarrow import BufferReader, parquet

from airflow_home import DAGS
from localaws.server import LocalAws
from salesflow import queries
from salesflow.report_store import read_manifest, report_key, version_key
from salesflow_airflow.operators.report import ReportOperator
from salesflow_airflow.operators.reporting import RecordRestatementsOperator

DAY, OTHER_DAY = "2026-03-04", "2026-02-24"
SQL = """-- Adds up: units, net_sales
SELECT channel, sum(units) AS units, sum(CAST(sales AS decimal(18, 4))) AS net_sales
FROM sold WHERE day = DATE '{{ task.day }}' GROUP BY channel ORDER BY channel
"""


class Lake:
    """A lake with a table of sales, and a report on it."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.aws, self.folder = aws, folder
        self.s3, self.athena = map(aws.aws.client, ("s3", "athena"))
        self.s3.create_bucket(Bucket="lake")
        aws.aws.client("glue").create_database(DatabaseInput={"Name": "sales"})
        self.athena.create_work_group(
            Name="sales",
            Configuration={"ResultConfiguration": {"OutputLocation": "s3://lake/results/"}},
        )
        queries.ask(
            self.athena,
            "CREATE EXTERNAL TABLE sold (day date, channel string, units int, sales string)"
            " ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://lake/sold/'",
            database="sales",
            workgroup="sales",
        )
        self.write("by_channel", SQL)

    def write(self, report: str, sql: str) -> None:
        path = self.folder / "sql" / "reports" / f"{report}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sql)

    def sell(self, *rows: tuple[str, str, int, str]) -> None:
        names = ("day", "channel", "units", "sales")
        lines = [json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows]
        self.s3.put_object(Bucket="lake", Key="sold/rows.json", Body="".join(lines).encode())

    def report(
        self,
        *days: str,
        name: str = "by_channel",
        run: str = "run",
        pushed: dict[str, Any] | None = None,
    ) -> list[Any]:
        with DAG("reports", schedule=None, template_searchpath=[str(self.folder)]):
            operator = ReportOperator(
                task_id="run_report",
                report=name,
                days=list(days),
                bucket="lake",
                database="sales",
                workgroup="sales",
                watermark="2026-03-05T00:10:00+00:00",
            )
        ti = SimpleNamespace(dag_id="reports", run_id=run, try_number=1, max_tries=2)
        ti.xcom_push = lambda key, value: (pushed if pushed is not None else {}).update(
            {key: value}
        )
        return operator.execute({"ti": ti, "task": operator})  # type: ignore[typeddict-item]

    def record(self, *results: list[Any], run: str = "run") -> list[dict[str, Any]]:
        """Note what the reports of a run restate."""
        with DAG("reports", schedule=None, template_searchpath=[str(DAGS)]):
            operator = RecordRestatementsOperator(
                task_id="record_restatements",
                results=list(results),
                bucket="lake",
                database="sales",
                workgroup="sales",
            )
        ti = SimpleNamespace(
            dag_id="reports",
            task_id="record_restatements",
            run_id=run,
            try_number=1,
            max_tries=2,
            map_index=-1,
        )
        context: Any = {"ti": ti, "task": operator, "run_id": run}
        if operator.days:
            operator.query = operator.render_template(operator.query, context)
        return operator.execute(context)

    def recorded(self) -> list[queries.Row]:
        """The rows of the table of restatements, without the times of writing."""
        columns = "report, CAST(day AS varchar), version, column_name, difference"
        return list(
            queries.ask(
                self.athena,
                f"SELECT {columns} FROM restatements ORDER BY 1, 2, 3, 4",
                database="sales",
                workgroup="sales",
            ).rows
        )

    def objects(self, prefix: str = "reports/") -> dict[str, bytes]:
        listed = self.s3.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])
        keys = [entry["Key"] for entry in listed]
        return {k: self.s3.get_object(Bucket="lake", Key=k)["Body"].read() for k in keys}


@pytest.fixture
def lake(aws_default: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    # The clock turns whenever somebody waits for a query.
    monkeypatch.setattr(
        queries,
        "Patience",
        lambda **more: PATIENCE(**more | {"interval": 0}, sleep=lambda _: aws_default.step()),
    )
    monkeypatch.setattr(
        waiter_with_logging, "time", SimpleNamespace(sleep=lambda _: aws_default.step())
    )
    return Lake(aws_default, tmp_path)


@pytest.fixture
def books(lake: Lake) -> Lake:
    """The lake with the table of restatements."""
    sql = (DAGS / "sql" / "gold" / "create_restatements.sql").read_text()
    queries.ask(
        lake.athena,
        sql.replace("{{ task.bucket }}", "lake"),
        database="sales",
        workgroup="sales",
    )
    return lake


PATIENCE = queries.Patience
SALES = [(DAY, "web", 2, "998.0001"), (DAY, "store", 1, "449"), (OTHER_DAY, "web", 1, "10")]


def test_a_report_is_csv_and_parquet_with_a_manifest_beside_them(lake: Lake) -> None:
    lake.sell(*SALES)
    [stored] = lake.report(DAY)
    objects = lake.objects()
    csv = report_key("by_channel", DAY)
    assert set(objects) == {csv, *(report_key("by_channel", DAY, s) for s in ("parquet", "json"))}
    assert stored["s3_uri"] == f"s3://lake/{csv}"
    assert objects[csv] == (
        b'"channel","units","net_sales"\n"store","1","449.0000"\n"web","2","998.0001"\n'
    )
    table = parquet.read_table(BufferReader(objects[report_key("by_channel", DAY, "parquet")]))
    assert [str(kind) for kind in table.schema.types] == ["string", "int64", "decimal128(38, 4)"]
    manifest = read_manifest(lake.s3, "lake", "by_channel", DAY)
    assert manifest is not None
    assert (manifest.version, manifest.rows, manifest.restated) == (1, 2, None)
    assert manifest.query_id == stored["query_id"]
    assert manifest.scanned_bytes == stored["scanned_bytes"] > 0
    assert manifest.watermark == "2026-03-05T00:10:00+00:00"


def test_a_rerun_of_an_unchanged_day_leaves_all_bytes_as_they_are(lake: Lake) -> None:
    lake.sell(*SALES)
    lake.report(DAY)
    before = lake.objects("")
    [again] = lake.report(DAY, run="another")
    assert again["version"] == 1
    unchanged = {k: v for k, v in lake.objects("").items() if not k.startswith("results/")}
    assert unchanged == {k: v for k, v in before.items() if not k.startswith("results/")}


def test_a_late_change_makes_a_new_version_and_says_by_how_much(lake: Lake) -> None:
    lake.sell(*SALES)
    lake.report(DAY, OTHER_DAY)
    first = lake.objects()
    lake.sell(*SALES[:1], (DAY, "store", 3, "1347.25"), SALES[2])
    changed, same = lake.report(DAY, OTHER_DAY, run="another")
    assert (changed["version"], same["version"]) == (2, 1)
    assert same["restated"] is None
    assert changed["restated"] == {
        "version": 1,
        "csv": version_key("by_channel", DAY, 1, "csv"),
        "rows_gone": 1,
        "rows_new": 1,
        "sums": {
            "units": {"before": "3", "after": "5", "difference": "2"},
            "net_sales": {"before": "1447.0001", "after": "2345.2501", "difference": "898.2500"},
        },
    }
    kept = lake.objects("report-versions/")
    assert kept[version_key("by_channel", DAY, 1, "csv")] == first[report_key("by_channel", DAY)]


def test_what_a_crash_left_half_written_is_written_again(lake: Lake) -> None:
    lake.sell(*SALES)
    lake.report(DAY)
    first = lake.objects()
    lake.sell(*SALES[1:])
    lake.report(DAY, run="another")
    whole, kept = lake.objects(), lake.objects("report-versions/")
    # As after a crash before the manifest: new rows, old manifest.
    manifest = report_key("by_channel", DAY, "json")
    lake.s3.put_object(Bucket="lake", Key=manifest, Body=first[manifest])
    [again] = lake.report(DAY, run="yet another")
    assert again["version"] == 2
    assert lake.objects("report-versions/") == kept
    assert {k: v for k, v in lake.objects().items() if k != manifest} == {
        k: v for k, v in whole.items() if k != manifest
    }


def test_a_day_without_orders_has_a_header_and_no_rows(lake: Lake) -> None:
    lake.sell(*SALES)
    [stored] = lake.report("2026-01-01")
    assert stored["rows"] == 0
    assert lake.objects()[report_key("by_channel", "2026-01-01")] == (
        b'"channel","units","net_sales"\n'
    )


def test_wrong_sql_names_the_report_and_its_day_and_other_days_are_stored(lake: Lake) -> None:
    lake.sell(*SALES)
    ratio = "SELECT 1 / CAST(day(DATE '{{ task.day }}') - 24 AS integer) AS ratio"
    lake.write("broken", f"-- Adds up: nothing\n{ratio}")
    pushed: dict[str, Any] = {}
    with pytest.raises(AirflowException, match=f"broken of {OTHER_DAY} failed: .*zero"):
        lake.report(OTHER_DAY, DAY, name="broken", pushed=pushed)
    assert report_key("broken", DAY) in lake.objects()
    assert [stored["day"] for stored in pushed["return_value"]] == [DAY]


def test_a_retry_tells_of_the_change_that_the_try_before_has_stored(lake: Lake) -> None:
    lake.sell(*SALES)
    lake.report(DAY)
    lake.sell(*SALES[1:])
    [first] = lake.report(DAY, run="another")
    [retried] = lake.report(DAY, run="another")
    assert retried["restated"] == first["restated"] is not None
    [later] = lake.report(DAY, run="yet another")
    assert (later["version"], later["restated"]) == (2, None)


def test_another_query_for_the_same_rows_is_not_a_new_version(lake: Lake) -> None:
    lake.sell(*SALES)
    lake.report(DAY)
    lake.write("by_channel", f"-- The same, said anew.\n{SQL}")
    [again] = lake.report(DAY, run="another")
    assert again["version"] == 1


def test_what_a_run_left_unrecorded_is_recorded_by_a_later_one_and_never_twice(
    books: Lake,
) -> None:
    books.sell(*SALES)
    books.report(DAY, run="first")
    for number, units in enumerate((3, 4)):
        # Their restatements were never recorded, as if that task had failed for good.
        books.sell(*SALES[1:], (DAY, "web", units, "998.0001"))
        books.report(DAY, run=f"unrecorded {number}")
    again = books.report(DAY, OTHER_DAY, run="later")
    written = books.record(again, [], run="later")
    assert [(change["version"], change["column"]) for change in written] == [
        (2, "units"),
        (3, "units"),
    ]
    recorded = [("by_channel", DAY, version, "units", "1.0000") for version in ("2", "3")]
    assert books.recorded() == recorded
    assert books.record(again, run="yet another") == []
    assert books.recorded() == recorded


def test_what_adds_up_to_nothing_is_recorded_without_a_sum(books: Lake) -> None:
    books.write("by_channel", SQL.replace("units, net_sales", "nothing", 1))
    books.sell(*SALES)
    books.report(DAY)
    books.sell(*SALES[1:])
    books.record(books.report(DAY, run="another"))
    assert books.recorded() == [("by_channel", DAY, "2", None, None)]


def test_a_version_that_replaced_no_other_is_not_asked_for(lake: Lake) -> None:
    lake.sell(*SALES)
    assert lake.record(lake.report(DAY)) == []


def test_many_changes_are_recorded_by_several_statements(
    books: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salesflow_airflow.operators.reporting._CHANGES_PER_STATEMENT", 1)
    books.sell(*SALES)
    books.report(DAY, OTHER_DAY)
    books.sell(*((day, channel, units + 1, sales) for day, channel, units, sales in SALES))
    books.record(books.report(DAY, OTHER_DAY, run="another"))
    assert [row[1] for row in books.recorded()] == [OTHER_DAY, DAY]
