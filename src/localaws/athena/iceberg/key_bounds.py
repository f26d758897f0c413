"""Which data files can hold rows that a condition asks for, by what is known of their columns."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc
from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField, PrimitiveType
from sqlglot import exp

from localaws.athena.arrow_types import arrow_of
from localaws.athena.duck import quoted, to_sql
from localaws.athena.iceberg.partition_values import physical
from localaws.athena.iceberg.schemas import glue_type
from localaws.athena.types import from_glue
from localaws.athena.work import Work


@dataclass(frozen=True)
class Keys:
    """The values, in order, that a column must have one of, for a row to match."""

    field: NestedField
    values: list[Any]

    def may_be_in(self, file: DataFile) -> bool:
        """Whether a file can have a row with one of them."""
        number, kind = self.field.field_id, self.field.field_type
        assert isinstance(kind, PrimitiveType)
        lower = (file.lower_bounds or {}).get(number)
        upper = (file.upper_bounds or {}).get(number)
        if lower is None or upper is None:
            nulls = (file.null_value_counts or {}).get(number)
            return nulls is None or nulls < file.record_count
        first = bisect_left(self.values, from_bytes(kind, lower))
        return first < len(self.values) and bool(self.values[first] <= from_bytes(kind, upper))


def keys_of(
    condition: exp.Expr | None, target: str, source: str, table: str, schema: Schema, work: Work
) -> list[Keys]:
    """What a condition's equations say of the target's columns, by the rows of the source.

    Args:
        table: where the rows of the source are.
    """
    names = {field.name.lower(): field for field in schema.fields}
    found = []
    for column, value in _equations(condition, target):
        field = names.get(column)
        if field is None or not isinstance(field.field_type, PrimitiveType):
            continue
        kind = arrow_of(from_glue(glue_type(field.field_type)))
        sql = f"SELECT DISTINCT {to_sql(value)} FROM {table} AS {quoted(source)}"  # noqa: S608 - quoted
        values: set[Any] = set()
        for batch in work.batches(sql):
            if batch.column(0).type != kind:
                break
            values.update(physical(pc.drop_null(batch.column(0))).to_pylist())
        else:
            found.append(Keys(field, sorted(values)))
    return found


def _equations(condition: exp.Expr | None, target: str) -> Iterator[tuple[str, exp.Expr]]:
    """The target's columns that a condition says are equal to something of the source's."""
    if condition is None:
        return
    node = condition.unnest()
    if isinstance(node, exp.And):
        yield from _equations(node.this, target)
        yield from _equations(node.expression, target)
        return
    if not isinstance(node, exp.EQ):
        return
    for one, other in ((node.this, node.expression), (node.expression, node.this)):
        column = one.unnest()
        if not isinstance(column, exp.Column) or column.table != target:
            continue
        if other.find(exp.Subquery, exp.Select, exp.Window, exp.AggFunc):
            continue
        if all(part.table != target for part in other.find_all(exp.Column)):
            yield column.name, other
