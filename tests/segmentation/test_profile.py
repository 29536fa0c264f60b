import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

import crmlytics as crm
from crmlytics.errors import ColumnError, OptionError


@pytest.fixture(scope="module")
def customers():
    rng = np.random.default_rng(11)
    n = 300
    segment = rng.choice(["loyal", "new", "lost"], n, p=[0.2, 0.5, 0.3])
    spent = np.round(rng.gamma(2, 10, n) + 15 * (segment == "loyal"), 2)
    visits = rng.poisson(3, n).astype(float)
    visits[rng.random(n) < 0.1] = np.nan
    return pd.DataFrame({
        "customer_id": np.arange(n), "segment": segment, "visits": visits, "monetary": spent,
        "r_score": 1, "rfm_code": 111, "rfm_score": 1.0, "city": "x",
    })  # fmt: skip


@pytest.fixture(scope="module")
def profile(customers):
    return crm.segmentation.segment_profile(customers)


def test_pandas_oracle(customers, profile):
    assert list(profile["segment"]) == ["lost", "lost", "loyal", "loyal", "new", "new"]
    assert list(profile["feature"].unique()) == ["visits", "monetary"]  # neither id nor scores
    groups = customers.groupby("segment")
    for feature, part in profile.groupby("feature"):
        values = groups[feature]
        assert list(part["mean"]) == pytest.approx(list(values.mean()))
        assert list(part["median"]) == pytest.approx(list(values.median()))
        assert list(part["n"]) == list(values.count())
        assert list(part["customers"]) == list(groups.size())
        assert list(part["share_of_customers"]) == pytest.approx(list(groups.size() / 300))
        whole = customers["monetary"].sum()
        shares = groups["monetary"].sum() / whole
        assert list(part["share_of_revenue"]) == pytest.approx(list(shares))
        index = 100 * values.mean() / customers[feature].mean()
        assert list(part["index_to_all"]) == pytest.approx(list(index))
        # normal interval of a mean: 1.959964 standard errors of pandas
        half = stats.norm.ppf(0.975) * values.sem()
        assert list(part["upper"] - part["mean"]) == pytest.approx(list(half))
        assert list(part["mean"] - part["lower"]) == pytest.approx(list(half))


def test_scipy_and_statsmodels_oracle(customers, profile):
    raw = []
    for row in profile.itertuples():
        inside = customers["segment"] == row.segment
        values = customers[row.feature]
        raw.append(
            stats.ttest_ind(
                values[inside], values[~inside], equal_var=False, nan_policy="omit"
            ).pvalue
        )
    want = multipletests(raw, method="fdr_bh")[1]
    assert list(profile["p_value"]) == pytest.approx(list(want), rel=1e-9)


def test_every_engine(make_eager, customers, profile, plain):
    table = make_eager(pa.Table.from_pandas(customers, preserve_index=False))
    got = crm.segmentation.segment_profile(table)
    assert isinstance(got, type(table))
    pd.testing.assert_frame_equal(plain(got), plain(profile), rtol=1e-12)


def test_what_cannot_be_tested_is_null(make_eager, plain):
    # one customer has no spread; a constant feature has none in any segment
    table = make_eager({
        "segment": ["a", "b", "b", None], "x": [1.0, 2.0, 4.0, None], "y": [7, 7, 7, 7]
    })  # fmt: skip
    got = plain(crm.segmentation.segment_profile(table))
    assert list(got["segment"].fillna("null")) == ["a", "a", "b", "b", "null", "null"]
    assert got["p_value"].isna().all()
    assert got["share_of_revenue"].isna().all()
    assert list(got["n"]) == [1, 1, 2, 2, 0, 1]
    # by hand: 2 and 4 around 3, and nothing known of the customer without a segment
    assert got["mean"].fillna(-1).tolist() == [1, 7, 3, 7, -1, 7]
    assert got["lower"].isna().tolist() == [True, True, False, False, True, True]


def test_features_and_money_may_be_chosen(customers):
    got = crm.segmentation.segment_profile(
        customers.rename(columns={"segment": "group"}),
        segment_col="group",
        features=["visits"],
        monetary_col="visits",
    )
    assert list(got.columns[:2]) == ["group", "feature"]
    want = customers.groupby("segment")["visits"].sum() / customers["visits"].sum()
    assert list(got["share_of_revenue"]) == pytest.approx(list(want))


def test_order_of_rows_is_nothing(customers, profile):
    shuffled = customers.sample(frac=1, random_state=3)
    again = crm.segmentation.segment_profile(shuffled)
    pd.testing.assert_frame_equal(again, profile, rtol=1e-12)


def test_refusals(customers):
    with pytest.raises(ColumnError, match=r"^segment_profile: no column 'segmnt'"):
        crm.segmentation.segment_profile(customers, segment_col="segmnt")
    with pytest.raises(ColumnError, match=r"^segment_profile: column 'city' \(features\) holds"):
        crm.segmentation.segment_profile(customers, features=["city"])
    with pytest.raises(OptionError, match=r"^segment_profile: confidence must lie"):
        crm.segmentation.segment_profile(customers, confidence=95)
    with pytest.raises(OptionError, match=r"^segment_profile: features must be"):
        crm.segmentation.segment_profile(customers, features=["visits", "visits"])
