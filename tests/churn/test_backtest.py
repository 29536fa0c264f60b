"""Backtests of churn and risk in one call: nothing is learnt from what was not over."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.churn import (
    _backtest,
    backtest_churn,
    churn_features,
    churn_labels,
    churn_risk,
    evaluate_churn,
    fit_churn,
)
from crmlytics.churn._features import Context
from crmlytics.errors import (
    ColumnError,
    CrmlyticsError,
    CrmlyticsWarning,
    DataError,
    NotEnoughDataError,
    OptionError,
)

START = pd.Timestamp("2025-01-01")
QUICK = {"horizon_days": 60, "n_cutoffs": 1, "candidates": ["logistic", "recency"]}


def lines(n=200, days=400, seed=0):
    """Customers who buy at their own pace and for a while."""
    rng = np.random.default_rng(seed)
    parts = []
    for who in range(n):
        first, pace = rng.integers(0, days // 2), rng.uniform(5, 60)
        last = min(first + rng.exponential(200), days)
        when = np.arange(first, last, pace).astype(int)
        parts.append(pd.DataFrame({"customer_id": who, "day": when}))
    table = pd.concat([*parts, pd.DataFrame({"customer_id": [0, 1], "day": [0, days]})])
    table["date"] = START + pd.to_timedelta(table.pop("day"), unit="D")
    table["amount"] = rng.choice([10.0, 25.5, 40.0], len(table))
    return table.reset_index(drop=True)


@pytest.fixture(scope="module")
def shop():
    return lines()


@pytest.fixture(scope="module")
def tested(shop):
    return backtest_churn(shop, horizon_days=60, n_cutoffs=2)


def day(n):
    return START + timedelta(days=n)


def test_what_comes_out(tested):
    assert tested["cutoff"].tolist() == [day(280)] * 4 + [day(340)] * 4
    assert tested["model"].tolist() == ["boosting", "btyd", "logistic", "recency"] * 2
    assert set(evaluate_churn(pd.DataFrame({"churned": [], "churn_probability": []}))) < set(tested)
    assert list(tested)[-4:] == ["trained_on_days", "training_rows", "n_inactive", "chosen"]
    assert tested["n_inactive"].eq(0).all()
    supervised = tested["model"] != "btyd"
    assert (tested["trained_on_days"][supervised] == 60).all()
    assert tested["trained_on_days"][~supervised].isna().all()
    loss = tested.groupby("model")["log_loss"].mean()
    assert set(tested["model"][tested["chosen"]]) == {loss.idxmin()}
    assert tested["chosen"].sum() == 2


def test_measures_are_those_of_the_steps_by_hand(shop, tested):
    cutoff = [day(280 - 60 - 30 * k) for k in range(3)]
    table = churn_features(shop, cutoffs=cutoff).merge(
        churn_labels(shop, cutoffs=cutoff, horizon_days=60)
    )
    now = churn_features(shop, cutoffs=day(280))
    truth = churn_labels(shop, cutoffs=day(280), horizon_days=60)
    rows = tested[tested["cutoff"] == day(280)].set_index("model")
    for name in ("boosting", "btyd"):
        kept = now.assign(horizon_days=60) if name == "btyd" else table
        model = fit_quietly(kept, name)
        found = evaluate_churn(model.predict(now).merge(truth))
        want = rows.loc[name, ["n", "auc", "brier", "log_loss", "lift_10"]].astype(float)
        assert want.tolist() == pytest.approx(found.loc[0, want.index].astype(float).tolist())
        assert rows.loc[name, "training_rows"] == len(kept)
    alone = table[["customer_id", "cutoff", "recency_days", "churned"]]
    model = fit_churn(alone, estimator="logistic")
    found = evaluate_churn(model.predict(now).merge(truth))
    assert found["log_loss"][0] == pytest.approx(rows.loc["recency", "log_loss"])


def fit_quietly(table, name):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CrmlyticsWarning)  # of features without any difference
        return fit_churn(table, estimator=name)


def test_later_rows_change_nothing(shop):
    options = {"horizon_days": 60, "n_cutoffs": 1, "as_of": day(300)}
    one = backtest_churn(shop, **options)
    later = shop["date"] > day(300)
    other = lines(seed=1)
    other = other[other["date"] > day(300)].assign(amount=-1.0)
    for table in (
        shop[~later],
        pd.concat([other, shop[~later]]),
        shop.assign(amount=shop["amount"].where(~later, np.nan)),
    ):
        pd.testing.assert_frame_equal(one, backtest_churn(table, **options), check_exact=True)


@pytest.mark.parametrize("gap", [0, 10])
def test_outcomes_to_learn_from_are_over(shop, gap):
    frame = _backtest.open_frame(
        shop, "backtest_churn", horizon_days=60, gap_days=gap, active_within_days=None, as_of=None,
        context=Context(), customer_col="customer_id", date_col="date", amount_col="amount",
    )  # fmt: skip
    for cutoff in (frame.first + 200, frame.first + 280):
        for horizon in (14, 60, 90):
            days = frame.training(cutoff, horizon)
            assert days[0] + gap + horizon == cutoff
            assert len(days) <= 3
    table = frame.table([frame.first + 200], 60)
    labels = churn_labels(shop, cutoffs=day(200), horizon_days=60, gap_days=gap)
    assert table.label.tolist() == labels["churned"].tolist()


def test_shorter_outcomes_rank_but_have_no_probabilities(shop):
    found = backtest_churn(shop, horizon_days=220, n_cutoffs=1)
    assert found["cutoff"].unique().tolist() == [day(180)]
    rows = found.set_index("model")
    supervised = ["boosting", "logistic", "recency"]
    # half of the 180 days before
    assert (rows.loc[supervised, "trained_on_days"] == 90).all()
    hidden = [
        name
        for name in found
        if name.startswith(("brier", "log_loss", "mean_probability", "calibration"))
    ]
    assert len(hidden) > 12
    assert rows.loc[supervised, hidden].isna().all(axis=None)
    assert rows.loc["btyd", hidden].notna().any()
    assert rows[["auc", "pr_auc", "lift_10"]].notna().all(axis=None)
    assert rows["chosen"].tolist() == [name == "btyd" for name in rows.index]


def test_inactive_customers_are_counted(shop):
    found = backtest_churn(shop, active_within_days=45, **QUICK)
    labels = churn_labels(shop, cutoffs=day(340), horizon_days=60)
    active = churn_labels(shop, cutoffs=day(340), horizon_days=60, active_within_days=45)
    assert found["n"].tolist() == [len(active)] * 2
    assert found["n_inactive"].tolist() == [len(labels) - len(active)] * 2
    assert 0 < len(active) < len(labels)


def test_the_choice_is_by_log_loss_over_shared_cutoffs():
    import pyarrow as pa

    found = pa.table(
        {
            "model": ["a", "b", "a", "b", "c"],
            "log_loss": [0.2, 0.9, 0.6, 0.5, None],  # an easy cutoff that b has as well
        }
    )
    assert _backtest.best(found, np.array([1, 1, 2, 2, 2])) == "a"
    # without b there, only the second cutoff counts
    assert _backtest.best(found.slice(2), np.array([2, 2, 2])) == "b"
    alone = found.take([0, 2, 3, 4])
    assert _backtest.best(alone, np.array([1, 2, 2, 2])) == "b"
    assert _backtest.best(found.slice(4), np.array([2])) is None


def test_candidates_that_cannot_be_fitted_are_warned_of():
    few = lines(25)
    with pytest.warns(CrmlyticsWarning) as caught:
        found = backtest_churn(few, horizon_days=200, n_cutoffs=1, candidates=["btyd", "logistic"])
    assert [str(each.message)[:66] for each in caught] == [
        "backtest_churn: 'logistic' is left out at 2025-07-20: needs at lea"
    ]
    assert caught[0].filename == __file__
    assert found["model"].tolist() == ["btyd"]
    with (
        pytest.warns(CrmlyticsWarning, match="'logistic' is left out"),
        pytest.raises(NotEnoughDataError, match="backtest_churn: no candidate could be fitted"),
    ):
        backtest_churn(few, horizon_days=200, n_cutoffs=1, candidates="logistic")


def test_too_short_a_history(shop):
    with pytest.raises(
        NotEnoughDataError,
        match=r"^backtest_churn: the transactions cover 401 days, too few to hold back an outcome "
        r"of 380 days and have a history before it\. Choose a shorter horizon_days\.$",
    ):
        backtest_churn(shop, horizon_days=380)
    with pytest.raises(NotEnoughDataError, match="needs at least 1 purchases; got 0"):
        backtest_churn(shop.iloc[:0], horizon_days=30, as_of="2026-01-01")


@pytest.mark.parametrize("call", [backtest_churn, churn_risk])
@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"candidates": ["tree"]}, OptionError, "candidates must be one of 'logistic', 'boosting'"),
        ({"candidates": []}, OptionError, "candidates must name at least one; got none"),
        ({"horizon_days": 0}, OptionError, "horizon_days must be a whole number of 1 or more"),
        ({"n_cutoffs": 0}, OptionError, "n_cutoffs must be a whole number of 1 or more"),
        ({"date_col": "when"}, ColumnError, r"no column 'when' \(date_col\)"),
    ],
)
def test_refusals(shop, call, options, error, match):
    with pytest.raises(error, match=f"^{call.__name__}: .*{match}"):
        call(shop, **(QUICK | options))


@pytest.mark.parametrize("call", [backtest_churn, churn_risk])
def test_kinds_agree(shop, make_eager, plain, call):
    import pyarrow as pa

    made = pa.Table.from_pandas(shop, preserve_index=False)
    options = {"horizon_days": 60, "n_cutoffs": 1, "candidates": ["boosting", "recency"]}
    found = call(make_eager(made), **options)
    want = call(made.to_pandas(), **options)
    assert type(found) is type(make_eager(made))
    pd.testing.assert_frame_equal(plain(found), plain(want), rtol=1e-9)


@pytest.mark.parametrize("call", [backtest_churn, churn_risk])
def test_neither_order_of_rows_nor_ids_matter(shop, call):
    options = {"horizon_days": 60, "n_cutoffs": 1, "candidates": ["boosting", "logistic"]}
    one = call(shop, **options)
    rng = np.random.default_rng(0)
    names = rng.permutation(200)
    other = shop.assign(customer_id=names[shop["customer_id"]]).sample(frac=1, random_state=0)
    two = call(other, **options)
    if "customer_id" in one:
        one["customer_id"] = names[one["customer_id"]]
        one = one.sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(one, two, rtol=1e-9)


def test_tables_beside_transactions(shop):
    rng = np.random.default_rng(0)
    people = pd.DataFrame({"customer_id": range(200), "city": rng.choice(["a", "b"], 200)})
    people["member"] = rng.random(200) < 0.5
    tickets = pd.DataFrame({"customer_id": range(200), "date": day(100), "event": "complaint"})
    marks = pd.DataFrame({"customer_id": range(200), "date": day(90)})
    marks["score"] = rng.integers(0, 11, 200)
    options = {"customers": people, "interactions": tickets, "feedback": marks}
    backtest_churn(shop, **options, **QUICK)
    found = churn_risk(shop, **options, **QUICK)
    drivers = set(found[["driver_1", "driver_2", "driver_3"]].to_numpy().ravel())
    assert drivers & {"mean_score", "city", "member"}


# risk


def test_risk_is_the_chosen_model_of_now(shop, tested):
    found = churn_risk(shop, horizon_days=60, n_cutoffs=2)
    chosen = tested["model"][tested["chosen"]].iloc[0]
    assert set(found["model"]) == {chosen}
    cutoffs = [day(340 - 30 * k) for k in range(3)]
    table = churn_features(shop, cutoffs=cutoffs).merge(
        churn_labels(shop, cutoffs=cutoffs, horizon_days=60)
    )
    now = churn_features(shop, cutoffs=day(400))
    if chosen == "btyd":
        table = now.assign(horizon_days=60)
    if chosen == "recency":
        table = table[["customer_id", "cutoff", "recency_days", "churned"]]
        chosen = "logistic"
    want = fit_quietly(table, chosen).predict(now)
    columns = ["customer_id", "churn_probability", "decile", "driver_1", "effect_1"]
    pd.testing.assert_frame_equal(found[columns], want[columns])
    # without clv: what is spent in a horizon at the pace so far, of a horizon at least
    spent = now["monetary"] / np.maximum(now["T"], 60) * 60
    np.testing.assert_allclose(found["value_at_risk"], found["churn_probability"] * spent)


def test_value_at_risk_is_of_the_clv(shop):
    clv = pd.DataFrame({"customer_id": [3, 0, 999], "clv": [10.0, 200.0, 5.0]})
    found = churn_risk(shop, clv=clv, **QUICK).set_index("customer_id")
    assert found.loc[0, "value_at_risk"] == pytest.approx(200 * found.loc[0, "churn_probability"])
    assert found.loc[3, "value_at_risk"] == pytest.approx(10 * found.loc[3, "churn_probability"])
    assert found["value_at_risk"].drop([0, 3]).isna().all()
    with pytest.raises(DataError, match="churn_risk: clv has several rows for one 'customer_id'"):
        churn_risk(shop, clv=pd.concat([clv, clv]), **QUICK)
    with pytest.raises(ColumnError, match="churn_risk: no column 'clv'"):
        churn_risk(shop, clv=clv[["customer_id"]], **QUICK)
    bare = churn_risk(shop[["customer_id", "date"]], **QUICK)
    assert bare["value_at_risk"].isna().all()


def test_risk_of_a_short_history_is_from_the_model_of_purchasing(shop):
    found = churn_risk(shop, horizon_days=380)
    assert set(found["model"]) == {"btyd"}
    now = churn_features(shop, cutoffs=day(400))
    want = fit_churn(now, estimator="btyd", horizon_days=380).predict(now)
    np.testing.assert_allclose(found["churn_probability"], want["churn_probability"])
    with pytest.raises(CrmlyticsError, match=r"no outcome of 380 days is over, so 'logistic'"):
        churn_risk(shop, horizon_days=380, candidates=["logistic"])


def test_risk_as_of(shop):
    options = QUICK | {"as_of": day(300)}
    one = churn_risk(shop, **options)
    two = churn_risk(shop[shop["date"] <= day(300)], **options)
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    active = churn_risk(shop, active_within_days=30, **options)
    recent = shop[(shop["date"] <= day(300)) & (shop["date"] > day(270))]
    assert active["customer_id"].tolist() == sorted(recent["customer_id"].unique())


def test_clv_of_the_house_fits():
    purchases = crm.datasets.load_cdnow()
    clv = crm.kpi.clv(purchases, horizon_days=365, order_col=None)
    found = churn_risk(purchases, horizon_days=91, clv=clv, n_cutoffs=1, candidates="btyd")
    assert found["value_at_risk"].notna().all()
