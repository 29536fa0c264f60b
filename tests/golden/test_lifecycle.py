"""Thresholds of the life cycle on tables that others can read as well."""

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm

THRESHOLDS = ["new", "at_risk", "lapsed", "lost"]


@pytest.fixture(scope="module")
def positive(check_data):
    table = pd.read_parquet(check_data / "retail" / "online_retail.parquet")
    table = table[(table["Quantity"] > 0) & (table["UnitPrice"] > 0)]
    return table.dropna(subset=["CustomerID"], ignore_index=True)


def test_gaps_of_online_retail(positive):
    # pandas on the positive rows: 12,425 gaps between different days of purchase, with median 28,
    # 80th, 90th and 95th percentile 70, 110 and 155 days
    names = {"customer_col": "CustomerID", "date_col": "InvoiceDate"}
    found = crm.segmentation.lifecycle_thresholds(positive, silences="ended", **names)
    days = found.set_index("threshold")["days"]
    assert days[THRESHOLDS].tolist() == [28, 70, 110, 155]
    visits = positive.assign(day=positive["InvoiceDate"].dt.normalize())
    visits = visits[["CustomerID", "day"]].drop_duplicates().sort_values(["CustomerID", "day"])
    gaps = visits.groupby("CustomerID")["day"].diff().dt.days.dropna()
    assert len(gaps) == 12_425
    assert np.percentile(gaps, [50, 80, 90, 95]).tolist() == [28, 70, 110, 155]
    assert days["usual_gap"] == pytest.approx(gaps.mean())


def test_silences_not_over_yet_make_thresholds_longer(positive):
    names = {"customer_col": "CustomerID", "date_col": "InvoiceDate"}
    ended = crm.segmentation.lifecycle_thresholds(positive, silences="ended", **names)
    every = crm.segmentation.lifecycle_thresholds(positive, **names)
    kept = ended["threshold"] != "usual_gap"
    assert (every["days"] > ended["days"])[kept].all()


def test_thresholds_agree_with_those_of_churn():
    cdnow = crm.datasets.load_cdnow()
    churn = crm.churn.inactivity_threshold(cdnow).set_index("method")["threshold_days"]
    found = crm.segmentation.lifecycle_thresholds(cdnow).set_index("threshold")["days"]
    assert found["lapsed"] == churn["percentile"] == 233
    found = crm.segmentation.lifecycle_thresholds(cdnow, method="error_rate")
    assert found.set_index("threshold")["days"]["lost"] == churn["error_rate"] == 303
