"""The command line as a shell runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from salesflow.local import aws_environment


class Shell:
    """Runs ``salesflow`` as a process, as a shell does."""

    def __init__(self, endpoint_url: str | None) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = clean | (aws_environment(endpoint_url) if endpoint_url else {})

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.prefix, "bin", "salesflow")), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def rows(self, sql: str) -> list[dict[str, Any]]:
        done = self("query", "--format", "json", sql)
        assert done.returncode == 0, done.stderr
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows
