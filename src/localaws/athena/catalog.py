"""What queries need of the Glue Data Catalog: tables, partitions and views."""

from __future__ import annotations

from typing import Any


class Catalog:
    """The catalogue, read through a boto3 Glue client."""

    def __init__(self, glue: Any) -> None:
        self.glue = glue
