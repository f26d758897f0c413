"""The lake's tables and views: the statements that make them, in the order in which they run."""

from __future__ import annotations

from typing import Final

from salesflow import quality, rules, schema, silver
from salesflow.catalogue import CATALOGUE

TABLES: Final = [
    "sql/silver/create_orders.sql",
    "sql/silver/create_merges.sql",
    "sql/silver/create_merged_days.sql",
    "sql/quarantine/quarantined_records.sql",
    "sql/quarantine/quarantine_reasons.sql",
    "sql/quarantine/redrives.sql",
    "sql/gate/create_check_results.sql",
    "sql/gate/create_rows_set_aside.sql",
    "sql/reference/restocks.sql",
    "sql/gold/create_report_runs.sql",
    "sql/gold/create_restatements.sql",
    "sql/gold/create_sales_projection.sql",
    "sql/gold/create_projection_backtest.sql",
    "sql/gold/create_projection_accuracy.sql",
]

VIEWS: Final = [
    "sql/orders_current.sql",
    "sql/quarantine/quarantine.sql",
    "sql/reference/products.sql",
]

MACROS: Final = {
    "quality": quality,
    "rules": rules,
    "schema": schema,
    "silver": silver,
    "catalogue": CATALOGUE,
}
"""What the statements are rendered with, besides what Airflow gives them."""
