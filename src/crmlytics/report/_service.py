"""How fast and how fully customers are served, and over which channels."""

import warnings
from typing import TYPE_CHECKING, Any

from crmlytics import kpi
from crmlytics.errors import CrmlyticsError, CrmlyticsWarning
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section

if TYPE_CHECKING:
    import pandas as pd

_TITLE = "Service"
_TIMES = ("first_response_at", "resolved_at")
_FEWEST = 5  # tickets in a channel, for the picture
_MEASURES = {"first_response": "first response", "resolution": "resolution"}
_MEANT = {
    "creation": "something of value (visits, orders, advice)",
    "restoration": "putting something right (complaints, tickets, returns)",
    "unassigned": "not assigned",
}


def section(inputs: Inputs) -> Section | None:
    """Measure the waits of tickets, and tell channels apart; None where none were handed over."""
    given = inputs.others.get("interactions")
    if given is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CrmlyticsWarning)
        tickets, headlines = _part(_tickets, given, inputs)
        mix, _ = _part(_mix, given, inputs)
        channels, _ = _part(_channels, given, inputs)
    return Section("service", _TITLE, tickets + mix + channels, headlines=headlines)


def _part(make: Any, given: "pd.DataFrame", inputs: Inputs) -> tuple[str, tuple[str, ...]]:
    """Return a part of the section, or the sentence that says why there is none."""
    try:
        body, headlines = make(given, inputs)
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        return _page.paragraph(f"The interactions do not allow more here: {reason}"), ()
    return body, headlines


def _tickets(given: "pd.DataFrame", inputs: Inputs) -> tuple[str, tuple[str, ...]]:
    """Show how long tickets wait, and how many are resolved."""
    missing = [name for name in ("opened_at", *_TIMES) if name not in given]
    if "opened_at" in missing or len(missing) > 1:
        return _page.paragraph(
            f"The interactions have no column {missing[0]!r}, so how long customers wait is not "
            "known."
        ), ()
    known = [name if name in given else None for name in _TIMES]
    options: dict[str, Any] = {
        "as_of": inputs.as_of,
        "answered_col": known[0],
        "resolved_col": known[1],
    }
    response = kpi.response_times(given, **options)
    if not len(response):
        return _page.paragraph("None of the interactions is a ticket."), ()
    body = _page.heading("How long do customers wait?")
    body += _page.paragraph(
        "Times from the opening of a ticket. Those that were still open on "
        f"{inputs.as_of} count as long as they had waited. Half of the tickets were done by the "
        "median, nine tenths by the last column; a dash is a time that the open ones leave unknown."
    )
    rows = [
        (
            _MEASURES[row.measure], _page.number(row.n), _page.number(row.open),
            _hours(row.median_hours), f"{_hours(row.lower)} to {_hours(row.upper)}",
            _hours(row.p90_hours),
        )
        for row in response.itertuples()
    ]  # fmt: skip
    body += _page.table(("until", "tickets", "open", "median", "interval", "90 % done"), rows)
    body += _picture(given, options)
    said = ", ".join(
        f"{_hours(row.median_hours)} until the {_MEASURES[row.measure]}"
        for row in response.itertuples()
        if row.median_hours == row.median_hours
    )
    headlines = (f"Half of {response['n'].iloc[0]:,} tickets wait no longer than {said}.",)
    if known[1] is not None:
        rate = kpi.resolution_rate(given, as_of=inputs.as_of).iloc[0]
        body += _page.paragraph(
            f"Resolved: {_page.number(rate['numerator'])} of {_page.number(rate['denominator'])} "
            f"tickets, "
            f"{_page.percent(rate['value'])} (95\N{NO-BREAK SPACE}%: "
            f"{_page.percent(rate['lower'])} to {_page.percent(rate['upper'])})."
        )
    return body, headlines if said else ()


def _picture(given: "pd.DataFrame", options: dict[str, Any]) -> str:
    """Draw the waits by channel, where there are channels with enough tickets."""
    if "channel" not in given:
        return ""
    there = given.loc[given["opened_at"].notna(), "channel"].value_counts()
    often = there[there >= _FEWEST].index[:20]
    if len(often) < 2:
        return ""
    kept = given[given["channel"].isin(often)]
    response = kpi.response_times(kept, by="channel", **options)
    ax = _page.blank_figure(7.5, 1.6 + 0.45 * response["channel"].nunique())
    kpi.plot_response_times(response, ax=ax)
    tests = [
        f"{_MEASURES[row.measure]} p\N{NO-BREAK SPACE}= {row.p_value:.3f}"
        for row in response.drop_duplicates("measure").itertuples()
        if row.p_value == row.p_value
    ]
    caption = "Waits by channel"
    if tests:
        caption += f"; whether the channels differ by more than chance: {', '.join(tests)}"
    return _page.picture(ax.figure, caption)


def _mix(given: "pd.DataFrame", inputs: Inputs) -> tuple[str, tuple[str, ...]]:
    """Show what contacts are about, and how many complaints there are."""
    columns = inputs.columns
    names: dict[str, Any] = {"customer_col": columns.customer, "date_col": columns.date}
    mix = kpi.contact_mix(given, as_of=inputs.as_of, **names)
    body = _page.heading("What are contacts about?")
    rows = [
        (
            _MEANT[row.kind], _page.number(row.contacts), _page.percent(row.share),
            f"{_page.percent(row.lower)} to {_page.percent(row.upper)}",
            _page.number(row.customers),
        )
        for row in mix.itertuples()
    ]  # fmt: skip
    body += _page.table(("contacts for", "contacts", "share", "interval", "customers"), rows)
    rates = [
        kpi.complaint_rate(
            given, inputs.transactions, as_of=inputs.as_of, per=per, order_col=columns.order,
            amount_col=columns.amount, **names,
        ).iloc[0]
        for per in ("orders", "customers")
    ]  # fmt: skip
    hundred = [_page.number(100 * rates[0][name], 1) for name in ("value", "lower", "upper")]
    complaints = _page.number(rates[0]["numerator"])
    body += _page.paragraph(
        f"{complaints} complaints: {hundred[0]} per 100 orders (95\N{NO-BREAK SPACE}"
        f"%: {hundred[1]} to {hundred[2]}), made by {_page.percent(rates[1]['value'])} of the "
        f"customers who ordered ({_page.percent(rates[1]['lower'])} to "
        f"{_page.percent(rates[1]['upper'])})."
    )
    return body, ()


def _channels(given: "pd.DataFrame", inputs: Inputs) -> tuple[str, tuple[str, ...]]:
    """Show what each channel is used for."""
    columns = inputs.columns
    wanted = ("channel", "event", "opened_at", *_TIMES)
    missing = [name for name in wanted if name not in given]
    if missing:
        return _page.paragraph(
            f"The interactions have no column {missing[0]!r}, so channels are not compared."
        ), ()
    table = kpi.channel_table(
        given, inputs.transactions, as_of=inputs.as_of, customer_col=columns.customer,
        date_col=columns.date, order_col=columns.order, amount_col=columns.amount,
    )  # fmt: skip
    body = _page.heading("What is each channel used for?")
    body += _page.paragraph(
        "Each row counts what was done in the channel itself; nothing is attributed to a channel "
        "that was visited before."
    )
    head = [
        "channel", "contacts", "customers", "complaints", "tickets", "resolved", "response",
        "resolution",
    ]  # fmt: skip
    sold = bool(table["orders"].notna().any())
    head += ["orders", "buyers", "revenue", "share"] if sold else []
    rows = []
    for row in table.itertuples():
        cells = [
            _page.text("unknown" if row.channel != row.channel else row.channel),
            *(_page.number(each) for each in (row.contacts, row.customers, row.complaints)),
            _page.number(row.tickets), _page.percent(row.resolution_share, 0),
            _hours(row.median_response_hours), _hours(row.median_resolution_hours),
        ]  # fmt: skip
        if sold:
            cells += [
                _page.number(row.orders), _page.number(row.buyers), _page.money(row.revenue),
                _page.percent(row.revenue_share, 0),
            ]  # fmt: skip
        rows.append(cells)
    return body + _page.table(head, rows), ()


def _hours(hours: Any) -> str:
    """Write hours as minutes, hours or days; unknown is a dash."""
    if hours is None or hours != hours:
        return "–"
    if hours < 1:
        return f"{60 * hours:.0f}\N{NO-BREAK SPACE}min"
    return (
        f"{hours:.1f}\N{NO-BREAK SPACE}h" if hours < 48 else f"{hours / 24:.1f}\N{NO-BREAK SPACE}d"
    )
