"""Measures of predicted churn against scikit-learn, statsmodels, brute force and simulation."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from crmlytics.churn._evaluate import SCHEMA, evaluate_churn
from crmlytics.errors import ColumnError, DataError, OptionError

Z = 1.959963984540054
# probabilities of few values, so that ties abound; both classes are there
ROWS = st.lists(st.tuples(st.booleans(), st.integers(1, 19)), min_size=4, max_size=60).filter(
    lambda rows: 2 <= sum(y for y, _ in rows) <= len(rows) - 2
)


def table(churned, probability, **more):
    return pd.DataFrame({"churned": churned, "churn_probability": probability, **more})


def measured(churned, probability, **options):
    return evaluate_churn(table(churned, probability), **options).iloc[0]


def arrays(rows):
    return np.array([y for y, _ in rows]), np.array([p / 20 for _, p in rows])


def drawn(n, seed, a=-1.5, b=1.0, decimals=None):
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-(a + b * rng.normal(size=n))))
    p = p if decimals is None else np.clip(np.round(p, decimals), 0.01, 0.99)
    return rng.random(n) < p, p


def logit_interval(value, error):
    odds = np.log(value / (1 - value)) + Z * error / (value * (1 - value)) * np.array([-1, 1])
    return 1 / (1 + np.exp(-odds))


@given(rows=ROWS)
@settings(max_examples=40)
def test_oracle_scikit_learn(rows):
    y, p = arrays(rows)
    found = measured(y, p)
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(y, p))
    assert found["pr_auc"] == pytest.approx(metrics.average_precision_score(y, p))
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(y, p))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(y, p))
    assert found["base_rate"] == pytest.approx(y.mean())
    assert found["mean_probability"] == pytest.approx(p.mean())
    assert (found["n"], found["n_churned"]) == (len(y), y.sum())


def test_log_loss_of_the_surely_wrong_is_finite():
    found = measured([1, 0, 1], [0.0, 1.0, 0.5])
    assert found["log_loss"] == pytest.approx(metrics.log_loss([1, 0, 1], [0.0, 1.0, 0.5]))


@given(rows=ROWS)
@settings(max_examples=40)
def test_auc_interval_is_that_of_delong(rows):
    # DeLong et al. 1988, eq. 4 to 6, pair by pair
    y, p = arrays(rows)
    pairs = np.sign(p[y][:, None] - p[~y][None, :]) / 2 + 0.5
    error = np.sqrt(
        pairs.mean(axis=1).var(ddof=1) / y.sum() + pairs.mean(axis=0).var(ddof=1) / (~y).sum()
    )
    found = measured(y, p)
    if 0 < pairs.mean() < 1:
        bounds = logit_interval(pairs.mean(), error)
        assert [found["auc_lower"], found["auc_upper"]] == pytest.approx(bounds)


def test_average_precision_interval_by_numeric_derivative():
    y, p = drawn(80, 3, decimals=1)
    weights = np.ones(80)
    pulls = []
    for row in range(80):
        ends = []
        for change in (-1e-5, 1e-5):
            weights[row] = 1 + change
            ends.append(metrics.average_precision_score(y, p, sample_weight=weights))
        weights[row] = 1
        pulls.append((ends[1] - ends[0]) / 2e-5)
    error = np.sqrt(np.sum(np.square(pulls)) * 80 / 79)
    found = measured(y, p)
    assert [found["pr_auc_lower"], found["pr_auc_upper"]] == pytest.approx(
        logit_interval(found["pr_auc"], error), abs=1e-6
    )


@given(rows=ROWS)
@settings(max_examples=40)
def test_lift_counts_the_step_at_the_border_in_part(rows):
    y, p = arrays(rows)
    top = len(y) / 10
    churners = 0.0
    for score in np.unique(p)[::-1]:
        here = p == score
        part = np.clip((top - (p > score).sum()) / here.sum(), 0, 1)
        churners += part * y[here].sum()
    found = measured(y, p)
    assert found["lift_10"] == pytest.approx(churners / top / y.mean())
    assert found["stayer_lift_10"] == pytest.approx(measured(~y, 1 - p)["lift_10"])


def test_lift_by_hand():
    # 2 of 20 rows are the top tenth; both churn, of 5 in all: 1 / 0.25
    churned = [1, 1, 0, 1, 0, 1, 1] + [0] * 13
    found = measured(churned, np.linspace(0.99, 0.01, 20))
    assert found["lift_10"] == pytest.approx(4.0)
    # with 4 rows at the border and 1 of them a churner
    found = measured([1, 0, 0, 0, 1] + [0] * 15, [0.9] * 4 + [0.5] * 16)
    assert found["lift_10"] == pytest.approx((0.5 / 2) / 0.1)


@pytest.mark.parametrize("seed", range(4))
def test_slope_and_intercept_are_those_of_statsmodels(seed):
    y, p = drawn(300, seed, a=[-3, -1, 0, 1.5][seed], b=[2, 0.3, 1, 1][seed], decimals=2)
    x = np.log(p / (1 - p))
    fit = sm.Logit(y.astype(float), sm.add_constant(x)).fit(disp=0)
    found = measured(y, p)
    names = ("calibration_intercept", "calibration_slope")
    assert [found[name] for name in names] == pytest.approx(fit.params, rel=1e-6)
    bounds = [[found[f"{name}_lower"], found[f"{name}_upper"]] for name in names]
    assert np.array(bounds) == pytest.approx(fit.conf_int(), rel=1e-5)


def test_slope_of_customers_with_several_rows_is_that_of_statsmodels():
    y, p = drawn(300, 5)
    who = np.random.default_rng(0).integers(0, 60, 300)
    clustered = sm.Logit(y.astype(float), sm.add_constant(np.log(p / (1 - p)))).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": who, "use_correction": False}
    )
    found = evaluate_churn(table(y, p, id=who), customer_col="id").iloc[0]
    half = (found["calibration_slope_upper"] - found["calibration_slope_lower"]) / 2
    k = len(np.unique(who))
    assert half == pytest.approx(Z * clustered.bse[1] * np.sqrt(k / (k - 1)), rel=1e-5)


@given(rows=ROWS)
@settings(max_examples=40)
def test_parts_add_up_to_the_brier_score(rows):
    y, p = arrays(rows)
    found = measured(y, p)
    rates = IsotonicRegression().fit(p, y).predict(p)
    best = ((rates - y) ** 2).mean()
    base = y.mean() * (1 - y.mean())
    assert found["brier_reliability"] == pytest.approx(found["brier"] - best, abs=1e-12)
    assert found["brier_resolution"] == pytest.approx(base - best, abs=1e-12)
    assert found["brier_uncertainty"] == pytest.approx(base)
    parts = found["brier_reliability"] - found["brier_resolution"] + found["brier_uncertainty"]
    assert parts == pytest.approx(found["brier"])


@given(rows=ROWS, data=st.data())
@settings(max_examples=40)
def test_order_of_rows_is_nothing(rows, data):
    shuffled = data.draw(st.permutations(rows))
    one, other = measured(*arrays(rows)), measured(*arrays(shuffled))
    assert other.to_numpy() == pytest.approx(one.to_numpy(), rel=1e-9, abs=1e-12, nan_ok=True)


@given(rows=ROWS)
@settings(max_examples=40)
def test_intervals_hold_their_estimates(rows):
    found = measured(*arrays(rows))
    for name in ("auc", "pr_auc", "brier", "log_loss", "lift_10", "stayer_lift_10"):
        assert found[f"{name}_lower"] <= found[name] + 1e-9
        assert found[f"{name}_upper"] >= found[name] - 1e-9
    assert 0 <= found["auc_lower"] <= found["auc_upper"] <= 1
    assert 0 <= found["lift_10_lower"] <= found["lift_10_upper"] <= 10 + 1e-9


def test_simulated_coverage():
    # true values: a million draws of the same kind; 500 tables of 400 rows, about 80 churners
    y, p = drawn(1_000_000, 99)
    one = measured(y, p)
    truth = {"auc": one["auc"], "pr_auc": one["pr_auc"], "lift_10": one["lift_10"]}
    truth |= {"brier": (p * (1 - p)).mean(), "stayer_lift_10": one["stayer_lift_10"]}
    truth |= {"log_loss": -(p * np.log(p) + (1 - p) * np.log1p(-p)).mean()}
    truth |= {"calibration_slope": 1.0, "calibration_intercept": 0.0}
    parts = [table(*drawn(400, seed), run=seed) for seed in range(500)]
    found = evaluate_churn(pd.concat(parts), by="run")
    for name, value in truth.items():
        held = (found[f"{name}_lower"] <= value) & (value <= found[f"{name}_upper"])
        # 0.95 within three standard errors of 500 draws, and 0.01 for the size of the table
        assert 0.91 <= held.mean() <= 0.98, name


def test_simulated_coverage_of_customers_with_several_rows():
    # five rows a customer share the customer's own level: rows alone would be too sure
    rng = np.random.default_rng(4)
    parts = []
    for run in range(300):
        level = np.repeat(rng.normal(size=100), 5)
        p = 1 / (1 + np.exp(-(-1 + rng.normal(size=500))))
        y = rng.random(500) < 1 / (1 + np.exp(-(-1 + 2 * level)))
        parts.append(table(y, p, run=run, id=np.repeat(np.arange(100), 5)))
    every = pd.concat(parts)
    truth = 0.5  # the probabilities know nothing
    brier = ((every["churn_probability"] - every["churned"]) ** 2).mean()
    found = evaluate_churn(every, by="run", customer_col="id")
    naive = evaluate_churn(every, by="run")
    held = (found["auc_lower"] <= truth) & (truth <= found["auc_upper"])
    assert 0.91 <= held.mean() <= 0.98
    held = (found["brier_lower"] <= brier) & (brier <= found["brier_upper"])
    assert 0.91 <= held.mean() <= 0.98
    short = (naive["brier_lower"] <= brier) & (brier <= naive["brier_upper"])
    assert short.mean() < 0.9


def test_a_customer_in_every_row_is_no_customer():
    y, p = drawn(200, 8)
    one = measured(y, p)
    own = evaluate_churn(table(y, p, id=np.arange(200)), customer_col="id").iloc[0]
    pd.testing.assert_series_equal(one, own)
    # every row twice says no more than once
    twice = pd.concat([table(y, p, id=np.arange(200))] * 2)
    doubled = evaluate_churn(twice, customer_col="id").iloc[0]
    for name in ("pr_auc", "brier", "log_loss", "lift_10"):
        assert doubled[f"{name}_lower"] == pytest.approx(one[f"{name}_lower"])
    assert doubled["auc_upper"] == pytest.approx(one["auc_upper"], abs=1e-3)


@pytest.mark.parametrize("churned", [[0, 0, 0], [1, 1, 1]])
def test_one_class_leaves_what_needs_both_unknown(churned, plain):
    found = plain(evaluate_churn(table(churned, [0.2, 0.4, 0.9]))).iloc[0]
    unknown = {name for name in SCHEMA if pd.isna(found[name])}
    needs = ("auc", "pr_auc", "lift_10", "stayer_lift_10")
    needs += ("calibration_slope", "calibration_intercept")
    assert unknown == {f"{name}{end}" for name in needs for end in ("", "_lower", "_upper")}
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(churned, [0.2, 0.4, 0.9]))
    assert found["brier_uncertainty"] == 0


@pytest.mark.parametrize(
    ("churned", "probability"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.7]),  # parted
        ([0, 0, 1, 1], [0.1, 0.2, 0.2, 0.7]),  # parted but for one value
        ([1, 1, 0, 0], [0.1, 0.2, 0.6, 0.7]),  # the wrong way round
        ([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3]),  # one value
        ([0, 1, 0, 1], [0.0, 0.3, 0.6, 0.5]),  # an infinite logit
        ([0, 1, 0, 1], [0.2, 0.3, 1.0, 0.5]),
    ],
)
def test_slope_is_null_where_there_is_none(churned, probability):
    found = measured(churned, probability)
    assert np.isnan(found["calibration_slope"])
    assert np.isnan(found["calibration_intercept_upper"])


def test_a_perfect_ranking_is_not_certain():
    found = measured([0] * 8 + [1] * 4, np.linspace(0.1, 0.9, 12))
    assert found["auc"] == 1
    # 4 of 4: the Wilson interval reaches down to 4 / (4 + z^2)
    assert found["auc_lower"] == pytest.approx(4 / (4 + Z * Z))
    assert found["auc_upper"] == 1
    assert found["pr_auc_lower"] == pytest.approx(4 / (4 + Z * Z))


def test_one_churner_has_no_interval():
    found = measured([1, 0, 0, 0], [0.4, 0.5, 0.2, 0.1])
    assert found["auc"] == pytest.approx(2 / 3)
    for name in ("auc_lower", "auc_upper", "pr_auc_lower", "pr_auc_upper"):
        assert np.isnan(found[name])


def test_extreme_probabilities():
    y = np.array([0, 1, 0, 1, 1, 0] * 20)
    p = np.array([1e-300, 1e-12, 1e-9, 0.5, 1 - 1e-9, 1 - 1e-12] * 20)
    found = measured(y, p)
    x = np.log(p) - np.log1p(-p)
    slope, intercept = found["calibration_slope"], found["calibration_intercept"]
    # at the maximum of the likelihood the residuals cancel
    residual = y - 1 / (1 + np.exp(-(intercept + slope * x)))
    assert residual.sum() == pytest.approx(0, abs=1e-6)
    assert (residual * x).sum() / np.abs(x).max() == pytest.approx(0, abs=1e-6)


def test_groups_are_measured_alone(make_eager, plain):
    y, p = drawn(240, 1)
    model = np.array(["logistic", "btyd", None], dtype=object)[np.arange(240) % 3]
    columns = {"churned": y, "churn_probability": p, "model": model}
    found = evaluate_churn(make_eager(columns), by="model")
    assert isinstance(found, type(make_eager(columns)))
    found = plain(found)
    assert list(found["model"].fillna("none")) == ["btyd", "logistic", "none"]
    assert list(found.columns) == ["model", *SCHEMA]
    for place, rows in enumerate(([1], [0], [2])):
        here = np.isin(np.arange(240) % 3, rows)
        alone = measured(y[here], p[here])
        got = found.iloc[place][list(SCHEMA)].to_numpy(dtype=float)
        assert got == pytest.approx(alone.to_numpy(dtype=float))


@pytest.mark.parametrize("kind", [bool, int, float, "Int64", "boolean", object])
def test_labels_of_any_kind(kind):
    y, p = drawn(50, 2)
    found = evaluate_churn(table(pd.Series(y).astype(kind), p))
    pd.testing.assert_frame_equal(found, evaluate_churn(table(y, p)))


def test_every_kind_of_table(make_eager, plain, schema):
    y, p = drawn(60, 6)
    given_table = make_eager({"churned": y.astype(int), "churn_probability": p})
    found = evaluate_churn(given_table)
    kinds = {"int": "Int64", "float": "Float64"}
    assert schema(found) == {name: kinds[kind] for name, kind in SCHEMA.items()}
    assert plain(found).iloc[0].to_numpy(float) == pytest.approx(measured(y, p).to_numpy(float))


def test_empty_table(make_eager, plain):
    empty = pa.table(
        {"churned": pa.array([], pa.bool_()), "churn_probability": pa.array([], pa.float64())}
    )
    found = plain(evaluate_churn(make_eager(empty)))
    assert len(found) == 0
    assert list(found.columns) == list(SCHEMA)


GOOD = table([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4])
BAD = {
    "no label": (
        GOOD.drop(columns="churned"), ColumnError,
        r"no column 'churned' \(label_col\) in predictions; it has \['churn_probability'\]",
    ),
    "text": (
        GOOD.assign(churned=["no", "yes"] * 2), ColumnError,
        r"'churned' \(label_col\) holds String, not 0 and 1 or True and False. Convert it",
    ),
    "text probability": (
        GOOD.assign(churn_probability="high"), ColumnError, r"\(prob_col\) holds .*, not numbers",
    ),
    "three": (
        GOOD.assign(churned=[0, 1, 2, 3]), DataError,
        r"2 of 4 values of 'churned' \(label_col\) are neither 0 nor 1, such as 2\. Make them",
    ),
    "unknown label": (
        GOOD.assign(churned=[0, 1, None, 1]), DataError,
        r"1 of 4 rows have no 'churned' \(label_col\)\. Drop them",
    ),
    "unknown labels only": (
        GOOD.assign(churned=pd.Series([None] * 4, dtype="str")), DataError,
        r"4 of 4 rows have no 'churned' \(label_col\)",
    ),
    "unknown probability": (
        GOOD.assign(churn_probability=[0.1, np.nan, np.nan, 0.4]), DataError,
        r"2 of 4 rows have no 'churn_probability' \(prob_col\)\. Drop them",
    ),
    "score": (
        GOOD.assign(churn_probability=[-1, 0.5, 1.5, 2]), DataError,
        r"3 of 4 values of 'churn_probability' \(prob_col\) lie outside 0 to 1, such as -1\. Pass",
    ),
    "infinite": (
        GOOD.assign(churn_probability=[0.1, np.inf, 0.2, 0.4]), DataError, "are infinite",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_one_sentence(case):
    given_table, error, sentence = BAD[case]
    with pytest.raises(error, match=sentence) as raised:
        evaluate_churn(given_table)
    assert str(raised.value).startswith("evaluate_churn: ")


def test_bad_options_are_one_sentence():
    with pytest.raises(OptionError, match="confidence"):
        evaluate_churn(GOOD, confidence=95)
    with pytest.raises(ColumnError, match=r"column 'n' \(by\) has the name of a result column"):
        evaluate_churn(GOOD.assign(n=1), by="n")
    with pytest.raises(DataError, match=r"1 of 4 rows have no 'id' \(customer_col\)"):
        evaluate_churn(GOOD.assign(id=[1, 2, None, 3]), customer_col="id")
    with pytest.raises(OptionError, match="label_col must be the name of a column"):
        evaluate_churn(GOOD, label_col=None)
