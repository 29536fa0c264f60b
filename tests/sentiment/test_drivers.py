"""Drivers of the score: differences by hand, statsmodels' HC3, refits without each customer."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import t as student
from statsmodels.stats.multitest import multipletests

from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError
from crmlytics.sentiment import _drivers, _jackknife
from crmlytics.sentiment._drivers import nps_drivers

ASPECTS = {"delivery": ["delivery"], "price": ["price"], "taste": ["taste"]}
TEXTS = ["Great delivery", "Good delivery", "Awful delivery", "Bad delivery", "Hello there"]
TEXTS += ["Good price", "Hello there", "Awful price", "Good delivery, bad price", "Hello there"]
SCORES = [9, 10, 1, 2, 7, 8, 8, 4, 6, 6]
COLUMNS = ["aspect", "n", "n_positive", "n_negative", "share", "mean_with", "mean_without"]
COLUMNS += [
    f"{a}_{b}" for a in ("positive", "negative", "nps") for b in ("effect", "lower", "upper")
]
COLUMNS += ["p_value", "q_value", "kind"]


def feedback(**columns):
    return {"customer_id": list("abcdefghij"), "text": TEXTS, "score": SCORES} | columns


def simulated(seed=0, n=400, n_customers=130):
    """Answers with known effects: aspect 0 rewards, aspect 1 punishes, aspect 2 does nothing."""
    rng = np.random.default_rng(seed)
    said = rng.choice([0, 1, 2, 3], p=[0.64, 0.15, 0.15, 0.06], size=(n, 3))
    who = rng.integers(0, n_customers, n)
    score = 6.5 + 1.5 * (said[:, 0] == 1) - 2.5 * (said[:, 1] == 2)
    score += rng.normal(0, 0.8, n_customers)[who] + rng.normal(0, 1.0, n)
    return said, score, who


def design(said):
    return np.hstack([np.ones((len(said), 1)), *(said == k for k in (1, 2, 3))]).astype(float)


def column(answer, name):
    return np.array(answer[name].to_pylist(), dtype=float)


def test_every_library_gets_its_own_kind_and_the_same_numbers(make_eager, plain, schema):
    table = make_eager(feedback())
    answer = nps_drivers(table, aspects=ASPECTS)
    assert type(answer) is type(table)
    assert list(schema(answer)) == COLUMNS
    got = plain(answer)
    assert got["aspect"].tolist() == ["delivery", "price", "taste"]
    assert got["n"].tolist() == [5, 3, 0]
    assert got["n_positive"].tolist() == [3, 1, 0]
    assert got["n_negative"].tolist() == [2, 2, 0]
    assert got["share"].tolist() == [0.5, 0.3, 0]
    assert got["mean_with"].tolist()[:2] == pytest.approx([28 / 5, 18 / 3])
    assert got["mean_without"].tolist() == pytest.approx([33 / 5, 43 / 7, 61 / 10])
    assert got.loc[2, [*COLUMNS[7:], "mean_with"]].isna().all()


def test_effects_are_differences_where_aspects_stand_alone(plain):
    texts, scores = [*TEXTS[:5], "Hello there"], [9, 10, 1, 2, 7, 8]
    table = pd.DataFrame({"text": texts, "score": scores})
    got = plain(nps_drivers(table, aspects={"delivery": ["delivery"]}))
    # 9.5 and 1.5 against 7.5; promoters and detractors a third each, the others neither
    assert got["positive_effect"][0] == pytest.approx(2)
    assert got["negative_effect"][0] == pytest.approx(-6)
    assert got["nps_effect"][0] == pytest.approx(100 * 2 / 6 - 100 * 2 / 6)
    # NPS of all is 0, that of those who say nothing of it is 0 too
    one_sided = plain(nps_drivers(table[2:], aspects={"delivery": ["delivery"]}))
    assert one_sided["nps_effect"][0] == pytest.approx(-50)
    assert one_sided["positive_effect"].isna().all()


def test_effects_errors_and_tests_are_those_of_statsmodels():
    said, score, _ = simulated()
    got = _drivers.effects(said, score, None, 0.9)
    fit = sm.OLS(score, design(said)).fit(cov_type="HC3")
    for side, name in enumerate(("positive", "negative")):
        places = 1 + 3 * side + np.arange(3)
        np.testing.assert_allclose(column(got, f"{name}_effect"), fit.params[places], rtol=1e-9)
        n = (said == side + 1).sum(axis=0)
        half = fit.bse[places] * student.ppf(0.95, n - 1)
        np.testing.assert_allclose(
            column(got, f"{name}_upper"), fit.params[places] + half, rtol=1e-9
        )
    for aspect in range(3):
        rows = np.zeros((2, 10))
        rows[0, 1 + aspect] = rows[1, 4 + aspect] = 1
        wald = fit.f_test(rows)  # statsmodels takes 390 degrees of freedom, we those of the fewer
        n = min((said[:, aspect] == side).sum() for side in (1, 2))
        from scipy.stats import f

        assert got["p_value"].to_pylist()[aspect] == pytest.approx(f.sf(wald.fvalue, 2, n - 1))
    corrected = multipletests(got["p_value"].to_pylist(), method="fdr_bh")[1]
    np.testing.assert_allclose(column(got, "q_value"), corrected, rtol=1e-12)
    assert got["kind"].to_pylist()[:2] == ["reward", "penalty"]


def test_without_each_customer_is_a_refit_without_them():
    said, score, who = simulated(n=200, n_customers=40)
    who[:30] = 0  # more answers of one customer than columns
    order = np.argsort(who, kind="stable")
    starts = np.flatnonzero(np.diff(who[order], prepend=-1))
    x = design(said)
    y = np.column_stack([score, 2 * score])
    fit = _jackknife.least_squares(x, y, np.ones(200), order, starts)
    whole = np.linalg.lstsq(x, y, rcond=None)[0]
    for place, customer in enumerate(np.unique(who)):
        rest = who != customer
        without = np.linalg.lstsq(x[rest], y[rest], rcond=None)[0]
        np.testing.assert_allclose(fit.changes[place], whole - without, atol=1e-9)
    assert not fit.broken.any()


def test_the_effect_on_nps_and_its_jackknife_by_brute_force():
    said, score, who = simulated(n=150, n_customers=50)
    score = np.clip(np.round(score), 0, 10)

    def nps_effect(rows):
        y = 100.0 * (score[rows] >= 9) - 100.0 * (score[rows] <= 6)
        beta = np.linalg.lstsq(design(said[rows]), y, rcond=None)[0]
        shares = [(said[rows] == side).mean(axis=0) for side in (1, 2)]
        return shares[0] * beta[1:4] + shares[1] * beta[4:7]

    got = _drivers.effects(said, score, who, 0.95)
    whole = nps_effect(np.ones(150, dtype=bool))
    np.testing.assert_allclose(column(got, "nps_effect"), whole, atol=1e-9)
    without = np.array([nps_effect(who != customer) for customer in np.unique(who)])
    error = np.sqrt(((without - whole) ** 2).sum(axis=0))
    holders = np.array([len(np.unique(who[np.isin(said[:, k], (1, 2))])) for k in range(3)])
    degrees = np.minimum(holders, len(np.unique(who)) - holders) - 1
    half = student.ppf(0.975, degrees) * error
    np.testing.assert_allclose(column(got, "nps_upper"), whole + half, rtol=1e-9)


def test_a_customer_a_row_is_the_same_as_no_customers():
    said, score, _ = simulated(n=120)
    one = _drivers.effects(said, score, None, 0.95)
    other = _drivers.effects(said, score, np.arange(120)[::-1], 0.95)
    for name in COLUMNS[1:-1]:
        np.testing.assert_allclose(column(one, name), column(other, name), rtol=1e-9, atol=1e-9)


def test_what_a_single_customer_says_has_an_effect_and_no_interval(plain):
    table = feedback(text=[*TEXTS[:9], "Good taste"])
    got = plain(nps_drivers(pd.DataFrame(table), aspects=ASPECTS))
    assert got["positive_effect"].notna().tolist() == [True, True, True]
    assert got["positive_lower"].isna().tolist() == [False, True, True]
    assert got["p_value"].isna().tolist() == [False, False, True]
    assert got["kind"].tolist() == ["neither"] * 3


def test_aspects_that_cannot_be_told_apart_have_no_effects(plain):
    aspects = {"delivery": ["delivery"], "parcel": ["delivery"], "price": ["price"]}
    got = plain(nps_drivers(pd.DataFrame(feedback()), aspects=aspects))
    assert got["positive_effect"].isna().tolist() == [True, True, False]
    assert got["nps_effect"].isna().tolist() == [True, True, False]
    assert got["n"].tolist() == [5, 5, 3]
    assert got["kind"].isna().tolist() == [True, True, False]


def test_rows_without_score_or_text_are_left_out_and_counted(plain):
    table = pd.DataFrame(feedback(text=[*TEXTS[:9], None], score=[None, *SCORES[1:]]))
    with pytest.warns(CrmlyticsWarning, match="left out 1 of 10 rows without a score, and 1 with"):
        got = nps_drivers(table, aspects=ASPECTS)
    whole = pd.DataFrame(feedback())[1:9]
    pd.testing.assert_frame_equal(plain(got), plain(nps_drivers(whole, aspects=ASPECTS)))
    with pytest.warns(CrmlyticsWarning):
        assert len(nps_drivers(table[:1], aspects=ASPECTS)) == 0


@pytest.mark.parametrize("customer_col", [None, "customer_id"])
def test_order_and_names_change_no_bit(customer_col):
    table = pd.DataFrame(feedback(customer_id=list("aabbccdefg")))
    answer = nps_drivers(table, aspects=ASPECTS, customer_col=customer_col)
    for seed in range(4):
        mixed = table.sample(frac=1, random_state=seed)
        mixed["customer_id"] = mixed["customer_id"].map(
            dict(zip("abcdefg", "gacbedf", strict=True))
        )
        other = nps_drivers(mixed, aspects=ASPECTS, customer_col=customer_col)
        pd.testing.assert_frame_equal(other, answer, check_exact=True)


def test_order_changes_no_bit_of_larger_tables():
    said, score, who = simulated()
    one = _drivers.effects(said, np.round(score, 1), who, 0.95)
    order = np.random.default_rng(1).permutation(len(said))
    names = np.random.default_rng(2).permutation(130)
    other = _drivers.effects(said[order], np.round(score, 1)[order], names[who[order]], 0.95)
    for name in COLUMNS[1:-1]:
        np.testing.assert_array_equal(column(one, name), column(other, name))


@pytest.mark.parametrize("clustered", [False, True])
def test_intervals_hold_the_truth(clustered):
    hits = []
    for seed in range(60):
        said, score, who = simulated(seed, n=200, n_customers=60 if clustered else 20_000)
        got = _drivers.effects(said, score, who if clustered else None, 0.95)
        for name, truth in (("positive", [1.5, 0, 0]), ("negative", [0, -2.5, 0])):
            lower, upper = (column(got, f"{name}_{end}") for end in ("lower", "upper"))
            hits += ((lower <= truth) & (truth <= upper)).tolist()
    assert 0.92 <= np.mean(hits) <= 0.99  # 360 intervals at 0.95


BAD = {
    "low": (
        {},
        {"score": [-1, *SCORES[1:]]},
        DataError,
        r"1 of 10 scores in column 'score' \(score",
    ),
    "high": ({}, {"score": [100, 90, *SCORES[2:]]}, DataError, "2 of 10 scores .* outside 0 to 10"),
    "words": ({}, {"score": list("abcdefghij")}, ColumnError, "score_col"),
    "none": ({"score_col": "nps"}, {}, ColumnError, r"no column 'nps' \(score_col\)"),
    "confidence": ({"confidence": 0}, {}, OptionError, "confidence must lie between 0 and 1"),
    "language": ({"language": "french"}, {}, OptionError, "language must be one of 'auto'"),
    "aspects": ({"aspects": {}}, {}, DataError, "aspects is empty"),
    "customer": ({"customer_col": "who"}, {}, ColumnError, r"no column 'who' \(customer_col\)"),
}


@pytest.mark.parametrize(("options", "columns", "error", "sentence"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence(options, columns, error, sentence):
    with pytest.raises(error, match=rf"^nps_drivers: .*{sentence}"):
        nps_drivers(pd.DataFrame(feedback(**columns)), **({"aspects": ASPECTS} | options))


def test_an_empty_table(make_eager, plain):
    empty = make_eager(feedback())[:0]
    assert plain(nps_drivers(empty, aspects=ASPECTS)).columns.tolist() == COLUMNS
