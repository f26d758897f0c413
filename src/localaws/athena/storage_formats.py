"""How Hive names the ways in which a table's rows are stored."""

from __future__ import annotations

from localaws.athena.statements import Storage

LAZY_SIMPLE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
OPENX_JSON = "org.openx.data.jsonserde.JsonSerDe"
HIVE_JSON = "org.apache.hive.hcatalog.data.JsonSerDe"
HIVE2_JSON = "org.apache.hadoop.hive.serde2.JsonSerDe"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"

_TEXT = (
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)
_PARQUET = (
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
)

#: What STORED AS and the format of a CTAS stand for.
FORMATS = {
    "TEXTFILE": Storage(LAZY_SIMPLE, *_TEXT),
    "PARQUET": Storage(PARQUET, *_PARQUET),
    "JSON": Storage(OPENX_JSON, *_TEXT),
}


def delimited(
    fields: str | None,
    escape: str | None = None,
    collection: str | None = None,
    map_key: str | None = None,
    null: str | None = None,
) -> dict[str, str]:
    """The SerDe parameters of ROW FORMAT DELIMITED."""
    parameters = {
        "field.delim": fields,
        "serialization.format": fields or "1",
        "escape.delim": escape,
        "colelction.delim": collection,  # sic: Hive's own key
        "mapkey.delim": map_key,
        "serialization.null.format": null,
    }
    return {key: value for key, value in parameters.items() if value is not None}


def hive_text(text: str) -> str:
    """A text as Hive's DDL writes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + escaped.replace("\n", "\\n").replace("\t", "\\t") + "'"
