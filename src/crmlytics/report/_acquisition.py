"""What it costs to win customers, by channel and period by period."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from crmlytics import _plot, kpi
from crmlytics.errors import CrmlyticsError, CrmlyticsWarning
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section

if TYPE_CHECKING:
    import pandas as pd

_TITLE = "What winning customers costs"
_WORDS = {"W": "week", "M": "month", "Q": "quarter"}
_SHOWN = 13  # periods in the table: a year of months and the month a year before
_LEVELS = {"blended": "all", "paid": "channels with a cost", "unattributed": "without a channel"}


def section(inputs: Inputs) -> Section | None:
    """Divide spend by new customers; None where one of the two tables was not handed over."""
    spend, customers = (inputs.others.get(name) for name in ("spend", "customers"))
    if spend is None or customers is None:
        return None
    options: dict[str, Any] = {"as_of": inputs.as_of, "customer_col": inputs.columns.customer}
    if not all("channel" in table.columns for table in (spend, customers)):
        options["channel_col"] = None
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CrmlyticsWarning)
            whole = kpi.cac(spend, customers, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CrmlyticsWarning)
            parts = kpi.cac(spend, customers, period=inputs.period, **options)
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        return Section(
            "acquisition", _TITLE, _page.paragraph(f"The spend does not allow it: {reason}")
        )
    body = _page.paragraph(
        "Spend against the customers acquired in the same days, whatever they bought since. "
        "All cost is divided by all new customers, also those who came without advertising; "
        "channels with a cost are divided by their own customers alone. A dash is a channel "
        "whose cost nobody has stated, or that won nobody. Intervals take the cost for known and "
        "the number of customers for a count that chance moves."
    )
    notes = sorted({str(one.message).split(": ", 1)[-1] for one in caught})
    body += "".join(_page.paragraph(note[:1].upper() + note[1:], soft=True) for note in notes)
    body += _levels(whole) + _over_time(parts, inputs.period)
    return Section("acquisition", _TITLE, body, headlines=_headlines(whole))


def _levels(table: "pd.DataFrame") -> str:
    rows = []
    for row in table.to_dict("records"):
        empty = row["level"] == "unattributed" and not row["denominator"] and not row["numerator"]
        if not empty:
            name = _LEVELS.get(row["level"]) or str(row["channel"])
            shown = _page.text(name) if row["level"] == "channel" else name
            rows.append((shown, *_figures(row)))
    return _page.table(("", "cost", "new customers", "cost of one", "95 % interval"), rows)


def _figures(row: Any) -> tuple[str, ...]:
    known = row["value"] == row["value"]
    return (
        _page.money(row["numerator"]),
        _page.number(row["denominator"]),
        _page.money(row["value"]),
        f"{_page.money(row['lower'])} to {_page.money(row['upper'])}" if known else "–",
    )


def _over_time(table: "pd.DataFrame", period: str) -> str:
    """Show cost and customers by period, all channels together."""
    table = table[table["level"] == "blended"]
    word = _WORDS[period]
    body = _page.heading(f"By {word}")
    if not table["complete"].all():
        body += _page.paragraph(f"In italics: a {word} that spend and customers do not fill.")
    if int(table["value"].notna().sum()) > 1:
        body += _page.picture(
            _drawn(table), f"Cost of a new customer by {word}, all channels, with 95 % interval"
        )
    shown = table.tail(_SHOWN)
    rows = [
        (
            str(row["period"].date())[: 10 if period == "W" else 7],
            *_figures(row),
        )
        for row in shown.to_dict("records")
    ]
    head = ("", "cost", "new customers", "cost of one", "95 % interval")
    return body + _page.table(head, rows, marked=[not over for over in shown["complete"]])


def _drawn(table: "pd.DataFrame") -> Any:
    ax = _page.blank_figure(7.0, 3.4)
    days = table["period"].to_numpy().astype("M8[D]").astype(np.int64)
    _plot.open_box(ax, "y")
    line = _plot.line(ax, days, table["value"].to_numpy(), table["complete"].to_numpy(), 0)
    ax.fill_between(
        days, table["lower"], table["upper"], color=line.get_color(), alpha=0.15, linewidth=0
    )
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter(lambda number, _: _plot.compact(number))
    ax.set_ylabel("amount per new customer")
    unit = _plot.unit_of(days)
    _plot.time_axis(ax, days, unit)
    marks = [] if table["complete"].all() else [_plot.hollow_mark(_plot.UNFINISHED)]
    _plot.head(ax, "Cost of a new customer", marks)
    return ax.figure


def _headlines(table: "pd.DataFrame") -> tuple[str, ...]:
    row = table.iloc[0]
    if row["value"] != row["value"]:
        return ()
    paid = table[table["level"] == "paid"]["value"].dropna()
    more = f"; {_page.money(paid.iloc[0])} over channels with a cost" if len(paid) else ""
    return (
        f"Winning a customer costs {_page.money(row['value'])} "
        f"(95\N{NO-BREAK SPACE}%: {_page.money(row['lower'])} to {_page.money(row['upper'])}): "
        f"{_page.money(row['numerator'])} for {row['denominator']:,} new customers{more}.",
    )
