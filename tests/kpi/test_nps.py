# ruff: noqa: DTZ001 - the dates of tables are naive
"""The Net Promoter Score and its change against plain loops, bootstrap and exact coverage."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError
from crmlytics.kpi import _answers

START = datetime(2026, 1, 1)
Z = 1.959963984540054  # R: qnorm(0.975)
ROW = st.tuples(
    st.sampled_from("abcd"),
    st.integers(0, 4),
    st.one_of(st.none(), *[st.integers(0, 10)] * 6),
    st.sampled_from(["north", "south", None]),
    st.integers(0, 4).map(lambda quarters: quarters / 4),
)
ROWS = st.lists(ROW, min_size=1, max_size=25)
FEW = settings(max_examples=12, deadline=None)  # for each of six engines


def columns(rows):
    return pa.table(
        {
            "customer_id": [row[0] for row in rows],
            "date": [START + timedelta(hours=12 * row[1]) for row in rows],
            "score": pa.array([row[2] for row in rows], pa.int64()),
            "shop": pa.array([row[3] for row in rows], pa.string()),
            "weight": [row[4] for row in rows],
        }
    )


def sign(score):
    return 1 if score >= 9 else 0 if score >= 7 else -1


def last(rows):
    """Keep the last answer of each customer; of a tie the lowest, then the heaviest."""
    best = {}
    for row in rows:
        if row[2] is None:
            continue
        rank = (row[1], -row[2], row[4])
        if row[0] not in best or rank > best[row[0]][0]:
            best[row[0]] = (rank, row)
    return [row for _, row in best.values()]


def oracle(rows, *, weighted=False, triples=(0.75, 1.5, 0.75)):
    """Return NPS, bounds, counts, missing answers and effective answers; NaN is unknown."""
    known = [row for row in rows if row[2] is not None]
    signs = np.array([sign(row[2]) for row in known], dtype=float)
    counts = [int((signs == value).sum()) for value in (1, 0, -1)]
    weights = np.array([row[4] if weighted else 1.0 for row in known])
    rest = [*counts, len(known), len(rows) - len(known)]
    if not weights.sum() > 0:
        return [np.nan, np.nan, np.nan, *rest, 0.0]
    mean = (weights * signs).sum() / weights.sum()
    # the linearised variance beside that of equal weights, pseudo-answers among both
    add = np.array([0.75, 1.5, 0.75])
    w = weights * weights.sum() / (weights**2).sum()
    every = np.append(signs, [-1, 0, 1])
    one, two = np.append(w, add), np.append(w**2, add)
    centre = (one * every).sum() / one.sum()
    distance = (every - centre) ** 2
    n = one.sum() * (one * distance).sum() / (two * distance).sum() - 3
    n = min(n, len(known)) if weighted else len(known)
    low, mid, high = triples
    p = ((weights * (signs == 1)).sum() / weights.sum() * n + high) / (n + low + mid + high)
    d = ((weights * (signs == -1)).sum() / weights.sum() * n + low) / (n + low + mid + high)
    half = Z * np.sqrt(max(p + d - (p - d) ** 2, 0) / (n + low + mid + high))
    lower = min(max(p - d - half, -1), mean)
    upper = max(min(p - d + half, 1), mean)
    return [100 * mean, 100 * lower, 100 * upper, *rest, n]


NAMES = ["nps", "lower", "upper", "promoters", "passives", "detractors", "n", "n_missing"]
NAMES += ["n_effective"]


def numbers(row, names=NAMES):
    return [np.nan if pd.isna(row[name]) else float(row[name]) for name in names]


@pytest.mark.filterwarnings("ignore::crmlytics.errors.CrmlyticsWarning")
@pytest.mark.parametrize("weighted", [False, True])
@FEW
@given(rows=ROWS)
def test_oracle(make_eager, plain, weighted, rows):
    if weighted and not any(row[4] for row in rows if row[2] is not None):
        rows = [*rows, ("a", 0, 7, None, 1.0)]
    table = make_eager(columns(rows))
    got = plain(crm.kpi.nps(table, weights_col="weight" if weighted else None)).iloc[0]
    want = oracle(rows, weighted=weighted)
    assert numbers(got) == pytest.approx(want, rel=1e-9, abs=1e-9, nan_ok=True)
    assert got["n_repeats"] == 0


@pytest.mark.filterwarnings("ignore::crmlytics.errors.CrmlyticsWarning")
@settings(max_examples=8, deadline=None)
@given(rows=ROWS)
def test_by_and_wald_and_last(make_eager, plain, rows):
    table = make_eager(columns(rows))
    got = plain(crm.kpi.nps(table, by="shop", interval="wald", repeats="last"))
    shops = sorted({row[3] for row in rows}, key=lambda shop: (shop is None, shop))
    assert [None if pd.isna(shop) else shop for shop in got["shop"]] == shops
    for shop, (_, row) in zip(shops, got.iterrows(), strict=True):
        own = [one for one in rows if one[3] == shop]
        kept = last(own)
        want = oracle(kept, triples=(0, 0, 0))
        want[7] = sum(one[2] is None for one in own)
        assert numbers(row) == pytest.approx(want, rel=1e-9, abs=1e-9, nan_ok=True)
        assert row["n_repeats"] == len(own) - want[7] - len(kept)


@settings(max_examples=30, deadline=None)
@given(rows=ROWS, data=st.data())
def test_the_order_of_rows_is_nothing(rows, data):
    rows = [*rows, ("a", 0, 7, None, 1.0)]
    mixed = data.draw(st.permutations(rows))
    one, other = (
        crm.kpi.nps(columns(some), repeats="last", weights_col="weight").to_pandas()
        for some in (rows, mixed)
    )
    pd.testing.assert_frame_equal(one, other)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.tuples(*[st.integers(0, 40)] * 3).filter(sum),
    level=st.sampled_from([0.05, 0.5, 0.8, 0.95, 0.99, 0.9999]),
)
def test_the_interval_holds_the_score_and_stays_within_bounds(counts, level):
    score = np.repeat([6, 7, 10], counts)
    got = crm.kpi.nps(pd.DataFrame({"score": score}), confidence=level).iloc[0]
    assert -100 <= got["lower"] <= got["nps"] <= got["upper"] <= 100
    assert got["upper"] > got["lower"]
    assert got["promoters"] + got["passives"] + got["detractors"] == got["n"]


@pytest.mark.parametrize("score", [10, 8, 6])
def test_equal_answers_have_an_interval(score):
    feedback = pd.DataFrame({"score": [score] * 30})
    got = crm.kpi.nps(feedback).iloc[0]
    assert got["upper"] - got["lower"] > 5
    plain = crm.kpi.nps(feedback, interval="wald").iloc[0]
    assert plain["lower"] == plain["upper"] == plain["nps"]  # what the adjusted one is there for


def test_equal_weights_change_nothing():
    feedback = pd.DataFrame({"score": [10, 9, 8, 3, 2, 10, 7], "weight": 2.5})
    pd.testing.assert_frame_equal(
        crm.kpi.nps(feedback, weights_col="weight"), crm.kpi.nps(feedback), rtol=1e-12
    )


def test_a_weight_of_two_is_no_second_answer():
    feedback = pd.DataFrame({"score": [10, 3], "weight": [3.0, 1.0]})
    got = crm.kpi.nps(feedback, weights_col="weight").iloc[0]
    # by hand: 3/4 - 1/4 = 50; Kish: 4^2 / 10 = 1.6 answers
    assert got["nps"] == pytest.approx(50)
    assert got["promoter_share"] == pytest.approx(0.75)
    assert got["n_effective"] < 2
    assert got["n"] == 2


def test_a_group_without_weight_or_answer_is_unknown():
    feedback = pd.DataFrame(
        {"score": [10, 3, None], "weight": [1.0, 0.0, None], "shop": list("abc")}
    )
    got = crm.kpi.nps(feedback, weights_col="weight", by="shop")
    assert got["nps"].isna().tolist() == [False, True, True]
    assert got["lower"].isna().tolist() == [False, True, True]
    assert got["n"].tolist() == [1, 1, 0]
    assert got["n_missing"].tolist() == [0, 0, 1]
    assert got["n_effective"].tolist() == [1, 0, 0]


# Shops that are typical and shops at random; coverage is averaged over them.
SHOPS = np.array([[0.5, 0.3, 0.2], [0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.8, 0.15, 0.05]])


def _shops(n_drawn=150):
    rng = np.random.default_rng(0)
    any_scores = rng.dirichlet(np.ones(11), n_drawn)  # of 0 to 10
    tens = [any_scores[:, 9:].sum(1), any_scores[:, 7:9].sum(1), any_scores[:, :7].sum(1)]
    return {
        "any three shares": rng.dirichlet(np.ones(3), n_drawn),
        "any eleven shares": np.column_stack(tens),
        "near a usual shop": rng.dirichlet([5, 3, 2], n_drawn),
        "typical": SHOPS,
    }


def _interval(p, d, n, interval="adjusted"):
    """The interval of nps() for many samples at once."""
    triples = _answers.TRIPLES if interval == "adjusted" else np.zeros(3)
    mean, variance = _answers.adjusted(p / n, d / n, np.full(len(p), float(n)), triples)
    return _answers.bounds((p - d) / n, mean, variance, 0.95)


@pytest.mark.parametrize("n", [5, 10, 20, 50, 200, 1000, 5000])
def test_coverage(n):
    # up to 50 answers all possible samples are weighed with their probability, so that the
    # coverage is exact; beyond, samples are drawn
    rng = np.random.default_rng(1)
    for name, shops in _shops().items():
        covered = []
        if n <= 50:
            p, d = (part.ravel() for part in np.meshgrid(range(n + 1), range(n + 1)))
            p, d = p[p + d <= n], d[p + d <= n]
            lower, upper = _interval(p, d, n)
            ways = gammaln(n + 1) - gammaln(p + 1) - gammaln(d + 1) - gammaln(n - p - d + 1)
            for shop in np.maximum(shops, 1e-300):
                chance = np.exp(ways + np.log(shop) @ np.array([p, n - p - d, d]))
                true = shop[0] - shop[2]
                covered.append(chance[(lower <= true) & (true <= upper)].sum())
        else:
            for shop in shops:
                p, _, d = rng.multinomial(n, shop, 400).T
                lower, upper = _interval(p, d, n)
                covered.append(((lower <= shop[0] - shop[2]) & (shop[0] - shop[2] <= upper)).mean())
        assert 0.935 <= np.mean(covered) <= 0.965, (name, np.mean(covered))


def test_the_textbook_interval_covers_too_little():
    # the reason for the default; 77 % at 5 answers over any three shares
    p, d = (part.ravel() for part in np.meshgrid(range(6), range(6)))
    p, d = p[p + d <= 5], d[p + d <= 5]
    lower, upper = _interval(p, d, 5, "wald")
    ways = gammaln(6) - gammaln(p + 1) - gammaln(d + 1) - gammaln(6 - p - d)
    covered = []
    for shop in _shops()["any three shares"]:
        chance = np.exp(ways + np.log(shop) @ np.array([p, 5 - p - d, d]))
        true = shop[0] - shop[2]
        covered.append(chance[(lower <= true) & (true <= upper)].sum())
    assert np.mean(covered) == pytest.approx(0.77, abs=0.03)


@pytest.mark.parametrize("counts", [(60, 25, 15), (150, 90, 60), (30, 50, 20)])
def test_interval_against_the_bootstrap(counts):
    rng = np.random.default_rng(2)
    n, score = sum(counts), np.repeat([10, 7, 3], counts)
    p, _, d = rng.multinomial(n, np.array(counts) / n, 20_000).T
    bounds = np.percentile(100 * (p - d) / n, [2.5, 97.5])
    got = crm.kpi.nps(pd.DataFrame({"score": score})).iloc[0]
    # the pseudo-answers move both by less than 3 / n of the score, and steps are of 100 / n
    assert got[["lower", "upper"]].tolist() == pytest.approx(bounds, abs=300 / n)


def test_coverage_with_weights_that_go_with_the_answers():
    # a shop asks 1 of 2 old customers and 1 of 8 new ones, who are less pleased: weights 2 and 8
    rng = np.random.default_rng(3)
    shares = np.array([[0.65, 0.2, 0.15], [0.35, 0.3, 0.35]])  # old, new
    of = np.array([0.5, 0.5])  # of all customers
    true = 100 * of @ (shares[:, 0] - shares[:, 2])
    inside, size, times = 0, 80, 400
    picked = of / [2, 8] / (of / [2, 8]).sum()
    for _ in range(times):
        kind = rng.choice(2, size, p=picked)
        draw = rng.random(size)
        score = np.where(draw < shares[kind, 0], 10, np.where(draw < shares[kind, :2].sum(1), 8, 2))
        table = pd.DataFrame({"score": score, "weight": np.array([2.0, 8.0])[kind]})
        got = crm.kpi.nps(table, weights_col="weight").iloc[0]
        inside += got["lower"] <= true <= got["upper"]
    assert 0.92 <= inside / times <= 0.975  # the binomial error of 400 at 0.95 is 1.1 points


def test_refusals(engines):
    make = engines["polars"]
    table = make({"score": [10, 7, 12, -1, None]})
    with pytest.raises(
        DataError,
        match=r"^nps: 2 of 5 values of 'score' \(score_col\) are no whole numbers from 0 to 10, "
        r"such as 12\. Correct what was mistyped, and do not rescale: answers from 1 to 10 or 0 t",
    ):
        crm.kpi.nps(table)
    with pytest.raises(DataError, match=r"^nps: 1 of 2 values .* such as 9\.5\."):
        crm.kpi.nps(make({"score": [9.5, 8.0]}))
    with pytest.raises(DataError, match=r"^nps: 1 of 2 values of 'score' .* are infinite"):
        crm.kpi.nps(make({"score": [float("inf"), 8.0]}))
    with pytest.raises(ColumnError, match=r"^nps: column 'score' \(score_col\) holds String"):
        crm.kpi.nps(make({"score": ["9", "10"]}))
    with pytest.raises(OptionError, match=r"^nps: interval must be one of 'adjusted', 'wald'"):
        crm.kpi.nps(table, interval="exact")
    with pytest.raises(OptionError, match=r"^nps: repeats must be one of 'keep', 'last'"):
        crm.kpi.nps(table, repeats="first")
    with pytest.raises(ColumnError, match=r"^nps: no column 'customer_id' \(customer_col\)"):
        crm.kpi.nps(table, repeats="last")
    weighed = {"score": [10, 9, 8], "weight": [1.0, -2.0, 1.0]}
    with pytest.raises(
        DataError,
        match=r"^nps: 1 of 3 values of 'weight' \(weights_col\) are negative, the lowest -2\. An",
    ):
        crm.kpi.nps(make(weighed), weights_col="weight")
    with pytest.raises(DataError, match=r"^nps: 1 of 3 values .* are null where there is a score"):
        crm.kpi.nps(make(weighed | {"weight": [1.0, None, 1.0]}), weights_col="weight")
    with pytest.raises(DataError, match=r"^nps: all 3 values of 'weight' .* are 0, so that no"):
        crm.kpi.nps(make(weighed | {"weight": [0.0, 0.0, 0.0]}), weights_col="weight")


def test_a_survey_of_stars_is_doubted():
    with pytest.warns(CrmlyticsWarning, match=r"^nps: none of 20 values .* is above 5, though the"):
        crm.kpi.nps(pd.DataFrame({"score": [1, 5, 4, 5] * 5}))
    assert crm.kpi.nps(pd.DataFrame({"score": [1, 5, 4, 5] * 4}))["nps"].tolist() == [-100]


def test_an_empty_table(make_eager, plain):
    empty = make_eager(columns([("a", 0, 9, "x", 1.0)]).slice(0, 0))
    got = plain(crm.kpi.nps(empty))
    assert got["nps"].isna().tolist() == [True]
    assert got["n"].tolist() == [0]
    assert len(plain(crm.kpi.nps(empty, by="shop", repeats="last"))) == 0
