"""Numbers of behaviour over time: Online Retail (Chen 2015) and CDNOW."""

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm

NAMES = {"customer_col": "CustomerID", "date_col": "InvoiceDate"}


@pytest.fixture(scope="module")
def positive(check_data):
    """Return the rows with a customer, a quantity and a price above 0."""
    table = pd.read_parquet(check_data / "retail" / "online_retail.parquet")
    table["amount"] = table["Quantity"] * table["UnitPrice"]
    sold = (table["Quantity"] > 0) & (table["UnitPrice"] > 0)
    return table[sold & table["CustomerID"].notna()]


def test_gaps_of_online_retail(positive):
    # pandas: days normalised, drop_duplicates, diff by customer; quantile and mean
    gaps = crm.kpi.purchase_gaps(positive, **NAMES)["gap_days"]
    assert len(gaps) == 12_425
    assert gaps.quantile([0.5, 0.8, 0.9, 0.95]).tolist() == [28, 70, 110, 155]
    assert round(gaps.mean(), 2) == 45.66


def test_gap_summary_of_online_retail(positive):
    row = crm.kpi.purchase_gap_summary(positive, **NAMES).iloc[0]
    names = ["n_gaps", "median_days", "p80_days", "p90_days", "p95_days"]
    assert row[names].tolist() == [12_425, 28, 70, 110, 155]
    assert round(row["mean_days"], 2) == 45.66
    # pandas: one different day, of 4,338 customers
    assert row[["customers", "one_time"]].tolist() == [4_338, 1_548]


def test_concentration_of_online_retail(positive):
    # pandas: nlargest(867) of 4,338 customers, 8,911,407.90 in all
    curve = crm.kpi.revenue_concentration(positive, points=None, **NAMES)
    assert round(curve["revenue_share"].iloc[867], 3) == 0.746
    assert curve["revenue"].iloc[0] == pytest.approx(8_911_407.90, abs=0.005)
    spent = np.sort(positive.groupby("CustomerID")["amount"].sum())
    rank = np.arange(1, len(spent) + 1)
    # Gini 1914: 2 sum(i x_i) / (n sum(x)) - (n + 1) / n, x ascending
    gini = 2 * (rank * spent).sum() / (len(spent) * spent.sum()) - (len(spent) + 1) / len(spent)
    assert curve["gini"].iloc[0] == pytest.approx(gini)
    assert round(gini, 4) == 0.7151


def test_stickiness_of_online_retail(positive):
    # pandas: different customers a day and a month; the table ends on 2011-12-09
    sticky = crm.kpi.stickiness(positive, **NAMES)
    day, month = positive["InvoiceDate"].dt.normalize(), positive["InvoiceDate"].dt.to_period("M")
    dau = positive.groupby(day)["CustomerID"].nunique().resample("MS").sum()
    assert sticky["mau"].tolist() == positive.groupby(month)["CustomerID"].nunique().tolist()
    assert sticky["numerator"].tolist() == dau.tolist()
    assert sticky["days"].tolist() == [31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 9]
    assert sticky["complete"].tolist() == [True] * 12 + [False]
    november = sticky.iloc[11]
    assert november[["numerator", "mau"]].tolist() == [2_390, 1_664]
    assert november["value"] == pytest.approx(2_390 / (1_664 * 30))


def test_cdnow_second_purchases():
    # Fader and Hardie 2001: 2,357 customers; 1,205 of them have a single purchase row
    purchases = crm.datasets.load_cdnow()
    row = crm.kpi.purchase_gap_summary(purchases, first_only=True).iloc[0]
    days = purchases.drop_duplicates(["customer_id", "date"])
    many = days.groupby("customer_id").size()
    assert row["customers"] == 2_357
    assert row["one_time"] == (many == 1).sum()
    assert row["n_gaps"] == (many > 1).sum()
    second = days.groupby("customer_id")["date"].nth(1)
    first = days.groupby("customer_id")["date"].first()
    wait = second.dt.normalize().to_numpy() - first.loc[many > 1].to_numpy()
    assert row["mean_days"] == pytest.approx(wait.astype("m8[D]").astype(int).mean())
