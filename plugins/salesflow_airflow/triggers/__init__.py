"""Triggers, which the triggerer runs: they must be importable without dags/."""
