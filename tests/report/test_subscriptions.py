"""The section on recurring revenue: the numbers of the functions, and sentences for what is not."""

import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.report import _inputs, _page, _subscriptions

pytestmark = pytest.mark.filterwarnings("ignore::crmlytics.errors.CrmlyticsWarning")

SHOP = crm.datasets.simulate_shop(n_customers=300, days=600, random_state=4)
LINES = SHOP.transactions


def section(subscriptions, as_of=None):
    columns = _inputs.Columns("customer_id", "order_id", "date", "amount")
    inputs = _inputs.gather(
        LINES, columns=columns, as_of=as_of, duplicates="keep",
        others={"subscriptions": subscriptions},
    )  # fmt: skip
    return _subscriptions.section(inputs)


def test_without_subscriptions_there_is_no_section():
    assert section(None) is None


def test_the_numbers_are_those_of_the_functions():
    made = section(SHOP.subscriptions)
    day = LINES["date"].max()
    moved = crm.kpi.mrr_movements(SHOP.subscriptions, as_of=day)
    kept = crm.kpi.revenue_retention(crm.kpi.monthly_revenue(SHOP.subscriptions, as_of=day))
    assert _page.money(moved["end"].iloc[-1]) in made.cards[0]
    over = moved[moved["complete"]].iloc[-1]
    assert f"{_page.money(over['end'])} a month from {over['customers']} sub" in made.headlines[0]
    row = kept.set_index("month").loc[over["month"]]
    assert _page.percent(row["nrr"]) in made.headlines[1]
    assert _page.percent(row["grr"]) in made.headlines[1]
    for name in ("nrr_lower", "grr_upper", "logo_retention", "logo_lower"):
        assert _page.percent(row[name]) in made.body
    for month in moved["month"].tail(13):
        assert f"{month:%Y-%m}" in made.body
    assert "<svg" in made.body
    assert "begin and end within a month" in made.body
    assert ('class="unfinished"' in made.body) == (not moved["complete"].iloc[-1])


def test_a_year_is_not_yet_over():
    young = SHOP.subscriptions[
        SHOP.subscriptions["start_date"] > LINES["date"].max() - pd.Timedelta("90D")
    ]
    made = section(young)
    assert "cannot be said yet" in made.body
    assert len(made.headlines) == 1


def test_what_does_not_allow_it_is_said():
    assert "(end_col) in" in section(SHOP.subscriptions.drop(columns="end_date")).body
    assert "There are no subscriptions." in section(SHOP.subscriptions.head(0)).body
    made = section(
        SHOP.subscriptions.assign(start_date=pd.Timestamp("2099-01-01"), end_date=pd.NaT)
    )
    assert "before the first date" in made.body
    assert made.headlines == ()


def test_the_page_has_the_section(tmp_path):
    made = crm.report.build_report(
        transactions=LINES[LINES["customer_id"] < 60], subscriptions=SHOP.subscriptions,
        out_dir=tmp_path,
    )  # fmt: skip
    assert '<section id="subscriptions">' in made.report.read_text(encoding="utf-8")
