"""The gate between bronze and silver: what its checks are, and what came of them.

The checks are made in SQL, in dags/sql/gate. Here stands what is asked of the figures that they
give, and how the outcome of a check is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from salesflow.schema import REQUIRED_ATTRIBUTES

BLOCKING: Final = "blocking"
WARNING: Final = "warning"

ROW_CHECKS: Final = (
    *REQUIRED_ATTRIBUTES,
    *("status", "order_ts", "event_type", "event_id", "sequence_number", "creation_time"),
)
"""The columns that rows are judged by; a problem of a row begins with the name of one."""

QUARANTINE_NOTED: Final = 0.01
"""The part of the records that may be quarantined without a warning."""

QUARANTINE_LIMIT: Final = 0.20
"""The part of the records that may be quarantined before the merge is stopped."""

QUARANTINE_LEAST: Final = 20
"""Of fewer quarantined records nothing is concluded that would stop a merge."""

VOLUME_HOURS: Final = 6
"""The length of the time whose orders are counted."""

VOLUME_DAYS: Final = 7
"""The days before with whose median, at the same hours, that number is compared."""

VOLUME_DAYS_NEEDED: Final = 4
"""The days with orders at these hours that it takes to know what is usual."""

VOLUME_LEAST: Final = 0.25
"""The part of the usual number of orders from which on it is no small one."""

VOLUME_MOST: Final = 4.0
"""The multiple of the usual number of orders up to which it is no large one."""

_LONGEST_SAMPLE: Final = 2000
_PROBLEMS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a check.

    `found` is how much was found that should not be, or the number that was judged; `sample` names
    some of it, or says the figures.
    """

    check_name: str
    severity: str
    passed: bool
    found: int = 0
    sample: str = ""

    @property
    def outcome(self) -> str:
        """passed or failed, as the table of results has it."""
        return "passed" if self.passed else "failed"

    def __str__(self) -> str:
        return f"{self.check_name} {self.outcome} ({self.severity}): {self.found} {self.sample}"


def problems_outcome(check_name: str, problems: Sequence[str]) -> Outcome:
    """The outcome of a check that stops the merge if it finds any problem."""
    return Outcome(
        check_name, BLOCKING, not problems, len(problems), "; ".join(problems[:_PROBLEMS_SHOWN])
    )


def row_outcomes(faulty: Iterable[Mapping[str, Any]]) -> list[Outcome]:
    """The outcomes of the checks of rows, one for each of the `ROW_CHECKS`.

    Args:
        faulty: some rows for each problem that there is: problem, orderid, event_id, path and
            found, the number of rows with that problem.
    """
    found: dict[str, dict[str, int]] = {column: {} for column in ROW_CHECKS}
    names: dict[str, list[str]] = {column: [] for column in ROW_CHECKS}
    for row in faulty:
        column = row["problem"].partition(" ")[0]
        found[column][row["problem"]] = row["found"]
        names[column].append(
            f"{row['problem']}: orderid={row['orderid']}, event_id={row['event_id']}, {row['path']}"
        )
    return [
        Outcome(f"row_{c}", BLOCKING, not names[c], sum(found[c].values()), "; ".join(names[c]))
        for c in ROW_CHECKS
    ]


def quarantine_outcomes(rate: float, failed: int, records: int, limit: float) -> list[Outcome]:
    """The outcomes of the check of how much was quarantined: a warning, and what stops the merge.

    Args:
        rate: the part of the records that failed, 0 to 1; limit: the part that may.
    """
    figures = f"{failed} of {records} records were quarantined"
    flooded = rate > limit and failed >= QUARANTINE_LEAST
    return [
        Outcome("quarantine_rate", WARNING, rate <= QUARANTINE_NOTED, failed, figures),
        Outcome("quarantine_limit", BLOCKING, not flooded, failed, f"{figures}, limit {limit:g}"),
    ]


def volume_outcome(passed: bool, orders: int, usual: float | None) -> Outcome:
    """The outcome of the check of how many orders there are; usual are None if nobody knows."""
    compared = "too few days to compare with" if usual is None else f"usual are {usual:g}"
    figures = f"{orders} orders in {VOLUME_HOURS} hours, {compared}"
    return Outcome("volume", WARNING, passed, orders, figures)


def text_literal(text: str) -> str:
    """A text as SQL, cut where it is long, without what no log could show."""
    shown = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
    if len(shown) > _LONGEST_SAMPLE:
        shown = shown[: _LONGEST_SAMPLE - 3] + "..."
    return "'" + shown.replace("'", "''") + "'"
