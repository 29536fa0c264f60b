"""Tables of lift and calibration: by hand, by brute force, with ties, on every kind of table."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from crmlytics.churn._lift import CALIBRATION, LIFT, calibration_table, lift_table
from crmlytics.errors import ColumnError, DataError, OptionError

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=1, max_size=60)
KINDS = {"int": "Int64", "float": "Float64"}


def table(churned, probability):
    return pd.DataFrame({"churned": churned, "churn_probability": probability})


def test_ten_rows_by_hand():
    lift = lift_table(table([1, 1, 0, 1, 0, 0, 0, 0, 0, 0], np.linspace(0.95, 0.05, 10)), bins=5)
    assert list(lift["bin"]) == [1, 2, 3, 4, 5]
    assert list(lift["n"]) == [2] * 5
    assert list(lift["churned"]) == [2, 1, 0, 0, 0]
    assert list(lift["rate"]) == [1, 0.5, 0, 0, 0]
    assert list(lift["lift"]) == pytest.approx([1 / 0.3, 0.5 / 0.3, 0, 0, 0])
    assert list(lift["cumulative_share"]) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1])
    assert list(lift["cumulative_gain"]) == pytest.approx([2 / 3, 1, 1, 1, 1])
    assert list(lift["cumulative_lift"]) == pytest.approx([10 / 3, 2.5, 5 / 3, 1.25, 1])
    assert list(lift["mean_probability"]) == pytest.approx([0.9, 0.7, 0.5, 0.3, 0.1])
    assert list(lift["min_probability"]) == pytest.approx([0.85, 0.65, 0.45, 0.25, 0.05])


def test_intervals_are_wilson():
    rng = np.random.default_rng(0)
    p = rng.random(300)
    lift = lift_table(table(rng.random(300) < p, p), confidence=0.9)
    bounds = proportion_confint(lift["churned"], lift["n"], alpha=0.1, method="wilson")
    assert lift["lower"].to_numpy() == pytest.approx(np.asarray(bounds[0]), abs=1e-12)
    assert lift["upper"].to_numpy() == pytest.approx(np.asarray(bounds[1]), abs=1e-12)


def test_without_ties_classes_are_of_one_size():
    rng = np.random.default_rng(1)
    for n, bins in ((1000, 10), (60, 6), (7, 7)):
        scores = rng.permutation(n) / n
        assert list(lift_table(table(scores > 0.5, scores), bins=bins)["n"]) == [n // bins] * bins
        assert list(calibration_table(table(scores > 0.5, scores), bins=bins)["n"]) == (
            [n // bins] * bins
        )


@given(rows=ROWS, bins=st.integers(2, 12))
@settings(max_examples=60)
def test_equal_scores_are_never_parted(rows, bins):
    churned, score = np.array([y for y, _ in rows]), np.array([s / 12 for _, s in rows])
    lift = lift_table(table(churned, score), bins=bins)
    assert lift["n"].sum() == len(rows)
    assert lift["churned"].sum() == churned.sum()
    assert list(lift["bin"]) == list(range(1, len(lift) + 1))
    assert len(lift) <= bins
    above = np.inf
    for row in lift.itertuples():
        here = (score >= row.min_probability) & (score < above)
        assert here.sum() == row.n
        assert churned[here].sum() == row.churned
        assert row.mean_probability == pytest.approx(score[here].mean())
        assert row.cumulative_share == pytest.approx((score >= row.min_probability).mean())
        above = row.min_probability
    assert lift["cumulative_share"].iloc[-1] == 1
    upside = calibration_table(table(churned, score), bins=bins)
    assert list(upside["n"])[::-1] == list(lift["n"])
    assert list(upside["rate"])[::-1] == list(lift["rate"])
    assert upside["mean_probability"].is_monotonic_increasing


@given(rows=ROWS, data=st.data())
@settings(max_examples=30)
def test_order_of_rows_is_nothing(rows, data):
    shuffled = data.draw(st.permutations(rows))
    for function in (lift_table, calibration_table):
        one, other = (
            function(table([y for y, _ in each], [s / 12 for _, s in each]))
            for each in (rows, shuffled)
        )
        pd.testing.assert_frame_equal(one, other)


def test_one_score_is_one_class():
    lift = lift_table(table([1, 0, 0, 1], [0.3] * 4))
    assert list(lift["bin"]) == [1]
    assert list(lift["lift"]) == [1]
    assert list(lift["cumulative_share"]) == [1]


def test_scores_may_be_of_any_kind():
    lift = lift_table(table([1, 1, 0, 0], [-3.0, -10.0, -20.0, -1e6]), bins=2)
    assert list(lift["churned"]) == [2, 0]
    with pytest.raises(DataError, match=r"^calibration_table: 4 of 4 values .* outside 0 to 1"):
        calibration_table(table([1, 1, 0, 0], [-3.0, -10.0, -20.0, -1e6]))


def test_nobody_churned(plain):
    lift = plain(lift_table(table([0, 0, 0], [0.1, 0.2, 0.3]), bins=3))
    assert lift[["lift", "cumulative_gain", "cumulative_lift"]].isna().all().all()
    assert list(lift["rate"]) == [0, 0, 0]
    everybody = lift_table(table([1, 1, 1], [0.1, 0.2, 0.3]), bins=3)
    assert list(everybody["lift"]) == [1, 1, 1]


@pytest.mark.parametrize(
    ("function", "kinds"), [(lift_table, LIFT), (calibration_table, CALIBRATION)]
)
def test_every_kind_of_table(function, kinds, make_eager, plain, schema):
    rng = np.random.default_rng(2)
    p = np.round(rng.random(80), 1)
    columns = {"gone": rng.random(80) < p, "risk": p}
    options = {"label_col": "gone", "prob_col": "risk"}
    found = function(make_eager(columns), **options)
    assert isinstance(found, type(make_eager(columns)))
    assert schema(found) == {name: KINDS[kind] for name, kind in kinds.items()}
    want = function(pd.DataFrame(columns), **options)
    assert plain(found).to_numpy(float) == pytest.approx(want.to_numpy(float))
    empty = plain(
        function(make_eager({name: values[:0] for name, values in columns.items()}), **options)
    )
    assert len(empty) == 0
    assert list(empty.columns) == list(kinds)


@pytest.mark.parametrize("function", [lift_table, calibration_table])
def test_bad_input_is_one_sentence(function):
    good, name = table([0, 1], [0.2, 0.4]), function.__name__
    cases = [
        (good.drop(columns="churn_probability"), {}, ColumnError, r"no column 'churn_probability'"),
        (good.assign(churned=["a", "b"]), {}, ColumnError, r"\(label_col\) holds String"),
        (good.assign(churned=[1, 7]), {}, DataError, "1 of 2 values .* neither 0 nor 1, such as 7"),
        (good.assign(churned=[1, None]), {}, DataError, "1 of 2 rows have no 'churned'"),
        (good.assign(churn_probability=[1, None]), {}, DataError, "1 of 2 rows have no"),
        (good, {"bins": 1}, OptionError, "bins must be a whole number of 2 or more; got 1"),
        (good, {"confidence": 2}, OptionError, "confidence"),
        ([1, 2], {}, DataError, "must be a table"),
    ]
    for given_table, options, error, sentence in cases:
        with pytest.raises(error, match=rf"^{name}: .*{sentence}"):
            function(given_table, **options)
