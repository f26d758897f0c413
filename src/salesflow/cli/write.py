"""Commands that write orders: ``generate`` and ``replay``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import boto3
import typer
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from salesflow.cli.context import Deployment, output, speech
from salesflow.generator import history, live
from salesflow.orders import Put, Write
from salesflow.replay import replay
from salesflow.warehouse import Warehouse, store_restocks
from salesflow.writer import TableWriter, WriteCounts, connect

_FIRST_YEAR = 1990
REJECTED = 2
"""Exit status of a replay that wrote all but the rows that can't be orders."""


def generate(
    context: typer.Context,
    orders: Annotated[
        int | None,
        typer.Option(min=1, help="How many orders; 5,000 by default, with --rate until Ctrl-C."),
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=3650, help="The past that they are spread over.")
    ] = 30,
    rate: Annotated[
        float | None,
        typer.Option(min=0.001, help="A present instead: one order every so many seconds."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same orders.")] = 1,
    until: Annotated[
        datetime | None, typer.Option(help="The end of the past, UTC; now by default.")
    ] = None,
) -> None:
    """Write generated orders: a past, or (--rate) a present that goes on until Ctrl-C."""
    deployment: Deployment = context.obj
    end = until.replace(tzinfo=UTC) if until else datetime.now(UTC)
    if end.year < _FIRST_YEAR:
        raise typer.BadParameter(f"{end.date()} is before {_FIRST_YEAR}", param_hint="--until")
    if end > datetime.now(UTC):
        raise typer.BadParameter(
            f"{end.isoformat()} is in the future, where no order can have been placed",
            param_hint="--until",
        )
    warehouse = Warehouse()
    if rate is None:
        total = orders or 5000
        run = f"history of {total} orders in {days} days until {end.isoformat()}, seed {seed}"
        writes = warehouse.watch(history(orders=total, days=days, until=end, seed=seed))
        counts = _write(deployment, writes, total)
    else:
        run = f"live from {end.isoformat()}, seed {seed}"
        writes = _first_orders(live(interval_seconds=rate, start=end, seed=seed), orders)
        counts = _write(deployment, warehouse.watch(_as_time_passes(writes)), orders, at_once=True)
        end = datetime.now(UTC)
    store_restocks(
        boto3.client("s3"), deployment.outputs["LakeBucketName"], run, warehouse.restocks(end)
    )
    output.print(
        f"{counts.inserted:,} orders written, {counts.changed:,} changed, "
        f"{counts.removed:,} removed: {counts.writes:,} changes",
        highlight=False,
    )


def replay_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file.", show_default=False)],
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="ATTRIBUTE=COLUMN", help="orderid=Id, for example."),
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(help="Where rows go that can't be orders; FILE.rejects.csv by default."),
    ] = None,
) -> None:
    """Write the orders of a file. Exit status 2: some rows can't be orders, see the rejects."""
    deployment: Deployment = context.obj
    mapping = dict(_pair(text) for text in columns or ())
    target = rejects or file.with_name(f"{file.name}.rejects.csv")

    def write(writes: Iterable[Write]) -> WriteCounts:
        return _write(deployment, writes, None)

    replayed = replay(file, mapping, write, target, at=datetime.now(UTC))
    output.print(
        f"{replayed.read:,} rows read, {replayed.written:,} orders written, "
        f"{replayed.rejected:,} rejected",
        highlight=False,
    )
    if replayed.rejects:
        speech.print(f"the rejected rows and the reasons: {replayed.rejects}", highlight=False)
        raise typer.Exit(REJECTED)


def _pair(text: str) -> tuple[str, str]:
    attribute, equals, column = text.partition("=")
    if not (attribute and equals and column):
        raise typer.BadParameter(f"{text!r} is not ATTRIBUTE=COLUMN", param_hint="--map")
    return attribute, column


def _first_orders(writes: Iterator[Write], orders: int | None) -> Iterator[Write]:
    """All writes up to the one that would place one order too many."""
    placed = 0

    def within(write: Write) -> bool:
        nonlocal placed
        placed += isinstance(write, Put) and write.is_new
        return orders is None or placed <= orders

    return takewhile(within, writes)


def _as_time_passes(writes: Iterator[Write]) -> Iterator[Write]:
    """Each write when it is due; Ctrl-C ends them, and what was written stays counted."""
    try:
        for write in writes:
            time.sleep(max(0.0, (write.at - datetime.now(UTC)).total_seconds()))
            yield write
    except KeyboardInterrupt:
        speech.print("stopped", style="dim")


def _write(
    deployment: Deployment, writes: Iterable[Write], orders: int | None, *, at_once: bool = False
) -> WriteCounts:
    """Write, and show how it goes.

    Args:
        orders: how many there will be, if that is known.
        at_once: send each write when it comes instead of collecting a batch.
    """
    progress = Progress(
        SpinnerColumn(),
        TextColumn("writing orders"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TextColumn("{task.fields[changes]:,} changes"),
        TimeElapsedColumn(),
        console=speech,
        transient=True,
    )
    task = progress.add_task("", total=orders, changes=0)

    def show(counts: WriteCounts) -> None:
        progress.update(task, completed=counts.inserted, changes=counts.writes)

    writer = TableWriter(
        client=connect(), table=deployment.outputs["OrdersTableName"], on_progress=show
    )
    with progress:
        return (replace(writer, lookahead=1) if at_once else writer).write(writes)
