"""The value of referrals against a plain loop."""

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsWarning, DataError, OptionError

FEW = settings(max_examples=15, deadline=None)
WHO = st.integers(1, 6)
ROW = st.tuples(
    st.one_of(st.none(), *[WHO] * 9),
    WHO,
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from(["letter", "link", None]),
)
ROWS = st.lists(ROW, max_size=12)
VALUES = st.dictionaries(WHO, st.one_of(st.none(), *[st.integers(-10, 200).map(float)] * 5))
quiet = pytest.mark.filterwarnings("ignore::crmlytics.errors.CrmlyticsWarning")


def referral_table(rows):
    return pa.table(
        {
            "referrer_id": pa.array([row[0] for row in rows], pa.int64()),
            "referred_id": pa.array([row[1] for row in rows], pa.int64()),
            "anyway": pa.array([row[2] for row in rows], pa.float64()),
            "program": pa.array([row[3] for row in rows], pa.string()),
        }
    )


def value_table(values):
    return pa.table(
        {
            "customer_id": pa.array(list(values), pa.int64()),
            "clv": pa.array(list(values.values()), pa.float64()),
        }
    )


def oracle(rows, values, saved):
    """Return a row for each referrer: id, referred, unknown, referral value, own, total."""
    chances = {}
    for referrer, referred, anyway, _ in rows:
        if referrer is not None and referrer != referred:
            chances.setdefault((referrer, referred), []).append(anyway)
    answer = []
    for who in sorted({referrer for referrer, _ in chances}):
        brought = sorted(referred for referrer, referred in chances if referrer == who)
        known = [one for one in brought if values.get(one) is not None]
        total = 0.0
        for one in known:
            several = sum(1 for _, referred in chances if referred == one)
            anyway = sum(chances[who, one]) / len(chances[who, one])
            total += ((1 - anyway) * values[one] + saved) / several
        value, own = (total if known else None), values.get(who)
        both = None if value is None or own is None else value + own
        answer.append([who, len(brought), len(brought) - len(known), value, own, both])
    return answer


def plain_rows(table):
    return [
        [None if pd.isna(value) else value for value in row]
        for row in table.itertuples(index=False)
    ]


def same(got, want):
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        for a, b in zip(one, other, strict=True):
            assert a == b or float(a) == pytest.approx(float(b), rel=1e-9)


@quiet
@FEW
@given(rows=ROWS, values=VALUES)
def test_oracle(make_eager, plain, rows, values):
    tables = make_eager(referral_table(rows)), make_eager(value_table(values))
    got = crm.kpi.referral_value(*tables, cac=10, reward=3, would_have_joined="anyway")
    same(plain_rows(plain(got)), oracle(rows, values, 7))
    split = plain(
        crm.kpi.referral_value(*tables, cac=10, reward=3, would_have_joined="anyway", by="program")
    )
    want = []
    for program in ("letter", "link", None):
        own = oracle([row for row in rows if row[3] == program], values, 7)
        want += [[program, *row] for row in own]
    same(plain_rows(split), want)


def test_by_hand(make_eager, plain):
    # Kumar, Petersen and Leone: those who would not have come bring their value and the saving,
    # the others the saving. 1 brought 2 (would not: 100 + 20) and 3 (would: 20)
    rows = [(1, 2, 0.0, "x"), (1, 3, 1.0, "x")]
    tables = make_eager(referral_table(rows)), make_eager(value_table({1: 50.0, 2: 100.0, 3: 7.0}))
    got = plain(crm.kpi.referral_value(*tables, cac=20, would_have_joined="anyway"))
    assert list(got) == [
        "referrer_id", "n_referred", "n_unknown", "referral_value", "clv", "total_value",
    ]  # fmt: skip
    assert got.to_numpy().tolist() == [[1, 2, 0, 140, 50, 190]]
    # half of each is (100 + 7) / 2 + 40; a reward of 5 costs 10 for both
    got = plain(crm.kpi.referral_value(*tables, cac=20, would_have_joined=0.5, reward=5))
    assert got["referral_value"].tolist() == [53.5 + 40 - 10]


def test_shared_and_repeated_and_rings(make_eager, plain):
    values = make_eager(value_table({1: 10.0, 2: 20.0, 3: 30.0}))
    # 3 was referred by 1 (twice) and by 2: each counts half; 1 and 2 also referred each other
    rows = [
        (1, 3, 0.0, "x"),
        (1, 3, 0.0, "x"),
        (2, 3, 0.0, "x"),
        (1, 2, 0.0, "x"),
        (2, 1, 0.0, "x"),
    ]
    got = plain(crm.kpi.referral_value(make_eager(referral_table(rows)), values))
    assert got["n_referred"].tolist() == [2, 2]
    assert got["referral_value"].tolist() == [20 + 15, 10 + 15]
    # only direct referrals count: 1 brought 2, who brought 3
    chain = make_eager(referral_table([(1, 2, 0.0, "x"), (2, 3, 0.0, "x")]))
    got = plain(crm.kpi.referral_value(chain, values))
    assert got["referral_value"].tolist() == [20, 30]


def test_what_is_left_out_is_said(make_eager, plain):
    rows = [(None, 2, 0.0, "x"), (2, 2, 0.0, "x"), (1, 2, 0.0, "x"), (9, 8, 0.0, "x")]
    tables = make_eager(referral_table(rows)), make_eager(value_table({1: 50.0, 2: 100.0}))
    with pytest.warns(CrmlyticsWarning) as caught:
        got = plain(crm.kpi.referral_value(*tables))
    sentences = [str(one.message) for one in caught]
    assert sentences == [
        "referral_value: of 4 rows of referrals these are left out: 1 without 'referrer_id' "
        "(referrer_col), 1 of customers who referred themselves.",
        "referral_value: 1 referrers and 1 of the customers they referred have no value in clv, "
        "and theirs is not in the answer.",
    ]
    assert got["n_referred"].tolist() == [1, 1]
    assert got["n_unknown"].tolist() == [0, 1]
    # 9 has referred nobody whose value is known: that is not 0
    assert [None if pd.isna(v) else v for v in got["referral_value"]] == [100.0, None]


def test_a_table_of_customers_with_their_referrer(plain):
    # as customer tables hold it: text ids, null where nobody referred them
    people = pd.DataFrame({
        "customer_id": ["a", "b", "c"], "invited_by": [None, "a", "a"], "clv": [5.0, 6.0, 7.0],
    })  # fmt: skip
    with pytest.warns(CrmlyticsWarning, match="1 without 'invited_by'"):
        got = crm.kpi.referral_value(
            people, people, referrer_col="invited_by", referred_col="customer_id"
        )
    assert plain(got).to_numpy().tolist() == [["a", 2, 0, 13.0, 5.0, 18.0]]


def test_what_is_refused():
    referrals = referral_table([(1, 2, 0.5, "x"), (1, 3, 2.0, "x")]).to_pandas()
    values = value_table({1: 1.0, 2: 2.0}).to_pandas()
    with pytest.raises(DataError, match=r"^referral_value: 1 of 2 values of 'anyway' \(would_have"):
        crm.kpi.referral_value(referrals, values, would_have_joined="anyway")
    with pytest.raises(
        OptionError, match=r"^referral_value: would_have_joined must be a number fr"
    ):
        crm.kpi.referral_value(referrals, values, would_have_joined=1.5)
    with pytest.raises(OptionError, match=r"^referral_value: cac must be a number of 0 or more"):
        crm.kpi.referral_value(referrals, values, cac=-1)
    with pytest.raises(
        DataError, match=r"^referral_value: 1 of 2 rows of clv repeat a 'customer_i"
    ):
        crm.kpi.referral_value(referrals, values.assign(customer_id=1))
    with pytest.raises(ColumnError, match=r"^referral_value: no column 'clv' in clv; it has"):
        crm.kpi.referral_value(referrals, values.rename(columns={"clv": "value"}))
    with pytest.raises(
        DataError, match=r"^referral_value: .* holds numbers in referrals and texts"
    ):
        crm.kpi.referral_value(referrals, values.assign(customer_id=["a", "b"]))
    with pytest.raises(
        DataError, match=r"^referral_value: 1 of 2 rows have no 'referred_id' \(ref"
    ):
        crm.kpi.referral_value(referrals.assign(referred_id=[2, None]), values)
