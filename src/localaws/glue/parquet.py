"""The schema of a Parquet file, from its footer."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from localaws.glue.schema import Columns, Type

if TYPE_CHECKING:
    from localaws.glue.formats import Content

MAGIC = b"PAR1"
_FOOTER = 2**16

_NAMES = {
    pa.bool_(): "boolean",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.uint8(): "smallint",
    pa.uint16(): "int",
    pa.uint32(): "bigint",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.date32(): "date",
    pa.binary(): "binary",
}


@dataclass(frozen=True)
class Footer:
    """What a Parquet file says of itself; the size is that of its row groups, uncompressed."""

    columns: Columns
    rows: int
    size: int


def read(content: Content) -> Footer | None:
    """Read a Parquet file's footer, or None if it has none that can be read."""
    end = content.tail(_FOOTER)
    length = int.from_bytes(end[-8:-4], "little") + 8
    if end[-4:] != MAGIC or length > content.size:
        return None
    if length > len(end):
        end = content.tail(length)
    try:
        metadata = pq.read_metadata(io.BytesIO(MAGIC + end[-length:]))
    except (pa.ArrowException, OSError):
        return None
    schema = metadata.schema.to_arrow_schema()
    return Footer(
        {column.name: _type_of(column.type) for column in schema},
        metadata.num_rows,
        sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)),
    )


def _type_of(kind: pa.DataType) -> Type:
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_struct(kind):
        return {member.name: _type_of(member.type) for member in kind}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [_type_of(kind.value_type)]
    return _NAMES.get(kind, "string")
