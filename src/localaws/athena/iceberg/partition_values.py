"""Which partition each row belongs to: the transforms of a partition spec, column by column.

https://iceberg.apache.org/spec/#partition-transforms
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import (
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    VoidTransform,
    YearTransform,
)
from pyiceberg.typedef import Record

from localaws.athena.failures import not_emulated

#: Timestamps are first cut to the unit that counts: there are far fewer of these.
_UNITS = {
    YearTransform: "year",
    MonthTransform: "month",
    DayTransform: "day",
    HourTransform: "hour",
}
_ROW = "row"


def split(
    batch: pa.RecordBatch, schema: Schema, spec: PartitionSpec
) -> Iterator[tuple[Record, pa.RecordBatch]]:
    """The rows of a batch by partition, in their order; its columns are those of the schema."""
    if not batch.num_rows:
        return
    if not spec.fields:
        yield Record(), batch
        return
    columns = [_transformed(batch, schema, field) for field in spec.fields]
    names = [str(index) for index in range(len(columns))]
    rows = pa.array(range(batch.num_rows), pa.int64())
    keyed = pa.table([*columns, rows], names=[*names, _ROW])
    groups = keyed.group_by(names, use_threads=False).aggregate([(_ROW, "list")])
    keys = zip(*(groups.column(name).to_pylist() for name in names), strict=True)
    for number, values in enumerate(keys):
        yield Record(*values), _taken(batch, groups.column(f"{_ROW}_list")[number].values)


def _taken(batch: pa.RecordBatch, numbers: pa.Array) -> pa.RecordBatch:
    """Some rows, given in their order; rows that lie together needn't be copied."""
    first, count = numbers[0].as_py(), len(numbers)
    together = numbers[-1].as_py() - first + 1 == count
    return batch.slice(first, count) if together else batch.take(numbers)


def _transformed(batch: pa.RecordBatch, schema: Schema, field: PartitionField) -> pa.Array:
    """A partition field of each row, as Iceberg keeps it: dates as days, times as microseconds."""
    source = schema.find_field(field.source_id)
    if source.name not in batch.schema.names:
        raise not_emulated(f"a partition by the nested field {field.name}")
    values, transform = batch.column(source.name), field.transform
    if isinstance(transform, VoidTransform):
        return pa.nulls(batch.num_rows)
    if isinstance(transform, IdentityTransform):
        return physical(values)
    unit = _UNITS.get(type(transform))
    if unit is not None and pa.types.is_timestamp(values.type):
        values = pc.floor_temporal(values, unit=unit)
    encoded = physical(values).dictionary_encode()
    apply = transform.transform(source.field_type)
    results = [apply(value) for value in encoded.dictionary.to_pylist()]
    return pa.array(results).take(encoded.indices)


def physical(values: pa.Array | pa.ChunkedArray) -> Any:
    """Arrow's values as those that Iceberg keeps of them."""
    kind = values.type
    if pa.types.is_date32(kind):
        return values.cast(pa.int32())
    if pa.types.is_timestamp(kind):
        return values.cast(pa.timestamp("us", kind.tz)).cast(pa.int64())
    if pa.types.is_time64(kind):
        return values.cast(pa.int64())
    return values
