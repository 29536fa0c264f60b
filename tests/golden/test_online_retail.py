# ruff: noqa: DTZ001 - the dates of tables are naive
"""Published and computed numbers of the UCI Online Retail table (Chen, 2015)."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm

NAMES = {"customer_col": "CustomerID", "order_col": "InvoiceNo", "date_col": "InvoiceDate"}
# the row of the first month that cohort tutorials on this table print, ages 0 to 12, returns in
FIRST_COHORT = [948, 362, 317, 367, 341, 376, 360, 336, 336, 374, 354, 474, 260]
# pandas: rows with an id, first month of each id, groupby("first").nunique(), 2010-12 to 2011-12
SIZES = [948, 421, 380, 440, 299, 279, 235, 191, 167, 298, 352, 321, 41]


@pytest.fixture(scope="module")
def lines(check_data):
    table = pd.read_parquet(check_data / "retail" / "online_retail.parquet")
    table["amount"] = table["Quantity"] * table["UnitPrice"]
    return table.dropna(subset=["CustomerID"], ignore_index=True)


@pytest.fixture(scope="module")
def positive(lines):
    return lines[(lines["Quantity"] > 0) & (lines["UnitPrice"] > 0)]


@pytest.fixture(scope="module")
def cohorts(lines):
    return crm.kpi.cohort_table(lines, customer_col="CustomerID", date_col="InvoiceDate")


def test_first_cohort(cohorts):
    first = cohorts[cohorts["cohort"] == "2010-12-01"]
    assert list(first["value"]) == FIRST_COHORT
    # the same row in per cent of 948, as printed
    percent = [100, 38.2, 33.4, 38.7, 36.0, 39.7, 38.0, 35.4, 35.4, 39.5, 37.3, 50.0, 27.4]
    assert list(round(100 * first["rate"], 1)) == percent


def test_cohort_sizes(cohorts):
    assert list(cohorts.loc[cohorts["age"] == 0, "size"]) == SIZES
    assert sum(SIZES) == 4_372  # customers of the file


def test_last_column_is_incomplete_and_beyond_it_nothing_is_known(cohorts):
    # the file stops on 2011-12-09, month 12 counted from 2010-12
    born = (cohorts["cohort"].dt.year - 2010) * 12 + cohorts["cohort"].dt.month - 12
    reached = born + cohorts["age"]
    assert len(cohorts) == 13 * 13
    assert list(cohorts["complete"]) == list(reached < 12)
    assert list(cohorts["value"].isna()) == list(reached > 12)
    assert list(cohorts["rate"].isna()) == list(reached > 12)


def test_retention_curve_takes_numerator_and_denominator_from_the_same_cohorts(cohorts):
    curve = crm.kpi.retention_curve(cohorts)
    # age 12 is seen for the first cohort alone; age 1 for all but the last (4,372 - 41)
    assert curve.loc[12, ["customers", "at_risk", "n_cohorts"]].tolist() == [260, 948, 1]
    assert curve.loc[1, ["at_risk", "n_cohorts"]].tolist() == [4_331, 12]


def test_positive_rows(positive):
    # pandas: groupby("CustomerID"), nunique of InvoiceNo and sum of Quantity * UnitPrice
    rfm = crm.segmentation.rfm_table(positive, **NAMES)
    assert len(positive) == 397_884
    assert len(rfm) == 4_338
    assert rfm["frequency"].sum() == 18_532
    assert rfm["monetary"].sum() == pytest.approx(8_911_407.90, abs=0.005)
    assert (rfm["frequency"] == 1).sum() == 1_493
    # the 867 best of 4,338 customers make 74.6 % of the revenue
    best = rfm["monetary"].nlargest(867).sum() / rfm["monetary"].sum()
    assert round(best, 3) == 0.746


def test_invoices_at_the_fifths(positive):
    # numpy: quantile(nunique of InvoiceNo, [0.2, 0.4, 0.6, 0.8])
    cuts = crm.segmentation.rfm_cuts(crm.segmentation.rfm_table(positive, **NAMES))
    uppers = cuts.loc[cuts["dimension"] == "frequency", "upper"]
    assert list(uppers[:4]) == [1, 2, 3, 6]


def test_rates_of_the_positive_rows(positive):
    repeat = crm.kpi.repeat_rate(positive, **NAMES).iloc[0]
    assert (repeat["numerator"], repeat["denominator"]) == (2_845, 4_338)
    assert round(repeat["value"], 4) == 0.6558
    order = crm.kpi.average_order_value(positive, **NAMES).iloc[0]
    assert order["denominator"] == 18_532
    assert order["numerator"] == pytest.approx(8_911_407.90, abs=0.005)
    assert order["value"] == pytest.approx(8_911_407.90 / 18_532)


def test_neither_ids_nor_order_of_rows_move_a_segment(positive):
    # the nearest peer moves 31.8 % of these customers when their ids are relabelled
    segments = crm.segmentation.rfm(positive, **NAMES).set_index("CustomerID")["segment"]
    rng = np.random.default_rng(7)
    label = pd.Series(rng.permutation(len(segments)) * 37 + 5, index=segments.index)
    other = positive.assign(CustomerID=positive["CustomerID"].map(label))
    other = other.iloc[rng.permutation(len(other))]
    moved = crm.segmentation.rfm(other, **NAMES).set_index("CustomerID")["segment"]
    assert (moved.loc[label].to_numpy() == segments.to_numpy()).all()


# Online Retail, all rows of the customers 18220, 13832, 12665 and 16462 but two postage lines:
# CustomerID, InvoiceNo, InvoiceDate, Quantity, UnitPrice ("C": a return)
EXTRACT = [
    (18220, "551184", (2011, 4, 27, 9, 3), 144, 1.06),
    (18220, "551184", (2011, 4, 27, 9, 3), 144, 1.06),
    (18220, "C551778", (2011, 5, 4, 11, 23), -2, 1.25),
    (18220, "C551778", (2011, 5, 4, 11, 23), -4, 1.25),
    (13832, "577556", (2011, 11, 20, 15, 36), 12, 1.45),
    (13832, "577556", (2011, 11, 20, 15, 36), 12, 1.65),
    (13832, "577556", (2011, 11, 20, 15, 36), 4, 3.75),
    (13832, "C578003", (2011, 11, 22, 12, 31), -3, 3.75),
    (12665, "C540850", (2011, 1, 12, 9, 41), -1, 1.25),
    (12665, "541517", (2011, 1, 19, 8, 34), 24, 1.25),
    (12665, "541517", (2011, 1, 19, 8, 34), 1, 18.00),
    (12665, "541517", (2011, 1, 19, 8, 34), 12, 1.25),
    (16462, "545223", (2011, 3, 1, 8, 58), 4, 8.5),
    (16462, "555751", (2011, 6, 7, 11, 7), 4, 8.5),
    (16462, "568396", (2011, 9, 27, 10, 24), 8, 8.5),
    (16462, "C569946", (2011, 10, 6, 18, 16), -4, 8.5),
]


def extract(make):
    ids, invoices, moments, quantities, prices = zip(*EXTRACT, strict=True)
    return make(
        {
            "CustomerID": ids,
            "InvoiceNo": invoices,
            "InvoiceDate": [datetime(*moment) for moment in moments],
            "amount": [n * price for n, price in zip(quantities, prices, strict=True)],
        }
    )


def test_extract_rfm(make_table, plain):
    answer = plain(crm.segmentation.rfm_table(extract(make_table), **NAMES), "CustomerID")
    # by hand, as of 2011-11-22: 12665 30 + 18 + 15 - 1.25; 13832 17.40 + 19.80 + 15 - 11.25;
    # 16462 34 + 34 + 68 - 34; 18220 2 * 152.64 - 2.50 - 5.00; the returns are no purchases
    want = {
        "CustomerID": [12665, 13832, 16462, 18220],
        "recency_days": [307, 2, 56, 209],
        "frequency": [1, 1, 3, 1],
        "monetary": [61.75, 40.95, 102.0, 297.78],
    }
    assert answer[list(want)].to_dict("list") == want


def test_extract_cohorts(make_table, plain):
    answer = crm.kpi.cohort_table(
        extract(make_table), period="Q", customer_col="CustomerID", date_col="InvoiceDate"
    )
    table = plain(answer, "cohort", "age").astype({"value": "object"})
    # by hand: quarter 1 brings 12665 and 16462, of whom 16462 comes in every later quarter (in the
    # fourth to return); quarter 2 brings 18220, quarter 4 13832; no customer begins in quarter 3
    assert list(table["size"]) == [2] * 4 + [1] * 8
    values = [None if value != value else value for value in table["value"]]
    assert values == [2, 1, 1, 1, 1, 0, 0, None, 1, None, None, None]
    assert list(table["complete"]) == [1, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0]
