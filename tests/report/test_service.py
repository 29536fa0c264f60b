"""The section on service agrees with the functions it comes from, and survives poor tables."""

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.report import _inputs, _service

SHOP = crm.datasets.simulate_shop(n_customers=300, days=500, random_state=4)


def section(interactions, transactions=SHOP.transactions, **columns):
    named = {"customer": "customer_id", "order": "order_id", "date": "date", "amount": "amount"}
    inputs = _inputs.gather(
        transactions, columns=_inputs.Columns(**named | columns), as_of=None, duplicates="keep",
        others={"interactions": interactions},
    )  # fmt: skip
    return _service.section(inputs), inputs


def test_it_says_what_the_functions_say():
    made, inputs = section(SHOP.interactions)
    response = crm.kpi.response_times(SHOP.interactions, as_of=inputs.as_of)
    assert f"Half of {response['n'][0]:,} tickets wait no longer than" in made.headlines[0]
    assert _service._hours(response["median_hours"][1]) in made.headlines[0]
    rate = crm.kpi.resolution_rate(SHOP.interactions, as_of=inputs.as_of).iloc[0]
    assert f"{rate['numerator']:.0f} of {rate['denominator']:.0f} tickets" in made.body
    told = crm.kpi.complaint_rate(SHOP.interactions, SHOP.transactions, as_of=inputs.as_of).iloc[0]
    assert f"{told['numerator']:.0f} complaints: {100 * told['value']:.1f} per 100" in made.body
    assert "Waits by channel; whether the channels differ" in made.body
    assert made.body.count("<svg") == 1
    for channel in ("app", "chat", "email", "phone", "store", "web"):
        assert f"<bdi>{channel}</bdi>" in made.body
    assert "nan" not in made.body.lower().replace("<path", "")


def test_no_interactions_is_no_section():
    assert section(None)[0] is None


@pytest.mark.parametrize(
    ("drop", "sentence"),
    [
        (["opened_at"], "no column &#x27;opened_at&#x27;, so how long"),
        (["first_response_at", "resolved_at"], "no column &#x27;first_response_at&#x27;, so how"),
        (["event"], "do not allow more here: no column &#x27;event&#x27;"),
        (["channel"], "no column &#x27;channel&#x27;, so channels are not compared"),
        (["customer_id"], "do not allow more here: no column &#x27;customer_id&#x27;"),
        (["date"], "do not allow more here: no column &#x27;date&#x27;"),
    ],
)
def test_columns_that_are_not_there(drop, sentence):
    made, _ = section(SHOP.interactions.drop(columns=drop))
    assert sentence in made.body


def test_one_of_the_two_times_is_enough():
    made, _ = section(SHOP.interactions.drop(columns="first_response_at"))
    assert "until the resolution" in made.headlines[0]
    assert "first response" not in made.headlines[0]
    made, _ = section(SHOP.interactions.drop(columns="resolved_at"))
    assert "until the first response" in made.headlines[0]
    assert "Resolved:" not in made.body


def test_without_tickets_or_sound_times():
    made, _ = section(SHOP.interactions.assign(opened_at=pd.NaT))
    assert "None of the interactions is a ticket" in made.body
    assert made.headlines == ()
    wrong = SHOP.interactions.assign(resolved_at=SHOP.interactions["opened_at"] - np.timedelta64(1))
    made, _ = section(wrong)
    assert "are resolved before they are opened" in made.body
    assert "What are contacts about?" in made.body
    made, _ = section(SHOP.interactions, SHOP.transactions.drop(columns="channel"))
    assert "revenue" not in made.body
    made, _ = section(SHOP.interactions.head(0))
    assert made.headlines == ()
