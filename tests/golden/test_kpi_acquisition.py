"""Costs of customers against printed numbers."""

import pandas as pd
import pytest

import crmlytics as crm

DAY = pd.Timestamp("2026-01-05")


@pytest.mark.parametrize(
    ("n", "lower", "upper"),
    [
        (1, 0.0253, 5.57),
        (5, 1.62, 11.67),
        (10, 4.80, 18.39),
        (30, 20.24, 42.83),
        (50, 37.11, 65.92),
    ],
)
def test_limits_of_pearson_and_hartley(n, lower, upper):
    # Pearson and Hartley 1966, Biometrika Tables for Statisticians 1, table 40, 95 %
    spend = pd.DataFrame({"date": [DAY], "cost": [1_000.0]})
    customers = pd.DataFrame({"customer_id": range(n), "acquired_on": DAY})
    got = crm.kpi.cac(spend, customers, as_of=DAY, channel_col=None).iloc[0]
    assert got["value"] == 1_000 / n
    # one number over the other, in the digits printed
    assert 1_000 / got["upper"] == pytest.approx(lower, abs=0.005 if lower > 1 else 0.00005)
    assert 1_000 / got["lower"] == pytest.approx(upper, abs=0.005)
