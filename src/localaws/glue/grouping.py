"""Which objects are one table, and which folders are its partitions.

https://docs.aws.amazon.com/glue/latest/dg/crawler-s3-folder-table-partition.html,
https://docs.aws.amazon.com/glue/latest/dg/crawler-grouping-policy.html and
https://docs.aws.amazon.com/glue/latest/dg/crawler-table-level.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from localaws.glue.formats import UNKNOWN, Inspection, Shape
from localaws.glue.objects import S3Object
from localaws.glue.schema import Columns, similarity, widen

# The documented measures of likeness: more than 70 % of the schemas are alike, and there are no
# more than 5 different ones. When two schemas are alike isn't said; ours: when they have 70 % of
# their columns in common. https://repost.aws/knowledge-center/glue-crawler-detect-schema
_MOST = 0.7
_ALIKE = 0.7
_DIFFERENT_SCHEMAS = 5

_Key = TypeVar("_Key", bound=Hashable)
Folder = tuple[str, ...]
Note = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """An object, and what it is."""

    item: S3Object
    inspection: Inspection

    @property
    def shape(self) -> Shape:
        """The object's format and columns."""
        return self.inspection.shape


@dataclass(frozen=True)
class Grouping:
    """How a crawler makes tables.

    Args:
        combine: CombineCompatibleSchemas: alike or not, compatible objects are one table.
        level: TableLevelConfiguration: the folder level of tables, the bucket being level 1.
    """

    combine: bool = False
    level: int | None = None


@dataclass(frozen=True)
class Table:
    """A table to be.

    Args:
        folder: where it lies, the bucket first.
        file: the object's name if the table is just one object among others that aren't alike.
        keys: the names of its partition keys.
    """

    folder: Folder
    objects: Sequence[Found]
    keys: tuple[str, ...] = ()
    file: str = ""

    @property
    def name(self) -> str:
        """Named after the folder or file, as the Data Catalog spells names."""
        return spelt(self.file or self.folder[-1])

    @property
    def location(self) -> str:
        """The S3 URI; that of a folder ends with a slash."""
        return f"s3://{'/'.join(self.folder)}/{self.file}"

    @property
    def shape(self) -> Shape:
        """The format of its objects and the columns that hold all their rows."""
        return merged(self.objects)

    def partitions(self) -> dict[Folder, list[Found]]:
        """The objects of each partition, by its folders below the table's."""
        return _by(self.objects, lambda found: found.item.folder[len(self.folder) :])

    def values(self, folders: Folder) -> list[str]:
        """A partition's values; a folder that names its key has the value after it."""
        return [folder.partition("=")[2] if _key(folder) else folder for folder in folders]


def spelt(name: str) -> str:
    """A name as the Data Catalog has it: lower case, with _ for all but letters and digits."""
    return re.sub(r"[^a-z0-9_]", "_", name.lower())


def merged(objects: Iterable[Found]) -> Shape:
    """The common format of objects, and columns that hold all their rows."""
    shapes = _distinct(objects)
    columns: Columns = {}
    for shape in shapes:
        widen(columns, shape.columns)
    return Shape(shapes[0].format, columns)


def tables(
    target: Folder, objects: Sequence[Found], grouping: Grouping, note: Note
) -> Iterator[Table]:
    """The tables that a target's objects make.

    Args:
        note: is told of each object that belongs to no table, with the reason.
    """
    level = max(len(target), grouping.level or 0)
    for folder, members in _by(objects, lambda found: found.item.folder[:level]).items():
        if len(folder) < len(target):
            # The include path is an object.
            yield from (_file(found) for found in members)
        else:
            yield from _tables(folder, members, grouping, note, at_level=grouping.level is not None)


def _tables(
    folder: Folder, objects: Sequence[Found], grouping: Grouping, note: Note, *, at_level: bool
) -> Iterator[Table]:
    known = [found for found in objects if found.shape.format.classification != UNKNOWN]
    members = known or objects
    structures = Counter(_structure(found, folder) for found in members)
    (structure, _), *others = structures.most_common()
    if at_level and others:
        members = [found for found in members if _structure(found, folder) == structure]
    if (at_level or not others) and _is_one(members, even_if_unlike=at_level or grouping.combine):
        taken = {found.item.key for found in members}
        for found in objects:
            if found.item.key not in taken:
                note(f"{found.item.key} is unlike the other objects of its table: passed over")
        yield Table(folder, members, _keys(structure, members))
        return
    for below, found_below in _by(
        objects, lambda found: found.item.folder[: len(folder) + 1]
    ).items():
        if below == folder:
            yield from (_file(found) for found in found_below)
        else:
            yield from _tables(below, found_below, grouping, note, at_level=False)


def _file(found: Found) -> Table:
    return Table(found.item.folder, [found], file=found.item.key.rpartition("/")[2])


def _is_one(objects: Sequence[Found], *, even_if_unlike: bool) -> bool:
    """Compatible objects have one format and compression; alike ones also have most columns in
    common."""
    if len({shape.format for shape in _distinct(objects)}) > 1:
        return False
    return even_if_unlike or _are_alike(objects)


def _are_alike(objects: Sequence[Found]) -> bool:
    kinds: list[tuple[Columns, list[int]]] = []
    counts = Counter(id(found.shape) for found in objects)
    for shape in _distinct(objects):
        for columns, members in kinds:
            if similarity(columns, shape.columns) >= _ALIKE:
                widen(columns, shape.columns)
                members.append(counts[id(shape)])
                break
        else:
            kinds.append((dict(shape.columns), [counts[id(shape)]]))
    most = max(sum(members) for _, members in kinds)
    return len(kinds) == 1 or (len(kinds) <= _DIFFERENT_SCHEMAS and most > _MOST * len(objects))


def _structure(found: Found, folder: Folder) -> tuple[str, ...]:
    """The keys that the folders below name; empty for a folder that names none."""
    return tuple(_key(part) for part in found.item.folder[len(folder) :])


def _key(folder: str) -> str:
    key, sign, _ = folder.partition("=")
    return key if sign else ""


def _keys(structure: tuple[str, ...], objects: Sequence[Found]) -> tuple[str, ...]:
    """The names of partition keys. Where the folders name none, or one that is a column too,
    the key is partition_ and its place."""
    taken = {name.lower() for shape in _distinct(objects) for name in shape.columns}
    names: list[str] = []
    for place, key in enumerate(structure):
        name = spelt(key) if key and spelt(key) not in taken else f"partition_{place}"
        taken.add(name)
        names.append(name)
    return tuple(names)


def _distinct(objects: Iterable[Found]) -> list[Shape]:
    return list({id(found.shape): found.shape for found in objects}.values())


def _by(objects: Iterable[Found], key: Callable[[Found], _Key]) -> dict[_Key, list[Found]]:
    groups: dict[_Key, list[Found]] = {}
    for found in objects:
        groups.setdefault(key(found), []).append(found)
    return groups
