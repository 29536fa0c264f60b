"""What customers bring after all they cost, and which relationships want attention."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from crmlytics import customers
from crmlytics.errors import CrmlyticsError, CrmlyticsWarning
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section

if TYPE_CHECKING:
    import pandas as pd

_KEY, _TITLE = "relationships", "What customers bring, and cost"
_COST = "cost"
_BEST = 0.2  # share of customers whose profit is named
_MOST_REASONS = 3
_PARTS = {
    "returns": "returns",
    "service_cost": "what service costs",
    "late_payment_cost": "what late payment costs",
}
_ACTIONS = {
    "end": "talk about ending it: loses money, and shows several costly behaviours",
    "repair": "find out why: complains often, or abuses staff",
    "reprice": "change terms: returns much, buys on deals alone, pays late, or loses money",
    "grow": "offer more: satisfied, or buys what is new, and costs little",
    "keep": "leave as it is",
}


def section(inputs: Inputs) -> Section | None:
    """Profit and proposals; None where neither costs nor tickets are known."""
    priced = _COST in inputs.transactions.columns and _COST not in vars(inputs.columns).values()
    tickets = _tickets(inputs)
    if not priced and tickets is None:
        return None
    body, profit = "", None
    headlines: tuple[str, ...] = ()
    if priced:
        profit, said, headlines = _profit(inputs)
        body += said
    review, said = _review(inputs, tickets, profit)
    body += said
    found = _columns(profit, review, inputs.columns.customer)
    return Section(_KEY, _TITLE, body, headlines=headlines, customers=found)


def _tickets(inputs: Inputs) -> "pd.DataFrame | None":
    """Return what customers complained about; all tickets where none is called a complaint."""
    given = inputs.others.get("interactions")
    who = inputs.columns.customer
    if given is None or "opened_at" not in given.columns or who not in given.columns:
        return None
    opened = given[given["opened_at"].notna() & given[who].notna()]
    if "event" in opened.columns and (opened["event"] == "complaint").any():
        opened = opened[opened["event"] == "complaint"]
    return opened.reset_index(drop=True) if len(opened) else None


def _profit(inputs: Inputs) -> tuple["pd.DataFrame | None", str, tuple[str, ...]]:
    """Return the profit of each customer, and what there is to say of it."""
    names = inputs.columns
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CrmlyticsWarning)  # said below
            profit = customers.customer_profit(
                inputs.transactions, cost_col=_COST, as_of=inputs.as_of,
                customer_col=names.customer, date_col=names.date, amount_col=names.amount,
            )  # fmt: skip
            curve = customers.profit_concentration(profit, customer_col=names.customer)
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        return None, _page.paragraph(f"The costs give no profit: {reason}"), ()
    body = _page.paragraph(
        "Profit is what a customer paid, less what the goods cost and what came back. Costs that "
        "no customer causes, as rent and salaries, are not in it."
    )
    known = profit["profit"].dropna()
    missing = [words for name, words in _PARTS.items() if profit[name].isna().all()]
    if missing:
        body += _page.paragraph(f"Not known, and not taken off: {', '.join(missing)}.", soft=True)
    if len(known) < len(profit):
        unknown = f"{len(profit) - len(known):,} of {len(profit):,} customers"
        body += _page.paragraph(f"Of {unknown} the profit is not known.", soft=True)
    if not len(known):
        return profit, body, ()
    sentence = _concentrated(curve, known)
    body += _page.paragraph(sentence)
    ax = _page.blank_figure(7.0, 3.8)
    customers.plot_profit_concentration(curve, ax=ax)
    body += _page.picture(ax.figure, "Profit of the best customers together, best first")
    return profit, body, (sentence,)


def _concentrated(curve: "pd.DataFrame", known: "pd.Series") -> str:
    """Say how much the best bring, and how many lose money."""
    reached = np.flatnonzero(curve["rank_share"] <= _BEST + 1e-9)[-1]
    best, last = curve.iloc[reached], curve.iloc[-1]
    total = last["cumulative_profit"]
    lost = known[known < 0]
    if best["customers"] and total > 0:
        sentence = (
            f"The best {_page.percent(best['rank_share'], 0)} of customers bring "
            f"{_page.percent(best['cumulative_profit'] / total, 0)} of the profit of "
            f"{_page.money(total)}"
        )
    else:
        sentence = f"All customers together bring a profit of {_page.money(total)}"
    if not len(lost):
        return f"{sentence}; none loses money."
    share = _page.percent(len(lost) / len(known))
    return (
        f"{sentence}; {len(lost):,} of {len(known):,} ({share}) lose money, "
        f"{_page.money(-lost.sum())} together."
    )


def _review(
    inputs: Inputs, tickets: "pd.DataFrame | None", profit: "pd.DataFrame | None"
) -> tuple["pd.DataFrame | None", str]:
    """Return what is proposed for each customer, and how to read it."""
    names = inputs.columns
    who = names.customer
    ids = inputs.seen[[who]].drop_duplicates().sort_values(who).reset_index(drop=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CrmlyticsWarning)  # tickets of others count nowhere
            review = customers.relationship_review(
                ids, transactions=inputs.transactions, tickets=tickets,
                feedback=_scores(inputs), profit=profit, as_of=inputs.as_of, customer_col=who,
                date_col=names.date, order_col=names.order, amount_col=names.amount,
                product_col=names.product if names.product in inputs.transactions else None,
            )  # fmt: skip
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        return None, _page.paragraph(f"The tables allow no review of relationships: {reason}")
    body = _page.heading("Which relationships want attention?")
    body += _page.paragraph(
        "Proposals for somebody to read, not decisions. A behaviour counts where it is surely "
        "above its threshold, and not after one return or complaint. To end a relation is never "
        "proposed where customers are valuable or their profit is not known. Who complains with "
        "good reason is to be answered; nothing here knows whom the law or decency protects."
    )
    return review, body + _proposals(review, profit, who)


def _scores(inputs: Inputs) -> "pd.DataFrame | None":
    """Return the answers of customers, where they can be dated and numbered."""
    given = inputs.others.get("feedback")
    names = [inputs.columns.customer, inputs.columns.date, "score"]
    if given is None or not set(names) <= set(given.columns):
        return None
    kinds = [given[name].dtype.kind for name in names[1:]]
    answers = given[names].dropna().reset_index(drop=True)
    if kinds[0] != "M" or kinds[1] not in "iuf" or not len(answers):
        return None
    return answers


def _proposals(review: "pd.DataFrame", profit: "pd.DataFrame | None", who: str) -> str:
    """Show how many customers each action is proposed for, and why."""
    if profit is not None:
        review = review.merge(profit[[who, "profit"]], on=who, how="left")
    rows = []
    for action, meant in _ACTIONS.items():
        part = review[review["action"] == action]
        if not len(part):
            continue
        counted = part["reason"].value_counts()
        counted = counted.sort_index().sort_values(ascending=False, kind="stable")
        reasons = [f"{reason} ({count:,})" for reason, count in counted.head(_MOST_REASONS).items()]
        if len(counted) > _MOST_REASONS:
            reasons.append("others")
        row = [
            _page.text(action), _page.number(len(part)), _page.percent(len(part) / len(review)),
            _page.text(meant), _page.text("; ".join(reasons)),
        ]  # fmt: skip
        if profit is not None:
            row.insert(3, _page.money(part["profit"].sum()))
        rows.append(row)
    head = ["action", "customers", "share", "what it means", "reasons"]
    if profit is not None:
        head.insert(3, "profit")
    return _page.table(head, rows)


def _columns(
    profit: "pd.DataFrame | None", review: "pd.DataFrame | None", who: str
) -> "pd.DataFrame | None":
    """Return what joins the customer table."""
    parts = []
    if profit is not None:
        parts.append(profit[[who, "profit"]])
    if review is not None:
        named = {"action": "relationship_action", "reason": "relationship_reason"}
        parts.append(review[[who, *named]].rename(columns=named))
    if len(parts) < 2:
        return parts[0] if parts else None
    return parts[0].merge(parts[1], on=who, how="outer", validate="one_to_one")
