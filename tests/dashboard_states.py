"""What the dashboard's page is told in each of its states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dashboard_server import KINDS, DashboardServer, example, time_text

NONE = {
    "orders": 0,
    "units": 0,
    "revenue": "0",
    "cancelled": 0,
    "returned": 0,
    "inserted": 0,
    "modified": 0,
    "removed": 0,
    "refused": 0,
}


def tell_well(server: DashboardServer) -> None:
    """Sales and pipeline are well."""
    server.tell_examples(datetime.now(UTC))
    pipeline = example("pipeline", datetime.now(UTC))
    pipeline["data"] |= {"state": "well", "sentence": "All came out.", "alarms": []}
    pipeline["data"] |= {"dead_letters": 0, "quarantine": {"waiting": 0, "newest_at": None}}
    for hop in pipeline["data"]["hops"]:
        hop["state"] = "well"
    server.tell("pipeline", pipeline)


def tell_failing(server: DashboardServer) -> None:
    """The pipeline is failing."""
    server.tell_examples(datetime.now(UTC))


def tell_empty(server: DashboardServer) -> None:
    """All is deployed, and nothing has happened yet."""
    tell_well(server)
    live = example("live", datetime.now(UTC))
    for minute in live["data"]["minutes"]:
        minute |= {"orders": 0, "units": 0, "revenue": "0", "changes": 0}
    hours = [{"hour": hour, "orders": 0, "revenue": "0"} for hour in range(24)]
    live["data"] |= {
        "counted_at": None,
        "hours": dict.fromkeys(("today", "yesterday", "last_week"), hours),
        "so_far": dict.fromkeys(("today", "yesterday", "last_week"), NONE),
        "products": [],
        "categories": [],
        "latest": [],
    }
    server.tell("live", live)
    lake = example("lake", datetime.now(UTC))
    lake["data"] = dict.fromkeys(lake["data"]) | {"projection": {"missing": "Too short a past."}}
    server.tell("lake", lake)


def tell_stale(server: DashboardServer) -> None:
    """AWS can't be reached for some minutes."""
    now = datetime.now(UTC)
    for kind in KINDS:
        payload = example(kind, now - timedelta(minutes=3))
        since = time_text(now - timedelta(minutes=2))
        server.tell(kind, payload | {"error": "AWS can't be reached.", "since": since})


def tell_nothing(server: DashboardServer) -> None:
    """Nothing is deployed."""
    error = "Stage dev isn't deployed: run the DAG deploy_pipeline."
    since = time_text(datetime.now(UTC))
    for kind in KINDS:
        server.tell(kind, {"read_at": None, "since": since, "error": error, "data": None})


STATES = {
    "well": (tell_well, "well", "All is well"),
    "failing": (tell_failing, "failing", "The pipeline is failing"),
    "empty": (tell_empty, "waiting", "Nothing sold yet"),
    "stale": (tell_stale, "unknown", "Sales can’t be read"),
    "nothing": (tell_nothing, "unknown", "No figures"),
    "connecting": (lambda server: None, "unknown", "Connecting…"),
}
