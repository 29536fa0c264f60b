# ruff: noqa: DTZ001 - the dates of tables are naive
"""Numbers of the R package rfm 0.3.0 (MIT) and of type-7 quantiles in R."""

from datetime import date, datetime

import pandas as pd
import pytest

import crmlytics as crm

LAST_DAY = date(2006, 12, 31)
NAMES = {"date_col": "order_date", "amount_col": "revenue"}
# R package rfm 0.3.0, vignette "RFM for customer level data":
# rfm_segment_summary(rfm_segment(rfm_table_order(rfm_data_orders, customer_id, order_date,
# revenue, as_date("2006-12-31")), ...)): segment, customers, orders, revenue
VIGNETTE = {
    "champions": (35, 316, 31_646),
    "potential_loyalist": (342, 2_211, 204_856),
    "loyal_customers": (170, 799, 76_562),
    "promising": (9, 28, 4_249),
    "new_customers": (104, 329, 28_837),
    "cant_lose_them": (47, 274, 32_446),
    "at_risk": (28, 216, 22_227),
    "need_attention": (10, 57, 4_562),
    "about_to_sleep": (102, 283, 23_449),
    "lost": (148, 393, 35_324),
}


@pytest.fixture(scope="module")
def orders(check_data):
    path = check_data / "rfm" / "rfm_data_orders.csv"
    return pd.read_csv(path, parse_dates=["order_date"])


@pytest.fixture(scope="module")
def table(orders):
    return crm.segmentation.rfm_table(orders, as_of=LAST_DAY, count="rows", **NAMES)


def test_vignette_table_of_segments(orders):
    customers = crm.segmentation.rfm(
        orders, as_of=LAST_DAY, count="rows", rule="r_rfm", segment_map="r_rfm", **NAMES
    )
    segments = customers.groupby("segment").agg(
        customers=("segment", "size"), orders=("frequency", "sum"), revenue=("monetary", "sum")
    )
    assert {name: tuple(row) for name, row in segments.T.items()} == VIGNETTE


def test_totals_of_the_orders(table):
    # R: nrow(rfm_data_orders), length(unique(customer_id)), sum(revenue)
    assert len(table) == 995
    assert table["frequency"].sum() == 4_906
    assert table["monetary"].sum() == 464_158


def test_orders_of_one_customer_and_day_count_as_days_once(orders, table):
    # 11 of the 4,906 rows share customer and day with another
    days = crm.segmentation.rfm_table(orders, as_of=LAST_DAY, count="days", **NAMES)
    assert table["frequency"].sum() - days["frequency"].sum() == 11


def inner_cuts(table, rule):
    cuts = crm.segmentation.rfm_cuts(table, rule=rule)
    inner = cuts[cuts["bin"] < 5]
    return {name: list(part["upper"]) for name, part in inner.groupby("dimension")}


def test_cuts_of_the_r_package(table):
    # R: rfm_table_order(...)$threshold, the uppers (type-7 quantile + 1)
    assert inner_cuts(table, "r_rfm") == {
        "recency_days": pytest.approx([115, 181, 297.4, 482]),
        "frequency": pytest.approx([4, 5, 6, 8]),
        "monetary": pytest.approx([255.8, 382, 506.4, 666]),
    }


def test_cuts_at_plain_quantiles(table):
    # R, quantile() of each column at c(0.2, 0.4, 0.6, 0.8) with type = 7
    assert inner_cuts(table, "quantile") == {
        "recency_days": pytest.approx([114, 180, 296.4, 481]),
        "frequency": pytest.approx([3, 4, 5, 7]),
        "monetary": pytest.approx([254.8, 381, 505.4, 665]),
    }


def test_the_two_rules_differ_for_three_scores(table):
    # the + 1 of the R package moves r of 1 and m of 2 customers, f of none (995 customers)
    ours = crm.segmentation.rfm_scores(table)
    theirs = crm.segmentation.rfm_scores(table, rule="r_rfm")
    moved = {name: (ours[name] != theirs[name]).sum() for name in ("r_score", "f_score", "m_score")}
    assert moved == {"r_score": 1, "f_score": 0, "m_score": 2}


def test_first_row_of_the_readme(make_table, plain):
    # R package rfm, README: rfm_table_order(rfm_data_orders, ..., as_date("2006-12-31")), first row
    # (Abbey O'Reilly DVM there): 205 days, 6 orders, 472; the orders are those of the file
    days = [(2005, 7, 16), (2005, 9, 4), (2005, 11, 3), (2005, 12, 24), (2006, 1, 6), (2006, 6, 9)]
    orders = {
        "customer_id": ["Abbey O'Reilly"] * 6,
        "order_date": [datetime(*day) for day in days],
        "revenue": [47.0, 152.0, 41.0, 145.0, 67.0, 20.0],
    }
    answer = crm.segmentation.rfm_table(make_table(orders), as_of=LAST_DAY, count="rows", **NAMES)
    row = plain(answer).iloc[0]
    assert row[["recency_days", "frequency", "monetary"]].tolist() == [205, 6, 472.0]


def test_type_7_quantiles_by_hand():
    # R: quantile(c(1, 2, 4, 8), c(0.25, 0.5, 0.75), type = 7) -> 1.75, 3, 5
    # by hand: positions (4 - 1) k / 4 = 0.75, 1.5, 2.25 -> 1 + 0.75, 2 + 0.5 * 2, 4 + 0.25 * 4
    values = [1, 2, 4, 8]
    table = pd.DataFrame({"recency_days": values, "frequency": values, "monetary": values})
    for rule, uppers in [("quantile", [1.75, 3, 5]), ("r_rfm", [2.75, 4, 6])]:
        cuts = crm.segmentation.rfm_cuts(table, 4, rule=rule)
        assert list(cuts.loc[cuts["dimension"] == "monetary", "upper"][:3]) == uppers
