"""What goes together, what to offer to whom, and whether such offers would have been right."""

import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from crmlytics import rules
from crmlytics.errors import CrmlyticsError, CrmlyticsWarning
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section

if TYPE_CHECKING:
    import pandas as pd

_TITLE = "What to offer"
_MOST_ITEMS = 1_500  # suggestions of products bought less would rest on little
_LISTED = 3  # suggestions of each kind in the customer table
_ROWS = 10
_LEAST_COUNT, _LEAST_SHARE = 20, 0.002  # of baskets, for a rule
_SURE = 0.01  # share of false rules among those shown
_NAMES = {
    "buy_again": "what the customer bought before",
    "ease": "what others with the same products bought (EASE)",
    "similar": "what similar customers bought",
    "rules": "rules of two products",
    "popular": "what is bought most of late",
    "blend": "bought before, and what others bought",
    "auto": "as suggested here",
}


def section(inputs: Inputs) -> Section:
    """Show rules between products and suggest products to each customer."""
    product = inputs.columns.product
    if product not in inputs.transactions.columns:
        body = _page.paragraph(
            f"The transactions have no column {product!r}, so nothing can be said of products."
        )
        return Section("offers", _TITLE, body)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CrmlyticsWarning)
            body, sentence = _together(inputs)
            more, customers, tested = _suggested(inputs)
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        return Section("offers", _TITLE, _page.paragraph(f"These data do not allow it: {reason}"))
    headlines = tuple(line for line in (sentence, tested) if line)
    return Section("offers", _TITLE, body + more, headlines=headlines, customers=customers)


def _together(inputs: Inputs) -> tuple[str, str]:
    """Show the pairs of products, or of their categories, that draw each other most."""
    lines, level = _levelled(inputs)
    product = inputs.columns.product
    options: dict[str, Any] = {"order_col": inputs.columns.order, "product_col": product}
    read = rules.baskets(lines, level_col=level, amount_col=inputs.columns.amount, **options)
    support = max(_LEAST_COUNT, round(_LEAST_SHARE * read.n_baskets))
    found = rules.frequent_itemsets(read, min_support=support, max_length=2)
    what = "products" if level is None else f"product groups ({level})"
    made = rules.association_rules(found, min_confidence=0.0, min_lift=1.0)
    sure = made[made["q_value"] < _SURE]
    best = _one_a_pair(sure)
    body = _page.heading("What goes together")
    if not len(best):
        return body + _page.paragraph(
            f"No two {what} stand together in {support:,} baskets or more, and more often than "
            "chance would put them."
        ), ""
    body += _page.paragraph(
        f"Pairs of {what} in {read.n_baskets:,} baskets: those that stand together most often "
        "beyond what chance would bring. Confidence is the share of baskets with the first that "
        "hold the second, with its 95 % interval; lift is how many times its usual share that is. "
        f"Of {len(made):,} rules examined, {len(sure):,} are above chance (Fisher's test, at most "
        f"{_SURE:.0%} of them wrong)."
    )
    rows = [
        (
            _page.text(next(iter(row.antecedents))), _page.text(next(iter(row.consequents))),
            _page.number(row.n), _page.percent(row.confidence),
            f"{_page.percent(row.lower)} to {_page.percent(row.upper)}",
            _page.number(row.lift, 2),
        )
        for row in best.head(_ROWS).rename(columns={"count": "n"}).itertuples()
    ]  # fmt: skip
    head = ("with", "also", "baskets", "confidence", "interval", "lift")
    body += _page.table(head, rows)
    ax = _page.blank_figure(8.0, 5.0)
    rules.plot_rule_network(best.head(25), ax=ax)
    body += _page.picture(ax.figure, f"The strongest pairs of {what}")
    first = best.iloc[0]
    one, other = next(iter(first["antecedents"])), next(iter(first["consequents"]))
    return body, (
        f"{one} and {other} draw each other most: {_page.percent(first['confidence'])} of baskets "
        f"with {one} hold {other}, {_page.number(first['lift'], 1)} times its usual share."
    )


def _one_a_pair(found: "pd.DataFrame") -> "pd.DataFrame":
    """Keep the surer of the two rules of a pair; by falling leverage."""
    pair = [a | b for a, b in zip(found["antecedents"], found["consequents"], strict=True)]
    ordered = found.assign(pair=pair).sort_values(
        ["leverage", "confidence"], ascending=False, kind="stable"
    )
    return ordered.drop_duplicates("pair").drop(columns="pair")


def _levelled(inputs: Inputs) -> tuple["pd.DataFrame", str | None]:
    """Return the purchases, with the category of each product where a table has it."""
    lines, product = inputs.seen, inputs.columns.product
    shelf = inputs.others.get("products")
    if shelf is None or product not in shelf or "category" not in shelf:
        return lines, None
    known = shelf.drop_duplicates(product).set_index(product)["category"]
    return lines.assign(category=lines[product].map(known)), "category"


def _suggested(inputs: Inputs) -> tuple[str, "pd.DataFrame", str]:
    """Suggest products to all customers, and hold such suggestions against what came later."""
    columns = inputs.columns
    options: dict[str, Any] = {
        "max_items": _MOST_ITEMS, "customer_col": columns.customer, "date_col": columns.date,
        "product_col": columns.product, "amount_col": columns.amount,
    }  # fmt: skip
    model = rules.fit_suggestions(inputs.seen, as_of=inputs.as_of, **options)
    who = inputs.seen[[columns.customer]].drop_duplicates()
    offers = model.predict(who, top=_LISTED)
    body = _page.heading("What to offer to whom")
    body += _page.paragraph(
        "For each customer, products to buy again and products that are new to the customer; they "
        "stand in customers.parquet, with the reason of the first. Products bought before are "
        f"ranked by {_NAMES[model.repeat_method]}, new ones by {_NAMES[model.new_method]}, as that "
        "did best on the customers' own past."
    )
    tested, sentence = _tested(inputs, options)
    return body + tested, _by_customer(offers, columns), sentence


def _by_customer(offers: "pd.DataFrame", columns: Any) -> "pd.DataFrame":
    """Return one row a customer: buy_again_1 ..., offer_1 ... and the reason of the first."""
    names = {"repeat": "buy_again", "new": "offer"}
    place = offers["kind"].map(names) + "_" + offers["rank"].astype("str")
    cells = offers.assign(place=place).set_index([columns.customer, "place"])[columns.product]
    wide = cells.unstack()  # noqa: PD010 - pivot_table would add what is only to be moved
    first = offers[(offers["kind"] == "new") & (offers["rank"] == 1)]
    why = first.set_index(columns.customer)["because"].rename("offer_because")
    wanted = [f"{name}_{rank}" for name in names.values() for rank in range(1, _LISTED + 1)]
    whole = wide.reindex(columns=wanted).rename_axis(columns=None)
    if offers[columns.product].dtype.kind in "iu":  # a number where there is none is no float
        whole = whole.astype("Int64")
    return whole.assign(offer_because=why).reset_index()


def _tested(inputs: Inputs, options: dict[str, Any]) -> tuple[str, str]:
    """Say how often suggestions made some weeks ago would have been right."""
    back = max(min(inputs.days // 5, 28), 7)
    body = _page.heading("Would such suggestions have been right?")
    try:
        found = rules.evaluate_suggestions(
            inputs.seen, cutoff=inputs.as_of - timedelta(days=back),
            methods=("auto",), **options,
        )  # fmt: skip
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        return body + _page.paragraph(f"That cannot be told from these data: {reason}"), ""
    body += _page.paragraph(
        f"Suggestions made from what was known {back} days ago, held against the next basket of "
        "each customer. A hit: at least one of ten suggested products was in it."
    )
    kinds = {"repeat": "bought before", "new": "new to the customer"}
    rows = [
        (
            kinds[row.kind], _NAMES[row.method], _page.number(row.n), _page.percent(row.hit_rate),
            f"{_page.percent(row.lower)} to {_page.percent(row.upper)}", _page.number(row.map, 3),
        )
        for row in found[found["kind"] != "all"].itertuples()
    ]  # fmt: skip
    head = ("products", "ranked by", "customers", "hit", "interval", "MAP")
    body += _page.table(head, rows)
    auto = found[found["method"] == "auto"].set_index("kind")["hit_rate"]
    return body, (
        "Ten suggestions of products bought before would have held one of the next basket for "
        f"{_page.percent(auto['repeat'])} of customers, ten of new products for "
        f"{_page.percent(auto['new'])}."
    )
