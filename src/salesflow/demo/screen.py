"""What the demo shows in the terminal."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from salesflow.demo.figures import Figures, Rows
from salesflow.demo.processes import AWS_PORT

Watch = Callable[[Mapping[str, str]], None]

_ROWS_SHOWN = 8
# Of a wide report, these fit into a terminal and say what it is about.
_TELLING_COLUMNS = (
    "day",
    "what",
    "product_name",
    "orders",
    "units",
    "total_sales",
    "net_sales",
)
_console = Console(highlight=False)


@contextmanager
def step(title: str) -> Iterator[Watch]:
    """Show a step while it runs, with its Airflow tasks, and its time when it is done."""
    begin = time.monotonic()
    with _console.status(f"[bold]{title}") as status:

        def watch(tasks: Mapping[str, str]) -> None:
            count = Counter(tasks.values())
            running = [task for task, state in tasks.items() if state in {"running", "deferred"}]
            detail = f"{count['success'] + count['skipped']}/{len(tasks)} tasks"
            if running:
                detail += f", {', '.join(running)}"
            status.update(f"[bold]{title}[/]  [dim]{detail}[/]")

        yield watch
    _console.print(f"[green]✓[/] {title}  [dim]{time.monotonic() - begin:.1f} s[/]")


def show_report(s3_uri: str, rows: Rows) -> None:
    """The first rows of a report, and where the rest lies."""
    header, *body = rows
    shown = [name for name in _TELLING_COLUMNS if name in header] or header
    table = Table(header_style="bold", box=box.SIMPLE_HEAD)
    for column in shown:
        numeric = bool(body) and all(_number(row[header.index(column)]) for row in body)
        table.add_column(column, justify="right" if numeric else "left")
    for row in body[:_ROWS_SHOWN]:
        values = (row[header.index(column)] for column in shown)
        table.add_row(*(_number(value) or value.replace("[", r"\[") for value in values))
    _console.print(f"\n[cyan]{s3_uri}[/]", soft_wrap=True)
    _console.print(table, end="")
    if len(body) > _ROWS_SHOWN or len(shown) < len(header):
        _console.print(
            f"  [dim]{min(_ROWS_SHOWN, len(body))} of {len(body):,} rows, "
            f"{len(shown)} of {len(header)} columns[/]"
        )


def show_figures(figures: Figures) -> None:
    """The totals, and what they would be without the pipeline's care."""
    table = Table(show_header=False, box=None)
    table.add_row("changes delivered to S3", f"{figures.changes_delivered:,}")
    table.add_row("quarantined", f"{figures.quarantined:,}")
    table.add_row("orders as they are now", f"{figures.orders:,}")
    table.add_row("quantity × price of these", f"${figures.revenue:,.2f}")
    table.add_row("[dim]a plain sum over the changes[/]", f"[dim]${figures.naive_revenue:,.2f}[/]")
    _console.print()
    _console.print(table)


def show_end(seconds: Mapping[str, float], airflow_url: str, password: str, once: bool) -> None:
    """How long it took, and where to go from here."""
    parts = ", ".join(f"{name} {value:g}" for name, value in seconds.items() if name != "total")
    _console.print(f"\n[bold green]done in {seconds['total']:g} s[/] [dim]({parts})[/]")
    if not once:
        _console.print(
            Panel.fit(
                f"Airflow    [bold]{airflow_url}[/]   user admin   password [bold]{password}[/]\n"
                f"dashboard  [bold]{airflow_url}/plugin/sales[/]\n"
                f"questions  [bold]{airflow_url}/plugin/ask[/]\n"
                f'a shell    eval "$(.venv/bin/salesflow {_print_env()})" '
                "&& .venv/bin/salesflow query 'SELECT …'\n"
                "[dim]Ctrl-C stops everything.[/]"
            )
        )


def _print_env() -> str:
    """The command that another shell needs, which doesn't know of a port that this one chose."""
    variable, default = AWS_PORT
    port = os.environ.get(variable) or str(default)
    return "aws --print-env" + ("" if port == str(default) else f" --port {port}")


def show_error(message: str) -> None:
    """What went wrong."""
    _console.print("[bold red]failed:[/] ", end="")
    _console.print(message, markup=False, soft_wrap=True)


def say(message: str) -> None:
    """A remark."""
    _console.print(f"[dim]{message}[/]")


def _number(text: str) -> str | None:
    """A number as people write it: 6735.0000 is 6,735.00; None if it is no number."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    exponent = number.as_tuple().exponent
    if exponent == 0:
        return f"{number:,}"
    cents = number.quantize(Decimal("0.01"))
    return f"{cents:,}" if cents == number else f"{number:,}"
