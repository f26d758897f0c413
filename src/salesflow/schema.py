"""The schema of an order and of its changelog, stated once.

The transform, the table definitions, the crawler's expectations and the tests all derive from the
tuples below. Column names are lower case because the Glue Data Catalog folds them so; a JSON key
that differs from a column only by its case would therefore be read into that column
(https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html).
"""

from dataclasses import dataclass
from typing import Final, Literal

PRICE_PRECISION: Final = 18
PRICE_SCALE: Final = 4
PRICE_WHOLE_DIGITS: Final = PRICE_PRECISION - PRICE_SCALE
PRICE_TYPE: Final = f"decimal({PRICE_PRECISION},{PRICE_SCALE})"

INT_MIN: Final = -(2**31)
INT_MAX: Final = 2**31 - 1

SEQUENCE_NUMBER_DIGITS: Final = 40
"""The longest sequence number of a DynamoDB stream; padded to this width, they sort as text.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the changelog: its name, its Glue type and what it means."""

    name: str
    glue_type: str
    description: str


@dataclass(frozen=True, slots=True)
class Attribute(Column):
    """An attribute of an order: a changelog column that comes from the DynamoDB item.

    `dynamodb_type` is the only type descriptor in which the attribute is accepted, `silver_type`
    the Athena type of its column in the silver table, `required` whether an order without it is
    refused.
    """

    dynamodb_type: Literal["S", "N"]
    silver_type: str
    required: bool = False


def _text(name: str, description: str, *, required: bool = False) -> Attribute:
    return Attribute(name, "string", description, "S", "string", required)


ORDER_ATTRIBUTES: Final[tuple[Attribute, ...]] = (
    _text("orderid", "sortable unique id of the order; the table's key", required=True),
    _text("customer_id", "who ordered"),
    _text("product_name", "the gadget, as the catalogue names it", required=True),
    _text("category", "the gadget's category"),
    _text("brand_name", "the gadget's brand"),
    Attribute("quantity", "int", "pieces ordered", "N", "int", required=True),
    Attribute("price", PRICE_TYPE, "price of one piece", "N", PRICE_TYPE, required=True),
    _text("channel", "where the order was placed: web, mobile, store, marketplace"),
    _text("country", "ISO 3166 code of the country of delivery"),
    _text("status", "where the order is in its life"),
    Attribute(
        "order_ts", "string", "when the order was placed, ISO 8601, UTC", "S", "timestamp(6)"
    ),
)

CHANGE_COLUMNS: Final[tuple[Column, ...]] = (
    Column("attributes", "string", "what the item has beyond the known attributes, a JSON object"),
    Column("event_type", "string", "what happened to the item: INSERT, MODIFY or REMOVE"),
    Column("event_id", "string", "unique id of the change; a repeated one is a duplicate"),
    Column(
        "sequence_number",
        "string",
        f"digits, at most {SEQUENCE_NUMBER_DIGITS}; grows with every change of an order",
    ),
    Column("creation_time", "bigint", "when the item changed, epoch seconds"),
)

CHANGELOG_COLUMNS: Final[tuple[Column, ...]] = ORDER_ATTRIBUTES + CHANGE_COLUMNS

PARTITION_KEYS: Final[tuple[Column, ...]] = (
    Column("dt", "string", "day of arrival at the delivery stream, yyyy-MM-dd, UTC"),
    Column("hour", "string", "hour of arrival at the delivery stream, HH, UTC"),
)

CHANGELOG_TABLE: Final = "orders_changelog"
KEY_ATTRIBUTE: Final = "orderid"
STATUSES: Final = ("placed", "paid", "shipped", "delivered", "cancelled", "returned")
EVENT_TYPES: Final = ("INSERT", "MODIFY", "REMOVE")

REQUIRED_ATTRIBUTES: Final = tuple(a.name for a in ORDER_ATTRIBUTES if a.required)
KNOWN_NAMES: Final = frozenset(a.name for a in ORDER_ATTRIBUTES)
