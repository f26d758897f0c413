"""Tables to which other engines wrote: delete files, files without ids, other formats."""

from __future__ import annotations

import io
import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.manifest import (
    POSITIONAL_DELETE_SCHEMA,
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.table import Table, Transaction
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.update import AddSnapshotUpdate, SetSnapshotRefUpdate
from pyiceberg.typedef import Record

from athena_queries import Athena
from localaws.athena.iceberg.tables import IcebergTables
from localaws.server import LocalAws

ORDERS = """
CREATE TABLE orders (id bigint, note string, order_date date)
PARTITIONED BY (order_date) LOCATION 's3://lake/orders/' TBLPROPERTIES ('table_type' = 'ICEBERG')
"""


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    found = Athena(local_aws)
    found.run(ORDERS)
    return found


def opened(athena: Athena) -> Table:
    """The table as PyIceberg has it."""
    return IcebergTables(athena.local_aws.aws).load("sales", "orders")


def orders(day: int, *ids: int) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "note": [f"note {number}" for number in ids],
            "order_date": pa.array([date(2025, 7, day)] * len(ids), pa.date32()),
        }
    )


class _DeletesWriter(ManifestWriterV2):
    """Writes manifests of delete files, as PyIceberg itself doesn't."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def put(athena: Athena, key: str, rows: pa.Table) -> int:
    """Put rows as a Parquet file; returns its size."""
    buffer = io.BytesIO()
    pq.write_table(rows, buffer)
    athena.s3.put_object(Bucket="lake", Key=key, Body=buffer.getvalue())
    return len(buffer.getvalue())


def commit_deletes(
    athena: Athena,
    gone: Sequence[tuple[str, int]],
    partition: Any,
    *,
    content: DataFileContent = DataFileContent.POSITION_DELETES,
    file_format: FileFormat = FileFormat.PARQUET,
) -> None:
    """Commit a delete file that names rows by their data file and their number in it."""
    table = opened(athena)
    key = f"orders/data/{uuid.uuid4()}-deletes.parquet"
    rows = pa.Table.from_pylist(
        [{"file_path": path, "pos": number} for path, number in gone],
        schema=schema_to_pyarrow(POSITIONAL_DELETE_SCHEMA),
    )
    size = put(athena, key, rows)
    snapshot_id = table.metadata.new_snapshot_id()
    sequence = table.metadata.next_sequence_number()
    base = f"s3://lake/orders/metadata/{uuid.uuid4()}"
    file = DataFile.from_args(
        content=content,
        file_path=f"s3://lake/{key}",
        file_format=file_format,
        partition=Record(partition),
        record_count=len(gone),
        file_size_in_bytes=size,
        equality_ids=[1] if content == DataFileContent.EQUALITY_DELETES else None,
    )
    file.spec_id = 0
    manifest_file = table.io.new_output(f"{base}-m0.avro")
    writer = _DeletesWriter(table.spec(), table.schema(), manifest_file, snapshot_id, "deflate")
    with writer:
        writer.add_entry(
            ManifestEntry.from_args(
                status=ManifestEntryStatus.ADDED, snapshot_id=snapshot_id, data_file=file
            )
        )
    present = table.current_snapshot()
    assert present is not None
    manifest_list = table.io.new_output(f"{base}-list.avro")
    with write_manifest_list(
        2, manifest_list, snapshot_id, present.snapshot_id, sequence, "deflate"
    ) as listed:
        listed.add_manifests([*present.manifests(table.io), writer.to_manifest_file()])
    snapshot = Snapshot(
        snapshot_id=snapshot_id,
        parent_snapshot_id=present.snapshot_id,
        sequence_number=sequence,
        manifest_list=f"{base}-list.avro",
        summary=Summary(operation=Operation.DELETE),
        schema_id=table.schema().schema_id,
    )
    transaction = Transaction(table)
    transaction._apply(
        (
            AddSnapshotUpdate(snapshot=snapshot),
            SetSnapshotRefUpdate(ref_name="main", type="branch", snapshot_id=snapshot_id),
        )
    )
    transaction.commit_transaction()


def data_files(athena: Athena) -> list[str]:
    return sorted(task.file.file_path for task in opened(athena).scan().plan_files())


def ids(athena: Athena, condition: str = "true") -> list[int]:
    rows = athena.rows(f"SELECT id FROM orders WHERE {condition} ORDER BY id")
    return [int(str(row[0])) for row in rows[1:]]


@pytest.mark.behaviour("athena", "Rows that position delete files name are gone.")
def test_position_deletes_are_honoured(athena: Athena) -> None:
    opened(athena).append(orders(1, 1, 2, 3))
    opened(athena).append(orders(2, 4, 5))
    first, second = data_files(athena)
    day = (date(2025, 7, 1) - date(1970, 1, 1)).days

    commit_deletes(athena, [(first, 0), (first, 2)], day)
    commit_deletes(athena, [(second, 1)], day + 1)

    assert ids(athena) == [2, 4]
    assert ids(athena, "note = 'note 1'") == []
    assert ids(athena, "order_date = DATE '2025-07-02'") == [4]
    found = athena.rows('SELECT id, "$path" FROM orders ORDER BY id')
    assert found[1:] == [["2", first], ["4", second]]
    assert athena.rows("SELECT count(*) FROM orders")[1:] == [["2"]]
    assert sorted(opened(athena).scan().to_arrow()["id"].to_pylist()) == [2, 4]


def test_rows_written_after_a_deletion_stay(athena: Athena) -> None:
    opened(athena).append(orders(1, 1, 2))
    (first,) = data_files(athena)
    commit_deletes(athena, [(first, 0)], (date(2025, 7, 1) - date(1970, 1, 1)).days)

    opened(athena).append(orders(1, 1))

    assert ids(athena) == [1, 2]


def test_equality_deletes_are_refused(athena: Athena) -> None:
    opened(athena).append(orders(1, 1, 2))
    commit_deletes(athena, [("1", 1)], None, content=DataFileContent.EQUALITY_DELETES)
    assert athena.failure("SELECT * FROM orders") == (
        "NOT_SUPPORTED: an Iceberg table with equality deletes is not supported by the local AWS"
    )


def test_other_formats_are_refused(athena: Athena) -> None:
    opened(athena).append(orders(1, 1, 2))
    (first,) = data_files(athena)
    day = (date(2025, 7, 1) - date(1970, 1, 1)).days
    commit_deletes(athena, [(first, 0)], day, file_format=FileFormat.AVRO)
    assert "AVRO files of an Iceberg table is not supported" in athena.failure(
        "SELECT * FROM orders"
    )


def test_files_without_field_ids_are_read_by_their_names(athena: Athena) -> None:
    opened(athena).append(orders(1, 1))
    put(athena, "elsewhere/2.parquet", orders(2, 2).select(["order_date", "note", "id"]))
    opened(athena).add_files(["s3://lake/elsewhere/2.parquet"])
    athena.run("ALTER TABLE orders CHANGE COLUMN note remark string")
    athena.run("ALTER TABLE orders ADD COLUMNS (price decimal(9, 2))")

    found = athena.rows("SELECT id, remark, price, order_date FROM orders ORDER BY id")

    assert found[1:] == [
        ["1", "note 1", None, "2025-07-01"],
        ["2", "note 2", None, "2025-07-02"],
    ]
    assert ids(athena, "remark = 'note 2'") == [2]


def test_a_column_that_only_the_partition_tells_has_its_value(athena: Athena) -> None:
    table = opened(athena)
    mapping = table.schema().name_mapping.model_dump_json()
    with table.transaction() as transaction:
        transaction.set_properties({"schema.name-mapping.default": mapping})
    rows = orders(2, 2).select(["id", "note"]).append_column("other", [["x"]])
    file = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path="s3://lake/elsewhere/order_date=2025-07-02/1.parquet",
        file_format=FileFormat.PARQUET,
        partition=Record((date(2025, 7, 2) - date(1970, 1, 1)).days),
        record_count=1,
        file_size_in_bytes=put(athena, "elsewhere/order_date=2025-07-02/1.parquet", rows),
    )
    file.spec_id = 0
    transaction = opened(athena).transaction()
    with transaction, transaction.update_snapshot().fast_append() as append:
        append.append_data_file(file)

    assert athena.rows("SELECT * FROM orders")[1:] == [["2", "note 2", "2025-07-02"]]


@pytest.mark.behaviour("athena", "A data file that isn't there fails the query.")
def test_a_missing_data_file(athena: Athena) -> None:
    opened(athena).append(orders(1, 1))
    (first,) = data_files(athena)
    athena.s3.delete_object(Bucket="lake", Key=first.removeprefix("s3://lake/"))
    failure = athena.failure("SELECT * FROM orders")
    assert failure.startswith(f"ICEBERG_CANNOT_OPEN_SPLIT: Error opening Iceberg split {first}")


@pytest.mark.behaviour("athena", "A table whose metadata isn't there can't be queried.")
def test_missing_metadata(athena: Athena) -> None:
    opened(athena).append(orders(1, 1))
    for key in athena.keys("orders/metadata/"):
        if key.endswith(".avro"):
            athena.s3.delete_object(Bucket="lake", Key=key)
    assert athena.failure("SELECT * FROM orders").startswith(
        "ICEBERG_INVALID_METADATA: Error reading the manifests of table sales.orders"
    )
    parameters = {**athena.table("orders")["Parameters"], "metadata_location": "s3://lake/no.json"}
    athena.glue.update_table(
        DatabaseName="sales", TableInput={"Name": "orders", "Parameters": parameters}
    )
    assert athena.failure("SELECT * FROM orders") == (
        "ICEBERG_MISSING_METADATA: Metadata not found in metadata location for table sales.orders"
    )


@pytest.mark.behaviour(
    "athena", "UPDATE, DELETE and MERGE leave out rows that delete files have taken out before."
)
def test_deleted_rows_do_not_come_back(athena: Athena) -> None:
    opened(athena).append(orders(1, 1, 2, 3))
    opened(athena).append(orders(2, 4, 5))
    first, second = data_files(athena)
    day = (date(2025, 7, 1) - date(1970, 1, 1)).days
    commit_deletes(athena, [(first, 0)], day)
    commit_deletes(athena, [(second, 1)], day + 1)

    assert athena.answer("UPDATE orders SET note = 'x' WHERE id <> 2")["UpdateCount"] == 2
    assert ids(athena) == [2, 3, 4]
    assert ids(athena, "note = 'x'") == [3, 4]

    opened(athena).append(orders(2, 6))
    commit_deletes(athena, [(data_files(athena)[1], 0)], day + 1)
    deleted = athena.answer("DELETE FROM orders WHERE order_date = DATE '2025-07-02'")
    assert deleted["UpdateCount"] == 1
    assert ids(athena) == [2, 3]


@pytest.mark.behaviour(
    "athena",
    "OPTIMIZE writes files anew that have optimize_rewrite_delete_file_threshold delete files (2) "
    "or more.",
)
def test_optimizing_does_away_with_delete_files(athena: Athena) -> None:
    opened(athena).append(orders(1, 1, 2, 3))
    opened(athena).append(orders(2, 4, 5))
    first, second = data_files(athena)
    day = (date(2025, 7, 1) - date(1970, 1, 1)).days
    commit_deletes(athena, [(first, 0)], day)
    commit_deletes(athena, [(first, 1)], day)
    commit_deletes(athena, [(second, 1)], day + 1)

    athena.run("OPTIMIZE orders REWRITE DATA USING BIN_PACK")

    assert ids(athena) == [3, 4]
    tasks = {task.file.file_path: task for task in opened(athena).scan().plan_files()}
    assert first not in tasks
    assert len(tasks[second].delete_files) == 1
    assert sum(len(task.delete_files) for task in tasks.values()) == 1
