"""What customers are worth in the year to come, and whether such predictions held before."""

import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from crmlytics import btyd, kpi
from crmlytics.errors import CrmlyticsError, CrmlyticsWarning
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section

if TYPE_CHECKING:
    import pandas as pd

HORIZON = 365
_LEAST_DAYS = 120  # of history; a third of it is held back to test the model
_CLASSES = 10
_TITLE = "What customers are worth"
_MODELS = {"pareto_nbd": "Pareto/NBD", "mbg_nbd": "MBG/NBD", "naive": "same rate as before"}


def section(inputs: Inputs) -> Section:
    """Predict purchases and revenue of each customer in a year; the columns they give."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CrmlyticsWarning)
            table, total = _predicted(inputs)
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        body = _page.paragraph(
            f"The value of customers cannot be predicted from these data: {reason}"
        )
        return Section("value", _TITLE, body)
    body = _page.paragraph(
        f"Expected revenue of each customer in the {HORIZON} days after {inputs.as_of}, before "
        "margin and discount: a model of how often customers buy and for how long they stay "
        "(Pareto/NBD), times a model of what they spend (Gamma-Gamma). Customers who are new or "
        "silent weigh as much as their likeness to others says. Tenths of the customers, the most "
        "valuable first; value, purchases and spend are means."
    )
    body += _classes(table)
    notes = {str(one.message).split(": ", 1)[-1] for one in caught}
    body += "".join(
        _page.paragraph(note[:1].upper() + note[1:], soft=True) for note in sorted(notes)
    )
    body += _holdout(inputs)
    worth = float(table["clv"].sum())
    best = table["clv"].nlargest(max(len(table) // 10, 1)).sum()
    headlines = (
        f"In the next {HORIZON} days {_page.number(total['expected'])} purchases are expected "
        f"(95\N{NO-BREAK SPACE}%: {_page.number(total['lower'])} to "
        f"{_page.number(total['upper'])}), worth {_page.money(worth)}; the best tenth of customers "
        f"stands for {_page.percent(best / worth if worth else None)} of it.",
    )
    customers = table.rename(
        columns={"lower": "clv_lower", "upper": "clv_upper", "flag": "clv_flag"}
    )
    return Section("value", _TITLE, body, headlines=headlines, customers=customers)


def _predicted(inputs: Inputs) -> tuple["pd.DataFrame", Any]:
    options: dict[str, Any] = {"as_of": inputs.as_of, **inputs.columns.named}
    summary = btyd.purchase_summary(inputs.transactions, **options)
    model = kpi.fit_clv(inputs.transactions, **options)
    who = inputs.columns.customer
    table = model.predict(summary, horizon=HORIZON, customer_col=who)
    return table, btyd.total_interval(model.purchases, summary, horizon=HORIZON).iloc[0]


def _classes(table: "pd.DataFrame") -> str:
    """Describe tenths of the customers by value; equal values are never parted."""
    rank = (table["clv"].rank(method="average", ascending=False) - 0.5) / len(table)
    place = np.minimum((rank * _CLASSES).astype(int), _CLASSES - 1)
    total = table["clv"].sum()
    rows = []
    for one, part in table.groupby(place):
        rows.append(
            (
                str(int(one) + 1),
                _page.number(len(part)),
                _page.money(part["clv"].mean()),
                f"{_page.money(part['clv'].min())} to {_page.money(part['clv'].max())}",
                _page.percent(part["clv"].sum() / total if total else None),
                _page.percent(part["p_alive"].mean()),
                _page.number(part["expected_purchases"].mean(), 1),
                _page.money(part["expected_spend"].mean()),
            )
        )
    head = ("tenth", "customers", "value", "from, to", "share", "still customers", "purchases")
    return _page.table((*head, "spend each"), rows)


def _holdout(inputs: Inputs) -> str:
    """Hold a prediction made from the first two thirds of the data against the last third."""
    body = _page.heading("Did such predictions hold?")
    if inputs.days < _LEAST_DAYS:
        return body + _page.paragraph(
            f"The data cover {inputs.days} days: too few to hold a part back and see."
        )
    held = inputs.days // 3
    end = inputs.as_of - timedelta(days=held)
    columns = inputs.columns
    options: dict[str, Any] = {
        "calibration_end": end, "horizon": held, "models": tuple(_MODELS),
        "customer_col": columns.customer, "date_col": columns.date, "amount_col": columns.amount,
    }  # fmt: skip
    seen = inputs.transactions
    seen = seen[seen[columns.date] < np.datetime64(inputs.as_of) + np.timedelta64(1, "D")]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CrmlyticsWarning)
            result = btyd.evaluate_holdout(seen, **options)
            groups = btyd.holdout_groups(btyd.holdout_predictions(seen, **options), group="decile")
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        return body + _page.paragraph(f"That cannot be told from these data: {reason}")
    body += _page.paragraph(
        f"Models fitted to the days up to {end} predicted the {held} days after it, which they had "
        "not seen. Bias is by how much the total was missed, error the mean miss per customer in "
        "purchases; 90 % of customers should lie in their interval."
    )
    rows = [
        (
            _MODELS[row.model], _page.number(row.actual), _page.number(row.expected),
            _page.percent(row.bias), _page.number(row.mae, 2), _page.percent(row.coverage),
        )
        for row in result.itertuples()
    ]  # fmt: skip
    head = ("model", "purchases made", "expected", "bias", "error (mean)", "in their interval")
    body += _page.table(head, rows)
    ax = _page.blank_figure(7.0, 3.8)
    btyd.plot_calibration(groups, ax=ax)
    return body + _page.picture(
        ax.figure, "Purchases made and expected, by tenths of expected purchases"
    )
