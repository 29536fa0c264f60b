"""Funnel and conversion on real coupons, against merges in pandas."""

import pandas as pd
import pytest

import crmlytics as crm


@pytest.fixture(scope="module")
def journey():
    return crm.datasets.load_complete_journey()


def coupons(journey):
    sent = journey.campaign_contacts[["customer_id", "date"]].assign(event="sent")
    used = journey.coupon_redemptions[["customer_id", "date"]].assign(event="redeemed")
    return pd.concat([sent, used], ignore_index=True)


def test_complete_journey_coupons(journey):
    # pandas: campaign_contacts.merge(coupon_redemptions, on="customer_id"), redeemed at or after
    events = coupons(journey)
    rate = crm.kpi.conversion_rate(events, start="sent", goal="redeemed")
    assert rate[["numerator", "denominator"]].iloc[0].tolist() == [410, 1559]
    pairs = journey.campaign_contacts[["customer_id", "date"]].merge(
        journey.coupon_redemptions[["customer_id", "date"]], on="customer_id", suffixes=("", "_r")
    )
    took = (pairs["date_r"] - pairs["date"]).dt.days
    for window, want in ((30, 374), (60, None), (7, None)):
        rate = crm.kpi.conversion_rate(events, start="sent", goal="redeemed", window_days=window)
        reached = pairs.loc[took.between(0, window), "customer_id"].nunique()
        assert rate["numerator"].item() == reached
        assert want in {None, reached}


def test_complete_journey_funnel(journey):
    # bought in between: the first purchase after a coupon was sent, the first redemption after it
    lines = journey.transactions[["customer_id", "date"]]
    bought = lines.drop_duplicates().assign(event="bought")
    events = pd.concat([coupons(journey), bought], ignore_index=True)
    made = crm.kpi.funnel(
        events, steps=["sent", "bought", "redeemed"], window_days=30, strict=False
    )
    tries = journey.campaign_contacts[["customer_id", "date"]].drop_duplicates()
    tries = tries.assign(start=tries["date"]).sort_values("date")
    want = [tries["customer_id"].nunique()]
    for event in ("bought", "redeemed"):
        later = events.loc[events["event"] == event, ["customer_id", "date"]]
        later = later.assign(then=later["date"]).sort_values("date")
        tries = pd.merge_asof(tries, later, on="date", by="customer_id", direction="forward")
        tries = tries[tries["then"] - tries["start"] <= pd.Timedelta(days=30)]
        want.append(tries["customer_id"].nunique())
        tries = tries.assign(date=tries["then"])[["customer_id", "date", "start"]]
        tries = tries.sort_values("date")
    assert made["customers"].tolist() == want
    assert want[0] == 1559
