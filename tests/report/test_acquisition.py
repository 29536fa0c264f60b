"""The section on acquisition agrees with `cac`, and survives poor tables."""

import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.report import _acquisition, _build, _inputs, _page

SHOP = crm.datasets.simulate_shop(n_customers=300, days=500, random_state=4)


def section(spend, customers, **columns):
    named = {"customer": "customer_id", "order": "order_id", "date": "date", "amount": "amount"}
    inputs = _inputs.gather(
        SHOP.transactions, columns=_inputs.Columns(**named | columns), as_of=None,
        duplicates="keep", others={"spend": spend, "customers": customers},
    )  # fmt: skip
    return _acquisition.section(inputs), inputs


def test_it_says_what_cac_says():
    made, inputs = section(SHOP.spend, SHOP.customers)
    whole = crm.kpi.cac(SHOP.spend, SHOP.customers, as_of=inputs.as_of)
    assert f"costs {_page.money(whole['value'][0])} (95" in made.headlines[0]
    assert f"{_page.money(whole['value'][1])} over channels with a cost" in made.headlines[0]
    for row in whole[whole["level"] == "channel"].itertuples():
        assert f"<bdi>{row.channel}</bdi>" in made.body
        assert _page.money(row.numerator) in made.body
    months = crm.kpi.cac(SHOP.spend, SHOP.customers, as_of=inputs.as_of, period="M")
    for row in months[months["level"] == "blended"].tail(13).itertuples():
        assert f"<td>{row.period:%Y-%m}</td>" in made.body
        assert _page.money(row.value) in made.body
    assert made.body.count("<svg") == 1
    assert "nan" not in made.body.lower().replace("<path", "")
    # nobody came without a channel, so there is no such row
    assert "without a channel" not in made.body


def test_a_table_that_is_missing_is_no_section():
    assert section(None, SHOP.customers)[0] is None
    assert section(SHOP.spend, None)[0] is None


def test_without_channels_there_is_one_row():
    made, _ = section(SHOP.spend.drop(columns="channel"), SHOP.customers)
    assert "<td>all</td>" in made.body
    assert "channels with a cost</td>" not in made.body
    assert "over channels" not in made.headlines[0]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"customers": SHOP.customers.drop(columns="acquired_on")},
         "no column &#x27;acquired_on&#x27; (acquired_col)"),
        ({"spend": SHOP.spend.drop(columns="cost")}, "no column &#x27;cost&#x27; (cost_col)"),
        ({"spend": SHOP.spend.assign(cost=-1.0)}, "are negative, the lowest -1.0"),
        ({"spend": SHOP.spend.assign(date=pd.Timestamp("2030-01-01"))}, "is before the first date"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_used_are_explained(change, sentence):
    made, _ = section(**{"spend": SHOP.spend, "customers": SHOP.customers} | change)
    assert "The spend does not allow it: " in made.body
    assert sentence in made.body
    assert made.headlines == ()


def test_what_is_left_out_is_on_the_page():
    spend = SHOP.spend[SHOP.spend["date"] >= "2024-06-01"]
    customers = SHOP.customers.copy()
    customers.loc[:9, "channel"] = None
    made, _ = section(spend, customers)
    assert "customers are left out: " in made.body
    assert "without a channel" in made.body


def test_it_is_in_the_report():
    assert _acquisition.section in _build.SECTIONS
