"""Registers Salesflow with Airflow; what it consists of lies in ``salesflow_airflow``."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from salesflow_airflow.dashboard.lazy import LazyApp


class SalesflowPlugin(AirflowPlugin):
    """The name under which `airflow plugins` lists us."""

    name = "salesflow"
    fastapi_apps: ClassVar[list[Any]] = [
        {"app": LazyApp(), "url_prefix": "/salesflow", "name": "Salesflow"}
    ]
    # Addresses are relative to Airflow's own, which may have a path.
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Sales",
            "href": "salesflow/",
            "url_route": "sales",
            "destination": "nav",
            "icon": "salesflow/static/icon.svg",
            "nav_top_level": True,
        },
        {
            "name": "Ask",
            "href": "salesflow/questions",
            "url_route": "ask",
            "destination": "nav",
            "icon": "salesflow/static/icon.svg",
            "nav_top_level": True,
        },
    ]
