"""INSERT INTO an Iceberg table: an append, which conflicts with nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation

from localaws.athena.arrow_types import coercible, trino_type
from localaws.athena.engine import QueryResult
from localaws.athena.failures import QueryFailed
from localaws.athena.glue_tables import GlueTable
from localaws.athena.iceberg.commits import commit
from localaws.athena.iceberg.data_files import TableFiles
from localaws.athena.results import COUNT_COLUMN
from localaws.athena.run import Outcome, Run
from localaws.athena.statements import Insert


def insert(run: Run, statement: Insert, found: GlueTable) -> Outcome:
    """INSERT INTO: the query's columns go by position to the named ones, or to all."""
    table = run.iceberg.open(found)
    schema = schema_to_pyarrow(table.schema())
    wanted = list(statement.columns) or schema.names
    for column in wanted:
        if column not in schema.names:
            raise QueryFailed(
                "COLUMN_NOT_FOUND: line 1:1: Insert column name does not exist in target table: "
                f"{column}"
            )
        if wanted.count(column) > 1:
            raise QueryFailed(
                "DUPLICATE_COLUMN_NAME: line 1:1: Insert column name is specified more than once: "
                f"{column}"
            )
    result = run.select(statement.query)
    _check_types(result, [schema.field(column).type for column in wanted])
    return append(run, table, result, wanted, "INSERT")


def append(run: Run, table: Table, result: QueryResult, names: Sequence[str], verb: str) -> Outcome:
    """Add a query's rows to a table; without rows there is no snapshot.

    Args:
        names: the table's columns that the query's columns go to; the others are NULL.
        verb: what the result calls this.
    """
    schema = schema_to_pyarrow(table.schema())
    with TableFiles(table, run.s3, run.execution.engine_id) as files:
        for batch in result.reader:
            files.write(_arranged(batch, names, schema))
        written = files.finish(run.check)
        if written:
            commit(table, Operation.APPEND, added=written, run=run)
        return Outcome(
            [COUNT_COLUMN], None, (verb, files.rows), [file.file_path for file in written]
        )


def _check_types(result: QueryResult, wanted: Sequence[pa.DataType]) -> None:
    given = [field.type for field in result.reader.schema]
    if len(given) != len(wanted) or not all(map(coercible, given, wanted)):
        raise QueryFailed(
            "TYPE_MISMATCH: line 1:1: Insert query has mismatched column types: Table: "
            f"[{', '.join(map(trino_type, wanted))}], Query: [{', '.join(map(trino_type, given))}]"
        )


def _arranged(batch: pa.RecordBatch, given: Sequence[str], schema: pa.Schema) -> pa.RecordBatch:
    """A batch with all columns of the table, in their order."""
    by_name = dict(zip(given, batch.columns, strict=True))
    columns = [
        by_name[field.name] if field.name in by_name else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.record_batch(columns, names=schema.names)
