"""The command line: ``salesflow``."""

from salesflow.cli.app import main

__all__ = ["main"]
