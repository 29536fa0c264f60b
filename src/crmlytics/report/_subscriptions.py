"""Recurring revenue: what it is, what moved it, and what is left of last year's."""

import warnings
from typing import TYPE_CHECKING, Any

from crmlytics import kpi
from crmlytics.errors import CrmlyticsError, CrmlyticsWarning
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section

if TYPE_CHECKING:
    import pandas as pd

_KEY, _TITLE = "subscriptions", "Recurring revenue"
_SHOWN = 13  # a year of months and the month a year before
_MOVES = ("new", "reactivation", "expansion", "contraction", "churn")


def section(inputs: Inputs) -> Section | None:
    """Show MRR, its movements and its retention; None where no subscriptions were handed over."""
    given = inputs.others.get("subscriptions")
    if given is None:
        return None
    options: dict[str, Any] = {"as_of": inputs.as_of, "customer_col": inputs.columns.customer}
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CrmlyticsWarning)
            moved = kpi.mrr_movements(given, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CrmlyticsWarning)
            monthly = kpi.monthly_revenue(given, **options)
        kept = kpi.revenue_retention(monthly, customer_col=inputs.columns.customer)
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        body = _page.paragraph(f"The subscriptions do not allow it: {reason}")
        return Section(_KEY, _TITLE, body)
    if not len(moved):
        return Section(_KEY, _TITLE, _page.paragraph("There are no subscriptions."))
    body = _page.paragraph(
        "Monthly recurring revenue (MRR) of a month is what its last day's subscriptions bring a "
        "month. It is the customer who is new or lost, not the subscription: who cancels one of "
        "two is a contraction. Start, what was won and what was lost add up to the end."
    )
    for one in caught:
        left_out = str(one.message).split(": ", 1)[-1]
        body += _page.paragraph(left_out[0].upper() + left_out[1:], soft=True)
    ax = _page.blank_figure(8.0, 3.8)
    kpi.plot_mrr(moved, ax=ax)
    body += _page.picture(ax.figure, "What moved the recurring revenue, and where it came to")
    body += _rows(moved.tail(_SHOWN))
    found, headlines = _retention(moved, kept)
    return Section(_KEY, _TITLE, body + found, headlines=headlines, cards=(_card(moved),))


def _card(moved: "pd.DataFrame") -> str:
    last = moved.iloc[-1]
    return _page.card("MRR", _page.money(last["end"]), f"of {last['customers']:,} subscribers")


def _rows(moved: "pd.DataFrame") -> str:
    head = ("", "start", *_MOVES, "end", "subscribers", "lost")
    rows = [
        (
            _page.date(row["month"])[:7], _page.money(row["start"]),
            *(_page.money(row[name]) for name in _MOVES), _page.money(row["end"]),
            _page.number(row["customers"]), _page.number(row["churn_customers"]),
        )
        for row in moved.to_dict("records")
    ]  # fmt: skip
    return _page.table(head, rows, marked=[not over for over in moved["complete"]])


def _retention(moved: "pd.DataFrame", kept: "pd.DataFrame") -> tuple[str, tuple[str, ...]]:
    """Say what the last month that was over has left of the revenue of a year before."""
    over = moved[moved["complete"]]
    if not len(over):
        return "", ()
    month = over.iloc[-1]
    lines = [
        f"Recurring revenue at the end of {_page.date(month['month'])[:7]}: "
        f"{_page.money(month['end'])} a month from {month['customers']:,} subscribers."
    ]
    known = kept[(kept["month"] == month["month"]) & kept["nrr"].notna()]
    body = _page.heading("What is left of last year's revenue?")
    if not len(known):
        return body + _page.paragraph(
            "Nobody paid a year before the last full month, so this cannot be said yet."
        ), tuple(lines)
    row = known.iloc[0]
    rows = [
        (name, _page.percent(row[key]), _bounds(row, short), said)
        for name, key, short, said in (
            ("net (NRR)", "nrr", "nrr", "what they pay now"),
            ("gross (GRR)", "grr", "grr", "the same without what anybody pays more"),
            ("customers", "logo_retention", "logo", "how many of them still pay"),
        )
    ]
    body += _page.paragraph(
        f"Of the {row['base_customers']:,} subscribers of a year before, who paid "
        f"{_page.money(row['base_mrr'])} a month; customers won since are not in it. "
        "Intervals are of 95 %."
    )
    body += _page.table(("retention", "share", "interval", "what it counts"), rows)
    lines.append(
        f"Of the recurring revenue of a year before {_page.percent(row['nrr'])} are left "
        f"(95\N{NO-BREAK SPACE}%: {_bounds(row, 'nrr')}), and {_page.percent(row['grr'])} without "
        "what is paid more."
    )
    return body, tuple(lines)


def _bounds(row: Any, name: str) -> str:
    lower, upper = row[f"{name}_lower"], row[f"{name}_upper"]
    if lower != lower:
        return "–"
    return f"{_page.percent(lower)} to {_page.percent(upper)}"
