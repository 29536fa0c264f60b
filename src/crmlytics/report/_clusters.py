"""Which kinds of customers there are, if there are any."""

import re
import warnings
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from crmlytics import segmentation
from crmlytics.errors import CrmlyticsError, CrmlyticsWarning
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section

if TYPE_CHECKING:
    import pandas as pd

_KEY, _TITLE = "kinds", "Which kinds of customers"
_FEWEST = 100  # customers with purchases, to look for kinds at all
_BOUGHT = ("recency_days", "frequency", "monetary")
_MOST_KNOWN = 3  # numbers of the customers table: in many dimensions everybody is far from all
_DIFFERENT = 10  # values, below which a number is more of a category
_ID_SHARE = 0.95  # of whole numbers different in more rows than that, each names a customer
_NAMING = {"id", "code", "zip", "postcode", "postal", "phone", "mobile"}
_TRIED = range(2, 9)
_QUICK: dict[str, Any] = {"n_bootstrap": 10, "n_references": 6, "sample": 2_000}


def section(inputs: Inputs) -> Section | None:
    """Look for groups in what customers are and buy; None without a customers table."""
    known = inputs.others.get("customers")
    who = inputs.columns.customer
    if known is None or who not in known.columns or known[who].duplicated().any():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CrmlyticsWarning)
        bought = segmentation.rfm_table(
            inputs.transactions, as_of=inputs.as_of, **inputs.columns.named
        )
    bought = bought[bought[who].isin(known[who])].reset_index(drop=True)
    if len(bought) < _FEWEST:
        return None
    figures, ids = _figures(known.set_index(who).reindex(bought[who]).reset_index(drop=True))
    traits = dict(list(figures.items())[:_MOST_KNOWN])
    table = bought[[who, *_BOUGHT]].assign(**traits)
    features = [*_BOUGHT, *traits]
    body = _told(list(figures), ids, len(table), len(known))
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CrmlyticsWarning)
            choice = segmentation.choose_clusters(
                table, features=features, k_range=_TRIED, **_QUICK
            )
        notes = sorted({str(one.message).split(": ", 1)[-1] for one in caught})
        body += "".join(_page.paragraph(note[:1].upper() + note[1:], soft=True) for note in notes)
        if not choice["chosen"].any():
            return Section(_KEY, _TITLE, body + _none() + _choice(choice))
        number = int(choice.loc[choice["chosen"], "k"].iloc[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CrmlyticsWarning)  # said above
            model = segmentation.fit_clusters(
                table, features=features, n_clusters=number, n_stability=_QUICK["n_bootstrap"],
                customer_col=who,
            )  # fmt: skip
        placed = model.predict(table)[[who, "cluster", "cluster_name"]]
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        body += _page.paragraph(f"The customers do not allow it: {reason}")
        return Section(_KEY, _TITLE, body)
    body += _found(table.merge(placed, on=who), model) + _choice(choice)
    placed["cluster"] = placed["cluster"].astype("Int64")
    largest = model.summary()["share"].iloc[0]
    headline = (
        f"Customers fall into {number} kinds that hold where customers are drawn anew; the largest "
        f"is {_page.percent(largest)} of those with purchases."
    )
    return Section(_KEY, _TITLE, body, headlines=(headline,), customers=placed)


def _figures(known: "pd.DataFrame") -> tuple[dict[str, Any], list[str]]:
    """Return the numbers that measure customers, and the names of those that name them.

    Those known of most customers come first, of equal ones those that stand first. What groups
    come out is not looked at: a choice by the answer would find groups everywhere.
    """
    found: dict[str, Any] = {}
    ids = []
    for name in known.columns:
        values = _numbers(known[name]) if isinstance(name, str) and name not in _BOUGHT else None
        if values is None:
            continue
        if _names_customers(name, values):
            ids.append(name)
        else:
            found[name] = values
    ordered = sorted(found, key=lambda name: int(np.isnan(found[name]).sum()))
    return {name: found[name] for name in ordered}, ids


def _numbers(column: "pd.Series") -> Any:
    """Return a column that measures something of at least half of the customers, else None."""
    from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

    kind = column.dtype
    if not is_numeric_dtype(kind) or is_bool_dtype(kind) or is_complex_dtype(kind):
        return None
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    there = values[~np.isnan(values)]
    if np.isinf(there).any() or 2 * len(there) < len(values):
        return None
    return values if len(np.unique(there)) >= _DIFFERENT else None


def _names_customers(name: str, values: Any) -> bool:
    """Say whether numbers are names, as those of a card or a telephone."""
    if _NAMING & set(re.split(r"[^a-z]+", name.lower())):
        return True
    there = values[~np.isnan(values)]
    whole = bool((there == np.floor(there)).all())
    return whole and len(np.unique(there)) >= _ID_SHARE * len(there)


def _told(figures: list[str], ids: list[str], n: int, n_known: int) -> str:
    """Say who is compared by what, and why."""
    body = _page.paragraph(
        "Any table can be cut into groups. Here it is asked first whether there are any: groups "
        "that come back where customers are drawn anew, explain more than chance would, and have "
        "fewer customers on the borders between them than in their middles."
    )
    taken, left_out = figures[:_MOST_KNOWN], figures[_MOST_KNOWN:]
    more = f"what the customers table says in numbers: {_listed(taken)}"
    if not taken:
        more = "nothing else, since the customers table holds no numbers that tell them apart"
    sentence = (
        f"{n:,} customers are compared by what they did (recency_days, the days since the last "
        f"order; frequency, the orders; monetary, the money) and by {more}."
    )
    if left_out:
        sentence += (
            f" Left out: {_listed(left_out)}. By many figures everybody is far from everybody, so "
            f"that at most {_MOST_KNOWN} of that table are taken: those known of most customers, "
            "whatever they would show."
        )
    if ids:
        sentence += f" Taken for names of customers and not for figures: {_listed(ids)}."
    if n_known > n:
        sentence += f" {n_known - n:,} customers of that table have not bought, and have no kind."
    return body + _page.paragraph(sentence)


def _listed(names: list[str]) -> str:
    return ", ".join(map(_page.isolated, names))


def _none() -> str:
    return _page.paragraph(
        "No number of groups holds all of that. Customers differ by degrees more than by kind, or "
        "too little is known of them to tell. To cut them into types would be an invention, so "
        "that none are shown. Segments by rules that can be stated, as above, serve better."
    )


def _choice(choice: "pd.DataFrame") -> str:
    """Show how good and how stable each number of groups is."""
    body = _page.heading("How many groups are there?")
    ax = _page.blank_figure(7.0, 3.6)
    segmentation.plot_cluster_choice(choice, ax=ax)
    body += _page.picture(ax.figure, "How well each number of groups holds; higher is better")
    rows = [
        (
            _page.number(row["k"]),
            *(
                _page.number(row[name], 2)
                for name in ("min_jaccard", "stability", "silhouette", "gap", "valley")
            ),
            _verdict(row),
        )
        for row in choice.to_dict("records")
    ]
    head = ("groups", "least sure group", "likeness of refits", "silhouette", "gap", "borders", "")
    return (
        body
        + _page.table(head, rows)
        + _page.paragraph(
            "Least sure group and likeness of refits: from 0.75 on they come back. Gap: above 0 by "
            "more than chance, they explain more than groups of a table without groups would. "
            "Borders: above 0, fewer customers are there than in the middles; below 0, more.",
            soft=True,
        )
    )


def _verdict(row: Any) -> str:
    word = "chosen" if row["chosen"] else "holds" if row["stable"] else "does not hold"
    return _page.text(word)


def _found(customers: "pd.DataFrame", model: segmentation.ClusterModel) -> str:
    """Show the groups: names, sizes, money, what tells them apart and rules to tell them by."""
    money = customers.groupby("cluster")["monetary"].agg(["sum", "mean"])
    total = customers["monetary"].sum()
    rows = [
        (
            _page.text(row["cluster_name"]), _page.number(row["customers"]),
            _page.percent(row["share"]),
            _page.percent(money.loc[row["cluster"], "sum"] / total if total > 0 else None),
            _page.money(money.loc[row["cluster"], "mean"]), _page.number(row["jaccard"], 2),
        )
        for row in model.summary().to_dict("records")
    ]  # fmt: skip
    body = _page.table(
        ("kind", "customers", "share", "of revenue", "money (mean)", "how sure (0 to 1)"), rows
    )
    ax = _page.blank_figure(8.5, 1.9 + 0.68 * model.n_clusters)
    segmentation.plot_cluster_profile(model.profile(), ax=ax)
    body += _page.picture(ax.figure, "What tells the kinds apart: means, in their own units")
    rules = model.explain().sort_values("coverage", ascending=False, kind="stable")
    best = rules.drop_duplicates("cluster").sort_values("cluster").to_dict("records")
    told = [
        (
            _page.text(row["cluster_name"]), escape(_apart(row["rule"], model.features)),
            _page.percent(row["precision"], 0), _page.percent(row["coverage"], 0),
        )
        for row in best
    ]  # fmt: skip
    body += _page.heading("How to tell them")
    body += _page.paragraph(
        "The best rule for each kind, how many of the customers it fits are of that kind, and how "
        "many of the kind it finds. Rules are a summary: kinds were found by all figures together."
    )
    return body + _page.table(("kind", "rule", "right", "finds"), told)


def _apart(rule: str, features: tuple[str, ...]) -> str:
    """Keep names that run from right to left apart, so that conditions stay in their order."""
    names = [name for name in features if not name.isascii()]
    if not names:
        return rule
    one = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(one, lambda found: _page.isolated(found.group()), rule)
