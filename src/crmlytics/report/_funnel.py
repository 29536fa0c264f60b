"""How far customers come on the way to a purchase, where their visits are known."""

import warnings
from typing import TYPE_CHECKING, Any

from crmlytics import kpi
from crmlytics.errors import CrmlyticsError, CrmlyticsWarning
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section

if TYPE_CHECKING:
    import pandas as pd

_TITLE = "From the first look to the purchase"
_STEPS = ("view", "cart", "checkout", "purchase")
_EVENT, _CHANNEL = "event", "channel"
_WINDOW = 30  # days
_MOST = 8  # channels


def section(inputs: Inputs) -> Section | None:
    """Follow customers from view to purchase; None where interactions have no such events."""
    given = inputs.others.get("interactions")
    if given is None or _EVENT not in given:
        return None
    there = set(given[_EVENT].dropna().unique())
    steps = [step for step in _STEPS if step in there]
    if len(steps) < 2:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CrmlyticsWarning)
            found = _funnel(given, inputs, steps)
            body = _whole(found) + _by_channel(given, inputs, steps)
    except CrmlyticsError as error:
        reason = str(error).split(": ", 1)[-1]
        told = _page.paragraph(f"The interactions do not allow it: {reason}")
        return Section("funnel", _TITLE, told)
    return Section("funnel", _TITLE, body, headlines=_headlines(found))


def _funnel(
    events: "pd.DataFrame", inputs: Inputs, steps: list[str], by: str | None = None
) -> "pd.DataFrame":
    made: pd.DataFrame = kpi.funnel(
        events, steps=steps, window_days=_WINDOW, strict=False, as_of=inputs.as_of, by=by,
        customer_col=inputs.columns.customer, event_col=_EVENT, date_col=inputs.columns.date,
    )  # fmt: skip
    return made


def _whole(found: "pd.DataFrame") -> str:
    """Draw all customers and tell their shares and times."""
    body = _page.paragraph(
        f"Customers, not visits: how many came to each step, in this order, within {_WINDOW} days "
        "of the first. Every first step begins a new attempt, and the one that came furthest "
        "counts."
    )
    waiting = int(found["pending"].sum())
    if waiting:
        body += _page.paragraph(
            f"{waiting:,} of them began so late that their {_WINDOW} days are not over: they may "
            "yet come further."
        )
    ax = _page.blank_figure(7.0, 0.5 * len(found) + 1.2)
    kpi.plot_funnel(found, ax=ax)
    body += _page.picture(ax.figure, "Customers at each step")
    head = ("step", "customers", "of the step before", "of the first", "95 % interval")
    rows = [
        (
            _page.text(row.step), _page.number(row.customers),
            _page.percent(row.rate_from_previous), _page.percent(row.rate_from_first),
            _interval(row), _page.number(row.median_days, 1),
        )
        for row in found.itertuples()
    ]  # fmt: skip
    return body + _page.table((*head, "median days"), rows)


def _by_channel(events: "pd.DataFrame", inputs: Inputs, steps: list[str]) -> str:
    """Compare the channels in which customers began, where there are a few."""
    if _CHANNEL not in events:
        return ""
    found = _funnel(events, inputs, steps, by=_CHANNEL)
    ends = found[found["place"] == len(steps)]
    began = found[found["place"] == 1]
    if not 1 < len(ends) <= _MOST:
        return ""
    rows = [
        (
            _page.text("unknown" if last[_CHANNEL] != last[_CHANNEL] else last[_CHANNEL]),
            _page.number(first["customers"]), _page.number(last["customers"]),
            _page.percent(last["rate_from_first"]),
            f"{_page.percent(last['lower'])} to {_page.percent(last['upper'])}",
        )
        for (_, first), (_, last) in zip(began.iterrows(), ends.iterrows(), strict=True)
    ]  # fmt: skip
    body = _page.heading("By channel of the first step")
    head = ("channel", f"customers at {steps[0]}", f"at {steps[-1]}", "share", "95 % interval")
    return body + _page.table(head, rows)


def _interval(row: Any) -> str:
    if row.lower != row.lower:
        return "–"
    return f"{_page.percent(row.lower)} to {_page.percent(row.upper)}"


def _headlines(found: "pd.DataFrame") -> tuple[str, ...]:
    """Say what share comes to the end, and where most are lost."""
    first, last = found.iloc[0], found.iloc[-1]
    if not first["customers"]:
        return ()
    lost = -found["customers"].diff()
    worst = int(lost.iloc[1:].to_numpy().argmax()) + 1
    told = (
        f"Of {first['customers']:,} customers with a {first['step']} "
        f"{_page.percent(last['rate_from_first'])} came to {last['step']} within {_WINDOW} days"
    )
    if lost.iloc[worst] > 0 and len(found) > 2:
        told += f"; most are lost between {found['step'].iloc[worst - 1]} and "
        told += f"{found['step'].iloc[worst]} ({int(lost.iloc[worst]):,})"
    return (f"{told}.",)
