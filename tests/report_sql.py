"""The SQL of the reports, as far as it is known without a lake."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import sqlglot
from jinja2 import Environment, FileSystemLoader

DAGS = Path(__file__).parents[1] / "dags"
REPORTS = sorted(path.stem for path in (DAGS / "sql" / "reports").glob("*.sql"))


def rendered(report: str) -> str:
    """The query of a report for some day."""
    return (
        Environment(loader=FileSystemLoader(DAGS))
        .get_template(f"sql/reports/{report}.sql")
        .render(
            task=SimpleNamespace(day="2026-03-04", bucket="lake"),
            macros=SimpleNamespace(ds_add=lambda day, _: day),
        )
    )


def columns(report: str) -> list[str]:
    """The columns of a report, as its SQL names them."""
    return sqlglot.parse_one(rendered(report), read="athena").named_selects
