"""UNNEST: Trino's makes one table of several arrays and maps, side by side."""

from __future__ import annotations

import re

from sqlglot import exp

from localaws.athena.context import Context
from localaws.athena.duck import call, typed
from localaws.athena.failures import QueryFailed


def conclude(unnest: exp.Unnest, context: Context) -> tuple[list[str], list[str]]:
    """Replace an UNNEST by a lateral subquery; returns its columns and their types."""
    columns = _columns(unnest, context)
    arrays = [array for array, _ in columns]
    types = [kind for _, kind in columns]
    alias = unnest.args.get("alias")
    names = [column.name for column in alias.columns] if alias else []
    names += [f"_col{index}" for index in range(len(names), len(columns))]
    names = names[: len(columns)]
    ordinality = unnest.args.get("offset")
    longest = call("greatest", *(call("len", array.copy()) for array in arrays))
    select = exp.Select(
        expressions=[
            exp.alias_(call("unnest", array), name, quoted=True)
            for array, name in zip(arrays, names, strict=True)
        ]
    )
    if ordinality:
        ordinal = ordinality.name if isinstance(ordinality, exp.Identifier) else "ordinality"
        up_to = exp.Add(this=longest, expression=exp.Literal.number(1))
        numbers = call("range", exp.Literal.number(1), up_to)
        select.append("expressions", exp.alias_(call("unnest", numbers), ordinal, quoted=True))
        names.append(ordinal)
        types.append("BIGINT")
    table = exp.TableAlias(this=alias.this if alias else exp.to_identifier("unnest"))
    unnest.replace(exp.Lateral(this=exp.Subquery(this=select), alias=table))
    return names, types


def _columns(unnest: exp.Unnest, context: Context) -> list[tuple[exp.Expr, str]]:
    """The arrays that become columns, and the types of their elements."""
    found: list[tuple[exp.Expr, str]] = []
    for node in unnest.expressions:
        kind = context.type_of(node)
        if kind.startswith("MAP("):
            keys, values = call("map_keys", node.copy()), call("map_values", node.copy())
            pair = context.types.of_all([keys, values])
            found += [(keys, _element(pair[0])), (values, _element(pair[1]))]
        elif kind.endswith("[]") and kind.startswith("STRUCT("):
            fields = _field_arrays(node, kind)
            elements = context.types.of_all(fields)
            found += [(f, _element(t)) for f, t in zip(fields, elements, strict=True)]
        elif kind.endswith("[]"):
            found.append((node.copy(), _element(kind)))
        elif kind == '"NULL"':
            found.append((typed(exp.Null(), "INTEGER[]"), "INTEGER"))
        else:
            raise QueryFailed(f"INVALID_FUNCTION_ARGUMENT: Cannot unnest type: {kind.lower()}")
    return found


def _element(array: str) -> str:
    return array.removesuffix("[]")


def _field_arrays(node: exp.Expr, kind: str) -> list[exp.Expr]:
    """An array of rows becomes a column per field."""
    body = kind[len("STRUCT(") : -len(")[]")]
    names = []
    depth = 0
    for part in re.split(r"([(),])", body):
        depth += {"(": 1, ")": -1}.get(part, 0)
        if depth == 0 and part not in ("", ",", ")"):
            names.append(part.strip().split(" ")[0].strip('"'))
    row = exp.to_identifier("row_")
    return [
        call(
            "list_transform",
            node.copy(),
            exp.Lambda(
                this=call("struct_extract", row.copy(), exp.Literal.string(name)),
                expressions=[row.copy()],
            ),
        )
        for name in names
    ]
