"""Groups compared with the others, against R's and statsmodels' tests and by simulation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

Z = 1.959963984540054  # R: qnorm(0.975)
COLUMNS = ["shop", "value", "rest", "difference", "lower", "upper", "z", "p_value", "p_adjusted"]
COLUMNS += ["chi2", "degrees_of_freedom", "p_overall"]
METHODS = {"holm": "holm", "bh": "fdr_bh", "bonferroni": "bonferroni"}


def shares(top, n):
    names = [f"shop {place}" for place in range(len(top))]
    value = np.array(top, dtype=float) / np.where(np.array(n) > 0, n, np.nan)
    return {"shop": names, "value": value, "numerator": list(top), "denominator": list(n)}


COUNTS = st.lists(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=2, max_size=6,
).filter(lambda pairs: 0 < sum(k for k, _ in pairs) < sum(n for _, n in pairs))  # fmt: skip


@settings(max_examples=10, deadline=None)
@given(pairs=COUNTS, correction=st.sampled_from(sorted(METHODS)))
def test_shares_against_statsmodels(make_eager, plain, pairs, correction):
    top, n = (np.array(part) for part in zip(*pairs, strict=True))
    table = make_eager(shares(top, n))
    got = plain(crm.kpi.compare_groups(table, by="shop", correction=correction))
    assert list(got) == COLUMNS
    others, m = top.sum() - top, n.sum() - n
    assert got["value"].tolist() == pytest.approx(list(top / n))
    assert got["rest"].tolist() == pytest.approx(list(others / m))
    p_values = []
    for place, row in got.iterrows():
        pair = (top[place], n[place], others[place], m[place])
        z, p = proportions_ztest([pair[0], pair[2]], [pair[1], pair[3]])
        p_values.append(p)
        assert [row["z"], row["p_value"]] == pytest.approx([z, p], abs=1e-9)
        bounds = confint_proportions_2indep(*pair, method="newcomb")
        assert [row["lower"], row["upper"]] == pytest.approx(list(bounds), abs=1e-9)
    want = multipletests(p_values, method=METHODS[correction])[1] if len(pairs) > 2 else p_values
    assert got["p_adjusted"].tolist() == pytest.approx(list(want), abs=1e-9)
    chi2 = chi2_contingency(np.array([top, n - top]), correction=False)
    assert got["chi2"].tolist() == pytest.approx([chi2.statistic] * len(pairs))
    assert got["p_overall"].tolist() == pytest.approx([chi2.pvalue] * len(pairs))
    assert got["degrees_of_freedom"].tolist() == [len(pairs) - 1] * len(pairs)


def test_newcombes_example():
    # Newcombe 1998, Statistics in Medicine 17, p. 873, table II, (a) method 10:
    # 56/70 - 48/80 -> 0.0524 to 0.3339; (b) 9/10 - 3/10 -> 0.1705 to 0.8090
    for top, n, bounds in (
        ((56, 48), (70, 80), [0.0524, 0.3339]),
        ((9, 3), (10, 10), [0.1705, 0.809]),
    ):
        got = crm.kpi.compare_groups(pd.DataFrame(shares(top, n)), by="shop").iloc[0]
        assert got[["lower", "upper"]].round(4).tolist() == bounds


def score_of(p, d, n):
    p, d = (p + 0.375) / (n + 1.5), (d + 0.375) / (n + 1.5)
    return 100 * (p - d), 1e4 * (p + d - (p - d) ** 2) / (n + 1.5)


@settings(max_examples=15, deadline=None)
@given(counts=st.lists(st.tuples(*[st.integers(0, 20)] * 3).filter(sum), min_size=2, max_size=5))
def test_scores_by_hand(make_eager, plain, counts):
    score = np.concatenate([np.repeat([10, 7, 6], group) for group in counts])
    shop = np.repeat([f"shop {place}" for place in range(len(counts))], [sum(c) for c in counts])
    feedback = make_eager({"score": score, "shop": shop})
    got = plain(crm.kpi.compare_groups(crm.kpi.nps(feedback, by="shop"), by="shop"))
    table = np.array(counts)
    weights, means = [], []
    for place, row in got.iterrows():
        (p, _, d), (q, _, e) = table[place], table.sum(axis=0) - table[place]
        n, m = table[place].sum(), table.sum() - table[place].sum()
        assert row["value"] == pytest.approx(100 * (p - d) / n)
        assert row["rest"] == pytest.approx(100 * (q - e) / m)
        (one, var), (other, rest_var) = score_of(p, d, n), score_of(q, e, m)
        assert row["z"] == pytest.approx((one - other) / np.sqrt(var + rest_var))
        half = Z * np.sqrt(var + rest_var)
        lower = min(max(one - other - half, -200), row["difference"])
        upper = max(min(one - other + half, 200), row["difference"])
        assert [row["lower"], row["upper"]] == pytest.approx([lower, upper])
        weights.append(1 / var)
        means.append(one)
    centre = np.average(means, weights=weights)
    chi2 = sum(w * (mean - centre) ** 2 for w, mean in zip(weights, means, strict=True))
    assert got["chi2"].tolist() == pytest.approx([chi2] * len(counts))


def test_weighted_answers_count_as_many_as_they_are_worth():
    rng = np.random.default_rng(1)
    feedback = pd.DataFrame(
        {"score": rng.integers(0, 11, 400), "shop": rng.choice(list("ab"), 400)}
    )
    plain = crm.kpi.compare_groups(crm.kpi.nps(feedback, by="shop"), by="shop")
    equal = crm.kpi.nps(feedback.assign(weight=2.0), by="shop", weights_col="weight")
    pd.testing.assert_frame_equal(crm.kpi.compare_groups(equal, by="shop"), plain, rtol=1e-9)
    weight = rng.choice([1.0, 20.0], 400, p=[0.9, 0.1])
    heavy = crm.kpi.nps(feedback.assign(weight=weight), by="shop", weights_col="weight")
    got = crm.kpi.compare_groups(heavy, by="shop")
    assert got["value"].tolist() == pytest.approx(heavy["nps"].tolist())
    width = (got["upper"] - got["lower"]) / (plain["upper"] - plain["lower"])
    assert (width > 1.3).all()
    stars = feedback.assign(score=feedback["score"].clip(1, 5), weight=weight)
    rated = crm.kpi.csat(stars, by="shop", weights_col="weight")
    got = crm.kpi.compare_groups(rated, by="shop")
    assert got["value"].tolist() == pytest.approx(rated["value"].tolist())


def test_groups_without_anything_are_null_and_no_test():
    table = pd.DataFrame(shares([5, 0, 9], [10, 0, 10]))
    got = crm.kpi.compare_groups(table, by="shop")
    assert got["value"].isna().tolist() == [False, True, False]
    assert got["p_value"].isna().tolist() == [False, True, False]
    assert got["degrees_of_freedom"].tolist() == [1, 1, 1]
    assert got["p_adjusted"][0] == got["p_value"][0] == pytest.approx(got["p_value"][2])


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame(shares([5], [10])),
        crm.kpi.nps(pd.DataFrame({"score": [10, 3], "shop": "a"}), by="shop"),
    ],
)
def test_a_single_group_is_compared_with_nobody(table):
    got = crm.kpi.compare_groups(table, by="shop")
    assert got["value"].notna().all()
    assert got.drop(columns=["shop", "value"]).isna().all(axis=None)


@pytest.mark.parametrize("top", [[0, 0, 0], [10, 10, 10]])
def test_groups_all_alike_do_not_differ(top):
    got = crm.kpi.compare_groups(pd.DataFrame(shares(top, [10, 10, 10])), by="shop")
    assert got["p_value"].tolist() == got["p_overall"].tolist() == [1, 1, 1]
    assert (got["lower"] < 0).all()
    assert (got["upper"] > 0).all()


def test_other_answers_of_the_room():
    lines = pd.DataFrame(
        {
            "customer_id": [1, 1, 2, 3, 4, 4], "order_id": range(6), "shop": list("aabbbb"),
            "date": pd.to_datetime("2026-01-01") + pd.to_timedelta(range(6), "D"),
            "amount": 9.5,
        }
    )  # fmt: skip
    got = crm.kpi.compare_groups(crm.kpi.repeat_rate(lines, by="shop"), by="shop")
    assert got["value"].tolist() == pytest.approx([1, 1 / 3])
    with pytest.raises(DataError, match=r"^compare_groups: 2 of 2 numerators .* no whole numbers"):
        crm.kpi.compare_groups(
            crm.kpi.average_order_value(lines.assign(amount=9.25), by="shop", precision=2)[
                ["shop", "value", "numerator", "denominator"]
            ].assign(numerator=[18.5, 37.25]), by="shop",
        )  # fmt: skip
    with pytest.raises(DataError, match=r"^compare_groups: 2 of 2 numerators .* above their denom"):
        crm.kpi.compare_groups(crm.kpi.purchase_frequency(lines, by="shop"), by="shop")
    score = pd.DataFrame({"score": [7, 6], "shop": list("ab")})
    with pytest.raises(DataError, match=r"^compare_groups: 2 of 2 .* a ratio of sums or a mean"):
        crm.kpi.compare_groups(crm.kpi.ces(score, method="mean", by="shop"), by="shop")


def test_false_alarms_are_as_rare_as_they_should_be():
    # five equal shops of 40 answers: Holm lets any be called different in at most 5 % of surveys
    rng = np.random.default_rng(3)
    alarms, overall, times = 0, 0, 200
    shop = np.repeat(list("abcde"), 40)
    for _ in range(times):
        score = rng.choice([10, 8, 3], 200, p=[0.5, 0.3, 0.2])
        table = crm.kpi.nps(pd.DataFrame({"score": score, "shop": shop}), by="shop")
        got = crm.kpi.compare_groups(table, by="shop")
        alarms += (got["p_adjusted"] < 0.05).any()
        overall += got["p_overall"][0] < 0.05
    # the binomial error of 200 at 0.05 is 1.5 points
    assert alarms / times <= 0.085
    assert 0.015 <= overall / times <= 0.09


def test_without_correction():
    table = pd.DataFrame(shares([5, 3, 9], [10, 10, 10]))
    plain = crm.kpi.compare_groups(table, by="shop", correction=None)
    assert plain["p_adjusted"].equals(plain["p_value"])


def test_refusals(engines):
    table = engines["polars"](shares([5, 3], [10, 10]))
    with pytest.raises(
        OptionError, match=r"^compare_groups: by must name the columns that the tab"
    ):
        crm.kpi.compare_groups(table, by=None)
    with pytest.raises(
        OptionError, match=r"^compare_groups: correction must be one of 'holm', 'bh'"
    ):
        crm.kpi.compare_groups(table, by="shop", correction="fdr")
    with pytest.raises(ColumnError, match=r"^compare_groups: no column 'store' \(by\)"):
        crm.kpi.compare_groups(table, by="store")
    with pytest.raises(
        ColumnError, match=r"^compare_groups: estimates has neither the columns \['n"
    ):
        crm.kpi.compare_groups(table.drop("numerator"), by="shop")
    twice = engines["polars"](shares([5, 3, 1], [10, 10, 10]) | {"shop": ["a", "a", "b"]})
    with pytest.raises(
        DataError, match=r"^compare_groups: 1 of 3 rows of estimates repeat a group "
    ):
        crm.kpi.compare_groups(twice, by="shop")
    text = engines["polars"](shares([5, 3], [10, 10]) | {"numerator": ["5", "3"]})
    with pytest.raises(ColumnError, match=r"^compare_groups: column 'numerator' .* holds String"):
        crm.kpi.compare_groups(text, by="shop")
