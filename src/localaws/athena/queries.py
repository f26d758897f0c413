"""SELECT and EXPLAIN."""

from __future__ import annotations

from localaws.athena import results
from localaws.athena.engine import Column
from localaws.athena.run import Outcome, Run
from localaws.athena.statements import Explain, Select


def select(run: Run, statement: Select) -> Outcome:
    """The rows go to a CSV file as they come."""
    result = run.select(statement.query)
    rows, size = results.write_csv(run.s3, run.execution.output, result)
    return Outcome(result.columns, None, rows=rows, output_bytes=size)


def explain(run: Run, statement: Explain) -> Outcome:
    """The plan, as text; nothing is scanned."""
    plan = run.engine.explain(statement.query, run.database)
    return Outcome([Column("Query Plan", "varchar", len(plan))], plan, rows=plan.count("\n") + 1)
