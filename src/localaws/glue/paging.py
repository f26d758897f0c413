"""Answers in pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from localaws.errors import AwsError
from localaws.service import Params

_Item = TypeVar("_Item")
_MOST = 100


def page(items: Sequence[_Item], params: Params, size: int = _MOST) -> tuple[list[_Item], Params]:
    """The page of a list that ``NextToken`` and ``MaxResults`` ask for, and the answer's
    ``NextToken``, if there is more.

    Args:
        size: of a page without ``MaxResults``; no page has more than 100.

    Raises:
        AwsError: InvalidInputException for a token that no answer had.
    """
    token = params.get("NextToken") or "0"
    if not token.isdecimal():
        raise AwsError("InvalidInputException", f"NextToken {token!r} is not valid")
    start = int(token)
    end = start + min(params.get("MaxResults") or size, _MOST)
    more = {"NextToken": str(end)} if end < len(items) else {}
    return list(items[start:end]), more
