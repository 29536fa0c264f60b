"""Rates of churn whose numbers stand elsewhere."""

import pandas as pd
import pytest

import crmlytics as crm

# Sums of the movements of 2019-11 to 2020-02 in the dbt MRR playbook (Apache-2.0), from its SQL
# run in DuckDB: start, churn and contraction of the month.
PLAYBOOK = {"2019-11": (1680, 110), "2019-12": (1840, 735), "2020-01": (1255, 1255)}


def test_gross_churn_of_the_playbook(check_data):
    table = pd.read_csv(
        check_data / "saas" / "subscription_periods.csv", parse_dates=["start_date", "end_date"]
    )
    rate = crm.kpi.churn_rate(table, of="revenue", amount_col="monthly_amount")
    by_month = rate.assign(month=rate["period"].dt.strftime("%Y-%m")).set_index("month")
    for month, (start, lost) in PLAYBOOK.items():
        row = by_month.loc[month]
        assert (row["denominator"], row["numerator"]) == (start, lost)
    # 735 / 1,840 = 39.95 %
    assert by_month.loc["2019-12", "value"] == pytest.approx(0.3995, abs=5e-5)


def test_every_customer_lost_is_a_churn_row_of_the_playbook(check_data):
    folder = check_data / "saas"
    table = pd.read_csv(folder / "subscription_periods.csv", parse_dates=["start_date", "end_date"])
    moves = pd.read_csv(folder / "expected_mrr_movements.csv", parse_dates=["date_month"])
    churned = moves[moves["change_category"] == "churn"].groupby("date_month").size()
    rate = crm.kpi.churn_rate(table).set_index("period")["numerator"]
    assert rate[rate > 0].to_dict() == churned.to_dict()
    assert rate.sum() == 58


def test_example_of_chartmogul():
    """Churn and contraction 20 of 100 at the start: gross MRR churn 20 % (ChartMogul's example)."""
    table = pd.DataFrame(
        {
            "customer_id": ["a", "b", "b", "c"],
            "start_date": pd.to_datetime(["2026-01-01"] * 4),
            "end_date": pd.to_datetime(["2026-02-10", "2026-02-10", None, None]),
            "amount": [12.0, 8.0, 30.0, 50.0],
        }
    )
    row = crm.kpi.churn_rate(table, of="revenue", as_of="2026-02-28").iloc[-1]
    assert (row["numerator"], row["denominator"], row["value"]) == (20, 100, 0.2)
