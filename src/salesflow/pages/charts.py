"""The charts of the page: what plotly draws, and what is said for those who can't see it.

Colours of text and lines come from the page's style sheet, so that they follow light, dark and
paper; those of the data are of a middle tone that stands out from either.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from salesflow.pages import contents
from salesflow.pages.formatting import (
    Currency,
    money,
    number,
    percent,
    short_day,
    shortened,
    whole_money,
)
from salesflow.pages.tables import NO_NAME
from salesflow.projection.rows import ProjectedDay

_BLUE: Final = "#2f7de1"
_ORANGE: Final = "#c8661b"
_BAND_80: Final = "rgba(47, 125, 225, 0.38)"
_BAND_95: Final = "rgba(47, 125, 225, 0.21)"
_HOVER: Final = {"bgcolor": "#1b2430", "bordercolor": "#1b2430", "font": {"color": "#ffffff"}}
_SHOWN_PAST_DAYS: Final = 56
_LONGEST_LABEL: Final = 22


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart.

    Attributes:
        name: its id on the page.
        caption: its title.
        summary: what it shows, in a sentence or two.
        figure: data and layout for plotly, as JSON that can stand in a page.
    """

    name: str
    caption: str
    summary: str
    figure: str


def hourly(rows: Sequence[contents.HourSales], unit: Currency) -> Chart | None:
    """The day's curve; None if nothing was sold at a known time."""
    known = sorted(
        ((row.hour, row) for row in rows if row.hour is not None), key=lambda each: each[0]
    )
    if not any(row.orders for _, row in known):
        return None
    hour, best = max(known, key=lambda each: each[1].net_sales)
    unknown = sum(row.orders for row in rows if row.hour is None)
    rest = f" {number(unknown)} orders without a time are left out." if unknown else ""
    return Chart(
        "hourly",
        "Net sales by the hour",
        f"The best hour began at {hour:02d}:00 UTC and brought {money(best.net_sales, unit)}, from "
        f"{number(best.orders)} orders.{rest}",
        _figure(
            [
                {
                    "type": "bar",
                    "x": [hour for hour, _ in known],
                    "y": [float(row.net_sales) for _, row in known],
                    "customdata": [
                        [money(row.net_sales, unit), number(row.orders)] for _, row in known
                    ],
                    "hovertemplate": "%{x}:00<br>%{customdata[0]}, %{customdata[1]} orders"
                    "<extra></extra>",
                    "marker": {"color": _BLUE},
                }
            ],
            xaxis={
                "title": _title("Hour of the day (UTC)"),
                "tickvals": list(range(0, 24, 3)),
                "range": [-0.6, 23.6],
            },
            yaxis=_money_axis("Net sales", unit),
            bargap=0.25,
        ),
    )


def categories(rows: Sequence[contents.GroupSales], unit: Currency) -> Chart | None:
    """Categories beside each other; None if there is none, or only one without a name."""
    shown = sorted((row for row in rows if row.orders), key=lambda row: row.net_sales)[-12:]
    if not any(row.name for row in shown):
        return None
    best = shown[-1]
    whole = sum(row.net_sales for row in rows)
    share = f", {percent(100 * best.net_sales / whole)} of the net sales" if whole else ""
    return Chart(
        "categories",
        "Net sales by category",
        f"{shortened(best.name) or NO_NAME} sold most: {money(best.net_sales, unit)}{share}.",
        _figure(
            [
                {
                    "type": "bar",
                    "orientation": "h",
                    "y": list(range(len(shown))),
                    "x": [float(row.net_sales) for row in shown],
                    "text": [whole_money(row.net_sales, unit) for row in shown],
                    "textposition": "auto",
                    "insidetextfont": {"color": "#ffffff"},
                    "hoverinfo": "skip",
                    "marker": {"color": _BLUE},
                }
            ],
            xaxis=_money_axis("Net sales", unit),
            yaxis={
                "tickvals": list(range(len(shown))),
                "ticktext": [
                    _shown(shortened(row.name or NO_NAME, _LONGEST_LABEL)) for row in shown
                ],
                "showgrid": False,
            },
            bargap=0.3,
            height=90 + 34 * len(shown),
        ),
    )


def projection(projected: contents.Projected, measure: str, unit: Currency) -> Chart:
    """What was sold, and the fan of what may come."""
    past = sorted(projected.past, key=lambda row: row.day)[-_SHOWN_PAST_DAYS:]
    days = sorted(
        (row for row in projected.days if row.level == "total" and row.measure == measure),
        key=lambda row: row.day,
    )
    is_money = measure == "revenue"
    sold = [float(row.revenue if is_money else row.units) for row in past]

    def text(value: Any) -> str:
        return whole_money(value, unit) if is_money else number(value)

    what = "Revenue" if is_money else "Units"
    first, whole = (sum(row.projected for row in days[:count]) for count in (7, len(days)))
    return Chart(
        f"projected-{measure}",
        f"{what} a day, sold and projected",
        f"Expected are {text(first)}{'' if is_money else ' units'} in the first 7 days after "
        f"{short_day(projected.as_of)} and {text(whole)} in all {len(days)}. The model is: "
        f"{days[0].model}.",
        _figure(
            _fan([row.day for row in past], sold, days, text),
            xaxis={
                "title": _title("Day (UTC)"),
                "type": "date",
                "tickformat": "%-d %b",
                "nticks": 8,
            },
            yaxis=_money_axis(what, unit) if is_money else _axis("Units (pieces)"),
            legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            hovermode="x unified",
            margin={"l": 8, "r": 8, "t": 48, "b": 8},
        ),
    )


def _fan(
    past: Sequence[date],
    sold: Sequence[float],
    days: Sequence[ProjectedDay],
    text: Callable[[Any], str],
) -> list[dict[str, Any]]:
    ahead = [row.day.isoformat() for row in days]

    def band(name: str, low: list[float], high: list[float], fill: str) -> dict[str, Any]:
        return {
            "type": "scatter",
            "name": name,
            "x": ahead + ahead[::-1],
            "y": high + low[::-1],
            "fill": "toself",
            "fillcolor": fill,
            "line": {"width": 0},
            "mode": "lines",
            "hoverinfo": "skip",
        }

    return [
        band(
            "95 % interval",
            [float(row.low_95) for row in days],
            [float(row.high_95) for row in days],
            _BAND_95,
        ),
        band(
            "80 % interval",
            [float(row.low_80) for row in days],
            [float(row.high_80) for row in days],
            _BAND_80,
        ),
        {
            "type": "scatter",
            "name": "Sold",
            "x": [day.isoformat() for day in past],
            "y": list(sold),
            "mode": "lines",
            "line": {"color": _ORANGE, "width": 2},
            "customdata": [text(value) for value in sold],
            "hovertemplate": "%{customdata}",
        },
        {
            "type": "scatter",
            "name": "Projected",
            "x": ahead,
            "y": [float(row.projected) for row in days],
            "mode": "lines",
            "line": {"color": _BLUE, "width": 2, "dash": "dash"},
            "customdata": [
                f"{text(row.projected)} (80 %: {text(row.low_80)} to {text(row.high_80)})"
                for row in days
            ],
            "hovertemplate": "%{customdata}",
        },
    ]


def _money_axis(title: str, unit: Currency) -> dict[str, Any]:
    return _axis(f"{title} ({unit.code})") | {"tickprefix": _shown(unit.symbol)}


def _axis(title: str) -> dict[str, Any]:
    return {"title": _title(title), "tickformat": "~s", "rangemode": "tozero", "nticks": 6}


def _title(text: str) -> dict[str, Any]:
    return {"text": text, "standoff": 14, "font": {"size": 13}}


def _figure(traces: list[dict[str, Any]], **layout: Any) -> str:
    """Checked by plotly, and as JSON in which no markup can begin."""
    from plotly import graph_objects  # type: ignore[import-untyped]

    axes = {"automargin": True, "fixedrange": True, "zeroline": False, "ticklabelstandoff": 6}
    figure = graph_objects.Figure(
        data=traces,
        layout={
            "template": "none",
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, sans-serif", "size": 13},
            "height": 340,
            "margin": {"l": 8, "r": 8, "t": 12, "b": 8},
            "hoverlabel": _HOVER,
            "showlegend": len(traces) > 1,
        }
        | layout
        | {axis: axes | layout.get(axis, {}) for axis in ("xaxis", "yaxis")},
    )
    text = json.dumps(figure.to_plotly_json(), sort_keys=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("&", "\\u0026")


def _shown(name: str) -> str:
    """A name as plotly shows it, which reads some markup."""
    return html.escape(name, quote=False)
