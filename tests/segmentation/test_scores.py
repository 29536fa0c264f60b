import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, NotEnoughDataError, OptionError

SCORES = ["r_score", "f_score", "m_score"]
VALUES = ["recency_days", "frequency", "monetary"]
FEW = settings(max_examples=30, deadline=None)
# few different values, so that most customers are tied with others
CUSTOMER = st.tuples(
    st.integers(0, 12),
    st.integers(1, 4),
    st.one_of(st.none(), st.integers(-4, 40).map(lambda quarters: quarters / 4)),
)
CUSTOMERS = st.lists(CUSTOMER, min_size=1, max_size=40).filter(
    lambda customers: any(monetary is not None for _, _, monetary in customers)
)
RULE = st.sampled_from(["quantile", "r_rfm"])
SCHEME = st.sampled_from(["independent", "nested"])
BINS = st.integers(2, 7)


def rfm(customers):
    table = pd.DataFrame(customers, columns=VALUES).astype({"monetary": "float64"})
    table.insert(0, "customer_id", range(len(table)))
    return table


def score(values, cuts, *, falling, closed):
    """Count the cuts below one value."""
    below = sum(
        value > cut if closed == "right" else value >= cut for cut in cuts for value in [values]
    )
    return len(cuts) + 1 - below if falling else below + 1


@FEW
@given(customers=CUSTOMERS, bins=BINS, rule=RULE)
def test_oracle_numpy_quantiles(customers, bins, rule):
    table = rfm(customers)
    scored = crm.segmentation.rfm_scores(table, bins=bins, rule=rule)
    cuts = crm.segmentation.rfm_cuts(table, bins, rule=rule)
    shares = np.arange(1, bins) / bins
    for name, code in zip(VALUES, SCORES, strict=True):
        known = table[name].dropna().to_numpy(dtype=float)
        # numpy's default method, "linear", is type 7; the R package rfm adds 1
        want = np.quantile(known, shares) + (rule == "r_rfm")
        made = cuts[cuts["dimension"] == name]
        assert list(made["upper"][:-1]) == pytest.approx(list(want), abs=1e-9)
        assert list(made["lower"][1:]) == list(made["upper"][:-1])
        closed = "left" if rule == "r_rfm" else "right"
        assert set(made["closed"]) == {closed}
        for value, got in zip(table[name], scored[code], strict=True):
            if value != value:
                assert pd.isna(got)
            else:
                points = list(made["upper"][:-1])
                assert got == score(value, points, falling=code == "r_score", closed=closed)


@FEW
@given(customers=CUSTOMERS, bins=BINS, rule=RULE)
def test_scores_are_monotone_in_the_value(customers, bins, rule):
    scored = crm.segmentation.rfm_scores(rfm(customers), bins=bins, rule=rule)
    for name, code in zip(VALUES, SCORES, strict=True):
        ordered = scored.dropna(subset=[name]).sort_values(name)[code].astype("int64")
        steps = ordered.diff().dropna()
        assert (steps <= 0).all() if code == "r_score" else (steps >= 0).all()
        assert ordered.between(1, bins).all()


@FEW
@given(customers=CUSTOMERS, bins=BINS, rule=RULE, scheme=SCHEME)
def test_equal_customers_get_equal_scores(customers, bins, rule, scheme):
    scored = crm.segmentation.rfm_scores(rfm(customers), bins=bins, rule=rule, scheme=scheme)
    different = scored.groupby(VALUES, dropna=False)[SCORES].nunique(dropna=False)
    assert (different == 1).all(axis=None)


@FEW
@given(customers=CUSTOMERS, rule=RULE, scheme=SCHEME, seed=st.integers(0, 99))
def test_neither_order_of_rows_nor_ids_matter(customers, rule, scheme, seed):
    table = rfm(customers)
    rng = np.random.default_rng(seed)
    shuffled = table.iloc[rng.permutation(len(table))]
    relabelled = shuffled.assign(customer_id=rng.permutation(len(table)) * 7 - 3)
    scored = crm.segmentation.rfm_scores(table, rule=rule, scheme=scheme)
    other = crm.segmentation.rfm_scores(relabelled, rule=rule, scheme=scheme)
    pd.testing.assert_frame_equal(
        scored.iloc[shuffled.index][SCORES].reset_index(drop=True), other[SCORES]
    )


@FEW
@given(customers=CUSTOMERS, bins=BINS, rule=RULE, scheme=SCHEME)
def test_cuts_used_again_give_the_same_scores(customers, bins, rule, scheme):
    table = rfm(customers)
    cuts = crm.segmentation.rfm_cuts(table, bins, rule=rule, scheme=scheme)
    scored = crm.segmentation.rfm_scores(table, bins=bins, rule=rule, scheme=scheme)
    again = crm.segmentation.rfm_scores(table, cuts=cuts)
    pd.testing.assert_frame_equal(scored[SCORES], again[SCORES])


@FEW
@given(customers=CUSTOMERS, rule=RULE)
def test_nested_scores_are_independent_scores_inside_each_cell(customers, rule):
    table = rfm(customers).dropna()
    nested = crm.segmentation.rfm_scores(table, rule=rule, scheme="nested")
    for _, inside in nested.groupby("r_score"):
        alone = crm.segmentation.rfm_scores(inside[VALUES], rule=rule)
        assert list(alone["f_score"]) == list(inside["f_score"])
        for _, cell in inside.groupby("f_score"):
            alone = crm.segmentation.rfm_scores(cell[VALUES], rule=rule)
            assert list(alone["m_score"]) == list(cell["m_score"])


def test_nested_by_hand(engines):
    # recency 0 and 0 are r 2, 9 and 9 are r 1; inside r 2 the median of 1 and 3 is 2,
    # inside r 1 that of 10 and 30 is 20; all customers together have the median 6.5
    table = engines["pandas"]({
        "recency_days": [0, 0, 9, 9], "frequency": [1, 3, 10, 30], "monetary": [1.0] * 4
    })  # fmt: skip
    nested = crm.segmentation.rfm_scores(table, bins=2, scheme="nested")
    assert nested["f_score"].tolist() == [1, 2, 1, 2]
    assert crm.segmentation.rfm_scores(table, bins=2)["f_score"].tolist() == [1, 1, 2, 2]


def test_every_engine_keeps_its_columns_and_its_order(make_eager, plain):
    table = make_eager({
        "frequency": [9, 1, 5], "note": ["x", "y", "z"], "monetary": [3.0, None, 1.0],
        "recency_days": [3, 1, 2],
    })  # fmt: skip
    scored = crm.segmentation.rfm_scores(table, bins=3)
    assert isinstance(scored, type(table))
    got = plain(scored)
    added = [*SCORES, "rfm_code", "rfm_score"]
    assert list(got) == ["frequency", "note", "monetary", "recency_days", *added]
    assert list(got["note"]) == ["x", "y", "z"]
    # by hand: thirds of 1, 2, 3 cut at 5/3 and 7/3, of 1, 5, 9 at 11/3 and 19/3, of 1, 3 likewise
    assert list(got["r_score"]) == [1, 3, 2]
    assert list(got["f_score"]) == [3, 1, 2]
    assert got["m_score"].tolist() == [3, pd.NA, 1]
    assert got["rfm_code"].tolist() == [133, pd.NA, 221]
    assert got["rfm_score"].isna().tolist() == [False, True, False]


def test_no_code_above_nine_bins():
    table = rfm([(day, day + 1, float(day)) for day in range(30)])
    assert crm.segmentation.rfm_scores(table, bins=9)["rfm_code"].notna().all()
    scored = crm.segmentation.rfm_scores(table, bins=10)
    assert scored["rfm_code"].isna().all()
    assert scored["r_score"].tolist()[0] == 10


@pytest.mark.parametrize(
    ("weights", "want"),
    # by hand for the scores 1, 2, 2: their mean, their first, (1 + 2 * 2 + 2) / 4
    [(None, 5 / 3), ([1, 0, 0], 1.0), ([0.25, 0.5, 0.25], 1.75), ((1, 2, 1), 1.75)],
)
def test_weights(weights, want):
    table = rfm([(1, 2, 3.0), (0, 1, 1.0)])
    scored = crm.segmentation.rfm_scores(table, bins=2, weights=weights)
    assert scored["rfm_score"].iloc[0] == pytest.approx(want)


def test_own_cuts_by_hand():
    # a value equal to a cut belongs below it: 30 days are r 2, 31 are r 1
    table = rfm([(30, 1, 50.0), (31, 2, 50.01)])
    cuts = {"recency_days": [30], "frequency": [1, 3], "monetary": [50]}
    scored = crm.segmentation.rfm_scores(table, cuts=cuts)
    assert scored[SCORES].to_numpy().tolist() == [[2, 1, 1], [1, 2, 2]]


def test_bins_as_shares():
    # by hand: the values 0, 1 ... 10 are their own deciles
    table = rfm([(value, value, float(value)) for value in range(11)])
    cuts = crm.segmentation.rfm_cuts(table, [0.5, 0.8, 0.9])
    uppers = cuts.loc[cuts["dimension"] == "monetary", "upper"]
    assert list(uppers) == pytest.approx([5, 8, 9, np.inf])


def test_cuts_travel_between_engines(make_eager, engines, plain):
    table = {"recency_days": [3, 1, 2], "frequency": [9, 1, 5], "monetary": [3.0, 2.0, 1.0]}
    cuts = crm.segmentation.rfm_cuts(make_eager(table), 3, scheme="nested")
    assert isinstance(cuts, type(make_eager(table)))
    scored = crm.segmentation.rfm_scores(engines["pandas"](table), cuts=cuts)
    want = crm.segmentation.rfm_scores(engines["pandas"](table), bins=3, scheme="nested")
    assert plain(scored).equals(plain(want))


def test_an_empty_table_has_no_scores_and_no_cuts(make_eager, plain):
    table = rfm([(1, 1, 1.0)]).iloc[:0]
    empty = make_eager(engine_columns(table))
    assert len(plain(crm.segmentation.rfm_scores(empty))) == 0
    with pytest.raises(NotEnoughDataError, match=r"^rfm_cuts: needs at least 1 customers with"):
        crm.segmentation.rfm_cuts(empty)


def engine_columns(table):
    import pyarrow as pa

    return pa.Table.from_pandas(table, preserve_index=False)


def cut_rows(rows):
    table = pd.DataFrame(rows, columns=["dimension", "lower", "upper"])
    rest = [(name, -np.inf, np.inf) for name in VALUES if name not in set(table["dimension"])]
    return pd.concat([table, pd.DataFrame(rest, columns=list(table))], ignore_index=True)


SOUND = rfm([(1, 2, 3.0), (0, 1, 1.0)])
TWICE = crm.segmentation.rfm_cuts(SOUND, 2).assign(closed=["left", "right"] * 3)
BAD_OPTIONS = {
    "one bin": ({"bins": 1}, "bins must be a whole number of 2 or more; got 1"),
    "half a bin": ({"bins": 2.5}, "bins must be a whole number of 2 or more; got 2.5"),
    "yes as bins": ({"bins": True}, "bins must be a whole number"),
    "bins as text": ({"bins": "5"}, "bins must be a whole number"),
    "falling bins": ({"bins": [0.8, 0.5]}, "bins as a list must be rising shares"),
    "repeated bins": ({"bins": [0.5, 0.5]}, "bins as a list must be rising shares"),
    "share of all": ({"bins": [0.5, 1.0]}, "bins as a list must be rising shares"),
    "share above all": ({"bins": [0.5, 80]}, "bins must be a number from 0 to 1; got 80"),
    "no bins": ({"bins": []}, "bins as a list must be rising shares"),
    "no such rule": ({"rule": "quantle"}, "Did you mean rule='quantile'"),
    "no such scheme": ({"scheme": "nest"}, "scheme must be one of"),
    "two weights": ({"weights": [1, 1]}, "weights must be three numbers"),
    "a weight below 0": ({"weights": [1, -1, 1]}, "weights must be three numbers"),
    "weights of nothing": ({"weights": [0, 0, 0]}, "weights must be three numbers"),
    "unknown weight": ({"weights": [1, float("nan"), 1]}, "weights must be three numbers"),
    "weights as words": ({"weights": ["a", "b", "c"]}, "weights must be three numbers"),
    "one weight alone": ({"weights": 3}, "weights must be three numbers"),
    "unsorted cuts": (
        {"cuts": {"recency_days": [90, 30], "frequency": [1], "monetary": [1]}},
        "cuts of recency_days must be rising finite numbers",
    ),
    "no cut": (
        {"cuts": {"recency_days": [], "frequency": [1], "monetary": [1]}},
        "cuts of recency_days must be rising finite numbers",
    ),
    "cuts as words": (
        {"cuts": {"recency_days": ["x"], "frequency": [1], "monetary": [1]}},
        "cuts of recency_days must be rising finite numbers",
    ),
    "cuts of one dimension": (
        {"cuts": {"recency_days": [30]}},
        "cuts say nothing of ['frequency', 'monetary']",
    ),
    "cuts of another name": (
        {"cuts": {"recency": [30], "frequency": [1], "monetary": [1]}},
        "a key of cuts must be one of",
    ),
    "gap": (
        {"cuts": cut_rows([("frequency", -np.inf, 1), ("frequency", 2, np.inf)])},
        "cuts of frequency must rise without gaps or overlaps",
    ),
    "overlap": (
        {"cuts": cut_rows([("frequency", -np.inf, 3), ("frequency", 2, np.inf)])},
        "cuts of frequency must rise without gaps or overlaps",
    ),
    "rows of cuts upside down": (
        {"cuts": cut_rows([("frequency", 2, np.inf), ("frequency", -np.inf, 2)])},
        "cuts of frequency must rise without gaps or overlaps",
    ),
    "cuts that do not cover": (
        {"cuts": cut_rows([("frequency", 0, 1), ("frequency", 1, np.inf)])},
        "cuts of frequency cover 0 to inf only",
    ),
    "cuts of a wrong dimension": (
        {"cuts": cut_rows([("age", -np.inf, np.inf)])},
        "cuts speak of 'age'",
    ),
    "cuts closed both ways": ({"cuts": TWICE}, "closed in cuts must be 'right' or 'left'"),
}


@pytest.mark.parametrize(("options", "words"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_bad_options(options, words):
    with pytest.raises(OptionError) as refused:
        crm.segmentation.rfm_scores(SOUND, **options)
    assert str(refused.value).startswith("rfm_scores: ")
    assert words in str(refused.value)


def test_cuts_without_a_column():
    cuts = crm.segmentation.rfm_cuts(SOUND).drop(columns="upper")
    with pytest.raises(ColumnError, match=r"^rfm_scores: no column 'upper' in cuts"):
        crm.segmentation.rfm_scores(SOUND, cuts=cuts)


def test_nested_cuts_that_leave_customers_out():
    cuts = crm.segmentation.rfm_cuts(SOUND, 2, scheme="nested")
    cuts = cuts[~((cuts["dimension"] == "frequency") & (cuts["r_score"] == 1))]
    with pytest.raises(OptionError, match=r"^rfm_scores: cuts are nested but leave out cells"):
        crm.segmentation.rfm_scores(SOUND, cuts=cuts)


def test_a_table_without_the_three_columns():
    with pytest.raises(
        ColumnError, match=r"^rfm_scores: no column 'monetary' in rfm; .* rfm_table"
    ):
        crm.segmentation.rfm_scores(SOUND.drop(columns="monetary"))
    with pytest.raises(ColumnError, match=r"^rfm_scores: column 'monetary' .* not numbers"):
        crm.segmentation.rfm_scores(SOUND.assign(monetary="much"))
