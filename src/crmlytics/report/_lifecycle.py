"""Where customers are in their life as customers, and what is usually done there."""

import warnings
from typing import TYPE_CHECKING, Any

from crmlytics import segmentation
from crmlytics.errors import CrmlyticsError, CrmlyticsWarning
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section

if TYPE_CHECKING:
    import pandas as pd

_KEY, _TITLE = "lifecycle", "Where customers are in their life"
_MEANT = {
    "new": "one purchase so far, at most so many days ago",
    "onboarding": "first purchase at most so many days ago",
    "at_risk": "no purchase for more than so many days",
    "lapsed": "no purchase for more than so many days",
    "lost": "no purchase for more than so many days",
    "won_back": "back at most so many days ago, after a lapse",
    "usual_gap": "mean gap, by which a customer's own rhythm is measured",
}
_DONE = ("goal", "actions", "channels")  # of stage_actions


def section(inputs: Inputs) -> Section:
    """Stages with their thresholds, sizes, money and usual actions."""
    names = inputs.columns
    options: dict[str, Any] = {
        "as_of": inputs.as_of, "customer_col": names.customer, "date_col": names.date,
        "amount_col": names.amount,
    }  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CrmlyticsWarning)  # the page counts what is left out
            limits = segmentation.lifecycle_thresholds(inputs.transactions, **options)
            stages, note = _stages(inputs, limits, options)
            bought = segmentation.rfm_table(inputs.transactions, as_of=inputs.as_of, **names.named)[
                [names.customer, "monetary"]
            ]
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        return Section(_KEY, _TITLE, _page.paragraph(f"The stages cannot be told: {reason}"))
    shown = stages.merge(bought, on=names.customer, how="left")
    body = _page.paragraph(
        "Stages follow from purchases: how long ago the first and the last one were, held against "
        "the silences that are usual in this shop. Silences of customers with a rhythm of their "
        "own are measured by it, the more the longer they have been there."
        + _told(set(stages["stage"]))
    )
    body += note + _limits(limits)
    ax = _page.blank_figure(8.0, 1.4 + 0.46 * shown["stage"].nunique())
    segmentation.plot_lifecycle(shown, ax=ax)
    body += _page.picture(ax.figure, "Customers in each stage, and what they have brought so far")
    body += _rows(shown)
    columns = stages[[names.customer, "stage", "days_in_stage"]]
    columns = columns.assign(days_in_stage=columns["days_in_stage"].astype("Int64"))
    return Section(_KEY, _TITLE, body, headlines=_headlines(shown), customers=columns)


def _stages(
    inputs: Inputs, limits: "pd.DataFrame", options: dict[str, Any]
) -> tuple["pd.DataFrame", str]:
    """Return the stages; of transactions alone where the other tables cannot be used."""
    others = {"customers": _people(inputs), "feedback": _scores(inputs)}
    others["interactions"] = _referrals(inputs)
    given = {name: table for name, table in others.items() if table is not None}
    options = {"thresholds": limits, **options}
    if not given:
        return segmentation.lifecycle_stages(inputs.transactions, **options), ""
    try:
        return segmentation.lifecycle_stages(inputs.transactions, **given, **options), ""
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        found = segmentation.lifecycle_stages(inputs.transactions, **options)
        said = f"Prospects and advocates are not told from the others: {reason}"
        return found, _page.paragraph(said, soft=True)


def _people(inputs: Inputs) -> "pd.DataFrame | None":
    """Return the list of customers, for those who have not bought."""
    known = inputs.others.get("customers")
    who = inputs.columns.customer
    if known is None or who not in known.columns:
        return None
    acquired = "acquired_on" in known.columns and known["acquired_on"].dtype.kind == "M"
    people: pd.DataFrame = known[[who, "acquired_on"] if acquired else [who]]
    return people


def _scores(inputs: Inputs) -> "pd.DataFrame | None":
    """Return scores, for those who would recommend."""
    given = inputs.others.get("feedback")
    names = [inputs.columns.customer, inputs.columns.date, "score"]
    if given is None or not set(names) <= set(given.columns):
        return None
    if given[names[1]].dtype.kind != "M" or given["score"].dtype.kind not in "iuf":
        return None
    answers: pd.DataFrame = given[names].dropna().reset_index(drop=True)
    return answers if len(answers) else None


def _referrals(inputs: Inputs) -> "pd.DataFrame | None":
    """Return contacts, for those who brought others along."""
    given = inputs.others.get("interactions")
    names = [inputs.columns.customer, inputs.columns.date, "event"]
    if given is None or not set(names) <= set(given.columns):
        return None
    found: pd.DataFrame = given.loc[given["event"] == "referral", names].dropna()
    return found.reset_index(drop=True) if len(found) else None


def _told(there: set[str]) -> str:
    """Explain the stages that other tables add."""
    sentence = ""
    if "advocate" in there:
        sentence += " Advocates are active customers who scored 9 or more last, or referred others."
    if "prospect" in there:
        sentence += " Prospects stand in the customers table and have not bought."
    return sentence


def _limits(limits: "pd.DataFrame") -> str:
    """Show the thresholds, and how often they would have been wrong."""
    body = _page.heading("From when on is a silence long?")
    body += _page.paragraph(
        "Taken from the silences of this shop, those included that are not over. The last columns "
        "say how many silences were longer, and how many of these ended in a purchase all the "
        "same: what is called lost is not always lost. A dash is a threshold that the data do not "
        "reach."
    )
    rows = [
        (
            _page.text(row["threshold"]), _page.text(_MEANT.get(row["threshold"], "")),
            _page.number(row["days"]), _page.text(row["rule"]),
            _page.percent(row["returned_later_share"], 0), _page.number(row["n_silences"]),
        )
        for row in limits.to_dict("records")
    ]  # fmt: skip
    head = ("threshold", "what it says", "days", "from", "came back", "of longer silences")
    return body + _page.table(head, rows)


def _rows(shown: "pd.DataFrame") -> str:
    """Show the stages, and what is usually done there."""
    total = shown["monetary"].sum()
    figures, actions = [], []
    for row in segmentation.stage_actions().to_dict("records"):
        part = shown[shown["stage"] == row["stage"]]
        name = _page.text(row["stage"])
        if len(part):
            share = part["monetary"].sum() / total if total > 0 else None
            figures.append(
                (
                    name, _page.number(len(part)), _page.percent(len(part) / len(shown)),
                    _page.percent(share), _page.number(part["days_in_stage"].median()),
                )
            )  # fmt: skip
            actions.append((name, *(_page.text(row[key]) for key in _DONE)))
    body = _page.heading("The stages in figures")
    head = ("stage", "customers", "share", "of revenue", "days in it (median)")
    body += _page.table(head, figures)
    body += _page.heading("What is usually done")
    body += _page.paragraph(
        "A starting point and no finding of these data: whether an action changes anything can "
        "only be told by leaving some customers out at random."
    )
    return body + _page.table(("stage", *_DONE), actions)


def _headlines(shown: "pd.DataFrame") -> tuple[str, ...]:
    """Say who is about to leave, and who came back."""
    counts = shown["stage"].value_counts()
    risk, back = (int(counts.get(name, 0)) for name in ("at_risk", "won_back"))
    if not risk and not back:
        return ()
    worth = shown.loc[shown["stage"] == "at_risk", "monetary"].sum()
    return (
        f"{risk:,} customers are silent for longer than is usual and not lapsed yet (at_risk); "
        f"they have brought {_page.money(worth)}. {back:,} have come back from a lapse lately.",
    )
