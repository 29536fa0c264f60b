"""Return on cost against plain pandas."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

COLUMNS = ["revenue", "cost", "profit", "roi", "roas", "n_rows"]
MONEY = st.one_of(st.none(), *[st.integers(-40, 400).map(lambda quarters: quarters / 4)] * 12)
ROW = st.tuples(
    st.sampled_from(["mail", "web", None]),
    MONEY,
    MONEY.map(lambda money: money and abs(money)),
    st.sampled_from([0.0, 0.25, 0.5, 1.0, -0.5]),
)
ROWS = st.lists(ROW, max_size=12)
FEW = settings(max_examples=15, deadline=None)


def table(rows):
    kinds = {"channel": pa.string()} | dict.fromkeys(("revenue", "cost", "margin"), pa.float64())
    return pa.table(
        {
            name: pa.array([row[at] for row in rows], kind)
            for at, (name, kind) in enumerate(kinds.items())
        }
    )


def oracle(rows):
    frame = table(rows).to_pandas()
    revenue, cost = (frame[name].sum(skipna=False) for name in ("revenue", "cost"))
    # halves of cents go up
    profit = (frame["revenue"] * frame["margin"] - frame["cost"]).sum(skipna=False)
    profit = np.floor(profit * 100 + 0.5) / 100
    spent = cost if cost > 0 else np.nan
    return [revenue, cost, profit, profit / spent, revenue / spent, len(frame)]


def numbers(row):
    return [np.nan if pd.isna(row[name]) else float(row[name]) for name in COLUMNS]


@FEW
@given(rows=ROWS)
def test_oracle(make_eager, plain, rows):
    got = plain(crm.kpi.roi(make_eager(table(rows)), margin="margin"))
    assert list(got) == COLUMNS
    assert numbers(got.iloc[0]) == pytest.approx(oracle(rows), rel=1e-9, nan_ok=True)
    split = plain(crm.kpi.roi(make_eager(table(rows)), margin="margin", by="channel"))
    channels = sorted({row[0] for row in rows}, key=lambda name: (name is None, name or ""))
    assert [None if pd.isna(name) else name for name in split["channel"]] == channels
    for channel, (_, row) in zip(channels, split.iterrows(), strict=True):
        want = oracle([one for one in rows if one[0] == channel])
        assert numbers(row) == pytest.approx(want, rel=1e-9, nan_ok=True)


def test_by_hand(make_eager, plain):
    # 1,000 of revenue at a margin of 25 % earns 250, which was spent: a ROAS of 4 is a ROI of 0
    rows = make_eager(table([("web", 600.0, 100.0, 0.25), ("web", 400.0, 150.0, 0.25)]))
    want = [1000, 250, 0, 0, 4, 2]
    assert numbers(plain(crm.kpi.roi(rows, margin=0.25)).iloc[0]) == want
    assert numbers(plain(crm.kpi.roi(rows, margin="margin")).iloc[0]) == want
    # nothing came back: everything is lost
    lost = make_eager(table([("web", 0.0, 50.0, 1.0)]))
    assert numbers(plain(crm.kpi.roi(lost, margin=1)).iloc[0]) == [0, 50, -50, -1, 0, 1]


def test_without_a_margin_it_is_said(make_eager, plain):
    rows = make_eager(table([("web", 600.0, 100.0, 0.25)]))
    with pytest.warns(CrmlyticsWarning, match=r"^roi: no margin was given, so that profit and roi"):
        got = plain(crm.kpi.roi(rows)).iloc[0]
    assert numbers(got) == [600, 100, 500, 5, 6, 1]


def test_a_cost_of_0_has_no_ratio(make_eager, plain):
    got = plain(crm.kpi.roi(make_eager(table([("web", 9.0, 0.0, 1.0)])), margin=1)).iloc[0]
    assert pd.isna(got["roi"])
    assert pd.isna(got["roas"])
    empty = plain(crm.kpi.roi(make_eager(table([])), margin=1))
    assert empty["n_rows"].tolist() == [0]
    assert empty["roi"].isna().all()


def test_precision(make_eager, plain):
    rows = make_eager(table([("web", 10.125, 4.0, 1.0)]))
    assert plain(crm.kpi.roi(rows, margin=1))["revenue"].tolist() == [10.13]
    assert plain(crm.kpi.roi(rows, margin=1, precision=0))["profit"].tolist() == [6.0]


def test_what_is_refused():
    rows = table([("web", 1.0, 2.0, 0.5), ("web", 1.0, 3.0, 0.5)]).to_pandas()
    with pytest.raises(
        DataError, match=r"^roi: 2 of 2 values of 'cost' \(cost_col\) are negative, "
    ):
        crm.kpi.roi(rows.assign(cost=-rows["cost"]), margin=1)
    with pytest.raises(OptionError, match=r"^roi: margin must be a number"):
        crm.kpi.roi(rows, margin=float("nan"))
    with pytest.raises(ColumnError, match=r"^roi: no column 'share' \(margin_col\) in table"):
        crm.kpi.roi(rows, margin="share")
    with pytest.raises(ColumnError, match=r"^roi: column 'profit' \(by\) has the name of a result"):
        crm.kpi.roi(rows.assign(profit=1), margin=1, by="profit")
