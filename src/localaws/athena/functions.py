"""Trino's functions: which there are, and what DuckDB calls them.

https://trino.io/docs/current/functions.html. A function that isn't here is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from localaws.athena import aggregates, function_rules
from localaws.athena.context import Context
from localaws.athena.dialect import position
from localaws.athena.duck import call, typed
from localaws.athena.failures import QueryFailed, not_emulated
from localaws.athena.function_rules import HIGHER_ORDER, SPECIAL
from localaws.athena.operators import check_alike

#: Trino's name: DuckDB's function or our macro, and the least and the most arguments.
_PLAIN: dict[str, tuple[str, int, int]] = {
    # numbers
    "abs": ("abs", 1, 1), "cbrt": ("trino_cbrt", 1, 1), "degrees": ("degrees", 1, 1),
    "e": ("trino_e", 0, 0), "exp": ("exp", 1, 1), "infinity": ("trino_infinity", 0, 0),
    "nan": ("trino_nan", 0, 0), "is_finite": ("isfinite", 1, 1), "is_infinite": ("isinf", 1, 1),
    "is_nan": ("isnan", 1, 1), "ln": ("trino_ln", 1, 1), "log": ("trino_log", 2, 2),
    "log2": ("trino_log2", 1, 1), "log10": ("trino_log10", 1, 1), "pi": ("pi", 0, 0),
    "pow": ("trino_power", 2, 2), "power": ("trino_power", 2, 2), "radians": ("radians", 1, 1),
    "sqrt": ("trino_sqrt", 1, 1), "sin": ("sin", 1, 1), "cos": ("cos", 1, 1),
    "tan": ("tan", 1, 1), "asin": ("asin", 1, 1), "acos": ("acos", 1, 1), "atan": ("atan", 1, 1),
    "atan2": ("atan2", 2, 2), "bitwise_and": ("trino_bitwise_and", 2, 2),
    "bitwise_or": ("trino_bitwise_or", 2, 2), "bitwise_xor": ("trino_bitwise_xor", 2, 2),
    "bitwise_not": ("trino_bitwise_not", 1, 1), "rand": ("random", 0, 0),
    "random": ("random", 0, 0), "width_bucket": ("trino_width_bucket", 4, 4),
    # texts
    "chr": ("chr", 1, 1), "codepoint": ("ord", 1, 1), "concat_ws": ("concat_ws", 2, 99),
    "ends_with": ("ends_with", 2, 2), "starts_with": ("starts_with", 2, 2),
    "hamming_distance": ("hamming", 2, 2), "levenshtein_distance": ("levenshtein", 2, 2),
    "length": ("length", 1, 1), "lower": ("lower", 1, 1), "upper": ("upper", 1, 1),
    "lpad": ("lpad", 3, 3), "rpad": ("rpad", 3, 3), "ltrim": ("trino_ltrim", 1, 1),
    "rtrim": ("trino_rtrim", 1, 1), "trim": ("trino_trim", 1, 1),
    "regexp_count": ("trino_regexp_count", 2, 2), "regexp_like": ("regexp_matches", 2, 2),
    "regexp_extract": ("trino_regexp_extract", 2, 3),
    "regexp_extract_all": ("regexp_extract_all", 2, 3),
    "regexp_split": ("regexp_split_to_array", 2, 2), "split": ("trino_split", 2, 2),
    "split_part": ("trino_split_part", 3, 3), "strpos": ("strpos", 2, 2),
    "substr": ("trino_substr", 2, 3), "substring": ("trino_substr", 2, 3),
    "translate": ("translate", 3, 3), "replace": ("trino_replace", 2, 3),
    # bytes
    "to_utf8": ("encode", 1, 1), "from_utf8": ("decode", 1, 1), "to_hex": ("hex", 1, 1),
    "from_hex": ("unhex", 1, 1), "to_base64": ("to_base64", 1, 1),
    "from_base64": ("from_base64", 1, 1), "md5": ("trino_md5", 1, 1),
    "sha1": ("trino_sha1", 1, 1), "sha256": ("trino_sha256", 1, 1),
    # dates and times
    "from_iso8601_date": ("trino_from_iso8601_date", 1, 1),
    "from_iso8601_timestamp": ("trino_from_iso8601_timestamp", 1, 1),
    "from_iso8601_timestamp_nanos": ("trino_from_iso8601_timestamp_nanos", 1, 1),
    "last_day_of_month": ("last_day", 1, 1), "to_unixtime": ("trino_to_unixtime", 1, 1),
    "from_unixtime": ("trino_from_unixtime", 1, 1),
    "with_timezone": ("trino_with_timezone", 2, 2), "millisecond": ("trino_millisecond", 1, 1),
    # arrays and maps
    "array_distinct": ("trino_array_distinct", 1, 1),
    "array_except": ("trino_array_except", 2, 2),
    "array_intersect": ("trino_array_intersect", 2, 2), "array_join": ("trino_array_join", 2, 3),
    "array_max": ("trino_array_max", 1, 1), "array_min": ("trino_array_min", 1, 1),
    "array_position": ("trino_array_position", 2, 2),
    "array_remove": ("trino_array_remove", 2, 2), "array_sort": ("trino_array_sort", 1, 1),
    "array_union": ("trino_array_union", 2, 2), "arrays_overlap": ("list_has_any", 2, 2),
    "cardinality": ("trino_cardinality", 1, 1), "contains": ("trino_contains", 2, 2),
    "filter": ("list_filter", 2, 2), "flatten": ("flatten", 1, 1),
    "repeat": ("trino_repeat", 2, 2), "slice": ("trino_slice", 3, 3),
    "transform": ("list_transform", 2, 2), "map_keys": ("map_keys", 1, 1),
    "map_values": ("map_values", 1, 1), "map_concat": ("map_concat", 2, 99),
    "map_from_entries": ("trino_map_from_entries", 1, 1),
    # JSON
    "is_json_scalar": ("trino_is_json_scalar", 1, 1),
    "json_array_contains": ("trino_json_array_contains", 2, 2),
    "json_array_length": ("trino_json_array_length", 1, 1),
    "json_format": ("trino_json_format", 1, 1), "json_parse": ("trino_json_parse", 1, 1),
    # conditions
    "coalesce": ("coalesce", 1, 99), "nullif": ("nullif", 2, 2), "try": ("try", 1, 1),
    # windows
    "cume_dist": ("cume_dist", 0, 0), "dense_rank": ("dense_rank", 0, 0),
    "first_value": ("first_value", 1, 1), "lag": ("lag", 1, 3), "last_value": ("last_value", 1, 1),
    "lead": ("lead", 1, 3), "nth_value": ("nth_value", 2, 2), "ntile": ("ntile", 1, 1),
    "percent_rank": ("percent_rank", 0, 0), "rank": ("rank", 0, 0),
    "row_number": ("row_number", 0, 0), "grouping": ("grouping", 1, 99),
    # rows
    "row": ("row", 1, 99), "uuid": ("uuid", 0, 0),
}  # fmt: skip
#: Functions whose type is Trino's bigint where DuckDB's is another.
_BIGINT = frozenset(
    {
        "array_position", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "cardinality",
        "codepoint", "grouping", "hamming_distance", "json_array_length", "json_size", "length",
        "levenshtein_distance", "millisecond", "ntile", "regexp_count", "strpos", "width_bucket",
    }
)  # fmt: skip


def scalar(node: exp.Expr, context: Context) -> exp.Expr:
    """A call of a function that isn't an aggregate."""
    name = node.name.lower()
    arguments = node.expressions
    if name in HIGHER_ORDER:
        HIGHER_ORDER[name](arguments, context)
    if name in SPECIAL:
        least, most, rule = SPECIAL[name]
        _check_count(node, least, most)
        return _widened(name, rule(arguments, context))
    if name not in _PLAIN:
        raise QueryFailed(
            f"FUNCTION_NOT_FOUND: {position(node)}: Function '{name}' is not registered, "
            "or not supported by the local AWS"
        )
    target, least, most = _PLAIN[name]
    _check_count(node, least, most)
    if name in ("coalesce", "nullif"):
        check_alike(arguments, name.upper(), context)
    return _widened(name, call(target, *arguments))


def _widened(name: str, result: exp.Expr) -> exp.Expr:
    if name not in _BIGINT:
        return result
    return aggregates.complete(result, lambda whole: typed(whole, "BIGINT"))


def _check_count(node: exp.Expr, least: int, most: int) -> None:
    if not least <= len(node.expressions) <= most:
        raise QueryFailed(
            f"FUNCTION_NOT_FOUND: {position(node)}: Unexpected parameters for function "
            f"{node.name.lower()}: {len(node.expressions)} given"
        )


def _extract(node: exp.Expr, context: Context) -> exp.Expr:
    field = node.name.lower()
    if field not in SPECIAL:
        raise not_emulated(node.sql(dialect="trino"))
    return SPECIAL[field][2]([node.expression], context)


def _position(node: exp.Expr, context: Context) -> exp.Expr:
    del context
    return typed(call("strpos", node.this, node.args["substr"]), "BIGINT")


def _substring(node: exp.Expr, context: Context) -> exp.Expr:
    del context
    length = node.args.get("length")
    return call("trino_substr", node.this, node.args["start"], *([length] if length else []))


def _trim(node: exp.Expr, context: Context) -> exp.Expr:
    del context
    side = str(node.args.get("position") or "BOTH").upper()
    name = {"BOTH": "trim", "LEADING": "ltrim", "TRAILING": "rtrim"}[side]
    if node.expression is None:
        return call(f"trino_{name}", node.this)
    return call(name, node.this, node.expression)


Rule = Callable[[exp.Expr, Context], exp.Expr]
RULES: dict[type[exp.Expr], Rule] = {
    exp.Anonymous: scalar,
    exp.AnonymousAggFunc: aggregates.aggregate,
    exp.Extract: _extract,
    exp.GroupConcat: aggregates.listagg,
    exp.StrPosition: _position,
    exp.Substring: _substring,
    exp.Trim: _trim,
    exp.HexString: function_rules.hex_string,
}
