"""Thresholds of inactivity: by hand, against plain loops and the Kaplan-Meier curve elsewhere."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight

from crmlytics.churn import inactivity_threshold
from crmlytics.errors import DataError, OptionError

START = pd.Timestamp(2026, 1, 1).to_pydatetime()
ROW = st.tuples(st.integers(0, 4), st.integers(0, 90))


def columns(rows):
    who, when = zip(*rows, strict=True) if rows else ((), ())
    return {
        "customer_id": pa.array(who, pa.int64()),
        "date": pa.array([START + timedelta(days=n) for n in when], pa.timestamp("us")),
    }


def threshold(rows, last=None, **options):
    as_of = {} if last is None else {"as_of": START + timedelta(days=last)}
    found = inactivity_threshold(pa.table(columns(rows)).to_pandas(), **as_of, **options)
    return found.set_index("method")


def silences(rows, last):
    """Return (days, whether a purchase ended it, customer) of each silence."""
    found = []
    for who in sorted({row[0] for row in rows}):
        days = sorted({when for each, when in rows if each == who and when <= last})
        for k, day in enumerate(days):
            ended = k + 1 < len(days)
            found.append(((days[k + 1] if ended else last) - day, ended, who))
    return found


# gaps of 10 (twice), 20 and 40 days, and silences of 50 (a), 30 (b) and 5 (c) at the end
HAND = [("a", 0), ("a", 10), ("a", 20), ("a", 40), ("b", 20), ("b", 60), ("c", 85)]
HAND = [("abc".index(who), when) for who, when in HAND]


def test_by_hand(make_eager, plain):
    found = plain(inactivity_threshold(make_eager(columns(HAND)), as_of="2026-04-01"))
    assert list(found) == [
        "method", "threshold_days", "returned_later_share", "lower", "upper", "n_silences"
    ]  # fmt: skip
    assert found["method"].tolist() == ["percentile", "personal", "error_rate"]
    found = found.set_index("method")
    # at risk on days 10, 20, 40: 6, 4, 2 (that of 5 days and that of 30 are over); survival
    # 4/6 = .667, .5 and .25; so .333/.75 = .44, .67 and all of those that end have ended by 40
    assert found.loc["percentile", "threshold_days"] == 40
    assert found.loc["percentile", "returned_later_share"] == 0  # of the one of 50 days
    assert found.loc["percentile", "n_silences"] == 1
    # a alone has three gaps: mean 40 / 3, deviation 10 / sqrt(3)
    assert found.loc["personal", "threshold_days"] == pytest.approx(40 / 3 + 20 / np.sqrt(3))
    assert found.loc["personal", "n_silences"] == 1  # its last one, of 50 days
    # after 30 days: of 40 and 50 one came back; after 40 none
    assert found.loc["error_rate", "threshold_days"] == 40
    half = threshold(HAND, 90, error_rate=0.4, percentile=0.6)
    assert half.loc["percentile", "threshold_days"] == 20
    assert half.loc["error_rate", "threshold_days"] == 20  # of 30, 40 and 50 days one came back
    assert half.loc["error_rate", "returned_later_share"] == pytest.approx(1 / 3)
    # Wilson interval of 1 of 3: statsmodels' proportion_confint(1, 3, method="wilson")
    assert half.loc["error_rate", ["lower", "upper"]].tolist() == pytest.approx(
        [0.06149194472039624, 0.7923403991979523]
    )


@settings(deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=40), share=st.floats(0.05, 0.95))
def test_percentile_is_kaplan_meier(rows, share):
    length, ended, _ = zip(*silences(rows, 90), strict=True)
    found = threshold(rows, 90, methods="percentile", percentile=share).loc["percentile"]
    if not any(ended):
        assert np.isnan(found["threshold_days"])
        assert np.isnan(found["returned_later_share"])
        assert found["n_silences"] == 0
        return
    curve = SurvfuncRight(length, np.array(ended, dtype=int))
    done = (1 - curve.surv_prob) / (1 - curve.surv_prob[-1])
    assert found["threshold_days"] == curve.surv_times[np.flatnonzero(done >= share - 1e-9)[0]]
    over = [each for each, days in zip(ended, length, strict=True) if days > found.threshold_days]
    assert found["n_silences"] == len(over)
    assert found["returned_later_share"] == pytest.approx(
        sum(over) / len(over) if over else np.nan, nan_ok=True
    )


@settings(deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=40), wrong=st.floats(0, 1))
def test_error_rate_plain_loop(rows, wrong):
    every = silences(rows, 90)
    want = np.nan, np.nan, 0
    for days in sorted({each[0] for each in every}):
        over = [each[1] for each in every if each[0] > days]
        if over and sum(over) / len(over) <= wrong + 1e-12:
            want = days, sum(over) / len(over), len(over)
            break
    found = threshold(rows, 90, methods="error_rate", error_rate=wrong).loc["error_rate"]
    got = found[["threshold_days", "returned_later_share", "n_silences"]].astype(float).tolist()
    assert got == pytest.approx(want, nan_ok=True)


@settings(deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=40))
def test_personal_plain_loop(rows):
    own, passed = [], []
    for who in {row[0] for row in rows}:
        theirs = [each for each in silences(rows, 90) if each[2] == who]
        gaps = [each[0] for each in theirs if each[1]]
        if len(gaps) >= 3:
            own.append(np.mean(gaps) + 2 * np.std(gaps, ddof=1))
            passed += [each[1] for each in theirs if each[0] > own[-1] + 1e-9]
    found = threshold(rows, 90, methods="personal").loc["personal"]
    assert found["threshold_days"] == pytest.approx(np.median(own) if own else np.nan, nan_ok=True)
    assert found["n_silences"] == len(passed)
    assert found["returned_later_share"] == pytest.approx(
        np.mean(passed) if passed else np.nan, nan_ok=True
    )


def test_later_rows_and_returns_are_not_read(make_eager, plain):
    made = columns([*HAND, (0, 91), (1, 200), (2, 70)])
    made["amount"] = pa.array([5.0] * (len(HAND) + 2) + [-5.0])
    found = plain(inactivity_threshold(make_eager(made), as_of="2026-04-01"))
    want = plain(inactivity_threshold(make_eager(columns(HAND)), as_of="2026-04-01"))
    pd.testing.assert_frame_equal(found, want)
    # as a purchase, the return on day 70 ends a silence of 15 days: half of 1 - .21 by then
    for amount, days in (("amount", 20), (None, 15)):
        found = inactivity_threshold(
            make_eager(made), as_of="2026-04-01", amount_col=amount, percentile=0.5
        )
        assert plain(found)["threshold_days"][0] == days


def test_silences_not_over_count_as_such():
    # forty customers who came back after 10 days, and forty who were last seen 9 days ago
    rows = [(n, day) for n in range(40) for day in (0, 10)] + [(n, 81) for n in range(40, 80)]
    assert threshold(rows, 90, methods="percentile")["threshold_days"].tolist() == [10]
    # the longer a silence may last, the longer is the threshold
    rows += [(n, day) for n in range(80, 100) for day in (0, 60)]
    assert threshold(rows, 90, methods="percentile")["threshold_days"].tolist() == [60]


def test_methods_come_in_their_order(make_eager, plain):
    table = make_eager(columns(HAND))
    found = plain(inactivity_threshold(table, methods=["error_rate", "percentile", "error_rate"]))
    assert found["method"].tolist() == ["error_rate", "percentile"]


def test_nothing_to_tell(make_eager, plain, schema):
    for rows in ([], [(1, 0)], [(1, 90), (2, 90)]):
        answer = inactivity_threshold(make_eager(columns(rows)), as_of="2026-04-01")
        found = plain(answer)
        assert found["threshold_days"].tolist() == pytest.approx([np.nan] * 3, nan_ok=True)
        assert found["n_silences"].tolist() == [0, 0, 0]
        assert found[["returned_later_share", "lower", "upper"]].isna().all(axis=None)
        assert schema(answer)["threshold_days"] == "Float64"
    with pytest.raises(DataError, match="inactivity_threshold: transactions has no rows"):
        inactivity_threshold(make_eager(columns([])))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"methods": "median"}, "methods must be one of 'percentile', 'personal', 'error_rate'"),
        ({"methods": []}, "methods must name at least one; got none"),
        ({"methods": 3}, "methods must be one of"),
        ({"percentile": 1.5}, "percentile must be"),
        ({"error_rate": -0.1}, "error_rate must be"),
        ({"confidence": 1}, "confidence must lie"),
        ({"as_of": "2025-01-01"}, "as_of 2025-01-01 is before the first date"),
    ],
)
def test_refusals(options, match):
    with pytest.raises(OptionError, match=f"^inactivity_threshold: .*{match}"):
        inactivity_threshold(pa.table(columns(HAND)).to_pandas(), **options)


def test_order_of_rows_is_nothing():
    rng = np.random.default_rng(0)
    rows = list(
        zip(rng.integers(0, 20, 200).tolist(), rng.integers(0, 90, 200).tolist(), strict=True)
    )
    one = threshold(rows, 90)
    pd.testing.assert_frame_equal(one, threshold([rows[k] for k in rng.permutation(200)], 90))
