"""Athena's classification of what failed queries say."""

from __future__ import annotations

import re

from localaws.service import Params

SYSTEM, USER = 1, 2

#: Error name → ErrorType (measured; the "Athena error catalog" of the user guide has the ranges).
_TYPES = {
    "TABLE_NOT_FOUND": 1301,
    "SCHEMA_NOT_FOUND": 1301,
    "COLUMN_NOT_FOUND": 1006,
    "SYNTAX_ERROR": 1006,
    "CATALOG_NOT_FOUND": 1006,
    "TYPE_MISMATCH": 1002,
    "FUNCTION_NOT_FOUND": 1303,
    "DIVISION_BY_ZERO": 1001,
    "INVALID_CAST_ARGUMENT": 1100,
    "NOT_SUPPORTED": 1200,
}
_DEFAULT_USER_TYPE, _HIVE_TYPE, _INTERNAL_TYPE = 1000, 1003, 200
_NAME = re.compile(r"[A-Z][A-Z0-9_]+(?=:)")


def athena_error(reason: str) -> Params:
    """The AthenaError for a StateChangeReason."""
    name = match.group() if (match := _NAME.match(reason)) else ""
    if name in ("INTERNAL_ERROR", ""):
        category, kind = SYSTEM, _INTERNAL_TYPE
    elif name == "FAILED":
        category, kind = USER, 1301 if "not found" in reason else _HIVE_TYPE
    else:
        category, kind = USER, _TYPES.get(name, _DEFAULT_USER_TYPE)
    return {
        "ErrorCategory": category,
        "ErrorType": kind,
        "Retryable": name == "INTERNAL_ERROR",
        "ErrorMessage": reason,
    }
