"""Customer lifetime value: against Monte Carlo, lifetimes and hand computation."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest

import crmlytics as crm
from crmlytics.btyd import _value
from crmlytics.errors import CrmlyticsWarning, DataError, FitError, NotEnoughDataError, OptionError

TODAY = "1997-09-30"


@pytest.fixture(scope="module")
def purchases():
    return crm.datasets.load_cdnow()


@pytest.fixture(scope="module")
def summary(purchases):
    return crm.btyd.purchase_summary(purchases, period="W", as_of=TODAY)


@pytest.fixture(scope="module")
def model(purchases):
    return crm.kpi.fit_clv(purchases, period="W", as_of=TODAY)


def test_value_is_purchases_times_spend(model, summary):
    answer = model.predict(summary, horizon=39)
    future = model.purchases.predict(summary, horizon=39)
    spend = model.spend.predict(summary)
    assert list(answer.columns) == [
        "customer_id", "p_alive", "expected_purchases", "expected_spend", "clv", "lower", "upper",
        "flag",
    ]  # fmt: skip
    for name in ("p_alive", "expected_purchases"):
        assert answer[name].to_numpy() == pytest.approx(future[name].to_numpy(), rel=1e-12)
    assert answer["expected_spend"].to_numpy() == pytest.approx(spend["expected_spend"].to_numpy())
    want = future["expected_purchases"] * spend["expected_spend"]
    assert answer["clv"].to_numpy() == pytest.approx(want.to_numpy())
    assert (answer["lower"] <= answer["upper"]).all()
    assert not answer.isna().any().any()


def test_days_and_weeks_are_one_value(purchases, model, summary):
    daily = crm.kpi.clv(purchases, horizon_days=273, margin=0.3, discount_rate=0.1, as_of=TODAY)
    weekly = replace(model, margin=0.3).predict(summary, horizon=39, discount_rate=0.1 * 7 / 365.25)
    assert daily["clv"].to_numpy() == pytest.approx(weekly["clv"].to_numpy(), rel=1e-5)
    assert daily["upper"].to_numpy() == pytest.approx(weekly["upper"].to_numpy(), rel=1e-3)
    # 39 weeks without discount, sum of purchases times spend by lifetimes' models: see test_oracle
    whole = model.predict(summary, horizon=39)["clv"].sum()
    assert daily["clv"].sum() < 0.3 * whole


def test_oracle_lifetimes(model, summary):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lifetimes

        peer = lifetimes.GammaGammaFitter()
        peer.params_ = pd.Series({name: getattr(model.spend, name) for name in "pqv"})
        want = peer.conditional_expected_average_profit(
            summary["frequency"], summary["monetary_value"]
        )
    answer = model.predict(summary, horizon=39)
    used = summary["monetary_value"] > 0
    assert answer["expected_spend"][used].to_numpy() == pytest.approx(want[used].to_numpy())


def test_discounting_a_year(model, summary):
    # a rate so small that each purchase loses in proportion: mean age of purchases < horizon
    plain = model.predict(summary, horizon=52)["clv"]
    little = model.predict(summary, horizon=52, discount_rate=1e-6)["clv"]
    lost = (plain - little) / plain / 1e-6
    assert ((lost > 0) & (lost < 52)).all()
    # nearly all is lost at a rate that leaves only the first moments
    much = model.predict(summary, horizon=52, discount_rate=50.0)["clv"]
    assert (much < 0.05 * plain + 1e-9).all()


def test_interval_holds_simulated_values(model):
    """Counts and spends drawn from the posterior: the bounds are their quantiles."""
    rng = np.random.default_rng(1)
    row = pd.DataFrame(
        {
            "customer_id": [1, 2, 3],
            "frequency": [0, 3, 20],
            "recency": [0.0, 30.0, 37.0],
            "T": [38.0, 38.0, 38.0],
            "monetary_value": [0.0, 20.0, 55.0],
        }
    )
    answer = model.predict(row, horizon=52, confidence=0.8)
    purchases, spend, n = model.purchases, model.spend, 400_000
    for _, one in answer.merge(row, on="customer_id").iterrows():
        alive = rng.uniform(size=n) < one["p_alive"]
        rate = rng.gamma(purchases.r + one["frequency"], 1 / (purchases.alpha + one["T"]), n)
        leaving = rng.gamma(purchases.s, 1 / (purchases.beta + one["T"]), n)
        lived = np.minimum(rng.exponential(size=n) / leaving, 52)
        count = rng.poisson(rate * lived) * alive
        shape = spend.p * one["frequency"] + spend.q
        scale = spend.v + one["frequency"] * one["monetary_value"]
        nu = rng.gamma(shape, 1 / scale, n)
        value = np.where(count > 0, rng.gamma(spend.p * np.maximum(count, 1)) / nu, 0.0)
        low, high = np.quantile(value, [0.1, 0.9])
        assert one["upper"] == pytest.approx(high, rel=0.02)
        assert one["lower"] == pytest.approx(low, rel=0.05, abs=0.02)
        assert one["clv"] == pytest.approx(value.mean(), rel=0.02)


def test_heavy_buyers_in_classes_of_counts():
    # 200 purchases a period on average: the classes must not move the quantiles
    from crmlytics.btyd._counts import Future
    from crmlytics.btyd._process import ParetoProcess

    process = ParetoProcess(*(np.array([v]) for v in (400.0, 2.0, 1.0, 1e9)))
    future = Future(process, np.zeros(1, dtype=np.int64), np.ones(1))
    lower, upper = _value.interval(
        future, _value.Spend(6.0, np.array([2500.0]), np.array([1.0])), 1.0, 0.9
    )
    rng = np.random.default_rng(0)
    count = rng.poisson(rng.gamma(400.0, 0.5, 400_000))
    value = rng.gamma(6.0 * count) / rng.gamma(2500.0, 1.0, 400_000)
    assert [lower[0], upper[0]] == pytest.approx(np.quantile(value, [0.05, 0.95]), rel=5e-3)


def test_flags(model, summary):
    odd = summary.head(4).assign(
        frequency=[0, 2, 2, 2], recency=[0.0, 5.0, 5.0, 5.0], T=30.0,
        monetary_value=[0.0, 10.0, 0.0, -5.0],
    )  # fmt: skip
    answer = model.predict(odd, horizon=39)
    assert list(answer["flag"]) == ["one_time", "none", "spend_excluded", "spend_excluded"]
    # valued at the mean of all: p v / (q - 1)
    spend = model.spend
    mean = spend.p * spend.v / (spend.q - 1)
    assert answer["expected_spend"][[0, 2, 3]].to_numpy() == pytest.approx([mean] * 3)
    correlated = replace(model, spend=replace(spend, correlation=-0.4))
    assert list(correlated.predict(odd, horizon=39)["flag"])[1] == "correlated"
    unknown = odd.assign(monetary_value=[np.nan, 10.0, np.nan, 5.0])
    assert list(model.predict(unknown, horizon=39)["flag"]) == [
        "one_time", "none", "spend_excluded", "none",
    ]  # fmt: skip


def test_negative_margins_turn_the_interval_round(model, summary):
    plus = replace(model, margin=0.5).predict(summary, horizon=39)
    minus = replace(model, margin=-0.5).predict(summary, horizon=39)
    assert minus["clv"].to_numpy() == pytest.approx(-plus["clv"].to_numpy())
    assert minus["lower"].to_numpy() == pytest.approx(-plus["upper"].to_numpy())
    assert minus["upper"].to_numpy() == pytest.approx(-plus["lower"].to_numpy())


def test_margins_by_line(purchases):
    # customer 1 earns 0.5 of each line, all others lose 0.1 of theirs
    lines = purchases.assign(share=np.where(purchases["customer_id"] == 1, 0.5, -0.1))
    whole = crm.kpi.clv(purchases, horizon_days=100, as_of=TODAY)
    table = crm.kpi.clv(lines, horizon_days=100, as_of=TODAY, margin="share")
    share = np.where(whole["customer_id"] == 1, 0.5, -0.1)
    assert table["clv"].to_numpy() == pytest.approx((whole["clv"] * share).to_numpy())
    assert (table["lower"] <= table["upper"]).all()
    # weighted by amount: 10 at 1.0 and 30 at 0.0 make 0.25
    two = purchases.assign(share=0.2)
    extra = pd.DataFrame(
        {"customer_id": [9_999] * 2, "date": pd.to_datetime("1997-02-01"), "quantity": 1,
         "amount": [10.0, 30.0], "share": [1.0, 0.0]}
    )  # fmt: skip
    table = crm.kpi.clv(pd.concat([two, extra]), horizon_days=100, as_of=TODAY, margin="share")
    last = table.iloc[-1]
    value = last["expected_spend"] * last["expected_purchases"]
    assert last["clv"] == pytest.approx(0.25 * value, rel=1e-9)


def test_lazy_tables_are_reduced_where_they_are(purchases, make_lazy, plain):
    import pyarrow as pa

    lines = purchases.assign(share=0.1 + purchases["customer_id"] % 3 / 10)
    table = make_lazy(pa.Table.from_pandas(lines, preserve_index=False))
    with pytest.raises(DataError, match=r"^clv: transactions is a .*collect=True"):
        crm.kpi.clv(table, horizon_days=100)
    for margin in (0.3, "share"):
        got = crm.kpi.clv(table, horizon_days=100, margin=margin, as_of=TODAY, collect=True)
        want = crm.kpi.clv(lines, horizon_days=100, margin=margin, as_of=TODAY)
        pd.testing.assert_frame_equal(plain(got), plain(want), rtol=1e-8)
    fitted = crm.kpi.fit_clv(table, as_of=TODAY, collect=True)
    assert fitted.purchases.r == pytest.approx(crm.kpi.fit_clv(lines, as_of=TODAY).purchases.r)


def test_auto_falls_back_and_says_so(purchases, monkeypatch):
    def fails(_):
        raise FitError("fit_pareto_nbd: the likelihood has no maximum. Look at the summary.")

    monkeypatch.setattr(crm.btyd, "fit_pareto_nbd", fails)
    with pytest.warns(CrmlyticsWarning, match=r"^fit_clv: the MBG/NBD is used"):
        model = crm.kpi.fit_clv(purchases, as_of=TODAY)
    assert isinstance(model.purchases, crm.btyd.MbgNbdModel)


def test_default_model_does_not_take_one_time_buyers_for_alive(purchases):
    table = crm.kpi.clv(purchases, horizon_days=100, as_of=TODAY)
    assert table.loc[table["flag"] == "one_time", "p_alive"].max() < 0.9
    other = crm.kpi.clv(purchases, horizon_days=100, as_of=TODAY, model="bg_nbd")
    assert (other.loc[other["flag"] == "one_time", "p_alive"] == 1).all()


def test_the_summary_of_both_models(model):
    table = model.summary()
    assert list(table["parameter"]) == ["r", "alpha", "s", "beta", "p", "q", "v"]
    assert set(table["model"]) == {"ParetoNbdModel", "GammaGammaModel"}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"horizon_days": 0}, OptionError, "horizon_days"),
        ({"horizon_days": "a year"}, OptionError, "horizon_days"),
        ({"discount_rate": -0.1}, OptionError, "discount_rate"),
        ({"model": "pareto"}, OptionError, "Did you mean model='pareto_nbd'"),
        ({"margin": None}, OptionError, "margin"),
        ({"margin": "share"}, Exception, "no column 'share'"),
        ({"confidence": 95}, OptionError, "confidence"),
        ({"as_of": "1990-01-01"}, OptionError, "before the first date"),
    ],
)
def test_wrong_options_are_one_sentence(purchases, options, error, words):
    with pytest.raises(error, match=r"^clv: ") as raised:
        crm.kpi.clv(purchases, **{"horizon_days": 100, **options})
    assert words in str(raised.value)


def test_too_little_data_is_one_sentence(purchases):
    few = purchases[purchases["customer_id"] < 9]
    with pytest.raises(NotEnoughDataError, match=r"^clv: "):
        crm.kpi.clv(few, horizon_days=100)
    once = purchases.drop_duplicates("customer_id")
    with pytest.raises(NotEnoughDataError, match=r"^clv: "):
        crm.kpi.clv(once, horizon_days=100)
    with pytest.raises(DataError, match=r"^clv: .* have no 'share'"):
        crm.kpi.clv(purchases.assign(share=np.nan), horizon_days=100, margin="share")


LINES = pd.DataFrame(
    {
        "customer_id": ["a", "a", "b", "c"],
        "date": pd.to_datetime(["2025-01-02", "2026-01-02", "2025-07-01", "2026-01-02"]),
        "amount": [100.0, 60.0, 50.0, -20.0],
        "share": [0.5, 0.25, 0.1, 0.5],
        "channel": ["web", "web", "shop", "web"],
    }
)


def test_historic_value_by_hand():
    table = crm.kpi.clv_historic(LINES, margin="share")
    # 100 * 0.5 + 60 * 0.25 = 65; 50 * 0.1 = 5; a return of 20 at 0.5 = -10
    assert list(table["value"]) == pytest.approx([65, 5, -10])
    assert list(table["numerator"]) == pytest.approx([65, 5, -10])
    assert list(table["denominator"]) == [1, 1, 1]
    assert table[["lower", "upper"]].isna().all().all()


def test_historic_value_at_the_worth_of_a_day():
    # 365 days before: 100 * 0.3 * exp(0.1 * 365 / 365.25); 60 * 0.3 on the day
    table = crm.kpi.clv_historic(LINES, margin=0.3, discount_rate=0.1)
    want = 30 * np.exp(0.1 * 365 / 365.25) + 18
    assert table["value"][0] == pytest.approx(want)
    first = crm.kpi.clv_historic(LINES, margin=0.3, discount_rate=0.1, discount_to="2025-01-02")
    assert first["value"][0] == pytest.approx(30 + 18 * np.exp(-0.1 * 365 / 365.25))


def test_historic_value_by_group():
    table = crm.kpi.clv_historic(LINES, margin=0.5, by="channel")
    # shop: b 25; web: a 80, c -10, mean 35, interval 35 +- 1.96 * 45 (sd 63.64 / sqrt 2)
    assert list(table["channel"]) == ["shop", "web"]
    assert list(table["value"]) == pytest.approx([25, 35])
    assert list(table["denominator"]) == [1, 2]
    assert table["lower"].isna().tolist() == [True, False]
    assert table["upper"][1] == pytest.approx(35 + 1.959964 * 45, rel=1e-6)
    unknown = LINES.assign(amount=[np.nan, 60.0, 50.0, -20.0])
    table = crm.kpi.clv_historic(unknown, by="channel")
    assert table["value"].isna().tolist() == [False, True]


def test_formula_by_hand():
    days = ["2026-01-02", "2026-01-09", "2026-02-28", "2026-03-31"]
    lines = pd.DataFrame(
        {"customer_id": list("abaa"), "date": pd.to_datetime(days), "amount": [10.0, 20, 30, 40]}
    )
    table = crm.kpi.clv_formula(lines, margin=0.3)
    # revenue 100 over 2 + 1 + 1 active = 25; churned 1 of 2 + 1; 0.3 * 25 / (1 / 3) = 22.5
    assert table["value"].item() == pytest.approx(22.5)
    assert table["churn_rate"].item() == pytest.approx(1 / 3)
    # Wilson of 1 of 3 at 95 %, R: binom.wilson(1, 3) = 0.0615, 0.7923
    assert table["upper"].item() == pytest.approx(7.5 / 0.0615, rel=2e-3)
    assert table["lower"].item() == pytest.approx(7.5 / 0.7923, rel=1e-3)
    capped = crm.kpi.clv_formula(lines, margin=0.3, max_periods=2)
    # by hand: two terms, of 7.5 and of 7.5 times 2 / 3
    assert capped["value"].item() == pytest.approx(12.5)
    assert capped["capped"].item()
    kept = np.exp(-0.12 * 30.4375 / 365.25)
    discounted = crm.kpi.clv_formula(lines, margin=0.3, discount_rate=0.12)
    assert discounted["value"].item() == pytest.approx(7.5 / (1 - 2 / 3 * kept))
    loss = crm.kpi.clv_formula(lines, margin=-0.3)
    assert loss["lower"].item() == pytest.approx(-table["upper"].item())
    assert loss["value"].item() == pytest.approx(-22.5)


def test_formula_without_churn_has_no_end():
    days = pd.to_datetime(["2026-01-02", "2026-02-09", "2026-03-31"])
    lines = pd.DataFrame({"customer_id": ["a"] * 3, "date": days, "amount": [10.0] * 3})
    table = crm.kpi.clv_formula(lines)
    assert table["value"].isna().item()
    assert table["upper"].isna().item()
    assert crm.kpi.clv_formula(lines, max_periods=5)["value"].item() == pytest.approx(50)
    one = crm.kpi.clv_formula(lines.head(1))
    assert one[["value", "lower", "upper"]].isna().all().all()


def test_groups_of_the_formula_are_alone(purchases):
    lines = purchases.assign(group=np.where(purchases["customer_id"] % 2, "odd", "even"))
    table = crm.kpi.clv_formula(pl.from_pandas(lines), by="group", period="Q")
    assert isinstance(table, pl.DataFrame)
    alone = crm.kpi.clv_formula(lines[lines["group"] == "odd"], period="Q")
    assert table["value"][1] == pytest.approx(alone["value"].item())
