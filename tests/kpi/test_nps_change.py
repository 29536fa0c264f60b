"""The change of the Net Promoter Score against plain loops, and how often it is right."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError
from crmlytics.kpi import _answers

Z = 1.959963984540054  # R: qnorm(0.975)
ROW = st.tuples(
    st.sampled_from("abcdef"),
    st.one_of(st.none(), *[st.integers(0, 10)] * 6),
    st.sampled_from(["north", "south", None]),
    st.sampled_from([0.5, 1.0, 2.0]),
)
ROWS = st.lists(ROW, min_size=1, max_size=15)
NAMES = ["before", "after", "change", "lower", "upper", "z", "n_before", "n_after", "n_missing"]
NAMES += ["n_unpaired"]
FEW = settings(max_examples=10, deadline=None)


def columns(rows):
    return pa.table(
        {
            "customer_id": pa.array([row[0] for row in rows], pa.string()),
            "score": pa.array([row[1] for row in rows], pa.int64()),
            "shop": pa.array([row[2] for row in rows], pa.string()),
            "weight": pa.array([row[3] for row in rows], pa.float64()),
        }
    )


def sign(score):
    return 1 if score >= 9 else 0 if score >= 7 else -1


def apart(before, after):
    """Return the row of two independent waves by hand."""
    scores, means, variances, n = [], [], [], []
    for rows in (before, after):
        signs = [sign(row[1]) for row in rows if row[1] is not None]
        n.append(len(signs))
        p, d = (signs.count(1) + 0.375) / (n[-1] + 1.5), (signs.count(-1) + 0.375) / (n[-1] + 1.5)
        scores.append(100 * sum(signs) / n[-1] if signs else np.nan)
        means.append(100 * (p - d))
        variances.append(1e4 * (p + d - (p - d) ** 2) / (n[-1] + 1.5))
    change, mean, variance = scores[1] - scores[0], means[1] - means[0], sum(variances)
    missing = sum(row[1] is None for row in [*before, *after])
    if np.isnan(change):
        return [*scores, *[np.nan] * 4, *n, missing, 0]
    half = Z * np.sqrt(variance)
    limits = [min(max(mean - half, -200), change), max(min(mean + half, 200), change)]
    return [*scores, change, *limits, mean / np.sqrt(variance), *n, missing, 0]


def paired(before, after):
    """Return the row of pairs by hand."""
    one, other = ({r[0]: sign(r[1]) for r in rows if r[1] is not None} for rows in (before, after))
    both = sorted(set(one) & set(other))
    missing = sum(row[1] is None for row in [*before, *after])
    alone = len(set(one) ^ set(other))
    n = len(both)
    if not n:
        return [*[np.nan] * 6, 0, 0, missing, alone]
    moved = np.array([other[who] - one[who] for who in both], dtype=float)
    filled = np.append(moved, [1.0, -1.0])
    mean, variance = 100 * filled.mean(), 1e4 * filled.var() / (n + 2)
    change = 100 * moved.mean()
    half = Z * np.sqrt(variance)
    limits = [min(max(mean - half, -200), change), max(min(mean + half, 200), change)]
    scores = [100 * np.mean([wave[who] for who in both]) for wave in (one, other)]
    return [*scores, change, *limits, mean / np.sqrt(variance), n, n, missing, alone]


def once(rows):
    """One answer of each customer and shop."""
    return list({(row[0], row[2]): row for row in rows}.values())


def numbers(row):
    return [np.nan if pd.isna(row[name]) else float(row[name]) for name in NAMES]


@pytest.mark.parametrize("pairs", [False, True])
@FEW
@given(before=ROWS, after=ROWS)
def test_oracle(make_eager, plain, pairs, before, after):
    if pairs:
        before, after = once(before), once(after)
    tables = [make_eager(columns(rows)) for rows in (before, after)]
    got = plain(crm.kpi.nps_change(*tables, paired=pairs, by="shop"))
    shops = sorted({r[2] for r in [*before, *after]}, key=lambda shop: (shop is None, shop))
    assert [None if pd.isna(shop) else shop for shop in got["shop"]] == shops
    for shop, (_, row) in zip(shops, got.iterrows(), strict=True):
        parts = [[one for one in rows if one[2] == shop] for rows in (before, after)]
        want = (paired if pairs else apart)(*parts)
        assert numbers(row) == pytest.approx(want, rel=1e-9, abs=1e-9, nan_ok=True)


def test_a_group_of_one_table_is_shown(make_eager, plain):
    before = make_eager({"score": [10, 3], "shop": ["a", "b"]})
    after = make_eager({"score": [9, 3], "shop": ["a", "c"]})
    got = plain(crm.kpi.nps_change(before, after, by="shop"))
    assert got["shop"].tolist() == ["a", "b", "c"]
    assert got["change"].isna().tolist() == [False, True, True]
    assert got["p_value"].isna().tolist() == [False, True, True]
    assert got["before"].isna().tolist() == [False, False, True]
    assert got["n_before"].tolist() == [1, 1, 0]
    assert got["n_after"].tolist() == [1, 0, 1]


def test_groups_beyond_whole_numbers_keep_their_names():
    wave = pd.DataFrame({"score": [0, 10, 7], "group": [2.0, 1e20, np.inf]})
    got = crm.kpi.nps_change(wave, wave, by="group")
    assert got["group"].tolist() == [2.0, 1e20, np.inf]
    assert got["before"].tolist() == [-100, 100, 0]


def test_turning_the_waves_round_turns_the_sign():
    before, after = (pd.DataFrame({"score": s}) for s in ([10, 9, 3, 7], [2, 9, 10, 10, 9]))
    one, other = crm.kpi.nps_change(before, after), crm.kpi.nps_change(after, before)
    for name in ("change", "z"):
        assert one[name][0] == pytest.approx(-other[name][0])
    assert one["lower"][0] == pytest.approx(-other["upper"][0])
    assert one["p_value"][0] == pytest.approx(other["p_value"][0])


def test_p_value_and_interval_agree():
    rng = np.random.default_rng(4)
    for _ in range(60):
        before, after = (pd.DataFrame({"score": rng.integers(0, 11, 40)}) for _ in range(2))
        after["score"] = np.minimum(after["score"] + rng.integers(0, 4), 10)
        got = crm.kpi.nps_change(before, after).iloc[0]
        outside = got["lower"] > 0 or got["upper"] < 0
        assert outside == (got["p_value"] < 0.05)


def test_equal_weights_change_nothing():
    rng = np.random.default_rng(5)
    tables = [
        pd.DataFrame({"customer_id": range(30), "score": rng.integers(0, 11, 30), "weight": 4.0})
        for _ in range(2)
    ]
    for pairs in (False, True):
        pd.testing.assert_frame_equal(
            crm.kpi.nps_change(*tables, paired=pairs, weights_col="weight"),
            crm.kpi.nps_change(*tables, paired=pairs), rtol=1e-9,
        )  # fmt: skip


def test_pairs_weigh_the_mean_of_their_weights():
    before = pd.DataFrame({"customer_id": list("ab"), "score": [10, 10], "weight": [1.0, 2.0]})
    after = pd.DataFrame({"customer_id": list("ba"), "score": [8, 10], "weight": [4.0, 1.0]})
    got = crm.kpi.nps_change(before, after, paired=True, weights_col="weight").iloc[0]
    # by hand: a 1 unchanged, b 3 from promoter to passive: after 100 * 1 / 4
    assert got[["before", "after", "change"]].tolist() == pytest.approx([100, 25, -75])


def test_pairs_are_more_exact_where_customers_resemble_themselves():
    rng = np.random.default_rng(6)
    score = rng.integers(0, 11, 200)
    moved = np.clip(score + rng.integers(0, 2, 200), 0, 10)
    tables = [pd.DataFrame({"customer_id": range(200), "score": s}) for s in (score, moved)]
    wide, narrow = (crm.kpi.nps_change(*tables, paired=pairs).iloc[0] for pairs in (False, True))
    assert narrow["change"] == pytest.approx(wide["change"])
    assert narrow["upper"] - narrow["lower"] < 0.5 * (wide["upper"] - wide["lower"])


@pytest.mark.parametrize(("n", "m"), [(5, 5), (10, 50), (20, 200), (50, 50), (200, 200)])
def test_coverage_and_size_of_independent_waves(n, m):
    rng = np.random.default_rng(7)
    shops = rng.dirichlet([3, 1.8, 1.2], (2, 200))
    covered, refused = [], []
    for one, other in zip(*shops, strict=True):
        drawn = [rng.multinomial(size, s, 300) for size, s in ((n, one), (m, other), (m, one))]
        found = [
            _answers.adjusted(x[:, 0] / x[0].sum(), x[:, 2] / x[0].sum(), x[0].sum(), T)
            for x in drawn
        ]
        true = other[0] - other[2] - one[0] + one[2]
        (mean, variance), (mean_2, variance_2), (mean_0, variance_0) = found
        covered.append(abs(mean_2 - mean - true) <= Z * np.sqrt(variance + variance_2))
        refused.append(abs(mean_0 - mean) > Z * np.sqrt(variance + variance_0))
    assert 0.93 <= np.mean(covered) <= 0.97
    assert 0.03 <= np.mean(refused) <= 0.065  # of waves that are the same


T = _answers.TRIPLES / 2


@pytest.mark.parametrize("n", [5, 10, 20, 50, 200])
def test_coverage_of_pairs(n):
    # any shares of the nine pairs of promoter, passive and detractor
    rng = np.random.default_rng(8)
    moves = np.array([after - before for before in (1, 0, -1) for after in (1, 0, -1)])
    covered = []
    for shares in rng.dirichlet(np.ones(9), 200):
        drawn = rng.multinomial(n, shares, 200)
        mean = drawn @ moves / (n + 2)
        variance = ((drawn @ moves**2 + 2) / (n + 2) - mean**2) / (n + 2)
        covered.append(abs(mean - shares @ moves) <= Z * np.sqrt(variance))
    assert 0.93 <= np.mean(covered) <= 0.97


def test_refusals(engines):
    make = engines["polars"]
    good = make({"customer_id": ["a", "b"], "score": [10, 7]})
    twice = make({"customer_id": ["a", "a"], "score": [10, 7]})
    with pytest.raises(
        DataError,
        match=r"^nps_change: 1 of 2 answers of after are further ones of the same 'customer_id' "
        r"\(customer_col\), and with paired=True each has one\. Keep the last of each\.",
    ):
        crm.kpi.nps_change(good, twice, paired=True)
    with pytest.raises(DataError, match=r"^nps_change: 1 of 1 values of 'score' .* such as 11\."):
        crm.kpi.nps_change(good, make({"score": [11]}))
    with pytest.raises(DataError, match=r"^nps_change: the tables come from two libraries"):
        crm.kpi.nps_change(good, pa.table({"score": [1]}))
    with pytest.raises(ColumnError, match=r"^nps_change: no column 'customer_id' \(customer_col\)"):
        crm.kpi.nps_change(good, make({"score": [1]}), paired=True)
    with pytest.raises(OptionError, match=r"^nps_change: paired must be True or False; got 'yes'"):
        crm.kpi.nps_change(good, good, paired="yes")
    with pytest.raises(DataError, match=r"^nps_change: 'customer_id' holds texts in before and"):
        crm.kpi.nps_change(good, make({"customer_id": [1, 2], "score": [1, 2]}), paired=True)
