"""Who the customers are: RFM segments, how large, what they bring, who moved."""

from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from crmlytics import segmentation
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section

if TYPE_CHECKING:
    import pandas as pd

MOST_ACTIONS = 100
_URGENT = {
    "cant_lose": "call in person",
    "at_risk": "win back",
}
_FEATURES = ["recency_days", "frequency", "monetary"]


def section(inputs: Inputs) -> Section:
    """Segments with their sizes, money and movements; the columns and actions they give."""
    customers = segmentation.rfm(
        inputs.transactions, as_of=inputs.as_of, explain=True, **inputs.columns.named
    )
    body = _page.paragraph(
        "Customers are scored from 1 to 5 by how recently (r), how often (f) and for how much (m) "
        "they bought, in five classes of about equal size; equal customers have equal scores. "
        "Segments name the cells of r and f."
    )
    body += _classes(customers)
    body += _pictures(customers)
    body += _profile(inputs, customers)
    body += _migration(inputs)
    total = customers["monetary"].sum()
    best = customers[customers["segment"] == "champions"]
    actions = _actions(inputs, customers)
    headlines = []
    if len(best) and total:
        headlines.append(
            f"Champions are {_page.percent(len(best) / len(customers))} of customers and bring "
            f"{_page.percent(best['monetary'].sum() / total)} of revenue."
        )
    urgent = customers[customers["segment"].isin(list(_URGENT))]
    if len(actions):
        headlines.append(
            f"{len(urgent):,} good customers have gone quiet (cant_lose, at_risk); they have "
            f"brought {_page.money(urgent['monetary'].sum())}. "
            f"{'The first' if len(urgent) > len(actions) else 'All'} {len(actions)} are in "
            "actions.csv."
        )
    return Section(
        "segments", "Who the customers are", body, headlines=tuple(headlines),
        customers=customers, actions=actions,
    )  # fmt: skip


def _classes(customers: "pd.DataFrame") -> str:
    """Show the days, orders and money that each score stands for."""
    cuts = segmentation.rfm_cuts(customers)
    rows = []
    for score in range(5, 0, -1):
        row = [str(score)]
        for dimension in _FEATURES:
            one = cuts[(cuts["dimension"] == dimension) & (cuts["score"] == score)].iloc[0]
            write = _page.money if dimension == "monetary" else _page.number
            if one["lower"] == -np.inf:
                row.append(f"up to {write(one['upper'])}")
            elif one["upper"] == np.inf:
                row.append(f"above {write(one['lower'])}")
            else:
                row.append(f"above {write(one['lower'])} to {write(one['upper'])}")
        rows.append(row)
    head = ("score", "days since the last order (r)", "orders (f)", "money (m)")
    return _page.table(head, rows)


def _pictures(customers: "pd.DataFrame") -> str:
    grid = _page.blank_figure(6.0, 4.6)
    segmentation.plot_rfm_heatmap(customers, ax=grid)
    bars = _page.blank_figure(6.4, 4.6)
    segmentation.plot_segments(customers, ax=bars)
    return (
        '<div class="pair">'
        + _page.picture(grid.figure, "Money and customers by recency and frequency score")
        + _page.picture(bars.figure, "Segments by customers and revenue")
        + "</div>\n"
    )


def _profile(inputs: Inputs, customers: "pd.DataFrame") -> str:
    profile = segmentation.segment_profile(
        customers, features=_FEATURES, customer_col=inputs.columns.customer
    )
    rows = []
    for segment, part in profile.groupby("segment", sort=False):
        by = part.set_index("feature")
        rows.append(
            (
                by["customers"].iloc[0],
                _page.text(str(segment)),
                _page.number(by["customers"].iloc[0]),
                _page.percent(by["share_of_customers"].iloc[0]),
                _page.percent(by["share_of_revenue"].iloc[0]),
                _page.number(by.loc["recency_days", "median"]),
                _page.number(by.loc["frequency", "mean"], 1),
                _page.money(by.loc["monetary", "mean"]),
                f"{_page.money(by.loc['monetary', 'lower'])} to "
                f"{_page.money(by.loc['monetary', 'upper'])}",
            )
        )
    rows.sort(key=lambda row: -row[0])
    head = ["segment", "customers", "share", "of revenue", "days silent (median)"]
    head += ["orders (mean)", "money (mean)", "95 %"]
    return _page.heading("The segments in figures") + _page.table(head, [row[1:] for row in rows])


def _migration(inputs: Inputs) -> str:
    """Show who moved in each of the last two quarters that are over."""
    body = _page.heading("Who moved in the last two quarters")
    ends = _quarter_ends(inputs.first_day, inputs.as_of)[-3:]
    if len(ends) < 2:
        return body + _page.paragraph("The data do not yet hold two finished quarters.")
    history = segmentation.rfm_history(
        inputs.transactions, every="Q", start=ends[0], as_of=inputs.as_of, **inputs.columns.named
    )
    moved = segmentation.segment_migration(history, customer_col=inputs.columns.customer)
    body += _page.paragraph(
        f"Segments by the cuts of {ends[0]} on every day. Orders and money are totals since "
        "the data begin and only grow, so that with kept cuts customers drift towards the frequent "
        "segments."
    )
    for before, after in reversed(list(pairwise(ends))):
        ax = _page.blank_figure(8.5, 6.0)
        segmentation.plot_migration(moved, to_as_of=after, ax=ax)
        caption = f"From {before} (rows) to {after} (columns)"
        body += _page.picture(ax.figure, caption)
    return body


def _quarter_ends(first: date, last: date) -> list[date]:
    import pandas as pd

    ends = pd.date_range(first, last, freq="QE")
    return [end.date() for end in ends]


def _actions(inputs: Inputs, customers: "pd.DataFrame") -> "pd.DataFrame":
    """List the customers most worth a contact: good ones gone quiet, by the money they brought."""
    who = inputs.columns.customer
    urgent = customers[customers["segment"].isin(list(_URGENT))]
    ordered = urgent.sort_values(
        ["monetary", "frequency", "recency_days", who], ascending=[False, False, True, True]
    ).head(MOST_ACTIONS)
    table = ordered[[who, "segment", "monetary"]].reset_index(drop=True)
    table.insert(1, "action", [_URGENT[segment] for segment in table["segment"]])
    table["reason"] = [_reason(row) for row in ordered.itertuples()]
    return table


def _reason(row: Any) -> str:
    often = "order" if row.frequency == 1 else "orders"
    rhythm = ""
    if row.frequency > 1 and row.last_date > row.first_date:
        gap = (row.last_date - row.first_date).days / (row.frequency - 1)
        rhythm = f", one every {gap:,.0f} days" if gap >= 1.5 else ", one a day"
    rank = "one of the most frequent fifth" if row.segment == "cant_lose" else "a frequent buyer"
    return (
        f"{row.frequency:,} {often} worth {_page.money(row.monetary)}{rhythm}; none for "
        f"{row.recency_days:,} days: {rank} gone quiet"
    )
