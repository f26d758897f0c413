"""Which deployment a run works on, unless it is told another."""

from __future__ import annotations

import os


def default_stage() -> str:
    """The stage that the environment names, else dev."""
    return os.environ.get("SALESFLOW_STAGE", "dev")
