"""A query's condition on an Iceberg table, as the filter by which PyIceberg picks data files.

The condition still holds when the query runs, so the filter may be weaker, and never stronger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import duckdb
from pyiceberg.expressions import (
    AlwaysTrue,
    And,
    BooleanExpression,
    EqualTo,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThan,
    LessThanOrEqual,
    Not,
    NotEqualTo,
    Or,
)
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
    TimestamptzType,
)
from sqlglot import exp

from localaws.athena.duck import to_sql, typed
from localaws.athena.iceberg.schemas import glue_type
from localaws.athena.types import from_glue

#: Types whose values are in one order everywhere; a float's NaN is not.
_ORDERED = (
    *(BooleanType, IntegerType, LongType, DecimalType, DateType, StringType),
    *(TimestampType, TimestamptzType),
)
#: PyIceberg's predicates, also the other way round. Their types don't say that they take a name.
_COMPARISONS: dict[type[exp.Expr], tuple[Any, Any]] = {
    exp.EQ: (EqualTo, EqualTo),
    exp.NEQ: (NotEqualTo, NotEqualTo),
    exp.LT: (LessThan, GreaterThan),
    exp.LTE: (LessThanOrEqual, GreaterThanOrEqual),
    exp.GT: (GreaterThan, LessThan),
    exp.GTE: (GreaterThanOrEqual, LessThanOrEqual),
}
_EQUAL_TO, _IS_NULL, _IN = cast(Any, EqualTo), cast(Any, IsNull), cast(Any, In)
_AT_LEAST, _AT_MOST = cast(Any, GreaterThanOrEqual), cast(Any, LessThanOrEqual)


def row_filter(
    condition: exp.Expr | None, schema: Schema, connection: duckdb.DuckDBPyConnection
) -> BooleanExpression:
    """What a translated condition says, as far as PyIceberg has words for it.

    Args:
        connection: computes the constants.
    """
    if condition is None:
        return AlwaysTrue()
    return _Filters(schema, connection).implied(condition) or AlwaysTrue()


class _Filters:
    def __init__(self, schema: Schema, connection: duckdb.DuckDBPyConnection) -> None:
        self._fields = {
            field.name.lower(): field
            for field in schema.fields
            if isinstance(field.field_type, _ORDERED) and "." not in field.name
        }
        self._connection = connection

    def implied(self, condition: exp.Expr) -> BooleanExpression | None:
        """Something that holds wherever the condition does, None if nothing is found."""
        node = condition.unnest()
        if isinstance(node, exp.And):
            sides = [self.implied(side) for side in (node.this, node.expression)]
            found = [side for side in sides if side is not None]
            return And(*found) if len(found) == 2 else next(iter(found), None)
        if isinstance(node, exp.Or):
            one, other = self.implied(node.this), self.implied(node.expression)
            return Or(one, other) if one is not None and other is not None else None
        return self._same(node)

    def _same(self, condition: exp.Expr) -> BooleanExpression | None:
        """The condition itself, None if PyIceberg has no words for it."""
        node = condition.unnest()
        match node:
            case exp.And() | exp.Or():
                one, other = self._same(node.this), self._same(node.expression)
                if one is None or other is None:
                    return None
                return And(one, other) if isinstance(node, exp.And) else Or(one, other)
            case exp.Not():
                inner = self._same(node.this)
                return None if inner is None else Not(inner)
            case exp.Column():
                field = self._field(node)
                boolean = field is not None and isinstance(field.field_type, BooleanType)
                return _EQUAL_TO(field.name, True) if field is not None and boolean else None
            case exp.Is() if isinstance(node.expression, exp.Null):
                field = self._field(node.this)
                return None if field is None else _IS_NULL(field.name)
            case exp.In() if not node.args.get("query"):
                field, values = self._compared(node.this, node.expressions)
                return None if field is None else _IN(field.name, values)
            case exp.Between():
                low, high = node.args["low"], node.args["high"]
                field, values = self._compared(node.this, [low, high])
                if field is None:
                    return None
                least, most = values
                return And(_AT_LEAST(field.name, least), _AT_MOST(field.name, most))
        return self._comparison(node) if type(node) in _COMPARISONS else None

    def _comparison(self, node: exp.Expr) -> BooleanExpression | None:
        for index, sides in enumerate(((node.this, node.expression), (node.expression, node.this))):
            field, values = self._compared(sides[0], [sides[1]])
            if field is not None:
                predicate: BooleanExpression
                predicate = _COMPARISONS[type(node)][index](field.name, values[0])
                return predicate
        return None

    def _field(self, node: exp.Expr) -> NestedField | None:
        column = node.unnest()
        return self._fields.get(column.name) if isinstance(column, exp.Column) else None

    def _compared(
        self, side: exp.Expr, others: Sequence[exp.Expr]
    ) -> tuple[NestedField | None, list[Any]]:
        """A column, and the constants that it is compared with, as values of its type."""
        field = self._field(side)
        if field is None or any(other.find(exp.Column) for other in others):
            return None, []
        values = self._constants(field, others)
        return (None, []) if values is None else (field, values)

    def _constants(self, field: NestedField, others: Sequence[exp.Expr]) -> list[Any] | None:
        kind = from_glue(glue_type(field.field_type))
        asked = []
        for other in others:
            value = to_sql(exp.TryCast(**typed(other.copy(), kind).args))
            # PyIceberg takes moments as microseconds, with or without a zone.
            shown = f"epoch_us({value})" if kind.startswith("TIMESTAMP") else value
            asked.append(f"CASE WHEN {value} = {to_sql(other)} THEN {shown} END")
        try:
            (found,) = self._connection.execute(f"SELECT {', '.join(asked)}").fetchall()
        except duckdb.Error:
            # What fails here fails when the query runs, unless no row comes to it.
            return None
        return None if None in found else list(found)
