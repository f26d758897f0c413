"""How MiniStack's entries become rows: keys of account, region and name, and JSON."""

from __future__ import annotations

import base64
import json
from typing import Any

#: MiniStack's key of an entry: account, region, name.
Scope = tuple[str, str, str]


def scope_text(scope: Scope) -> str:
    """The row's key of an entry."""
    return json.dumps(scope)


def scope_of(text: str) -> Scope:
    """The entry's key of a row."""
    account, region, name = json.loads(text)
    return account, region, name


def encode(value: Any) -> bytes:
    """An entry as JSON; bytes are marked, since JSON has none."""
    return _encode(value).encode()


def decode(value: bytes) -> Any:
    """The entry that `encode` was given."""
    return json.loads(value, object_hook=_bytes)


def _marked(value: object) -> dict[str, str]:
    if isinstance(value, bytes | bytearray):
        return {_BYTES: base64.b64encode(value).decode()}
    raise TypeError(f"{type(value).__name__} can't be kept")


def _bytes(value: dict[str, Any]) -> Any:
    return base64.b64decode(value[_BYTES]) if value.keys() == {_BYTES} else value


_BYTES = "__bytes__"
_encode = json.JSONEncoder(default=_marked, ensure_ascii=False, separators=(",", ":")).encode
