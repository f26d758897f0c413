"""Functions whose translation depends on the types of their arguments, or on their text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sqlglot import exp

from localaws.athena import casts, patterns
from localaws.athena.context import Context
from localaws.athena.duck import call, typed
from localaws.athena.failures import QueryFailed, not_emulated
from localaws.athena.operators import arithmetic, check_alike
from localaws.athena.types import decimal_shape, is_integer, trino_name

Arguments = Sequence[exp.Expr]
SpecialRule = Callable[[Arguments, Context], exp.Expr]
_INTERVALS = {
    "millisecond": ("to_milliseconds", 1), "second": ("to_seconds", 1), "minute": ("to_minutes", 1),
    "hour": ("to_hours", 1), "day": ("to_days", 1), "week": ("to_weeks", 1),
    "month": ("to_months", 1), "quarter": ("to_months", 3), "year": ("to_years", 1),
}  # fmt: skip
#: Trino's name of a part of a date or time: DuckDB's.
_PARTS = {
    "day": "day", "day_of_month": "day", "day_of_week": "isodow", "dow": "isodow",
    "day_of_year": "doy", "doy": "doy", "hour": "hour", "minute": "minute", "month": "month",
    "quarter": "quarter", "second": "second", "week": "week", "week_of_year": "week",
    "year": "year", "year_of_week": "isoyear", "yow": "isoyear",
}  # fmt: skip
_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


def text_of(node: exp.Expr, what: str) -> str:
    """The text of an argument that must be a literal here, though Trino takes any expression."""
    if not (isinstance(node, exp.Literal) and node.is_string):
        raise not_emulated(f"{what} that is not a literal")
    return str(node.name)


def _moment(node: exp.Expr, context: Context) -> str:
    kind = context.type_of(node)
    if kind not in (*_MOMENTS, '"NULL"'):
        raise QueryFailed(
            "TYPE_MISMATCH: Unexpected parameters: a date or a timestamp is needed, "
            f"not {trino_name(kind)}"
        )
    return kind


def _part(name: str) -> SpecialRule:
    def rule(arguments: Arguments, context: Context) -> exp.Expr:
        _moment(arguments[0], context)
        return typed(call("date_part", exp.Literal.string(name), arguments[0]), "BIGINT")

    return rule


def _unit(node: exp.Expr) -> str:
    unit = text_of(node, "a unit of time").lower()
    if unit not in _INTERVALS:
        raise QueryFailed(f"INVALID_FUNCTION_ARGUMENT: '{unit}' is not a valid TIMESTAMP field")
    return unit


def _date_add(arguments: Arguments, context: Context) -> exp.Expr:
    unit, count, moment = arguments
    kind = _moment(moment, context)
    function, factor = _INTERVALS[_unit(unit)]
    number = typed(
        count,
        "BIGINT"
        if function in ("to_milliseconds", "to_seconds", "to_minutes", "to_hours")
        else "INTEGER",
    )
    if factor != 1:
        number = exp.Mul(this=number, expression=exp.Literal.number(factor))
    if function == "to_milliseconds":
        number = typed(number, "DOUBLE")
    return typed(exp.paren(exp.Add(this=moment, expression=call(function, number))), kind)


def _date_diff(arguments: Arguments, context: Context) -> exp.Expr:
    """Whole units that have passed, where DuckDB's date_diff counts the boundaries crossed."""
    unit, first, second = arguments
    kinds = {_moment(first, context), _moment(second, context)}
    if len(kinds - {'"NULL"'}) > 1:
        zone = "TIMESTAMP WITH TIME ZONE"
        common = zone if zone in kinds else "TIMESTAMP"
        first, second = typed(first, common), typed(second, common)
    return call("date_sub", exp.Literal.string(_unit(unit)), first, second)


def _date_trunc(arguments: Arguments, context: Context) -> exp.Expr:
    unit, moment = arguments
    kind = _moment(moment, context)
    return typed(call("date_trunc", exp.Literal.string(_unit(unit)), moment), kind)


def _date(arguments: Arguments, context: Context) -> exp.Expr:
    source = context.type_of(arguments[0])
    return typed(casts.converted(arguments[0], source, "DATE"), "DATE")


def _formatter(translate: Callable[[str], str]) -> SpecialRule:
    def rule(arguments: Arguments, context: Context) -> exp.Expr:
        moment, pattern = arguments
        _moment(moment, context)
        return call("strftime", moment, exp.Literal.string(translate(text_of(pattern, "a format"))))

    return rule


def _parser(translate: Callable[[str], str], kind: str) -> SpecialRule:
    def rule(arguments: Arguments, context: Context) -> exp.Expr:
        del context
        text, pattern = arguments
        form = translate(text_of(pattern, "a format"))
        return typed(call("strptime", text, exp.Literal.string(form)), kind)

    return rule


def _to_iso8601(arguments: Arguments, context: Context) -> exp.Expr:
    form = {
        "DATE": "%Y-%m-%d",
        "TIMESTAMP": "%Y-%m-%dT%H:%M:%S.%g",
        "TIMESTAMP WITH TIME ZONE": "%Y-%m-%dT%H:%M:%S.%gZ",
    }.get(_moment(arguments[0], context), "%Y")
    return call("strftime", arguments[0], exp.Literal.string(form))


def _at_timezone(arguments: Arguments, context: Context) -> exp.Expr:
    return casts.at_time_zone(exp.AtTimeZone(this=arguments[0], zone=arguments[1]), context)


def _now(arguments: Arguments, context: Context) -> exp.Expr:
    del arguments
    return casts.now(exp.Null(), context)


def _concat(arguments: Arguments, context: Context) -> exp.Expr:
    """NULL makes all of it NULL, which DuckDB's concat does not."""
    kinds = set(context.types.of_all(arguments)) - {'"NULL"'}
    if len(kinds) > 1:
        names = ", ".join(trino_name(kind) for kind in sorted(kinds))
        raise QueryFailed(
            f"FUNCTION_NOT_FOUND: Unexpected parameters ({names}) for function concat"
        )
    result = arguments[0]
    for argument in arguments[1:]:
        result = exp.DPipe(this=result, expression=argument)
    return exp.paren(result)


def _extreme(name: str) -> SpecialRule:
    def rule(arguments: Arguments, context: Context) -> exp.Expr:
        """NULL among the arguments makes it NULL, which DuckDB's does not."""
        check_alike(arguments, name.upper(), context)
        absent = exp.or_(*(exp.Is(this=a.copy(), expression=exp.Null()) for a in arguments))
        found = call(name, *arguments)
        return exp.Case(ifs=[exp.If(this=absent, true=exp.Null())], default=found)

    return rule


def _round(arguments: Arguments, context: Context) -> exp.Expr:
    kind = context.type_of(arguments[0])
    shape = decimal_shape(kind)
    if shape is None:
        return typed(call("round", *arguments), kind if is_integer(kind) else "DOUBLE")
    precision, scale = shape
    if len(arguments) == 1:
        digits = min(38, precision - scale + min(scale, 1))
        return typed(call("round", arguments[0]), f"DECIMAL({digits},0)")
    if not arguments[1].is_int:
        raise not_emulated("round of a decimal to a number of digits that is not a literal")
    return typed(call("round", *arguments), f"DECIMAL({min(38, precision + 1)},{scale})")


def _whole_number(name: str) -> SpecialRule:
    def rule(arguments: Arguments, context: Context) -> exp.Expr:
        kind = context.type_of(arguments[0])
        result = call(name, arguments[0])
        if shape := decimal_shape(kind):
            precision, scale = shape
            digits = min(38, precision - scale + min(scale, 1))
            return typed(result, f"DECIMAL({max(digits, 1)},0)")
        return typed(result, kind)

    return rule


def _truncate(arguments: Arguments, context: Context) -> exp.Expr:
    kind = context.type_of(arguments[0])
    if len(arguments) == 1:
        shape = decimal_shape(kind)
        digits = f"DECIMAL({max(shape[0] - shape[1], 1)},0)" if shape else kind
        return typed(call("trunc", arguments[0]), digits)
    return typed(call("trunc", *arguments), kind)


def _sign(arguments: Arguments, context: Context) -> exp.Expr:
    kind = context.type_of(arguments[0])
    return typed(call("sign", arguments[0]), "DECIMAL(1,0)" if decimal_shape(kind) else kind)


def _element_at(arguments: Arguments, context: Context) -> exp.Expr:
    kind = context.type_of(arguments[0])
    if kind.startswith("MAP(") and not kind.endswith("[]"):
        return call("trino_map_element", *arguments)
    return call("trino_element_at", *arguments)


def _map(arguments: Arguments, context: Context) -> exp.Expr:
    del context
    return call("map", *arguments)


def _sequence(arguments: Arguments, context: Context) -> exp.Expr:
    kind = context.type_of(arguments[0])
    result = call("generate_series", *arguments)
    if is_integer(kind):
        return typed(result, "BIGINT[]")
    if len(arguments) == 2:
        step = exp.Interval(this=exp.Literal.string("1"), unit=exp.var("DAY"))
        result = call("generate_series", *arguments, step)
    return typed(result, f"{_moment(arguments[0], context)}[]")


def _regexp_replace(arguments: Arguments, context: Context) -> exp.Expr:
    del context
    text, pattern = arguments[:2]
    replacement: exp.Expr = exp.Literal.string("")
    if len(arguments) == 3:
        template = text_of(arguments[2], "a replacement of regexp_replace")
        if "${" in template:
            raise not_emulated("a named group in a replacement")
        escaped = re.sub(r"\\(?!\$)", r"\\\\", template)
        replacement = exp.Literal.string(
            re.sub(r"(?<!\\)\$(\d)", r"\\\1", escaped).replace("\\$", "$")
        )
    return call("regexp_replace", text, pattern, replacement, exp.Literal.string("g"))


def _json_path(macro: str) -> SpecialRule:
    """Trino writes ``$["a b"]`` what DuckDB writes ``$."a b"``."""

    def rule(arguments: Arguments, context: Context) -> exp.Expr:
        del context
        text, path = arguments
        steps = re.sub(r"""\[\s*(["'])(.*?)\1\s*\]""", r'."\2"', text_of(path, "a JSON path"))
        if not re.fullmatch(r"""\$(\.\w+|\."[^"]*"|\[\d+\])*""", steps):
            raise not_emulated(f"the JSON path {path.name}")
        return call(macro, text, exp.Literal.string(steps))

    return rule


def _reverse(arguments: Arguments, context: Context) -> exp.Expr:
    kind = context.type_of(arguments[0])
    return call("list_reverse" if kind.endswith("[]") else "reverse", arguments[0])


def _typeof(arguments: Arguments, context: Context) -> exp.Expr:
    return exp.Literal.string(trino_name(context.type_of(arguments[0])))


def _mod(arguments: Arguments, context: Context) -> exp.Expr:
    return arithmetic(exp.Mod(this=arguments[0], expression=arguments[1]), context)


def _reduce(arguments: Arguments, context: Context) -> exp.Expr:
    array, start, combine, finish = arguments
    kind = context.type_of(start)
    state = call("list_reduce", array, combine, typed(start, kind))
    if not isinstance(finish, exp.Lambda):
        raise QueryFailed("TYPE_MISMATCH: the last argument of reduce is not a lambda")
    (parameter,) = finish.expressions

    def put(node: exp.Expr) -> exp.Expr:
        is_parameter = isinstance(node, exp.Identifier) and node.name == parameter.name
        return exp.paren(state.copy()) if is_parameter else node

    finished: exp.Expr = finish.this.transform(put)
    return finished


def _element_type(array: exp.Expr, context: Context) -> str:
    return context.type_of(array).removesuffix("[]")


def _bind_elements(arguments: Arguments, context: Context) -> None:
    if len(arguments) > 1 and isinstance(arguments[1], exp.Lambda):
        context.bind_lambda(arguments[1], [_element_type(arguments[0], context)])


def _bind_reduction(arguments: Arguments, context: Context) -> None:
    if len(arguments) == 4:
        state = context.type_of(arguments[1])
        element = _element_type(arguments[0], context)
        for function, kinds in ((arguments[2], [state, element]), (arguments[3], [state])):
            if isinstance(function, exp.Lambda):
                context.bind_lambda(function, kinds)


def _matching(macro: str, *, negated: bool = False) -> SpecialRule:
    def rule(arguments: Arguments, context: Context) -> exp.Expr:
        del context
        found = call(macro, call("list_transform", *arguments))
        return exp.paren(exp.Not(this=found)) if negated else found

    return rule


def hex_string(node: exp.Expr, context: Context) -> exp.Expr:
    """``X'65683F'``: bytes."""
    del context
    return call("unhex", exp.Literal.string(node.name))


#: What lambdas take, by the function that they are given to.
HIGHER_ORDER: dict[str, Callable[[Arguments, Context], None]] = {
    **dict.fromkeys(
        ("transform", "filter", "any_match", "all_match", "none_match"), _bind_elements
    ),
    "reduce": _bind_reduction,
}
#: Functions with a rule: the least and the most arguments, and the rule.
SPECIAL: dict[str, tuple[int, int, SpecialRule]] = {
    **{name: (1, 1, _part(part)) for name, part in _PARTS.items()},
    "all_match": (2, 2, _matching("trino_all")),
    "any_match": (2, 2, _matching("trino_any")),
    "none_match": (2, 2, _matching("trino_any", negated=True)),
    "at_timezone": (2, 2, _at_timezone),
    "ceil": (1, 1, _whole_number("ceil")),
    "ceiling": (1, 1, _whole_number("ceil")),
    "concat": (2, 99, _concat),
    "date": (1, 1, _date),
    "date_add": (3, 3, _date_add),
    "date_diff": (3, 3, _date_diff),
    "date_format": (2, 2, _formatter(patterns.from_mysql)),
    "date_parse": (2, 2, _parser(patterns.from_mysql, "TIMESTAMP")),
    "date_trunc": (2, 2, _date_trunc),
    "element_at": (2, 2, _element_at),
    "floor": (1, 1, _whole_number("floor")),
    "format_datetime": (2, 2, _formatter(patterns.to_write_joda)),
    "greatest": (1, 99, _extreme("greatest")),
    "json_extract": (2, 2, _json_path("trino_json_extract")),
    "json_extract_scalar": (2, 2, _json_path("trino_json_extract_scalar")),
    "json_size": (2, 2, _json_path("trino_json_size")),
    "least": (1, 99, _extreme("least")),
    "map": (0, 2, _map),
    "mod": (2, 2, _mod),
    "now": (0, 0, _now),
    "parse_datetime": (2, 2, _parser(patterns.to_read_joda, "TIMESTAMP WITH TIME ZONE")),
    "reduce": (4, 4, _reduce),
    "regexp_replace": (2, 3, _regexp_replace),
    "reverse": (1, 1, _reverse),
    "round": (1, 2, _round),
    "sequence": (2, 3, _sequence),
    "sign": (1, 1, _sign),
    "to_iso8601": (1, 1, _to_iso8601),
    "truncate": (1, 2, _truncate),
    "typeof": (1, 1, _typeof),
}
