"""What came in, what was wrong with it, and what was dropped."""

from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section


def section(inputs: Inputs) -> Section:
    """Tables received, faults found, rows dropped."""
    lines = inputs.transactions
    used = f"{len(lines):,} of {inputs.n_rows:,} lines are used, from {inputs.first_day} to "
    used += f"{inputs.as_of}."
    body = _page.paragraph(used)
    if inputs.orders_are_days:
        body += _page.paragraph(
            "The table has no order id: all that a customer bought on one day counts as one order."
        )
    dropped = inputs.dropped or ("Nothing was dropped.",)
    body += "".join(_page.paragraph(sentence) for sentence in dropped)
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
        body += _page.paragraph(
            "Tables other than transactions and customers are counted here; no section of this "
            "page draws on them yet.",
            soft=True,
        )
    headline = (
        f"{inputs.first_day} to {inputs.as_of}: {len(lines):,} of {inputs.n_rows:,} lines used."
    )
    return Section("data", "What came in", body, headlines=(headline,))
