"""The section on the way to a purchase: there where the events are, and equal to the functions."""

import re

import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.report import _funnel, _inputs

SHOP = crm.datasets.simulate_shop(n_customers=200, days=300, random_state=4)
STEPS = ["view", "cart", "checkout", "purchase"]


def inputs(interactions, as_of=None, **names):
    columns = _inputs.Columns("customer_id", "order_id", "date", "amount")
    return _inputs.gather(
        SHOP.transactions, columns=columns, as_of=as_of, duplicates="keep",
        others={"interactions": interactions, **names},
    )  # fmt: skip


def cells(body):
    return [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", body)]


def test_the_section_says_what_the_functions_say():
    made = inputs(SHOP.interactions)
    section = _funnel.section(made)
    found = crm.kpi.funnel(
        SHOP.interactions, steps=STEPS, window_days=30, strict=False, as_of=made.as_of
    )
    shown = cells(section.body)
    assert shown[0::6][:4] == STEPS
    assert shown[1::6][:4] == [f"{n:,}" for n in found["customers"]]
    share = found["rate_from_first"].iloc[-1]
    assert f"{100 * share:.1f}" in section.headlines[0]
    assert "<svg" in section.body
    channels = crm.kpi.funnel(
        SHOP.interactions, steps=STEPS, window_days=30, strict=False, as_of=made.as_of, by="channel"
    )
    first = channels[channels["place"] == 1]
    assert [shown[24 + 5 * i] for i in range(len(first))] == first["channel"].tolist()


def test_two_known_events_are_enough_and_fewer_make_no_section():
    two = SHOP.interactions[SHOP.interactions["event"].isin(["view", "purchase", "ticket"])]
    section = _funnel.section(inputs(two.drop(columns="channel")))
    assert "By channel" not in section.body
    assert "most are lost" not in section.headlines[0]
    assert _funnel.section(inputs(two[two["event"] != "purchase"])) is None
    assert _funnel.section(inputs(two.drop(columns="event"))) is None
    assert _funnel.section(inputs(two.assign(event=None))) is None
    assert _funnel.section(inputs(None)) is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.drop(columns="date"), "no column &#x27;date&#x27;"),
        (lambda t: t.assign(customer_id=t["customer_id"].where(t.index > 5)), "6 of"),
        (lambda t: t.assign(date=pd.Timestamp("2031-01-01")), "is before the first date"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(change, sentence):
    section = _funnel.section(inputs(change(SHOP.interactions)))
    assert "The interactions do not allow it" in section.body
    assert sentence in section.body
    assert section.headlines == ()


def test_on_the_page(tmp_path):
    made = crm.report.build_report(
        transactions=SHOP.transactions, interactions=SHOP.interactions, out_dir=tmp_path
    )
    page = made.report.read_text(encoding="utf-8")
    assert page.count('<section id="funnel">') == 1
    assert "From the first look to the purchase" in page
