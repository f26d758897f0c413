"""Which partitions a query reads: those that its conditions leave, wherever they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from athena_engine_lake import Lake, scanned
from localaws.athena.engine import QueryFailed
from localaws.server import LocalAws

COLUMNS = {"orderid": "string", "quantity": "int"}
KEYS = {"dt": "string", "hour": "string"}
DAYS = ("2025-07-09", "2025-07-10", "2025-07-11")
HOURS = ("01", "02")


@pytest.fixture
def lake(local_aws: LocalAws, tmp_path: Path) -> Lake:
    lake = Lake(local_aws, tmp_path)
    lake.table("orders", COLUMNS, keys=KEYS)
    for day in DAYS:
        for hour in HOURS:
            lake.partition("orders", (day, hour), COLUMNS)
            lake.put_json(
                f"orders/{day}/{hour}/a.json", {"orderid": f"{day} {hour}", "quantity": 1}
            )
    return lake


def read(lake: Lake, sql: str) -> list[str]:
    """The partitions that a query reads, as ``day/hour``."""
    plan = lake.engine.explain(sql, "sales").splitlines()
    prefix = "  s3://lake/orders/"
    return sorted(line[len(prefix) : -len("/a.json")] for line in plan if line.startswith(prefix))


def partitions(*days: str, hours: tuple[str, ...] = HOURS) -> list[str]:
    return sorted(f"{day}/{hour}" for day in days for hour in hours)


@pytest.mark.behaviour(
    "athena", "A query reads the partitions that its conditions on partition keys leave."
)
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("dt = '2025-07-10'", partitions(DAYS[1])),
        ("dt = '2025-07-10' AND hour = '02'", ["2025-07-10/02"]),
        ("dt IN ('2025-07-09', '2025-07-11')", partitions(DAYS[0], DAYS[2])),
        ("dt BETWEEN '2025-07-10' AND '2025-07-31'", partitions(*DAYS[1:])),
        ("dt >= '2025-07-10' AND dt < '2025-07-11'", partitions(DAYS[1])),
        ("dt LIKE '2025-07-1%'", partitions(*DAYS[1:])),
        ("NOT dt = '2025-07-10'", partitions(DAYS[0], DAYS[2])),
        ("dt <> '2025-07-10' OR hour = '01'",
         [*partitions(DAYS[0]), "2025-07-10/01", *partitions(DAYS[2])]),
        ("date(dt) = DATE '2025-07-11'", partitions(DAYS[2])),
        ("CAST(dt AS date) = current_date", partitions(DAYS[2])),
        ("dt = date_format(current_date - INTERVAL '1' DAY, '%Y-%m-%d')", partitions(DAYS[1])),
        ("dt || 'T' || hour = '2025-07-09T02'", ["2025-07-09/02"]),
        ("CAST(hour AS integer) > 1", partitions(*DAYS, hours=("02",))),
        ("dt = '2025-07-10' AND quantity > 100", partitions(DAYS[1])),
        ("(dt = '2025-07-09' AND quantity = 1) OR (dt = '2025-07-11' AND hour = '01')",
         [*partitions(DAYS[0]), "2025-07-11/01"]),
        ("dt = '1999-01-01'", []),
        ("dt IS NULL", []),
    ],
)  # fmt: skip
def test_conditions_prune(lake: Lake, condition: str, expected: list[str]) -> None:
    assert read(lake, f"SELECT * FROM orders WHERE {condition}") == expected


@pytest.mark.parametrize(
    "condition",
    [
        "dt = '2025-07-10' OR quantity = 1",
        "dt = orderid",
        "dt = (SELECT max(dt) FROM orders)",
        "random() < 2 AND dt > CAST(random() AS varchar)",
        "try(CAST(dt AS integer)) IS NULL",
    ],
)
def test_conditions_that_say_nothing_of_the_partitions_alone(lake: Lake, condition: str) -> None:
    assert set(partitions(*DAYS)) <= set(read(lake, f"SELECT * FROM orders WHERE {condition}"))


@pytest.mark.behaviour(
    "athena", "Conditions reach through subqueries, WITH, UNION and views to the partitions."
)
@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("WITH o AS (SELECT * FROM orders) SELECT * FROM o WHERE dt = '2025-07-10'",
         partitions(DAYS[1])),
        ("SELECT * FROM (SELECT dt AS day, max(hour) AS h FROM orders GROUP BY dt) "
         "WHERE day = '2025-07-10'", partitions(DAYS[1])),
        ("SELECT * FROM (SELECT dt FROM orders WHERE hour = '01' UNION ALL SELECT dt FROM orders "
         "WHERE hour = '02') WHERE dt = '2025-07-09'", partitions(DAYS[0])),
        ("SELECT * FROM recent WHERE hour = '02'", partitions(*DAYS[1:], hours=("02",))),
        ("SELECT a.dt FROM orders a JOIN orders b ON a.dt = '2025-07-09' AND b.dt = '2025-07-09'",
         sorted(partitions(DAYS[0]) * 2)),
        ("SELECT 1 FROM (VALUES 1) v(x) LEFT JOIN orders o ON o.dt = '2025-07-10'",
         partitions(DAYS[1])),
        ("WITH o AS (SELECT * FROM orders) SELECT 1 FROM o a, o b "
         "WHERE a.dt = '2025-07-09' AND b.dt = '2025-07-10'", partitions(*DAYS[:2])),
        ("SELECT orderid FROM orders WHERE hour = '01' AND orderid IN "
         "(SELECT orderid FROM orders WHERE dt = '2025-07-10')",
         sorted([*partitions(*DAYS, hours=("01",)), *partitions(DAYS[1])])),
    ],
)  # fmt: skip
def test_conditions_reach_inwards(lake: Lake, sql: str, expected: list[str]) -> None:
    lake.view("recent", "SELECT * FROM orders WHERE dt >= '2025-07-10'", {**COLUMNS, **KEYS})
    assert read(lake, sql) == expected


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT dt FROM (SELECT max(dt) AS dt FROM orders) WHERE dt = '2025-07-10'", []),
        ("SELECT dt FROM (SELECT dt FROM orders ORDER BY dt DESC LIMIT 1) "
         "WHERE dt < '2025-07-11'", []),
        ("SELECT n FROM (SELECT dt, count(*) OVER () AS n FROM orders) WHERE dt = '2025-07-09'",
         [(6,), (6,)]),
        ("SELECT d FROM (SELECT dt || '' AS d, count(*) n FROM orders GROUP BY 1) "
         "WHERE d > '2025-07-10'", [("2025-07-11",)]),
        ("SELECT count(*) FROM (VALUES '2025-07-09', '2025-01-01') v(day) LEFT JOIN orders o "
         "ON o.dt = v.day WHERE o.dt IS NULL", [(1,)]),
        ("SELECT count(*) FROM orders o RIGHT JOIN (VALUES '2025-01-01') v(day) ON o.dt = v.day "
         "AND o.dt = '2025-07-09'", [(1,)]),
        ("SELECT count(*) FROM orders a FULL JOIN orders b ON a.orderid = b.orderid "
         "AND a.dt = '2025-07-09'", [(10,)]),
        ("SELECT count(*) FROM (SELECT dt FROM orders GROUP BY ROLLUP (dt)) WHERE dt IS NULL",
         [(1,)]),
        ("SELECT dt FROM orders EXCEPT SELECT dt FROM orders WHERE dt < '2025-07-11'",
         [("2025-07-11",)]),
    ],
)  # fmt: skip
def test_pruning_changes_no_answer(lake: Lake, sql: str, answer: list[object]) -> None:
    assert lake.rows(sql) == answer


@pytest.mark.behaviour(
    "athena", "Partitions lie where the catalogue says; folders that it doesn't know aren't read."
)
def test_locations_come_from_the_catalogue(lake: Lake) -> None:
    lake.put_json("orders/2025-07-12/01/a.json", {"orderid": "not in the catalogue"})
    lake.put_json("elsewhere/a.json", {"orderid": "moved"})
    lake.partition("orders", ("2025-07-13", "01"), COLUMNS, location="s3://lake/elsewhere/")
    lake.partition("orders", ("2025-07-14", "01"), COLUMNS, location="s3://lake/nothing/here")
    found = lake.rows("SELECT orderid, dt FROM orders WHERE dt > '2025-07-11'")
    assert found == [("moved", "2025-07-13")]


def test_each_row_has_the_values_of_its_partition(lake: Lake) -> None:
    found = lake.rows("SELECT orderid FROM orders WHERE orderid = dt || ' ' || hour")
    assert len(found) == 6


@pytest.mark.behaviour("athena", "Partition keys have the types that the catalogue declares.")
def test_typed_partition_keys(lake: Lake) -> None:
    lake.table("typed", COLUMNS, keys={"day": "date", "n": "int"})
    for values in (("2025-07-10", "9"), ("2025-07-11", "10")):
        lake.partition("typed", values, COLUMNS)
        lake.put_json(f"typed/{'/'.join(values)}/a.json", {"orderid": "1"})
    lake.partition("typed", ("__HIVE_DEFAULT_PARTITION__", "1"), COLUMNS)
    lake.put_json("typed/__HIVE_DEFAULT_PARTITION__/1/a.json", {"orderid": "1"})
    assert lake.rows("SELECT n + 1 FROM typed WHERE day >= DATE '2025-07-11'") == [(11,)]
    assert lake.rows("SELECT max(n) FROM typed") == [(10,)]


@pytest.mark.behaviour("athena", "Only what is read is counted as scanned.")
def test_scanned_bytes_follow_the_partitions(lake: Lake) -> None:
    whole = scanned(lake.engine, "SELECT * FROM orders")
    assert scanned(lake.engine, "SELECT * FROM orders WHERE dt = '2025-07-10'") * 3 == whole
    assert scanned(lake.engine, "SELECT * FROM orders WHERE dt = 'never'") == 0


@pytest.mark.behaviour(
    "athena",
    "A partition whose column has a type that the table's can't take gives "
    "HIVE_PARTITION_SCHEMA_MISMATCH.",
)
def test_partition_schema_mismatch(lake: Lake) -> None:
    lake.partition("orders", ("2025-07-15", "01"), {"orderid": "string", "quantity": "string"})
    with pytest.raises(QueryFailed, match="HIVE_PARTITION_SCHEMA_MISMATCH: There is a mismatch"):
        lake.rows("SELECT * FROM orders WHERE dt = '2025-07-15'")
    assert len(lake.rows("SELECT * FROM orders WHERE dt = '2025-07-10'")) == 2


def test_a_narrower_partition_column_is_fine(lake: Lake) -> None:
    lake.partition("orders", ("2025-07-15", "01"), {"orderid": "string", "quantity": "smallint"})
    lake.put_json("orders/2025-07-15/01/a.json", {"orderid": "1", "quantity": 2})
    assert lake.rows("SELECT quantity FROM orders WHERE dt = '2025-07-15'") == [(2,)]


@pytest.fixture
def projected(lake: Lake) -> Lake:
    for day in DAYS:
        lake.put_json(f"projected/{day}/de/a.json", {"orderid": day, "quantity": 1})
    return lake


def project(lake: Lake, **parameters: str) -> None:
    lake.table(
        "projected",
        COLUMNS,
        keys={"day": "string", "country": "string"},
        parameters={
            "projection.enabled": "true",
            "storage.location.template": "s3://lake/projected/${day}/${country}/",
            "projection.country.type": "enum",
            "projection.country.values": "de,fr",
            **{name.replace("_", "."): value for name, value in parameters.items()},
        },
    )


@pytest.mark.behaviour(
    "athena", "Partition projection makes up the partitions, and ignores the catalogue's."
)
def test_projection_of_dates(projected: Lake) -> None:
    project(
        projected,
        projection_day_type="date",
        projection_day_range="2025-07-10,NOW",
        projection_day_format="yyyy-MM-dd",
    )
    projected.partition("projected", ("2025-07-09", "de"), COLUMNS)
    found = projected.rows("SELECT orderid, day, country FROM projected ORDER BY 1")
    assert found == [(day, day, "de") for day in DAYS[1:]]
    assert projected.rows("SELECT count(*) FROM projected WHERE day = '2025-07-10'") == [(1,)]


def test_projection_of_integers(lake: Lake) -> None:
    lake.table(
        "numbered",
        COLUMNS,
        keys={"n": "int"},
        parameters={
            "projection.enabled": "true",
            "projection.n.type": "integer",
            "projection.n.range": "1,9",
            "projection.n.digits": "2",
            "projection.n.interval": "4",
        },
    )
    for n in ("01", "05", "06"):
        lake.put_json(f"numbered/n={n}/a.json", {"orderid": n})
    assert lake.rows("SELECT orderid, n FROM numbered ORDER BY 1") == [("01", 1), ("05", 5)]


def test_projection_that_is_not_emulated_is_refused(projected: Lake) -> None:
    project(projected, projection_day_type="injected")
    with pytest.raises(QueryFailed, match="injected"):
        projected.rows("SELECT * FROM projected")
