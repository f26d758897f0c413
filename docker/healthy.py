"""``healthy.py scheduler``: exits 0 if the API server says that this part of Airflow is healthy.

The endpoint is public (https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/logging-monitoring/check-health.html)
and a look costs milliseconds, where `airflow jobs check` costs seconds of a core.
"""

from __future__ import annotations

import http.client
import json
import sys

part = sys.argv[1]
try:
    connection = http.client.HTTPConnection("api-server", 8080, timeout=5)
    connection.request("GET", "/api/v2/monitor/health")
    answer = json.loads(connection.getresponse().read())
except (OSError, http.client.HTTPException, ValueError) as error:
    sys.exit(f"the API server doesn't answer: {error}")
if answer[part]["status"] != "healthy":
    sys.exit(f"{part} is {answer[part]['status']}")
