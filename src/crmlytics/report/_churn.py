"""Who is likely to leave, what that puts at stake, and whether such predictions held before."""

import warnings
from typing import TYPE_CHECKING, Any

from crmlytics import churn
from crmlytics.errors import CrmlyticsError, CrmlyticsWarning
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section

if TYPE_CHECKING:
    import pandas as pd

_TITLE = "Who is leaving"
_HORIZONS = (90, 60, 30)  # days; the longest that the data allow to be tested twice
_CANDIDATES = ("logistic", "boosting", "btyd", "recency")
_MODELS = {
    "logistic": "logistic regression",
    "boosting": "boosted trees",
    "btyd": "model of purchasing (Pareto/NBD)",
    "recency": "days of silence alone",
}


def section(inputs: Inputs) -> Section:
    """Predict who buys nothing in the time to come; the columns that gives."""
    horizon = next((days for days in _HORIZONS if inputs.days >= 4 * days), None)
    if horizon is None:
        body = _page.paragraph(
            f"The data cover {inputs.days} days: too few to predict who leaves and to see whether "
            "such a prediction holds."
        )
        return Section("churn", _TITLE, body)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CrmlyticsWarning)
            options = _options(inputs, horizon)
            record = churn.backtest_churn(
                inputs.seen, n_cutoffs=2, candidates=_CANDIDATES, **options
            )
            best = record.loc[record["chosen"], "model"].unique().tolist() or ["btyd"]
            risk = churn.churn_risk(inputs.seen, candidates=best, **options)
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        body = _page.paragraph(f"Who leaves cannot be predicted from these data: {reason}")
        return Section("churn", _TITLE, body)
    body = _now(risk, horizon, inputs) + _before(record, horizon)
    high = risk[risk["decile"] == 1]
    lost = float(risk["value_at_risk"].sum())
    headlines = (
        f"In the next {horizon} days {_page.percent(risk['churn_probability'].mean())} of "
        f"customers are expected to buy nothing; {_page.money(lost)} of revenue are at stake, "
        f"{_page.percent(high['value_at_risk'].sum() / lost if lost else None)} of it with the "
        "tenth most at risk.",
    )
    kept = [inputs.columns.customer, "churn_probability", "value_at_risk", "driver_1"]
    customers = risk[kept].rename(columns={"driver_1": "churn_driver"})
    return Section("churn", _TITLE, body, headlines=headlines, customers=customers)


def _options(inputs: Inputs, horizon: int) -> dict[str, Any]:
    columns = inputs.columns
    return {
        "horizon_days": horizon, "as_of": inputs.as_of,
        "customer_col": columns.customer, "date_col": columns.date, "amount_col": columns.amount,
    }  # fmt: skip


def _now(risk: "pd.DataFrame", horizon: int, inputs: Inputs) -> str:
    """Show tenths of the customers by risk."""
    body = _page.paragraph(
        f"The probability that each customer buys nothing in the {horizon} days after "
        f"{inputs.as_of}, by {_MODELS[risk['model'].iloc[0]]}, which did best on the customers' "
        "own past. At stake is that probability times what the customer would spend at the pace so "
        "far. Tenths of the customers, those most at risk first."
    )
    rows = [
        (
            str(int(tenth)), _page.number(len(part)),
            _page.percent(part["churn_probability"].mean()),
            _page.money(part["value_at_risk"].sum()),
            part["driver_1"].mode().iloc[0],
        )
        for tenth, part in risk.groupby("decile")
    ]  # fmt: skip
    head = ("tenth", "customers", "probability", "at stake", "moved most by")
    return body + _page.table(head, rows)


def _before(record: "pd.DataFrame", horizon: int) -> str:
    """Show how the models would have done."""
    body = _page.heading("Did such predictions hold?")
    body += _page.paragraph(
        f"Predicted from what was known on earlier days, held against the {horizon} days after. "
        "AUC is the chance that a customer who left had the higher probability than one who "
        "stayed; a model has to beat the days of silence alone."
    )
    rows = [
        (
            _MODELS[row.model], str(row.cutoff.date()), _page.number(row.n),
            _page.percent(row.base_rate), _page.percent(row.mean_probability),
            _page.number(row.auc, 3),
            f"{_page.number(row.auc_lower, 3)} to {_page.number(row.auc_upper, 3)}",
            "yes" if row.chosen else "",
        )
        for row in record.itertuples()
    ]  # fmt: skip
    head = ("model", "as of", "customers", "left", "predicted", "AUC", "interval", "chosen")
    return body + _page.table(head, rows)
