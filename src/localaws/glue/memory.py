"""What a crawler remembers of the objects that it has classified.

An object that hasn't changed isn't read again: a crawl costs what is new. That is also why a
changed classifier doesn't reclassify what was crawled, as AWS documents it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from localaws.glue.formats import Format, Inspection, Shape
from localaws.glue.objects import S3Object
from localaws.service import Params


@dataclass
class Memory:
    """The inspections of a crawler's objects, by bucket and key."""

    _objects: dict[str, tuple[str, int, str, int, int]] = field(default_factory=dict)
    #: Shapes by their JSON text; objects that are alike share one.
    _shapes: dict[str, Shape] = field(default_factory=dict)

    def recall(self, item: S3Object, *, changed: bool = False) -> Inspection | None:
        """What is known of an object if it is the same as then, or even if it has ``changed``."""
        known = self._objects.get(_name(item))
        if known is None or (known[:2] != (item.etag, item.size) and not changed):
            return None
        return Inspection(self._shape(known[2]), *known[3:])

    def remember(self, item: S3Object, inspection: Inspection) -> Inspection:
        """Keep what is known of an object; gives it with a shape that equal ones share."""
        text = _text(inspection.shape)
        counts = (inspection.records, inspection.record_bytes)
        self._objects[_name(item)] = (item.etag, item.size, text, *counts)
        return Inspection(self._shape(text), *counts)

    def keep_only(self, items: Iterable[S3Object]) -> None:
        """Forget the objects that aren't there any more."""
        names = {_name(item) for item in items}
        self._objects = {name: known for name, known in self._objects.items() if name in names}
        texts = {known[2] for known in self._objects.values()}
        self._shapes = {text: shape for text, shape in self._shapes.items() if text in texts}

    def folders(self) -> set[str]:
        """The folders, as ``bucket/a/b``, in which objects are known."""
        return {name.rpartition("/")[0] for name in self._objects}

    def snapshot(self) -> Params:
        """As JSON types."""
        texts = {text: index for index, text in enumerate(self._shapes)}
        return {
            "shapes": list(texts),
            "objects": {
                name: [etag, size, texts[text], *counts]
                for name, (etag, size, text, *counts) in self._objects.items()
            },
        }

    @classmethod
    def restored(cls, state: Params) -> Memory:
        """The memory that ``snapshot`` gave."""
        memory = cls()
        for name, (etag, size, index, records, record_bytes) in state["objects"].items():
            text = state["shapes"][index]
            memory._shape(text)
            memory._objects[name] = (etag, size, text, records, record_bytes)
        return memory

    def _shape(self, text: str) -> Shape:
        if text not in self._shapes:
            classification, compression, details, columns = json.loads(text)
            pairs: Any = (tuple(pair) for pair in details)
            self._shapes[text] = Shape(Format(classification, compression, tuple(pairs)), columns)
        return self._shapes[text]


def _name(item: S3Object) -> str:
    return f"{item.bucket}/{item.key}"


def _text(shape: Shape) -> str:
    form = shape.format
    return json.dumps([form.classification, form.compression, form.details, shape.columns])
