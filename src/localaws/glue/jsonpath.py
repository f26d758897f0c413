"""The JsonPath of a JSON classifier: which values of a document are its rows.

https://docs.aws.amazon.com/glue/latest/dg/custom-classifier.html#custom-classifier-json
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localaws.errors import AwsError

_STEP = re.compile(
    r"\.(?P<name>[^.,$\[\]*'\"?@()]+)|\[(?P<index>\d+)\]|\['(?P<quoted>[^']+)'\]|(?P<all>\[\*\])|(?P<any>\.\*)"
)
_ALL = object()
_ANY = object()


@dataclass(frozen=True)
class JsonPath:
    """A parsed path: ``$``, then names, indexes and wildcards."""

    steps: tuple[Any, ...]

    @classmethod
    def parse(cls, text: str) -> JsonPath:
        """Parse ``$``, ``$[*]``, ``$.a.b[*]``, ``$['a'][0]``, ``$.*``.

        Raises:
            AwsError: InvalidInputException for what Glue doesn't know either (``..``, filters,
                slices).
        """
        steps: list[Any] = []
        position = 1 if text.startswith("$") else 0
        while position and position < len(text):
            step = _STEP.match(text, position)
            if step is None:
                position = 0
                break
            if step["all"]:
                steps.append(_ALL)
            elif step["any"]:
                steps.append(_ANY)
            elif step["index"]:
                steps.append(int(step["index"]))
            else:
                steps.append(step["name"] or step["quoted"])
            position = step.end()
        if not position:
            raise AwsError(
                "InvalidInputException",
                f"JsonPath {text!r} is not a path of names, indexes and * from the root $",
            )
        return cls(tuple(steps))

    def select(self, document: Any) -> Iterator[Any]:
        """The values that the path leads to; none if the document has no such place."""
        values = [document]
        for step in self.steps:
            values = [child for value in values for child in _children(value, step)]
        yield from values


def _children(value: Any, step: Any) -> list[Any]:
    if step is _ALL:
        return _items(value)
    if step is _ANY:
        return list(value.values()) if isinstance(value, dict) else _items(value)
    if isinstance(step, int):
        return _items(value)[step : step + 1]
    return [value[step]] if isinstance(value, dict) and step in value else []


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
