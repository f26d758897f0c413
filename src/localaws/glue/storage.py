"""Tables and partitions as a crawler writes them into the Data Catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from localaws.glue.formats import Format, Shape
from localaws.glue.grouping import Found, Table, merged
from localaws.glue.schema import catalogued
from localaws.service import Params

_TEXT = (
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)
_PARQUET = (
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
)


@dataclass(frozen=True)
class Author:
    """Who writes: the crawler and its run, both kept in the table's parameters."""

    crawler: str
    run: str


def table_input(table: Table, name: str, author: Author) -> Params:
    """A table as CreateTable takes it."""
    shape = table.shape
    parameters = {**_parameters(table.objects, shape.format, author), "CRAWL_RUN_ID": author.run}
    return {
        "Name": name,
        "Owner": "owner",
        "Retention": 0,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in table.keys],
        "Parameters": parameters,
        "StorageDescriptor": _descriptor(table.location, shape, parameters),
    }


def partition_input(
    table: Table, folders: tuple[str, ...], objects: Sequence[Found], author: Author
) -> Params:
    """A partition as CreatePartition takes it."""
    shape = merged(objects)
    parameters = _parameters(objects, shape.format, author)
    location = f"{table.location}{'/'.join(folders)}/"
    return {
        "Values": table.values(folders),
        "Parameters": parameters,
        "StorageDescriptor": _descriptor(location, shape, parameters),
    }


def _parameters(objects: Sequence[Found], form: Format, author: Author) -> dict[str, str]:
    records = sum(found.inspection.records for found in objects)
    plain = sum(found.inspection.records * found.inspection.record_bytes for found in objects)
    return {
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": author.crawler,
        "averageRecordSize": str(plain // max(records, 1)),
        "classification": form.classification,
        "compressionType": form.compression,
        "objectCount": str(len(objects)),
        "recordCount": str(records),
        "sizeKey": str(sum(found.item.size for found in objects)),
        "typeOfData": "file",
        **dict(form.details),
    }


def _descriptor(location: str, shape: Shape, parameters: dict[str, str]) -> Params:
    formats = _PARQUET if shape.format.classification == "parquet" else _TEXT
    return {
        "Columns": catalogued(shape.columns),
        "Location": location,
        "InputFormat": formats[0],
        "OutputFormat": formats[1],
        "Compressed": shape.format.compression != "none",
        "NumberOfBuckets": -1,
        "SerdeInfo": _serde(shape),
        "BucketColumns": [],
        "SortColumns": [],
        "Parameters": parameters,
        "StoredAsSubDirectories": False,
    }


def _serde(shape: Shape) -> Params:
    match shape.format.classification:
        case "json":
            return {
                "SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
                "Parameters": {"paths": ",".join(sorted(shape.columns))},
            }
        case "csv":
            return {
                "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
                "Parameters": {"field.delim": dict(shape.format.details)["delimiter"]},
            }
        case "parquet":
            return {
                "SerializationLibrary": (
                    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
                ),
                "Parameters": {"serialization.format": "1"},
            }
    return {"Parameters": {}}
