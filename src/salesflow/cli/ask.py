"""Commands that read: ``query`` and ``status``."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

import boto3
import typer
from rich import box
from rich.table import Table
from rich.text import Text

from salesflow.cli.context import Deployment, output, speech
from salesflow.queries import Answer, ask
from salesflow.questions.asking import workgroup_of
from salesflow.questions.cost import cost, dollars_text
from salesflow.questions.guard import Refused, question
from salesflow.status import hops

_PICTURES: Final = (
    {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"}
    | {0x7F: "\N{SYMBOL FOR DELETE}"}
    | dict.fromkeys(range(0x80, 0xA0), "\N{REPLACEMENT CHARACTER}")
)
"""Control character → what shows it. Those of Latin-1, which have no picture, can command too."""

_MAX_HOURS: Final = 455 * 24
"""CloudWatch keeps counts for 455 days (its user guide, "Metrics retention")."""

_NUMBERS = {"tinyint", "smallint", "integer", "bigint", "float", "double", "decimal"}


class Format(StrEnum):
    """How the rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def query(
    context: typer.Context,
    sql: Annotated[
        str, typer.Argument(help="One Athena statement that reads; `-` reads it from stdin.")
    ],
    form: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.TABLE,
    parameter: Annotated[
        list[str] | None,
        typer.Option(help="For the next question mark in the statement, as an SQL literal."),
    ] = None,
) -> None:
    """Ask Athena a question."""
    deployment: Deployment = context.obj
    statement = question(sys.stdin.read() if sql == "-" else sql)
    answer = ask(
        boto3.client("athena"),
        statement,
        database=deployment.outputs["DatabaseName"],
        workgroup=workgroup_of(deployment.outputs),
        parameters=parameter or (),
    )
    rows = _PRINTERS[form](answer)
    dollars = cost(answer.scanned_bytes, "SUCCEEDED", answer.statement_type)
    speech.print(
        f"{rows:,} row{'' if rows == 1 else 's'}, {answer.scanned_bytes:,} bytes scanned, "
        f"{dollars_text(dollars)}, {answer.seconds:.2f} s",
        style="dim",
    )


def _print_table(answer: Answer) -> int:
    table = Table(header_style="bold")
    for name, kind in answer.columns:
        table.add_column(
            _shown(name), justify="right" if kind in _NUMBERS else "left", overflow="fold"
        )
    for row in answer.rows:
        table.add_row(
            *(Text("NULL", style="dim") if value is None else _shown(value) for value in row)
        )
    output.print(table)
    return table.row_count


def _shown(value: str) -> Text:
    """A value as a terminal may have it: what would command it is told by Unicode's pictures."""
    return Text(value.translate(_PICTURES))


def _print_csv(answer: Answer) -> int:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(name for name, _ in answer.columns)
    count = 0
    for row in answer.rows:
        writer.writerow("" if value is None else value for value in row)
        count += 1
    return count


def _print_json(answer: Answer) -> int:
    """A list of objects. Numbers stay text, as Athena gives them, so that no digit is lost.

    Raises:
        Refused: columns have the same name, of which an object can have one.
    """
    names = [name for name, _ in answer.columns]
    for name, count in Counter(names).items():
        if count > 1:
            raise Refused(
                f"{count} columns are called {name}, and JSON can have one: name them with AS"
            )
    rows = [dict(zip(names, row, strict=True)) for row in answer.rows]
    json.dump(rows, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
    return len(rows)


_PRINTERS = {
    Format.TABLE: _print_table,
    Format.CSV: _print_csv,
    Format.JSON: _print_json,
}


def status(
    context: typer.Context,
    hours: Annotated[
        float,
        typer.Option(
            min=0.1, max=_MAX_HOURS, help="How far back the pipe's and the stream's counts go."
        ),
    ] = 24,
) -> None:
    """Show each hop of the pipeline: records in, out, waiting and failed, and how fresh it is."""
    deployment: Deployment = context.obj
    table = Table(header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for column in ("in", "out", "waiting", "failed"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("freshness", no_wrap=True)
    table.add_column("state", overflow="fold")  # the one that gives way in a narrow terminal
    # A service's name is known at run time only, which boto3's types have no signature for.
    connect: Any = boto3.client
    window = timedelta(hours=hours)
    for hop in hops(connect, deployment.outputs, now=datetime.now(UTC), window=window):
        counts = (hop.came, hop.went, hop.waits, hop.failed)
        table.add_row(
            hop.name,
            *("" if count is None else f"{count:,}" for count in counts),
            "" if hop.age is None else f"{timedelta(seconds=round(hop.age))}",
            hop.note,
            style="red" if hop.failed else None,
        )
    output.print(table)
