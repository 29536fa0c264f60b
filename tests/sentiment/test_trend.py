"""The trend: counts and limits by hand, tails by scipy, intervals by statsmodels, false alarms."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact, norm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from crmlytics.errors import ColumnError, DataError, OptionError
from crmlytics.sentiment._trend import sentiment_trend

COLUMNS = ["period", "n", "n_negative", "share_negative", "lower", "upper", "mean_compound"]
COLUMNS += ["centre", "lower_limit", "upper_limit", "dispersion", "p_value", "q_value", "alert"]
COLUMNS += ["complete"]
NEGATIVE, N = [2, 1, 9, 0, 1], [10, 8, 12, 0, 9]  # of the weeks from 2026-01-05 on
START = np.datetime64("2026-01-05", "D")  # a Monday


def texts(negative=NEGATIVE, n=N, start=START, step=7):
    """Weeks with so many texts, of which so many are negative."""
    compound, day = [], []
    for week, (bad, size) in enumerate(zip(negative, n, strict=True)):
        compound += [-0.6] * bad + [0.2] * (size - bad)
        day += [start + step * week + at % step for at in range(size)]
    return {
        "date": np.array(day, dtype="M8[D]").astype("M8[us]").tolist(),
        "text": ["written"] * len(day),
        "compound": compound,
    }


def line(negative, n):
    days = (len(n) - 1) * 7 + 6
    return sentiment_trend(pd.DataFrame(texts(negative, n)), as_of=str(START + days))


def test_every_library_gets_its_own_kind_and_the_same_numbers(make_eager, plain, schema):
    table = make_eager(texts())
    answer = sentiment_trend(table, as_of="2026-02-08")
    assert type(answer) is type(table)
    assert list(schema(answer)) == COLUMNS
    got = plain(answer)
    assert got["period"].tolist() == [
        pd.Timestamp("2026-01-05") + pd.Timedelta(weeks=k) for k in range(5)
    ]
    assert got["n"].tolist() == N
    assert got["n_negative"].tolist() == NEGATIVE
    assert got["share_negative"].tolist()[:3] == [0.2, 0.125, 0.75]
    # the other weeks together: 11 of 29, 12 of 31, 4 of 27, 13 of 39, 12 of 30
    assert got["centre"].tolist() == pytest.approx([11 / 29, 12 / 31, 4 / 27, 13 / 39, 12 / 30])
    assert got["mean_compound"].tolist()[:2] == pytest.approx([0.04, 0.1])
    assert got["complete"].tolist() == [True] * 5


def test_empty_periods_have_rows_and_unknown_shares(plain):
    got = plain(sentiment_trend(pd.DataFrame(texts()), as_of="2026-02-08"))
    unknown = ["share_negative", "lower", "upper", "mean_compound", "lower_limit", "p_value"]
    assert got.loc[3, unknown].isna().all()
    assert not got["alert"][3]


def test_intervals_tails_and_corrections_are_those_of_the_references(plain):
    got = plain(sentiment_trend(pd.DataFrame(texts()), as_of="2026-02-08", confidence=0.9))
    used = [0, 1, 2, 4]
    for row in used:
        k, n = NEGATIVE[row], N[row]
        low, high = proportion_confint(k, n, alpha=0.1, method="wilson")  # statsmodels
        assert got["lower"][row] == pytest.approx(low, rel=1e-12)
        assert got["upper"][row] == pytest.approx(high, rel=1e-12)
        others, others_n = sum(NEGATIVE) - k, sum(N) - n
        table = [[k, n - k], [others, others_n - others]]
        assert got["p_value"][row] == pytest.approx(
            fisher_exact(table, alternative="greater")[1], rel=1e-9
        )
        centre = others / others_n
        half = 3 * math.sqrt(centre * (1 - centre) / n)
        assert got["upper_limit"][row] == pytest.approx(min(centre + half, 1), rel=1e-12)
        assert got["lower_limit"][row] == pytest.approx(max(centre - half, 0), abs=1e-12)
    corrected = multipletests(got["p_value"][used], method="fdr_bh")[1]
    assert got["q_value"][used].tolist() == pytest.approx(list(corrected), rel=1e-12)
    assert got["alert"].tolist() == [False, False, True, False, False]


def test_the_last_period_that_is_not_over_never_alarms(plain):
    table = pd.DataFrame(texts([2, 1, 1, 12], [12, 12, 12, 12]))
    got = plain(sentiment_trend(table, as_of="2026-01-31"))  # a Saturday
    assert got["complete"].tolist() == [True, True, True, False]
    assert got.loc[3, ["p_value", "q_value"]].isna().all()
    assert not got["alert"].any()
    assert got["n"][3] == 11  # the text of Sunday is not seen
    # nor do the others see it
    assert got["centre"].tolist() == pytest.approx([2 / 24, 3 / 24, 3 / 24, 4 / 36])
    assert plain(sentiment_trend(table, as_of="2026-02-01"))["alert"].tolist() == [False] * 3 + [
        True
    ]


def test_a_baseline_keeps_what_is_usual_apart_from_what_is_new(plain):
    table = pd.DataFrame(texts([2, 1, 2, 9, 8, 9], [20] * 6))
    got = plain(sentiment_trend(table, baseline="2026-01-25", as_of="2026-02-15"))
    assert got["centre"].tolist() == pytest.approx([3 / 40, 4 / 40, 3 / 40, *[5 / 60] * 3])
    assert got["alert"].tolist() == [False] * 3 + [True] * 3
    without = plain(sentiment_trend(table, as_of="2026-02-15"))
    assert not without["alert"].any()


def test_dispersion_is_the_median_moving_range_and_widens_limits_and_tails(plain):
    k, n = [33, 17, 31, 18, 34, 16, 32, 19, 30, 18], [100] * 10
    got = plain(line(k, n))
    centre = sum(k) / 1000
    standard = (np.array(k) / 100 - centre) / math.sqrt(centre * (1 - centre) / 100)
    # median of the range of two standard normal values: sqrt(2) * 0.67449
    wanted = np.median(np.abs(np.diff(standard))) / (math.sqrt(2) * norm.ppf(0.75))
    assert got["dispersion"].tolist() == pytest.approx([wanted] * 10, rel=1e-4)
    other = (sum(k) - 33) / 900
    half = 3 * wanted * math.sqrt(other * (1 - other) / 100)
    assert got["upper_limit"][0] == pytest.approx(other + half, rel=1e-4)
    tail = fisher_exact([[33, 67], [sum(k) - 33, 900 - sum(k) + 33]], alternative="greater")[1]
    assert got["p_value"][0] == pytest.approx(norm.sf(norm.isf(tail) / wanted), rel=1e-3)
    assert not got["alert"].any()
    assert plain(line(k[:7], n[:7]))["dispersion"].tolist() == [1.0] * 7  # too few to tell


def test_one_bad_week_is_found_and_does_not_hide_itself(plain):
    rng = np.random.default_rng(2)
    k = rng.binomial(60, 0.2, 26)
    k[20] = 32
    got = plain(line(k.tolist(), [60] * 26))
    assert np.flatnonzero(got["alert"]).tolist() == [20]
    assert got["share_negative"][20] > got["upper_limit"][20]


@pytest.mark.parametrize(("rho", "most"), [(0.0, 0.05), (0.03, 0.25)])
def test_false_alarms_are_rare_even_where_texts_depend_on_each_other(rho, most):
    rng = np.random.default_rng(3)
    alarmed = 0
    for _ in range(60):
        n = rng.poisson(60, 26) + 1
        share = rng.beta(0.2 * (1 - rho) / rho, 0.8 * (1 - rho) / rho, 26) if rho else 0.2
        alarmed += line(rng.binomial(n, share).tolist(), n.tolist())["alert"].any()
    assert alarmed / 60 <= most  # measured: 0.01 and 0.15


@pytest.mark.parametrize(
    ("period", "first", "size"),
    [("D", "2026-01-05", 35), ("M", "2026-01-01", 2), ("Q", "2026-01-01", 1)],
)
def test_periods(period, first, size, plain):
    got = plain(sentiment_trend(pd.DataFrame(texts()), period=period, as_of="2026-02-08"))
    assert got["period"][0] == pd.Timestamp(first)
    assert len(got) == size
    assert got["n"].sum() == sum(N)
    assert got["complete"].tolist()[-1] is (period == "D")


def test_a_single_period_is_compared_with_nothing(plain):
    got = plain(sentiment_trend(pd.DataFrame(texts([3], [5])), as_of="2026-01-11"))
    assert got[["centre", "upper_limit", "p_value"]].isna().all(axis=None)
    assert not got["alert"][0]


def test_groups_are_lines_of_their_own_that_add_up(plain):
    one, other = pd.DataFrame(texts()), pd.DataFrame(texts([1, 2], [5, 6]))
    both = pd.concat([one.assign(channel="web"), other.assign(channel=None)], ignore_index=True)
    got = plain(sentiment_trend(both, by="channel", as_of="2026-02-08"))
    assert got["channel"].isna().tolist() == [False] * 5 + [True] * 5
    assert got["n"].tolist() == [*N, 5, 6, 0, 0, 0]
    alone = plain(sentiment_trend(one, as_of="2026-02-08")).drop(columns=["q_value", "alert"])
    pd.testing.assert_frame_equal(got[:5][alone.columns], alone)
    whole = plain(sentiment_trend(both, as_of="2026-02-08"))
    assert (got["n_negative"][:5].to_numpy() + got["n_negative"][5:].to_numpy()).tolist() == (
        whole["n_negative"].tolist()
    )


def test_aspects_are_lines_of_what_is_said_on_them(plain):
    written = ["Good delivery", "Awful delivery, but a good price", "Nothing", "Bad price"]
    days = pd.to_datetime(["2026-01-05", "2026-01-05", "2026-01-12", "2026-01-13"])
    table = pd.DataFrame({"date": days, "text": written})
    aspects = {"price": ["price"], "delivery": ["delivery"], "taste": ["taste"]}
    got = plain(sentiment_trend(table, aspects=aspects, as_of="2026-01-18"))
    assert list(got.columns) == ["aspect", *COLUMNS]
    assert got["aspect"].tolist() == ["delivery"] * 2 + ["price"] * 2 + ["taste"] * 2
    assert got["n"].tolist() == [2, 0, 1, 1, 0, 0]
    assert got["n_negative"].tolist() == [1, 0, 0, 1, 0, 0]


def test_unknown_sentiment_is_not_counted(plain):
    table = pd.DataFrame(texts([1, 1], [4, 4]))
    table.loc[1, "compound"] = math.nan
    got = plain(sentiment_trend(table, as_of="2026-01-18"))
    assert got["n"].tolist() == [3, 4]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from("xy"), st.floats(-1, 1)),
        min_size=1, max_size=60,
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_order_is_nothing_and_totals_add_up(rows, random):
    table = pd.DataFrame(rows, columns=["day", "group", "compound"])
    table["date"] = np.datetime64("2026-01-01", "us") + table.pop("day").to_numpy().astype("m8[D]")
    table["text"] = "written"
    answer = sentiment_trend(table, by="group")
    order = list(range(len(table)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(sentiment_trend(table.iloc[order], by="group"), answer)
    assert answer["n"].sum() == len(table)
    assert answer["n_negative"].sum() == (table["compound"] <= -0.05).sum()
    shares = ["share_negative", "lower", "upper", "centre", "lower_limit", "upper_limit"]
    for name in (*shares, "p_value", "q_value"):
        assert answer[name].dropna().between(0, 1).all()
    known = answer.dropna(subset=["upper_limit"])
    assert (known["lower_limit"] <= known["centre"] + 1e-12).all()
    assert (known["dispersion"] >= 1).all()


BAD = {
    "period": ({"period": "week"}, {}, OptionError, "period must be one of 'D', 'W', 'M'"),
    "confidence": ({"confidence": 2}, {}, OptionError, "confidence must lie between 0 and 1"),
    "baseline": ({"baseline": "long ago"}, {}, OptionError, "baseline must be a day"),
    "early": ({"baseline": "2026-01-06"}, {}, OptionError, "baseline 2026-01-06 is before the end"),
    "language": ({"language": "fr"}, {}, OptionError, "language must be one of 'auto'"),
    "aspects": ({"aspects": {}}, {}, DataError, "aspects is empty"),
    "range": ({}, {"compound": -7.0}, DataError, "values in column 'compound' of feedback lie out"),
    "name": ({"by": "alert"}, {"alert": "x"}, ColumnError, "has the name of a result column"),
    "text": ({"text_col": "body"}, {}, ColumnError, r"no column 'body' \(text_col\)"),
}


@pytest.mark.parametrize(("options", "columns", "error", "sentence"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence(options, columns, error, sentence):
    with pytest.raises(error, match=rf"^sentiment_trend: .*{sentence}"):
        sentiment_trend(pd.DataFrame(texts()).assign(**columns), **options)


def test_an_empty_table(make_eager, plain):
    empty = make_eager(texts())[:0]
    assert plain(sentiment_trend(empty, as_of="2026-01-01")).columns.tolist() == COLUMNS
    with pytest.raises(DataError, match=r"^sentiment_trend: feedback has no rows"):
        sentiment_trend(empty)
