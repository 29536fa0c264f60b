"""Drift of populations: by hand, by simulation, with missing and new values."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlytics import _stats
from crmlytics.churn._drift import SCHEMA, population_drift
from crmlytics.errors import ColumnError, DataError, NotEnoughDataError, OptionError

KINDS = {"int": "Int64", "float": "Float64", "text": "String"}


def drift(before, after, **options):
    found = population_drift(pd.DataFrame(before), pd.DataFrame(after), **options)
    return found.set_index("feature")


def test_psi_by_hand():
    # (0.3 - 0.5) ln(0.3 / 0.5) + (0.7 - 0.5) ln(0.7 / 0.5)
    want = -0.2 * np.log(0.6) + 0.2 * np.log(1.4)
    assert _stats.psi([0.5, 0.5], [0.3, 0.7]) == pytest.approx(want)
    assert _stats.psi([10, 10], [3, 7]) == pytest.approx(want)
    assert _stats.psi([5, 5, 0], [3, 7, 0]) == pytest.approx(want)
    # an empty bin counts as 0.0001
    want = (0.0001 - 0.5) * np.log(0.0001 / 0.5) + 0.5 * np.log(1 / 0.5)
    assert _stats.psi([1, 1], [0, 1]) == pytest.approx(want)
    assert np.isnan(_stats.psi([0, 0], [1, 1]))


@given(
    one=st.lists(st.integers(0, 30), min_size=2, max_size=8),
    other=st.lists(st.integers(0, 30), min_size=2, max_size=8),
)
def test_psi_is_symmetric_and_never_negative(one, other):
    size = min(len(one), len(other))
    there, back = _stats.psi(one[:size], other[:size]), _stats.psi(other[:size], one[:size])
    assert there == pytest.approx(back, nan_ok=True)
    assert np.isnan(there) or there >= 0


def test_psi_by_chance_holds_19_of_20_times():
    rng = np.random.default_rng(0)
    shares = np.array([0.1, 0.2, 0.3, 0.4])
    limit = _stats.psi_by_chance(4, 2_000, 500)
    beyond = [
        _stats.psi(rng.multinomial(2_000, shares), rng.multinomial(500, shares)) > limit
        for _ in range(2_000)
    ]
    assert 0.035 <= np.mean(beyond) <= 0.065
    assert _stats.psi_by_chance(1, 10, 10) == 0


def test_verdicts():
    before = {name: [0] * 500 + [1] * 500 for name in ("a", "b", "c")}
    after = {"a": [0] * 450 + [1] * 550, "b": [0] * 300 + [1] * 700, "c": [0] * 200 + [1] * 800}
    found = drift(before, after)
    assert list(found.index) == ["c", "b", "a"]  # highest index first
    assert list(found["verdict"]) == ["different", "shifted", "stable"]
    assert list(found["mean_before"]) == [0.5] * 3
    assert list(found["mean_after"]) == [0.8, 0.7, 0.55]
    assert found.loc["b", "psi"] == pytest.approx(_stats.psi([500, 500], [300, 700]))
    # ten customers differ as much by chance
    few = drift({"c": [0, 1] * 5}, {"c": [0] * 2 + [1] * 8})
    assert few.loc["c", "psi"] == pytest.approx(found.loc["c", "psi"])
    assert few.loc["c", "verdict"] == "stable"


def test_numbers_are_cut_at_quantiles_of_before():
    rng = np.random.default_rng(1)
    before, after = rng.gamma(2, 10, 1_000), rng.gamma(2, 14, 700)
    found = drift({"spent": before}, {"spent": after}, bins=5)
    edges = np.quantile(before, [0.2, 0.4, 0.6, 0.8], method="inverted_cdf")
    counts = [np.bincount(np.searchsorted(edges, each), minlength=5) for each in (before, after)]
    assert list(counts[0]) == [200] * 5
    assert found.loc["spent", "psi"] == pytest.approx(_stats.psi(*counts))
    assert found.loc["spent", "psi_by_chance"] == pytest.approx(
        9.487729 * (1 / 1_000 + 1 / 700),
        rel=1e-6,  # R: qchisq(0.95, 4)
    )


@pytest.mark.parametrize("share", [0.05, 0.95])
def test_few_values_have_a_bin_each(share):
    before = np.repeat([0, 1], [int(1_000 * share), 1_000 - int(1_000 * share)])
    found = drift({"flag": before}, {"flag": [0, 1] * 500})
    assert found.loc["flag", "psi"] == pytest.approx(_stats.psi([share, 1 - share], [0.5, 0.5]))


def test_a_value_that_fills_most_bins_is_told_from_the_rest():
    before = np.append(np.full(950, 100.0), np.arange(50))
    after = np.append(np.full(500, 100.0), np.tile(np.arange(50), 10))
    found = drift({"share": before}, {"share": after})
    assert found.loc["share", "psi"] == pytest.approx(_stats.psi([950, 50], [500, 500]))
    found = drift({"share": -before}, {"share": -after})
    assert found.loc["share", "psi"] == pytest.approx(_stats.psi([950, 50], [500, 500]))


def test_a_constant_sees_what_leaves_it():
    before = {"x": [3.0] * 100}
    assert drift(before, before).loc["x", "psi"] == 0
    found = drift(before, {"x": [3.0] * 50 + [2.9] * 25 + [3.1] * 25})
    assert found.loc["x", "psi"] == pytest.approx(_stats.psi([0, 1, 0], [0.25, 0.5, 0.25]))


def test_missing_values_are_a_bin():
    before = {"age": [30.0, 40.0] * 50, "plan": ["a", "b"] * 50}
    after = {"age": [30.0, 40.0, None, None] * 25, "plan": ["a", "b", None, None] * 25}
    found = drift(before, after)
    for name in before:
        assert found.loc[name, "psi"] == pytest.approx(_stats.psi([0.5, 0.5, 0], [0.25, 0.25, 0.5]))
        assert found.loc[name, "missing_before"] == 0
        assert found.loc[name, "missing_after"] == 0.5
        assert found.loc[name, "verdict"] == "different"
    assert found.loc["age", "mean_after"] == 35
    assert found.loc["plan", "new_categories"] == 0


def test_new_categories_are_one_bin():
    found = drift({"plan": ["a"] * 60 + ["b"] * 40}, {"plan": ["a"] * 50 + ["c", "d"] * 25})
    assert found.loc["plan", "new_categories"] == 2
    assert found.loc["plan", "psi"] == pytest.approx(_stats.psi([60, 40, 0], [50, 0, 50]))
    assert np.isnan(found.loc["plan", "mean_before"])
    flags = drift({"left": [False] * 10}, {"left": [False] * 5 + [True] * 5})
    assert flags.loc["left", "new_categories"] == 1
    assert flags.loc["left", "mean_after"] == 0.5
    numbers = drift({"x": [1, 2]}, {"x": [1, 3]})
    assert pd.isna(numbers.loc["x", "new_categories"])


def test_ids_and_cutoffs_and_dates_are_no_features():
    columns = {
        "customer_id": range(60),
        "cutoff": pd.Timestamp("2026-01-31"),
        "first": pd.Timestamp("2025-01-31"),
        "horizon_days": 90,
        "frequency": range(60),
    }
    assert list(drift(columns, columns).index) == ["frequency"]
    renamed = pd.DataFrame(columns).rename(columns={"customer_id": "who"})
    assert list(drift(renamed, renamed, customer_col="who").index) == ["frequency"]
    assert list(drift(columns, columns, features=["horizon_days"]).index) == ["horizon_days"]
    with pytest.raises(ColumnError, match=r"'first' \(features\) of before holds Datetime.*, not"):
        drift(columns, columns, features=["first"])


def test_all_missing_on_one_side():
    found = drift({"x": [1.0, 2.0] * 20}, {"x": [None] * 40})
    assert found.loc["x", "missing_after"] == 1
    assert np.isnan(found.loc["x", "mean_after"])
    assert found.loc["x", "verdict"] == "different"
    found = drift({"x": [None] * 40}, {"x": [None] * 40})
    assert found.loc["x", "psi"] == 0
    assert found.loc["x", "verdict"] == "stable"


def test_numbers_and_flags_may_be_compared():
    found = drift({"churned": [True, False] * 20}, {"churned": [1, 0] * 20})
    assert found.loc["churned", "psi"] == 0


@given(
    before=st.lists(st.sampled_from([0.0, 1.0, 2.5, None]), min_size=1, max_size=40),
    after=st.lists(st.sampled_from([0.0, 1.0, 2.5, 4.0, None]), min_size=1, max_size=40),
    data=st.data(),
)
@settings(max_examples=30)
def test_order_of_rows_is_nothing(before, after, data):
    columns = [pd.Series(each, dtype="float64") for each in (before, after)]
    shuffled = [
        pd.Series(data.draw(st.permutations(each)), dtype="float64") for each in (before, after)
    ]
    one = drift({"x": columns[0]}, {"x": columns[1]})
    other = drift({"x": shuffled[0]}, {"x": shuffled[1]})
    pd.testing.assert_frame_equal(one, other)
    assert one["psi"].between(0, np.inf).all()


def test_every_kind_of_table(make_eager, plain, schema):
    rng = np.random.default_rng(5)

    def columns(n, shift):
        made = {
            "customer_id": np.arange(n),
            "spent": rng.gamma(2, 10 + shift, n),
            "orders": rng.poisson(2, n),
            "plan": np.array(["basic", "pro", "old"], dtype=object)[rng.integers(0, 3, n)],
            "mail": rng.random(n) < 0.5,
        }
        made["plan"][:5] = None
        return made

    before, after = columns(200, 0), columns(150, 10)
    found = population_drift(make_eager(before), make_eager(after))
    assert isinstance(found, type(make_eager(before)))
    assert schema(found) == {name: KINDS[kind] for name, kind in SCHEMA.items()}
    want = population_drift(pd.DataFrame(before), pd.DataFrame(after))
    pd.testing.assert_frame_equal(plain(found), plain(want))
    category = population_drift(
        pd.DataFrame(before).astype({"plan": "category"}), pd.DataFrame(after)
    )
    pd.testing.assert_frame_equal(plain(category), plain(want))


GOOD = pd.DataFrame({"x": [1.0, 2.0]})
IDS = pd.DataFrame({"mail": [f"{i}@example.org" for i in range(60)]})


@pytest.mark.parametrize(
    ("before", "after", "options", "error", "sentence"),
    [
        (GOOD, GOOD.head(0), {}, NotEnoughDataError, "needs at least 1 row in after; got 0"),
        (GOOD.head(0), GOOD, {}, NotEnoughDataError, "needs at least 1 row in before; got 0"),
        (GOOD, GOOD.rename(columns={"x": "y"}), {}, ColumnError,
         r"no column 'x' \(features\) in after; it has \['y'\]"),
        (GOOD, GOOD, {"features": ["z"]}, ColumnError, r"no column 'z' \(features\) in before"),
        (GOOD, GOOD, {"features": []}, OptionError, "features names no column; before has"),
        (GOOD, GOOD, {"features": 3}, OptionError, "features must be a column name or a list"),
        (GOOD, GOOD, {"bins": 1}, OptionError, "bins must be a whole number of 2 or more; got 1"),
        (GOOD, GOOD, {"customer_col": None}, OptionError, "customer_col must be the name"),
        (GOOD, GOOD.astype(str), {}, ColumnError,
         r"'x' \(features\) holds numbers in before and text in after\. Make it one type"),
        (GOOD, GOOD * np.inf, {}, DataError, "2 of 2 values .*of after are infinite"),
        (IDS, IDS, {}, DataError, "another text in every of the 60 rows of before, as ids have"),
        (GOOD, pl.from_pandas(GOOD), {}, DataError, "the tables come from two libraries"),
        (GOOD, pl.from_pandas(GOOD).lazy(), {}, DataError, r"after is a Polars LazyFrame"),
        ([1], GOOD, {}, DataError, "before must be a table"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(before, after, options, error, sentence):
    with pytest.raises(error, match=rf"^population_drift: .*{sentence}"):
        population_drift(before, after, **options)
