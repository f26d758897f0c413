"""Randomness that can be repeated."""

from random import Random


def seeded(name: str) -> Random:
    """A source of randomness that gives the same sequence for the same name, on every machine."""
    return Random(name)  # noqa: S311 - orders are to be repeatable, not secret
