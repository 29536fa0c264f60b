# ruff: noqa: DTZ001 - the dates of tables are naive
"""The curve of concentration against a plain loop, and its picture."""

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

START = datetime(2026, 1, 1)
LINE = st.tuples(
    st.sampled_from("abcdefg"),
    st.integers(0, 9),
    st.integers(-20, 80).map(lambda quarters: quarters / 4),
    st.sampled_from(["north", "south", None]),
)
LINES = st.lists(LINE, min_size=1, max_size=25)
NAMES = ["customer_share", "revenue_share", "gini", "customers", "revenue"]
FEW = settings(max_examples=10, deadline=None)  # for each of six engines
quiet = pytest.mark.filterwarnings("ignore:.* have returns only")


def columns(lines):
    return pa.table(
        {
            "customer_id": [line[0] for line in lines],
            "date": [START + timedelta(days=line[1]) for line in lines],
            "amount": pa.array([line[2] for line in lines], pa.float64()),
            "shop": pa.array([line[3] for line in lines], pa.string()),
        }
    )


def spent_by(lines):
    """Return the net amounts of customers with a purchase, the best first."""
    buyers = {line[0] for line in lines if line[2] >= 0}
    spent = [sum(line[2] for line in lines if line[0] == who) for who in buyers]
    return sorted(spent, reverse=True)


def gini(spent):
    """Mean absolute difference over twice the mean, n^2 pairs."""
    spent = np.array(spent)
    return np.abs(spent[:, None] - spent).mean() / (2 * spent.mean())


def oracle(lines, points=None):
    spent = spent_by(lines)
    n, total = len(spent), sum(spent)
    rows = []
    for k in range((points or n) + 1 if n else 0):
        x = k / (points or n)
        here = [total and sum(spent[:m]) / total for m in range(n + 1)]
        y = np.interp(x, np.arange(n + 1) / n, here) if total > 0 else np.nan
        rows.append([x, y, gini(spent) if total > 0 else np.nan, n, total])
    return np.array(rows, dtype=float).reshape(-1, 5)


@quiet
@FEW
@given(lines=LINES, points=st.sampled_from([None, 1, 4, 100]))
def test_oracle(make_eager, plain, lines, points):
    got = plain(crm.kpi.revenue_concentration(make_eager(columns(lines)), points=points))
    assert list(got) == NAMES
    want = oracle(lines, points)
    assert got.astype(float).to_numpy() == pytest.approx(want, abs=1e-9, nan_ok=True)


@quiet
@settings(max_examples=8, deadline=None)
@given(lines=LINES)
def test_by_equals_each_group_alone(make_eager, plain, lines):
    got = plain(crm.kpi.revenue_concentration(make_eager(columns(lines)), by="shop", points=10))
    for shop in ("north", "south", None):
        mine = got["shop"].isna() if shop is None else got["shop"] == shop
        want = oracle([line for line in lines if line[3] == shop], 10)
        rows = got.loc[mine.astype(bool), NAMES].astype(float).to_numpy()
        assert rows == pytest.approx(want, abs=1e-9, nan_ok=True)


@quiet
@settings(max_examples=30, deadline=None)
@given(lines=LINES, rnd=st.randoms(use_true_random=False))
def test_properties(lines, rnd):
    table = columns(lines).to_pandas()
    curve = crm.kpi.revenue_concentration(table, points=None)
    mixed = table.sample(frac=1, random_state=rnd.randrange(99))
    pd.testing.assert_frame_equal(crm.kpi.revenue_concentration(mixed, points=None), curve)
    if not len(curve) or curve["revenue_share"].isna().all():
        return
    share = curve["revenue_share"].to_numpy()
    assert share[0] == 0
    assert share[-1] == 1  # exactly
    steps = np.diff(share)
    assert (np.diff(steps) <= 1e-12).all()  # the best come first: concave
    assert (share >= curve["customer_share"] - 1e-12).all()
    if min(spent_by(lines)) >= 0:
        n = curve["customers"].iloc[0]
        assert -1e-12 <= curve["gini"].iloc[0] <= 1 - 1 / n + 1e-12


def test_equal_customers_make_a_straight_line(make_eager, plain):
    lines = [(who, 0, 2.5, None) for who in "abcdefg"]
    got = plain(crm.kpi.revenue_concentration(make_eager(columns(lines))))
    assert got["revenue_share"].to_numpy() == pytest.approx(got["customer_share"].to_numpy())
    assert got["gini"].to_numpy() == pytest.approx(np.zeros(101), abs=1e-12)


def test_one_brings_everything(make_eager, plain):
    lines = [("a", 0, 9.0, None), *[(who, 0, 0.0, None) for who in "bcd"]]
    got = plain(crm.kpi.revenue_concentration(make_eager(columns(lines)), points=None))
    assert got["revenue_share"].tolist() == [0, 1, 1, 1, 1]
    assert got["gini"].iloc[0] == pytest.approx(0.75)  # 1 - 1 / n


def test_more_returned_than_bought_lifts_the_curve_above_one(make_eager, plain):
    lines = [("a", 0, 10.0, None), ("b", 0, 2.0, None), ("b", 1, -4.0, None)]
    got = plain(crm.kpi.revenue_concentration(make_eager(columns(lines)), points=None))
    assert got["revenue_share"].tolist() == [0, 1.25, 1]  # 10 of 8


def test_returns_only_is_said(make_eager, plain):
    lines = [("a", 0, 10.0, "x"), ("b", 1, -4.0, "x"), ("c", 1, -4.0, "y")]
    sentence = r"^revenue_concentration: 2 customers of transactions have returns only"
    with pytest.warns(CrmlyticsWarning, match=sentence):
        got = plain(crm.kpi.revenue_concentration(make_eager(columns(lines)), by="shop", points=1))
    assert got["shop"].tolist() == ["x", "x"]  # nobody bought in y
    assert got["customers"].tolist() == [1, 1]


def test_nothing_earned_has_no_shares(make_eager, plain):
    lines = [("a", 0, 0.0, None), ("b", 0, 0.0, None)]
    got = plain(crm.kpi.revenue_concentration(make_eager(columns(lines)), points=2))
    assert got["customer_share"].tolist() == [0, 0.5, 1]
    assert got[["revenue_share", "gini"]].isna().to_numpy().all()
    assert got["revenue"].tolist() == [0, 0, 0]


def test_an_unknown_amount_makes_revenue_unknown(make_eager, plain):
    lines = [("a", 0, 5.0, None), ("b", 0, None, None)]
    got = plain(crm.kpi.revenue_concentration(make_eager(columns(lines)), points=1))
    assert got[["revenue_share", "gini", "revenue"]].isna().to_numpy().all()
    assert got["customers"].tolist() == [2, 2]


def test_as_of_is_inclusive(make_eager, plain):
    lines = [("a", 0, 1.0, None), ("b", 3, 1.0, None), ("c", 4, 1.0, None)]
    table = make_eager(columns(lines))
    got = plain(crm.kpi.revenue_concentration(table, as_of=date(2026, 1, 4), points=1))
    assert got["customers"].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"points": 0}, OptionError, "points must be a whole number from 1 to 100000; got 0"),
        ({"points": 2.5}, OptionError, "points must be a whole number from 1 to 100000; got 2.5"),
        ({"precision": 10}, OptionError, "precision must be a whole number from -9 to 9; got 10"),
        ({"amount_col": "paid"}, ColumnError, r"no column 'paid' \(amount_col\)"),
        ({"by": "gini"}, ColumnError, r"column 'gini' \(by\) has the name of a result column"),
    ],
)
def test_refusals(engines, options, error, sentence):
    table = columns([("a", 1, 1.0, None)]).append_column("gini", pa.array([1]))
    with pytest.raises(error, match=rf"^revenue_concentration: {sentence}"):
        crm.kpi.revenue_concentration(engines["polars"](table), **options)


def test_curves_of_too_many_groups_are_refused():
    lines = pd.DataFrame({"customer_id": range(201), "date": START, "amount": 1.0})
    lines["shop"] = lines["customer_id"]
    with pytest.raises(OptionError, match=r"^revenue_concentration: 100,000 points of 201 groups"):
        crm.kpi.revenue_concentration(lines, by="shop", points=100_000)
    assert len(crm.kpi.revenue_concentration(lines, by="shop", points=None)) == 2 * 201


def test_tables_that_are_refused(engines):
    table = engines["polars"](columns([("a", 1, 1.0, None)]))
    with pytest.raises(DataError, match=r"^revenue_concentration: transactions is a Polars LazyF"):
        crm.kpi.revenue_concentration(table.lazy())
    with pytest.raises(DataError, match=r"^revenue_concentration: transactions has no rows, so a"):
        crm.kpi.revenue_concentration(table.head(0))
    assert len(crm.kpi.revenue_concentration(table.head(0), as_of="2026-01-01")) == 0


def drawn(lines, **options):
    from matplotlib.figure import Figure

    curve = crm.kpi.revenue_concentration(columns(lines).to_pandas(), **options)
    return crm.kpi.plot_revenue_concentration(curve, by=options.get("by"), ax=Figure().subplots())


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_picture_of_one_curve():
    ax = drawn([("a", 0, 60.0, None), *[(who, 0, 10.0, None) for who in "bcde"]])
    assert legend(ax) == ["all bring the same", "Gini 0.40"]
    assert [text.get_text() for text in ax.texts] == ["the best 20% bring 60%"]
    assert ax.lines[1].get_ydata()[20] == pytest.approx(0.6)
    assert ax.get_title() == "Revenue by share of customers, the best first"


def test_picture_of_groups():
    lines = [("a", 0, 60.0, "تهران"), ("b", 0, 40.0, "تهران"), ("a", 0, 5.0, "_חיפה")]
    ax = drawn(lines, by="shop")
    assert legend(ax) == ["all bring the same", "Gini 0.00,  _חיפה", "Gini 0.10, تهران"]
    assert not ax.texts


def test_picture_of_nothing():
    ax = drawn([("a", 0, 0.0, None)])
    assert [text.get_text() for text in ax.texts] == ["no data"]


def test_pictures_that_are_refused():
    curve = crm.kpi.revenue_concentration(columns([("a", 0, 1.0, None)]).to_pandas())
    with pytest.raises(DataError, match=r"^plot_revenue_concentration: 101 of 202 rows of concen"):
        crm.kpi.plot_revenue_concentration(pd.concat([curve, curve]))
    with pytest.raises(ColumnError, match=r"^plot_revenue_concentration: no column 'gini' in con"):
        crm.kpi.plot_revenue_concentration(curve.drop(columns="gini"))
    with pytest.raises(OptionError, match=r"^plot_revenue_concentration: ax must be a matplotlib"):
        crm.kpi.plot_revenue_concentration(curve, ax=3)
