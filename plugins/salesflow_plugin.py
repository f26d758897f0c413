"""Registers Salesflow with Airflow; what it consists of lies in ``salesflow_airflow``."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class SalesflowPlugin(AirflowPlugin):
    """The name under which `airflow plugins` lists us."""

    name = "salesflow"
