"""Makes local copies of JSON such that DuckDB reads them as Athena's SerDes do.

Keys are matched whatever the case of their letters, and numbers are exact however long they are:
DuckDB's reader does neither, so that keys are put in lower case, and numbers with more digits
than a double holds in quotes. Most files need neither and are only looked at.
"""

from __future__ import annotations

import re
from array import array
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

#: A key with a capital, or a number of 17 characters or more. May also match within texts.
_SUSPECT = r'"[^"\\A-Z]*[A-Z][^"\\]*"\s*:|[:,\[]\s*-?[0-9.]{17}'
_OVERLAP = 4096
_TOKEN = re.compile(
    rb'(?P<text>"(?:[^"\\]|\\.)*")(?P<colon>\s*:)?'
    rb"|(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
)
#: A double gives back this many digits as they were.
_EXACT_DIGITS = 15


class Inspection:
    """Looks at JSON as it passes by.

    Attributes:
        irregular: whether there is anything to `regularise`.
    """

    def __init__(self) -> None:
        self.irregular = False
        self._tail = b""

    def look_at(self, chunk: bytes) -> None:
        """Inspect the next bytes."""
        if not self.irregular:
            self.irregular = _matches(self._tail + chunk)
            self._tail = chunk[-_OVERLAP:]


def _matches(window: bytes) -> bool:
    # Arrow's regular expressions are much quicker than Python's and don't hold the interpreter
    # up. Made from buffers, the array spares the import of pandas, which takes a second.
    bounds = pa.py_buffer(array("i", [0, len(window)]))
    texts = pa.Array.from_buffers(pa.binary(), 1, [None, bounds, pa.py_buffer(window)])
    return bool(pc.match_substring_regex(texts, _SUSPECT)[0].as_py())


def regularise(path: Path) -> None:
    """Rewrite a file of JSON lines: keys in lower case, long numbers in quotes."""
    rewritten = path.with_suffix(".regular")
    with path.open("rb") as lines, rewritten.open("wb") as out:
        out.writelines(_TOKEN.sub(_regular, line) for line in lines)
    rewritten.rename(path)


def _regular(token: re.Match[bytes]) -> bytes:
    if token["text"] is not None:
        return token[0].lower() if token["colon"] is not None else token[0]
    number = token["number"]
    digits = sum(byte in b"0123456789" for byte in number)
    return b'"' + number + b'"' if digits > _EXACT_DIGITS else number
