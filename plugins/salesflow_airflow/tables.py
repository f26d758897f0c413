"""The lake's tables and views: the statements that make them, in the order in which they run."""

from __future__ import annotations

from typing import Final

TABLES: Final = [
    "sql/silver/create_orders.sql",
    "sql/silver/create_merges.sql",
    "sql/quarantine/quarantined_records.sql",
    "sql/quarantine/quarantine_reasons.sql",
    "sql/quarantine/redrives.sql",
]

VIEWS: Final = ["sql/orders_current.sql", "sql/quarantine/quarantine.sql"]
