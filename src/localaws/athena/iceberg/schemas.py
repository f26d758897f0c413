"""The types, partition transforms and columns of Iceberg tables, as Athena's DDL spells them.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-supported-data-types.html
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import sqlglot
from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    Transform,
    TruncateTransform,
    YearTransform,
)
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)
from sqlglot import exp

from localaws.athena.failures import QueryFailed
from localaws.athena.statements import ColumnDefinition, PartitionTransform

_KINDS = exp.DataType.Type
_PLAIN: dict[Any, type[IcebergType]] = {
    _KINDS.BOOLEAN: BooleanType,
    _KINDS.INT: IntegerType,
    _KINDS.BIGINT: LongType,
    _KINDS.FLOAT: FloatType,
    _KINDS.DOUBLE: DoubleType,
    _KINDS.DATE: DateType,
    _KINDS.TEXT: StringType,
    _KINDS.BINARY: BinaryType,
    _KINDS.TIMESTAMP: TimestampType,
    _KINDS.TIMESTAMPNTZ: TimestampType,
}
#: What the catalogue calls them. Iceberg's types beyond Athena's DDL can be there as well.
_NAMES: dict[type[IcebergType], str] = {
    BooleanType: "boolean",
    IntegerType: "int",
    LongType: "bigint",
    FloatType: "float",
    DoubleType: "double",
    DateType: "date",
    TimeType: "time",
    TimestampType: "timestamp",
    TimestamptzType: "timestamp with time zone",
    StringType: "string",
    UUIDType: "string",
    BinaryType: "binary",
    FixedType: "binary",
}
_OF_TIME: dict[str, Transform[Any, Any]] = {
    "year": YearTransform(),
    "month": MonthTransform(),
    "day": DayTransform(),
    "hour": HourTransform(),
}
#: What the partition field of a transform is called, after its column.
_SUFFIXES = {"bucket": "bucket", "truncate": "trunc"}


def iceberg_type(kind: str, ids: Iterator[int] | None = None) -> IcebergType:
    """Iceberg's type for one of Athena's DDL, such as ``struct<a:int,b:array<string>>``.

    Args:
        ids: gives the ids of nested fields.

    Raises:
        QueryFailed: Iceberg tables of Athena's can't have it.
    """
    try:
        parsed = exp.DataType.build(kind.strip(), dialect="hive", udt=False)
    except sqlglot.errors.ParseError as error:
        raise _unsupported(kind) from error
    return _converted(parsed, kind, ids or itertools.count(1))


def _converted(parsed: exp.DataType, kind: str, ids: Iterator[int]) -> IcebergType:
    match parsed.this:
        case _KINDS.ARRAY | _KINDS.LIST:
            element = next(ids)
            inner = _converted(parsed.expressions[0], kind, ids)
            return ListType(element, inner, element_required=False)
        case _KINDS.MAP:
            key, value = next(ids), next(ids)
            kinds = [_converted(part, kind, ids) for part in parsed.expressions]
            return MapType(key, kinds[0], value, kinds[1], value_required=False)
        case _KINDS.STRUCT:
            numbered = [(next(ids), field) for field in parsed.expressions]
            return StructType(
                *(
                    NestedField(number, field.name.lower(), _converted(field.kind, kind, ids))
                    for number, field in numbered
                )
            )
        case _KINDS.DECIMAL:
            shape = [int(parameter.name) for parameter in parsed.expressions] or [10]
            if not 1 <= shape[0] <= 38:
                raise _unsupported(kind)
            return DecimalType(shape[0], shape[1] if len(shape) > 1 else 0)
    if parsed.this not in _PLAIN or parsed.expressions:
        raise _unsupported(kind)
    return _PLAIN[parsed.this]()


def _unsupported(kind: str) -> QueryFailed:
    return QueryFailed(f"NOT_SUPPORTED: Type not supported for Iceberg: {kind}")


def glue_type(kind: IcebergType) -> str:
    """The catalogue's name of an Iceberg type."""
    match kind:
        case ListType():
            return f"array<{glue_type(kind.element_type)}>"
        case MapType():
            return f"map<{glue_type(kind.key_type)},{glue_type(kind.value_type)}>"
        case StructType():
            fields = (f"{field.name}:{glue_type(field.field_type)}" for field in kind.fields)
            return f"struct<{','.join(fields)}>"
        case DecimalType():
            return f"decimal({kind.precision},{kind.scale})"
    if type(kind) not in _NAMES:
        raise QueryFailed(f"NOT_SUPPORTED: Type not supported for Iceberg: {kind}")
    return _NAMES[type(kind)]


def schema_of(columns: Sequence[ColumnDefinition]) -> Schema:
    """The schema of a table with these columns; all of them may be NULL, as in Athena."""
    numbers = range(1, len(columns) + 1)
    nested = itertools.count(len(columns) + 1)
    return Schema(
        *(
            NestedField(number, c.name, iceberg_type(c.type, nested), False, c.comment)
            for number, c in zip(numbers, columns, strict=True)
        )
    )


def spec_of(schema: Schema, transforms: Sequence[PartitionTransform]) -> PartitionSpec:
    """How a table with such a schema is partitioned.

    Raises:
        QueryFailed: for a transform of a column that isn't there, or of another type.
    """
    fields: list[PartitionField] = []
    for number, written in enumerate(transforms, PARTITION_FIELD_ID_START):
        found = next((field for field in schema.fields if field.name == written.column), None)
        if found is None:
            raise QueryFailed(
                f"INVALID_TABLE_PROPERTY: Cannot find partition column: {written.column}"
            )
        transform = _transform(written)
        if not transform.can_transform(found.field_type):
            raise QueryFailed(
                f"INVALID_TABLE_PROPERTY: Unable to parse partitioning value: {written}: "
                f"{written.name} does not take the type {glue_type(found.field_type)}"
            )
        field = PartitionField(found.field_id, number, transform, _field_name(written))
        if any(field.name == other.name for other in fields):
            raise QueryFailed(f"INVALID_TABLE_PROPERTY: Duplicate partition field: {written}")
        fields.append(field)
    return PartitionSpec(*fields)


def _transform(written: PartitionTransform) -> Transform[Any, Any]:
    if written.name == "identity":
        return IdentityTransform()
    if written.name in _OF_TIME:
        return _OF_TIME[written.name]
    if written.argument is None or written.argument < 1:
        raise QueryFailed(f"INVALID_TABLE_PROPERTY: Unable to parse partitioning value: {written}")
    if written.name == "bucket":
        return BucketTransform(written.argument)
    return TruncateTransform(written.argument)


def _field_name(written: PartitionTransform) -> str:
    if written.name == "identity":
        return written.column
    return f"{written.column}_{_SUFFIXES.get(written.name, written.name)}"
