"""``make bench``: measures, prints a table, writes ``build/bench.json``."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench import athena, chain, dashboard, live, projection, reports, silver, transform
from bench.measurement import Measurement
from salesflow.local import ROOT

SUITES: dict[str, Callable[[], list[Measurement]]] = {
    "transform": transform.measure,
    "chain": chain.measure,
    "live": live.measure,
    "dashboard": dashboard.measure,
    "athena": athena.measure,
    "silver": silver.measure,
    "reports": reports.measure,
    "projection": projection.measure,
}

console = Console(highlight=False)


def main(
    only: Annotated[list[str] | None, typer.Argument(help=f"Some of: {', '.join(SUITES)}.")] = None,
) -> None:
    """Run the benchmarks."""
    if unknown := set(only or ()) - SUITES.keys():
        raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(SUITES)}")
    measurements: list[Measurement] = []
    for name in only or SUITES:
        with console.status(f"measuring {name}"):
            measurements += SUITES[name]()
    table = Table(header_style="bold")
    for column, justify in (("", "left"), ("", "right"), ("", "left"), ("aim", "left")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for each in measurements:
        mark = {None: "", True: "[green]✓[/] ", False: "[red]✗[/] "}[each.met]
        table.add_row(each.name, f"{each.value:,.4g}", each.unit, mark + each.aim)
    console.print(table)
    path = ROOT / "build" / "bench.json"
    path.parent.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "cores": os.cpu_count()}
    report = {"machine": machine, "measurements": [asdict(each) for each in measurements]}
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    typer.run(main)
