"""A crawler's runs: as LastCrawl, as the history and as metrics.

https://docs.aws.amazon.com/glue/latest/webapi/API_CrawlerHistory.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import eq, ge, gt, le, lt, ne
from statistics import median
from typing import Any

from localaws.errors import AwsError
from localaws.glue.catalogue import Changes
from localaws.service import Params

LOG_GROUP = "/aws-glue/crawlers"
#: Glue keeps 12 months of crawls.
KEPT = timedelta(days=366)
# AWS doesn't say how many data processing units a crawl takes; this stands in for it.
_DPU = 2

_LAST_STATUS = {"COMPLETED": "SUCCEEDED", "STOPPED": "CANCELLED", "FAILED": "FAILED"}
_Comparison = Callable[[Any, Any], bool]
_OPERATORS: dict[str, _Comparison] = {
    "GT": gt,
    "GE": ge,
    "LT": lt,
    "LE": le,
    "EQ": eq,
    "NE": ne,
}
_TIMES = {"START_TIME": "StartTime", "END_TIME": "EndTime"}


@dataclass
class Run:
    """A run of a crawler.

    Args:
        state: RUNNING, COMPLETED, FAILED or STOPPED, as the history names it.
        start, end: UTC; None before.
    """

    id: str
    crawler: str
    state: str = "RUNNING"
    start: datetime | None = None
    end: datetime | None = None
    error: str | None = None
    changes: Changes = field(default_factory=Changes)

    @property
    def seconds(self) -> float:
        """How long it took; 0 while it runs."""
        return (self.end - self.start).total_seconds() if self.start and self.end else 0.0

    def last_crawl(self) -> Params:
        """As ``LastCrawl`` of GetCrawler."""
        return {
            "Status": _LAST_STATUS[self.state],
            "ErrorMessage": self.error,
            "StartTime": self.start,
            **self._log(),
        }

    def entry(self) -> Params:
        """As an entry of ListCrawls."""
        return {
            "CrawlId": self.id,
            "State": self.state,
            "StartTime": self.start,
            "EndTime": self.end,
            "Summary": _summary(self.changes) if self.state == "COMPLETED" else None,
            "ErrorMessage": self.error,
            "DPUHour": round(self.seconds / 3600 * _DPU, 3) if self.end else None,
            **self._log(),
        }

    def _log(self) -> Params:
        return {"LogGroup": LOG_GROUP, "LogStream": self.crawler, "MessagePrefix": self.id}

    def snapshot(self) -> Params:
        """As JSON types."""
        return {
            "id": self.id,
            "crawler": self.crawler,
            "state": self.state,
            "start": self.start and self.start.isoformat(),
            "end": self.end and self.end.isoformat(),
            "error": self.error,
            "tables": self.changes.tables,
            "partitions": self.changes.partitions,
        }

    @classmethod
    def restored(cls, state: Params) -> Run:
        """The run that ``snapshot`` gave."""
        return cls(
            state["id"],
            state["crawler"],
            state["state"],
            state["start"] and datetime.fromisoformat(state["start"]),
            state["end"] and datetime.fromisoformat(state["end"]),
            state["error"],
            Changes(state["tables"], state["partitions"]),
        )


def _summary(changes: Changes) -> str | None:
    """JSON in JSON, as Glue has it: changes by kind, each with its count and the tables' names."""
    summary: dict[str, dict[str, str]] = {}
    for kind, names in changes.tables.items():
        details = {"Details": {"names": names}, "Count": len(names)}
        summary.setdefault("TABLE", {})[kind] = json.dumps(details, separators=(",", ":"))
    for kind, count in changes.partitions.items():
        details = {"Details": {}, "Count": count}
        summary.setdefault("PARTITION", {})[kind] = json.dumps(details, separators=(",", ":"))
    return json.dumps(summary, separators=(",", ":"))


def filtered(runs: Sequence[Run], filters: Sequence[Params]) -> list[Params]:
    """The entries of ListCrawls, newest first, that pass all filters.

    Args:
        runs: oldest first.

    Times are compared as epoch seconds or milliseconds, or ISO 8601.

    Raises:
        AwsError: InvalidInputException for a filter that makes no sense.
    """
    tests = [_test(each) for each in filters]
    entries = [run.entry() for run in reversed(runs)]
    return [entry for entry in entries if all(test(entry) for test in tests)]


def _test(filtering: Params) -> Callable[[Params], bool]:
    name, text = filtering.get("FieldName", ""), filtering.get("FieldValue", "")
    compare: _Comparison = _OPERATORS[filtering.get("FilterOperator", "EQ")]
    try:
        if name in _TIMES:
            moment = _moment(text)
            return lambda entry: bool(entry[_TIMES[name]]) and compare(entry[_TIMES[name]], moment)
        if name == "DPU_HOUR":
            hours = float(text)
            return lambda entry: entry["DPUHour"] is not None and compare(entry["DPUHour"], hours)
    except ValueError as error:
        raise AwsError(
            "InvalidInputException", f"{name} can't be compared with {text!r}"
        ) from error
    if name not in ("STATE", "CRAWL_ID") or compare not in (eq, ne):
        raise AwsError("InvalidInputException", f"{name} can be filtered by EQ and NE only")
    member = "State" if name == "STATE" else "CrawlId"
    return lambda entry: compare(entry[member], text)


def _moment(text: str) -> datetime:
    try:
        number = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    in_milliseconds = number > 1e11
    return datetime.fromtimestamp(number / 1000 if in_milliseconds else number, UTC)


def metrics(crawler: str, runs: Sequence[Run], *, is_running: bool) -> Params:
    """As an entry of GetCrawlerMetrics; the tables are those of the last run."""
    ended = [run for run in runs if run.end]
    tables = ended[-1].changes.tables if ended else {}
    return {
        "CrawlerName": crawler,
        "TimeLeftSeconds": 0.0,
        "StillEstimating": is_running,
        "LastRuntimeSeconds": ended[-1].seconds if ended else 0.0,
        "MedianRuntimeSeconds": median(run.seconds for run in ended) if ended else 0.0,
        "TablesCreated": len(tables.get("ADD", ())),
        "TablesUpdated": len(tables.get("UPDATE", ())),
        "TablesDeleted": len(tables.get("DELETE", ())),
    }
