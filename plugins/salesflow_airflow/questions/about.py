"""A line about each table and view of the lake, from where it is made: the head of its SQL."""

from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath
from typing import Final

from salesflow_airflow.defaults import PROJECT
from salesflow_airflow.tables import TABLES, VIEWS

_CRAWLED: Final = {
    "orders_changelog": "Bronze: every change of every order, as it arrived; copies included."
}
"""What no statement makes."""


@cache
def about_tables() -> dict[str, str]:
    """Table or view → what it is, in a sentence."""
    return _CRAWLED | {_name(path): _first_sentence(path) for path in (*TABLES, *VIEWS)}


def _name(path: str) -> str:
    return PurePosixPath(path).stem.removeprefix("create_")


def _first_sentence(path: str) -> str:
    """The comment that a statement begins with, up to its grain."""
    lines = (PROJECT / "dags" / path).read_text(encoding="utf-8").splitlines()
    said = []
    for line in lines:
        if not line.startswith("-- ") or line.startswith("-- Grain:"):
            break
        said.append(line.removeprefix("-- "))
    return " ".join(said)
