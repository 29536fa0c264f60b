"""The business period by period, and its cohorts."""

from typing import TYPE_CHECKING, Any

from crmlytics import kpi
from crmlytics.report import _page
from crmlytics.report._inputs import Inputs
from crmlytics.report._page import Section

if TYPE_CHECKING:
    import pandas as pd

_WORDS = {"D": "day", "W": "week", "M": "month", "Q": "quarter", "Y": "year"}
_SHOWN = 13  # a year of months and the month a year before


def section(inputs: Inputs) -> Section:
    """Revenue, orders and customers by period; averages with intervals in the summary."""
    word = _WORDS[inputs.period]
    table = kpi.kpi_table(
        inputs.transactions, period=inputs.period, as_of=inputs.as_of, **inputs.columns.named
    )
    body = _page.paragraph(
        f"Each row is a {word}. Returns lower the revenue of the {word} they are booked in. "
        f"Returning customers also bought in the {word} before, reactivated ones earlier; churned "
        f"ones bought in the {word} before and not in this one."
    )
    if not table["complete"].iloc[-1]:
        body += _page.paragraph(
            f"The last {word} is not over by {inputs.as_of}: its figures are not a fall."
        )
    body += _pictures(table, word)
    body += _rows(table.tail(_SHOWN), inputs.period)
    return Section(
        "business",
        f"The business by {word}",
        body,
        headlines=_headlines(table, word, inputs.period),
        cards=_cards(inputs),
    )


def _pictures(table: "pd.DataFrame", word: str) -> str:
    revenue = _page.blank_figure(6.4, 3.4)
    kpi.plot_kpis(table, value="revenue", ax=revenue)
    growth = _page.blank_figure(6.4, 3.4)
    moved = table.rename(columns={"returning": "retained", "reactivated": "resurrected"})
    kpi.plot_growth(moved, ax=growth)
    return (
        '<div class="pair">'
        + _page.picture(revenue.figure, f"Revenue by {word}")
        + _page.picture(
            growth.figure,
            f"Customers by {word}: new, returning (retained), reactivated (resurrected), churned",
        )
        + "</div>\n"
    )


def _rows(table: "pd.DataFrame", period: str) -> str:
    head = ["", "revenue", "orders", "active", "new", "returning", "reactivated", "churned"]
    head += ["per order", "per customer"]
    rows = []
    for row in table.itertuples():
        counts = (row.orders, row.active, row.new, row.returning, row.reactivated, row.churned)
        rows.append(
            (
                _day(row.period, period),
                _page.money(row.revenue),
                *(_page.number(_known(count)) for count in counts),
                _page.money(row.aov),
                _page.money(row.arpu),
            )
        )
    return _page.table(head, rows, marked=[not over for over in table["complete"]])


def _known(count: Any) -> Any:
    import pandas as pd

    return None if pd.isna(count) else count


def _headlines(table: "pd.DataFrame", word: str, period: str) -> tuple[str, ...]:
    over = table[table["complete"]]
    if len(over) < 2 or not over.iloc[-1]["orders"]:
        return ()
    before, last = over.iloc[-2], over.iloc[-1]
    change = last["revenue"] / before["revenue"] - 1 if before["revenue"] else float("nan")
    moved = f" ({100 * change:+.1f} % on the {word} before)" if change == change else ""
    return (
        f"Last full {word} ({_day(last['period'], period)}): revenue {_page.money(last['revenue'])}"
        f"{moved}, {last['orders']:,} orders of {last['active']:,} customers, "
        f"{last['new']:,} of them new.",
    )


def _cards(inputs: Inputs) -> tuple[str, ...]:
    options: dict[str, Any] = {"as_of": inputs.as_of, **inputs.columns.named}
    order = kpi.average_order_value(inputs.transactions, **options).iloc[0]
    repeat = kpi.repeat_rate(inputs.transactions, **options).iloc[0]
    user = kpi.arpu(inputs.transactions, **options).iloc[0]
    return (
        _page.card("Customers", _page.number(repeat["denominator"]), "with at least one order"),
        _page.card("Orders", _page.number(order["denominator"]), f"in {inputs.days:,} days"),
        _page.card("Revenue", _page.money(order["numerator"]), "returns netted"),
        _page.card("Per order", _page.money(order["value"]), _interval(order)),
        _page.card("Per customer", _page.money(user["value"]), _interval(user)),
        _page.card("Came back", _page.percent(repeat["value"]), _interval(repeat, share=True)),
    )


def _interval(row: Any, *, share: bool = False) -> str:
    write = _page.percent if share else _page.money
    return f"95 %: {write(row['lower'])} to {write(row['upper'])}"


def cohorts(inputs: Inputs) -> Section:
    """How many of each cohort are still there, by age."""
    word = _WORDS[inputs.period]
    columns = inputs.columns
    table = kpi.cohort_table(
        inputs.purchases, period=inputs.period, as_of=inputs.as_of,
        customer_col=columns.customer, date_col=columns.date,
    )  # fmt: skip
    later = table[table["cohort"] > table["cohort"].min()]
    curve = kpi.retention_curve(later if len(later) else table, unfinished="drop")
    body = _page.paragraph(
        f"A cohort is all customers who first bought in one {word}; age counts the {word}s since. "
        "Cells that cannot be known yet are blank, not zero. The first cohort also holds everyone "
        "who had bought before the data begin."
    )
    triangle = _page.blank_figure(8.5, 0.28 * table["cohort"].nunique() + 2.2)
    kpi.plot_cohorts(table, ax=triangle)
    body += _page.picture(triangle.figure, f"Share of each cohort active, by age in {word}s")
    line = _page.blank_figure(7.0, 3.2)
    kpi.plot_retention(curve, ax=line)
    body += _page.picture(
        line.figure,
        f"All cohorts but the first together, finished {word}s only, with 95 % interval",
    )
    headlines = _came_back(table, curve, word, inputs.period)
    return Section("cohorts", "Who stays", body, headlines=headlines)


def _came_back(
    table: "pd.DataFrame", curve: "pd.DataFrame", word: str, period: str
) -> tuple[str, ...]:
    """Say how many bought again at age 1, without the first cohort, which holds old customers."""
    first = table["cohort"].min()
    if first == table["cohort"].max():
        return ()
    known = curve[(curve["age"] == 1) & (curve["at_risk"] > 1)]
    if not len(known):
        return ()
    row = known.iloc[0]
    return (
        f"Of {row['at_risk']:,} customers first seen after {_day(first, period)}, "
        f"{_page.percent(row['rate'])} bought again in the next {word} "
        f"(95\N{NO-BREAK SPACE}%: {_page.percent(row['lower'])} to "
        f"{_page.percent(row['upper'])}).",
    )


def _day(day: Any, period: str) -> str:
    written = _page.date(day)
    return written[:7] if period == "M" else written
