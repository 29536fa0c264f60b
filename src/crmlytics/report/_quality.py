"""What came in, what was wrong with it, and what was dropped."""

from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section


def section(inputs: Inputs) -> Section:
    """Tables received, faults found, rows dropped."""
    used = f"{inputs.n_used:,} of {inputs.n_rows:,} lines are used, from {inputs.first_day} to "
    used += f"{inputs.as_of}."
    if inputs.later_rows:
        used += f" {inputs.later_rows:,} lines are later and wait for their day."
    body = _page.paragraph(used)
    if inputs.orders_are_days:
        body += _page.paragraph(
            "The table has no order id: all that a customer bought on one day counts as one order."
        )
    dropped = inputs.dropped or ("Nothing was dropped.",)
    body += "".join(_page.paragraph(sentence[:1].upper() + sentence[1:]) for sentence in dropped)
    if inputs.dropped_amount is not None:
        body += _page.paragraph(
            f"The dropped lines hold {_page.money(inputs.dropped_amount)} in amounts, which no "
            "figure on this page includes."
        )
    found = inputs.checks[inputs.checks["n_rows"] > 0]
    silent = len(inputs.checks) - len(found)
    body += _page.heading("What the checks found")
    if len(found):
        faults = [
            (
                _page.tag(row.severity),
                _page.text(row.check.replace("_", " ")),
                _page.number(row.n_rows),
                _page.percent(row.share, 2),
                _page.text(_page.shorten(row.example, 40)) if isinstance(row.example, str) else "",
                _page.text(row.advice),
            )
            for row in found.itertuples()
        ]
        head = ("", "check", "rows", "share", "example", "what to do")
        body += _page.table(head, faults)
    body += _page.paragraph(f"{silent} other checks found nothing.", soft=True)
    if inputs.others:
        body += _page.heading("Other tables received")
        rows = [
            (_page.text(name), _page.number(len(table))) for name, table in inputs.others.items()
        ]
        body += _page.table(("table", "rows"), rows)
        if "campaigns" in inputs.others:
            body += _page.paragraph("No section of this page draws on campaigns yet.", soft=True)
        body += _matched(inputs)
    headline = (
        f"{inputs.first_day} to {inputs.as_of}: {inputs.n_used:,} of {inputs.n_rows:,} lines used."
    )
    if inputs.orders_are_days:
        headline += " Without an order id, a customer's day counts as one order."
    return Section("data", "What came in", body, headlines=(headline,))


def _matched(inputs: Inputs) -> str:
    """Say how many customers of the customers table have bought."""
    known = inputs.others.get("customers")
    who = inputs.columns.customer
    if known is None or who not in known.columns:
        return ""
    buyers = set(inputs.transactions[who])
    both = int(known[who].isin(list(buyers)).sum())
    return _page.paragraph(
        f"Of {len(buyers):,} customers with transactions, {both:,} are in the customers table; "
        f"{len(known) - both:,} rows of it have no transaction."
    )
