"""CloudWatch metrics of a service, counted in memory and sent now and then.

AWS publishes them every minute: https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from localaws.service import Aws, Params

#: Often enough for a person who watches, seldom enough to cost nothing.
PERIOD: Final = timedelta(seconds=5)
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
_MAX_DATA: Final = 1000

_Key = tuple[str, tuple[tuple[str, str], ...], str]


class Metrics:
    """The metrics of one namespace."""

    def __init__(self, aws: Aws, namespace: str) -> None:
        self._aws = aws
        self._namespace = namespace
        self._lock = threading.Lock()
        self._data: dict[_Key, list[float]] = defaultdict(list)
        self._sent: datetime | None = None

    def add(self, name: str, value: float, unit: str, dimensions: Mapping[str, str]) -> None:
        """Note one measurement."""
        with self._lock:
            self._data[name, tuple(sorted(dimensions.items())), unit].append(value)

    def send(self, now: datetime) -> None:
        """Send what was noted, unless that was done less than `PERIOD` ago."""
        with self._lock:
            if not self._data or (self._sent and timedelta(0) <= now - self._sent < PERIOD):
                return
            data, self._data, self._sent = self._data, defaultdict(list), now
        datums = [_datum(key, values, now) for key, values in data.items()]
        client = self._aws.client("cloudwatch")
        for start in range(0, len(datums), _MAX_DATA):
            client.put_metric_data(
                Namespace=self._namespace, MetricData=datums[start : start + _MAX_DATA]
            )

    def clear(self) -> None:
        """Forget what wasn't sent."""
        with self._lock:
            self._data.clear()
            self._sent = None


def _datum(key: _Key, values: list[float], now: datetime) -> Params:
    name, dimensions, unit = key
    return {
        "MetricName": name,
        "Dimensions": [{"Name": k, "Value": v} for k, v in dimensions],
        "Timestamp": now,
        "Unit": unit,
        "StatisticValues": {
            "SampleCount": len(values),
            "Sum": sum(values),
            "Minimum": min(values),
            "Maximum": max(values),
        },
    }
