"""Which data files a change of rows has to do with: those it reads, and those that are in its way
when others add them."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
from pyiceberg.expressions.visitors import _InclusiveMetricsEvaluator
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask
from pyiceberg.transforms import IdentityTransform
from sqlglot import exp

from localaws.athena.iceberg.file_rows import FILE, PLACE
from localaws.athena.iceberg.key_bounds import Keys
from localaws.athena.iceberg.lake_catalog import IcebergTable
from localaws.athena.iceberg.planning import plan_iceberg_scan, prune_files
from localaws.athena.iceberg.row_filters import row_filter


class TargetFiles:
    """The files of a table in which rows can be that a condition asks for.

    Args:
        condition: what the rows themselves must fulfil, as far as it is known without reading.
        keys: the values that some of their columns must have.
    """

    def __init__(
        self,
        table: IcebergTable,
        condition: exp.Expr | None,
        keys: Sequence[Keys],
        connection: duckdb.DuckDBPyConnection,
    ) -> None:
        self._table, self._condition, self._connection = table, condition, connection
        self._keys = keys
        schema = table.metadata.schema()
        filters = row_filter(condition, schema, connection)
        self._metrics = _InclusiveMetricsEvaluator(schema, filters, case_sensitive=False)

    def tasks(self) -> list[FileScanTask]:
        """The files of the table's snapshot, each with its delete files."""
        needed = frozenset((FILE, PLACE))
        scan = plan_iceberg_scan(self._table, needed, self._condition, self._connection)
        return [task for task in scan.tasks if self._can_have_keys(task.file)]

    def may_match(self, file: DataFile) -> bool:
        """Whether a file that is not of the snapshot can have such rows."""
        return bool(self._metrics.eval(file)) and self._can_have_keys(file)

    def _can_have_keys(self, file: DataFile) -> bool:
        return all(keys.may_be_in(file) for keys in self._keys)

    def wholly(
        self, tasks: Sequence[FileScanTask], condition: exp.Expr | None
    ) -> list[FileScanTask]:
        """Those files of which is certain, without reading them, that every row fulfils a
        condition: it is about what they are partitioned by."""
        alone = [task for task in tasks if not task.delete_files]
        if condition is None:
            return alone
        metadata = self._table.metadata
        used = {column.name for column in condition.find_all(exp.Column)}
        specs = metadata.specs()
        decided = [
            task
            for task in alone
            if used <= _identities(specs[task.file.spec_id], metadata.schema())
        ]
        whole = exp.paren(condition.copy())
        otherwise = exp.or_(exp.Not(this=whole), exp.Is(this=whole.copy(), expression=exp.null()))
        kept = prune_files(self._table, decided, otherwise, self._connection)
        paths = {task.file.file_path for task in kept}
        some = prune_files(self._table, decided, condition, self._connection)
        return [task for task in some if task.file.file_path not in paths]


def _identities(spec: PartitionSpec, schema: Schema) -> set[str]:
    """The columns that a table is partitioned by as they are."""
    return {
        schema.find_field(field.source_id).name.lower()
        for field in spec.fields
        if isinstance(field.transform, IdentityTransform) and field.source_id in schema.field_ids
    }
