"""What every public function of every room must do, found and checked by itself.

A new function is held to all of this without a line here, as long as its tables have names that
`TABLES` knows and its options have defaults; otherwise the failure says what to add.
"""

import inspect
import re
from datetime import date
from pathlib import Path

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import crmlytics as crm
from crmlytics.errors import ColumnError, CrmlyticsError, DataError, OptionError

# What is left out and said is not the matter here; each room tests its own warnings.
pytestmark = pytest.mark.filterwarnings("ignore::crmlytics.errors.CrmlyticsWarning")

ROOMS = [
    "btyd", "churn", "customers", "datasets", "kpi", "quality", "report", "rules", "segmentation",
    "sentiment",
]  # fmt: skip
REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
AS_OF = date(2025, 6, 30)

SETS = ("itemsets", "antecedents", "consequents")  # columns of sets of products

# The words for columns, with the usual name of each; no function may use another.
GLOSSARY = {
    "customer_col": {"customer_id", None},
    "order_col": {"order_id"},
    "product_col": {"product_id", None},
    "date_col": {"date"},
    "amount_col": {"amount", None},
    "quantity_col": {"quantity", None},
    "channel_col": {"channel", None},
    "event_col": {"event"},
    "converted_col": {"converted"},
    "text_col": {"text"},
    "score_col": {"score"},
    "email_col": {"email"},
    "phone_col": {"phone"},
    "name_col": {"name"},
    "postcode_col": {"postcode"},
    "purpose_col": {"purpose"},
    "granted_col": {"granted"},
    "expires_col": {"expires_on"},
    "due_col": {"due_on"},
    "paid_col": {"paid_on"},
    "profit_col": {"profit"},
    "disruptive_col": {"disruptive"},
    "treated_col": {"treated"},
    "segment_col": {"segment"},
    "campaign_col": {"campaign_id"},
    "revenue_col": {"revenue"},
    "acquired_col": {"acquired_on"},
    "referrer_col": {"referrer_id"},
    "referred_col": {"referred_id"},
    "cost_col": {"cost", None},
    "monetary_col": {None},
    "level_col": {None},
    "label_col": {"churned", inspect.Parameter.empty},
    "language_col": {None},
    "domain_col": {None},
    "prob_col": {"churn_probability"},
    "discount_col": {"discount"},
    "opened_col": {"opened_at"},
    "answered_col": {"first_response_at"},
    "resolved_col": {"resolved_at"},
    "start_col": {"start_date"},
    "end_col": {"end_date"},
    "category_col": {"category", None},
    "stage_col": {"stage"},
    "price_col": {None},
    "tier_col": {None},
    "weights_col": {None},
}
# Options without a default: what a call in these tests hands over.
HELD = {"calibration_end": date(2024, 12, 31), "horizon": 100}
REQUIRED = {
    "funnel": {"steps": ["view", "cart", "purchase"]},
    "conversion_rate": {"start": "view", "goal": "purchase"},
    "clv": {"horizon_days": 90},
    "customer_value": {"horizon": 90},
    "evaluate_holdout": HELD,
    "holdout_predictions": HELD,
    "total_interval": {"horizon": 90},
    "frequent_itemsets": {"min_support": 0.02},
    "churn_labels": {"cutoffs": [date(2024, 12, 31), date(2025, 3, 31)], "horizon_days": 60},
    "churn_features": {"cutoffs": [date(2024, 12, 31), date(2025, 3, 31)]},
    "churn_risk": {"horizon_days": 60, "candidates": ["btyd"]},
    "backtest_churn": {"horizon_days": 60, "n_cutoffs": 1, "candidates": ["btyd"]},
    "fit_survival": {"features": ["plan", "age"]},
    "purchase_sequences": {"max_gap_days": 60},
    "evaluate_suggestions": {"cutoff": date(2025, 3, 31)},
    "up_sell": {"price_col": "price"},
    "fit_sentiment": {"label_col": "mood"},
    "evaluate_sentiment": {"label_col": "mood"},
    "suggest_lexicon": {"label_col": "score"},
    "score_aspects": {"aspects": {"delivery": ["delivery", "parcel"]}},
    "nps_drivers": {"aspects": {"delivery": ["delivery", "parcel"]}},
    "key_terms": {"by": "mood"},
    "ces": {"method": "top_two"},
    "compare_groups": {"by": "mood"},
    "choose_clusters": {
        "features": ["recency_days", "frequency", "segment"],
        "k_range": [2, 3],
        "n_bootstrap": 3,
        "n_references": 3,
    },
    "fit_clusters": {
        "features": ["recency_days", "monetary", "segment"],
        "n_clusters": 2,
        "n_stability": 2,
    },
    "attribute_segments": {"bands": {"recency_days": [30, 90], "monetary": 3}},
    "fit_topics": {"n_topics": 3},
    "contactable": {"purpose": "news", "channel": "email"},
    "customer_profit": {"margin": 0.4, "service_cost": 7.5, "interest_rate": 0.1},
}
# Options that the contract leaves positional, beside tables.
POSITIONAL = {
    "rfm_cuts": {"bins"},
    "check_segment_map": {"bins"},
    "segment_map": {"name"},
    "load_cdnow": {"which"},
    "common_aspects": {"language"},
    "intent_rules": {"language"},
    "simulate_shop": {"n_customers", "days"},
    "simulate_identities": {"n_customers"},
}
WRONG = {
    "any_order": "yes",
    "goal": ["purchase"],
    "steps": "view",
    "strict": "yes",
    "window_days": -1,
    "as_of": "not a day",
    "bands": {"recency_days": [90, 30]},
    "baseline": "not a day",
    "accept_rate": 30,
    "across_scripts": "yes",
    "active_within_days": 0,
    "alpha": 0,
    "amounts": "brutto",
    "beta": 0,
    "bins": 1,
    "calibrate": "yes",
    "calibration_end": "not a day",
    "candidates": ["svm"],
    "channel": "",
    "collect": "yes",
    "contact_cost": -1,
    "correction": "fdr",
    "cutoff": "not a day",
    "cutoffs": "not a day",
    "exclude": "tea",
    "confidence": 95,
    "count": "order",
    "cuts": "last",
    "deal_discount": 30,
    "discount_rate": -0.1,
    "discount_to": "not a day",
    "duplicates": "dropp",
    "early_days": -1,
    "error_rate": 2,
    "estimator": "svm",
    "every": "month",
    "explain": "yes",
    "extra": "churn",
    "first_purchase_in_monetary": "yes",
    "gamma": -1,
    "gap_days": -1,
    "grace_days": -1,
    "group": "age",
    "half_life_days": 0,
    "held": "yes",
    "in_stock": "tea",
    "interest_rate": -0.1,
    "k_range": [1],
    "kind": "open",
    "horizon": -1,
    "horizon_days": 0,
    "margin": [0.3],
    "flavour": "vaders",
    "language": "french",
    "lag_days": -1,
    "lapse_days": -1,
    "monthly_churn": 1,
    "reward": -1,
    "would_have_joined": 2,
    "min_coverage": 2,
    "n_topics": 0,
    "n_clusters": 1,
    "n_folds": 1,
    "n_references": 1,
    "n_bootstrap": 0,
    "n_stability": -1,
    "target_precision": 2,
    "match_on": "email",
    "max_consequents": 0,
    "max_gap_days": 0,
    "max_items": 0,
    "max_itemsets": 0,
    "max_length": 0,
    "max_pairs": 0,
    "max_per_category": 0,
    "max_periods": 0,
    "max_records": 1,
    "max_size": 0,
    "method": "als",
    "methods": ["als"],
    "months": 0,
    "n_cutoffs": 0,
    "net_of_reactivation": "yes",
    "offer_cost": -1,
    "percentile": 2,
    "min_confidence": 2,
    "min_count": 0,
    "min_customers": 0,
    "min_lift": -1,
    "min_purchases": 0,
    "min_support": 1.5,
    "model": "arima",
    "models": ["arima"],
    "most": 0,
    "of": "orders",
    "on_bad": "ignore",
    "orphans": "drop",
    "outside_share": 1,
    "penalty": -1,
    "period": "month",
    "precision": 2.5,
    "proration": "week",
    "purpose": "",
    "random_state": -1,
    "redundancy": "yes",
    "regularisation": 0,
    "returns": "gross",
    "rule": "quantiles",
    "same_day": "merged",
    "sample": 0,
    "scheme": "hierarchical",
    "segment_map": "grid11",
    "service_cost": -1,
    "share_of": "row",
    "task": "previous",
    "test": "chi",
    "threshold": 95,
    "top": 0,
    "unfinished": "maybe",
    "value": "money",
    "weights": [1, 2],
    "advocate_score": "ten",
    "clock": "own",
    "prior_gaps": -1,
    "referral": "",
    "shares": {"lapsed": 90},
    "silences": "none",
    "thresholds": {"lost": -1},
    "wide": "yes",
    "censored": "yes",
    "first_only": "yes",
    "points": 0,
    "complaints": 3,
    "creation": 3,
    "per": "baskets",
    "restoration": 3,
    "sla_hours": -1,
    "interval": "exact",
    "low_is_easy": "yes",
    "paired": "yes",
    "repeats": "first",
    "scale": 1,
    "within_hours": 0,
}
# Answers to an empty table that are an error by design: there is nothing to cut or to follow.
NEEDS_ROWS = {
    "rfm_cuts", "rfm_history", "check_segment_map", "clv", "evaluate_holdout",
    "holdout_predictions", "tracking_table",
    "cross_sell", "evaluate_suggestions", "population_drift", "churn_risk", "backtest_churn",
    "evaluate_sentiment", "suggest_lexicon", "choose_clusters", "lifecycle_history", "stage_flow",
}  # fmt: skip


def _lines():
    rng = np.random.default_rng(7)
    n_orders, n = 160, 420
    owner = rng.integers(1, 41, n_orders)
    day = rng.integers(0, 540, n_orders)
    order = rng.integers(0, n_orders, n)
    amount = np.round(rng.gamma(2, 15, n), 2)
    amount[rng.random(n) < 0.04] *= -0.5
    return pd.DataFrame(
        {
            "customer_id": owner[order] * 10,
            "order_id": order + 1000,
            "date": np.datetime64("2024-01-03", "us") + day[order].astype("m8[D]"),
            "product_id": rng.integers(0, 12, n),
            "quantity": rng.integers(1, 4, n) * np.where(amount < 0, -1, 1),
            "amount": np.round(amount, 2),
        }
    )


LINES = _lines()
CUSTOMERS = crm.segmentation.rfm(LINES)
RFM = crm.segmentation.rfm_table(LINES)
HISTORY = crm.segmentation.rfm_history(LINES, every="Q", start=date(2024, 9, 1))
SUMMARY = crm.btyd.purchase_summary(LINES, as_of=AS_OF)
MODEL = crm.btyd.fit_pareto_nbd(SUMMARY, penalty=0.001)
REQUIRED["tracking_table"] = {"model": MODEL, "period": "D"}
ITEMSETS = crm.rules.frequent_itemsets(LINES, min_support=0.02)
PRODUCTS = pd.DataFrame(
    {"product_id": range(12), "category": list("abc") * 4, "price": np.arange(1.0, 13.0)}
)
PREDICTED = crm.btyd.holdout_predictions(LINES, **HELD)
CUTOFFS = [date(2024, 6, 30), date(2024, 12, 31)]
CHURN = crm.churn.churn_features(LINES, cutoffs=CUTOFFS).merge(
    crm.churn.churn_labels(LINES, cutoffs=CUTOFFS, horizon_days=90)
)
WHO = np.unique(LINES["customer_id"])
BEGAN = np.datetime64("2024-01-01", "us") + (np.arange(len(WHO)) * 5).astype("m8[D]")
SUBSCRIPTIONS = pd.DataFrame(
    {
        "customer_id": WHO,
        "start_date": BEGAN,
        "end_date": BEGAN + (30 + np.arange(len(WHO)) * 37 % 200).astype("m8[D]"),
        "plan": np.resize(list("aab"), len(WHO)),
        "age": np.arange(len(WHO)) % 7 + 20.0,
        "amount": np.arange(len(WHO)) % 5 + 9.9,
    }
)
SUBSCRIPTIONS.loc[::3, "end_date"] = pd.NaT
FEEDBACK = crm.datasets.simulate_shop(n_customers=120, days=500, random_state=6).feedback
FEEDBACK = FEEDBACK[["date", "text", "score"]].assign(
    customer_id=np.resize(WHO, len(FEEDBACK)),
    mood=np.where(FEEDBACK["true_polarity"] > 0, "glad", "other"),
)
ASPECTS = crm.sentiment.common_aspects()
EVENTS = LINES[["customer_id", "date"]].assign(
    event=np.resize(["view", "cart", "view", "purchase", "ticket"], len(LINES))
)


def _interactions():
    rng = np.random.default_rng(11)
    n = 300
    table = pd.DataFrame(
        {
            "customer_id": rng.choice(WHO, n),
            "channel": rng.choice(["chat", "phone", "web"], n),
            "event": rng.choice(["view", "ticket", "complaint", "survey"], n),
            "date": np.datetime64("2024-01-03", "us") + rng.integers(0, 540, n).astype("m8[D]"),
        }
    )
    moments = table["date"] + rng.integers(0, 86_400, n).astype("m8[s]")
    table["opened_at"] = moments.where(table["event"].isin(["ticket", "complaint"]))
    for column, share, hours in (("first_response_at", 0.9, 6), ("resolved_at", 0.8, 40)):
        moments = moments + (rng.exponential(hours, n) * 3_600).astype("m8[s]")
        table[column] = moments.where(table["opened_at"].notna() & (rng.random(n) < share))
    return table


INTERACTIONS = _interactions()
RECORDS = (
    crm.datasets.simulate_identities(20)
    .head(len(WHO))
    .assign(customer_id=lambda table: WHO[: len(table)])
)
CONSENTS = pd.DataFrame(
    {
        "customer_id": np.resize(WHO, 90),
        "purpose": np.resize(["news", "news", "bills"], 90),
        "channel": np.resize(["email", "sms", "email", "email"], 90),
        "granted": np.arange(90) % 7 > 1,
        "date": np.datetime64("2025-01-01", "us") + (np.arange(90) * 3 % 170).astype("m8[D]"),
        "expires_on": np.datetime64("2025-03-01", "us") + (np.arange(90) * 11).astype("m8[D]"),
    }
)
TICKETS = pd.DataFrame(
    {
        "customer_id": np.resize(WHO[::2], 70),
        "opened_at": np.datetime64("2024-06-01", "us") + (np.arange(70) * 5).astype("m8[D]"),
        "disruptive": np.arange(70) % 5 == 0,
    }
)
BILLS = pd.DataFrame(
    {
        "customer_id": np.resize(WHO, 90),
        "amount": np.arange(90) * 10.0,
        "due_on": np.datetime64("2024-09-01", "us") + (np.arange(90) * 3).astype("m8[D]"),
        "paid_on": np.datetime64("2024-09-01", "us") + (np.arange(90) * 4).astype("m8[D]"),
    }
)
SALES = LINES[LINES["amount"] >= 0].reset_index(drop=True).assign(discount=1.0)
REFUNDS = SALES.iloc[::20].reset_index(drop=True)
PROFIT = crm.kpi.clv_historic(LINES)[["customer_id"]].assign(profit=lambda t: t.index - 9.0)
# name of an argument -> the model it takes
MODELS = {
    "model": MODEL,
    "purchases": MODEL,
    "spend": crm.btyd.fit_gamma_gamma(SUMMARY),
    "restricted": MODEL,
    "full": MODEL,
    "fitter": None,
}
WON = pd.DataFrame(
    {
        "customer_id": WHO,
        "acquired_on": BEGAN,
        "channel": np.resize(["search", "organic", "social", None], len(WHO)),
        "region": np.resize(["north", "south", "north"], len(WHO)),
    }
)
SPEND = pd.DataFrame(
    {
        "date": np.datetime64("2024-01-01", "us") + (np.arange(36) // 2 * 30).astype("m8[D]"),
        "channel": np.resize(["search", "social"], 36),
        "region": np.resize(["north", "south", "south"], 36),
        "cost": np.arange(36) * 2.5 + 10,
    }
)
REFERRALS = pd.DataFrame(
    {"referrer_id": np.resize(WHO[:9], len(WHO) - 5), "referred_id": WHO[5:]}
).query("referrer_id != referred_id")
# Columns that hold the ids of customers, whoever they are.
IDS = ("customer_id", "referrer_id", "referred_id")
# Functions whose tables may be a number: three is no junk there.
NUMBERS_TOO = {"ltv_cac", "payback_months"}
# name of an argument -> the table it takes
TABLES = {
    "summary": SUMMARY,
    "predictions": PREDICTED.assign(
        churned=(PREDICTED["actual"] == 0).astype(int),
        churn_probability=1 - PREDICTED["p_any_purchase"],
    ),
    "subscriptions": SUBSCRIPTIONS,
    "survival": crm.churn.survival_curve(SUBSCRIPTIONS),
    "monthly": crm.kpi.monthly_revenue(SUBSCRIPTIONS),
    "movements": crm.kpi.mrr_movements(SUBSCRIPTIONS),
    "features": CHURN,
    "clv": pd.DataFrame({"customer_id": WHO, "clv": np.sqrt(WHO) * 10 + 5}),
    "cac": crm.kpi.cac(SPEND, WON, as_of=AS_OF),
    "monthly_margin": pd.DataFrame({"value": [12.5]}),
    "referrals": REFERRALS,
    "lift": crm.churn.lift_table(CHURN.assign(churn_probability=CHURN["recency_days"] / 1000)),
    "profit": crm.churn.profit_curve(CHURN.assign(churn_probability=CHURN["recency_days"] / 1000)),
    "calibration": crm.churn.calibration_table(
        CHURN.assign(churn_probability=CHURN["recency_days"] / 1000)
    ),
    "groups": crm.btyd.holdout_groups(PREDICTED, group="frequency"),
    "tracking": crm.btyd.tracking_table(LINES, model=MODEL, period="D"),
    "grid": crm.btyd.frequency_recency_grid(MODEL, T=300, horizon=90),
    "table": pd.DataFrame({"age": range(5), "survivors": [100, 80, 70, 65, 62]}),
    "transactions": LINES,
    "events": LINES,
    "rfm": RFM,
    "scores": crm.segmentation.rfm_scores(RFM),
    "customers": CUSTOMERS,
    "before": CUSTOMERS,
    "after": crm.segmentation.rfm(LINES, as_of=date(2025, 1, 31)),
    "map": crm.segmentation.segment_map("r_rfm"),
    "cohorts": crm.kpi.cohort_table(LINES),
    "kpis": crm.kpi.kpi_table(LINES),
    "growth": crm.kpi.growth_accounting(LINES),
    "curve": crm.kpi.retention_curve(crm.kpi.cohort_table(LINES)),
    "funnel": crm.kpi.funnel(EVENTS, steps=["view", "cart", "purchase"]),
    "concentration": crm.kpi.revenue_concentration(LINES, points=20),
    "stages": crm.segmentation.lifecycle_stages(LINES),
    "history": crm.segmentation.lifecycle_history(LINES, every="Q", start=date(2024, 9, 1)),
    "migration": crm.segmentation.segment_migration(HISTORY),
    "itemsets": ITEMSETS,
    "rules": crm.rules.association_rules(ITEMSETS, min_confidence=0.05),
    "affinity": crm.rules.product_affinity(LINES),
    "evaluation": crm.rules.evaluate_suggestions(
        LINES, cutoff=date(2025, 3, 31), methods=["similar"]
    ),
    "baskets": LINES,
    "products": PRODUCTS,
    "feedback": FEEDBACK,
    "trend": crm.sentiment.sentiment_trend(FEEDBACK, period="M"),
    "scored": crm.sentiment.score_aspects(FEEDBACK, aspects=ASPECTS),
    "terms": crm.sentiment.key_terms(FEEDBACK, by="mood"),
    "drivers": crm.sentiment.nps_drivers(FEEDBACK, aspects=ASPECTS),
    "nps_table": crm.kpi.nps(FEEDBACK, by="mood"),
    "estimates": crm.kpi.nps(FEEDBACK, by="mood"),
    "interactions": INTERACTIONS,
    "response": crm.kpi.response_times(INTERACTIONS, by="channel"),
    "choice": crm.segmentation.choose_clusters(
        CUSTOMERS, features=["recency_days", "frequency"], k_range=[2, 3], n_bootstrap=3
    ),
    "profile": crm.segmentation.fit_clusters(
        CUSTOMERS, features=["recency_days", "frequency"], n_clusters=2, n_stability=0
    ).profile(),
}


# Functions whose arguments bear a name that other functions use for another table.
OWN_TABLES = {
    "cac": [SPEND, WON],
    "roi": [SPEND.assign(revenue=SPEND["cost"] * 4 - 30)],
    "funnel": [EVENTS],
    "conversion_rate": [EVENTS],
    "channel_table": [
        INTERACTIONS,
        LINES.assign(channel=np.where(LINES["order_id"] % 2 == 0, "store", "web")),
    ],
    "churn_rate": [SUBSCRIPTIONS],
    "retention_rate": [SUBSCRIPTIONS],
    "nps_change": [FEEDBACK[::2], FEEDBACK[1::2]],
    "csat": [FEEDBACK.assign(score=FEEDBACK["score"].clip(1, 5))],
    "ces": [FEEDBACK.assign(score=FEEDBACK["score"].clip(1, 7))],
    "resolve_identity": [RECORDS],
    "customer_profit": [SALES, REFUNDS, TICKETS, BILLS],
    "profit_concentration": [PROFIT],
    "plot_profit_concentration": [crm.customers.profit_concentration(PROFIT)],
    "relationship_review": [CUSTOMERS, SALES, REFUNDS, TICKETS, BILLS, FEEDBACK, PROFIT],
}


# Tables handed over by keyword, by function.
BY_KEYWORD = {
    "contactable": {"consents": CONSENTS},
    "customer_view": {"transactions": LINES, "feedback": FEEDBACK},
    "view_sources": {"transactions": LINES, "feedback": FEEDBACK},
    "customer_profit": {"returns": REFUNDS, "tickets": TICKETS, "payments": BILLS},
    "relationship_review": {
        "transactions": SALES,
        "returns": REFUNDS,
        "tickets": TICKETS,
        "payments": BILLS,
        "feedback": FEEDBACK,
        "profit": PROFIT,
    },
}


def _public():
    for room in ROOMS:
        module = getattr(crm, room)
        for name in module.__all__:
            if inspect.isfunction(getattr(module, name)):
                yield pytest.param(getattr(module, name), id=f"{room}.{name}")


def _tables(function):
    """Name the arguments that are tables: the positional ones that are no options."""
    parameters = inspect.signature(function).parameters.values()
    names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    options = {*POSITIONAL.get(function.__name__, ()), *_models(function)}
    keyword = BY_KEYWORD.get(function.__name__, ())
    return [*(name for name in names if name not in options), *keyword]


def _models(function):
    """Name the models by argument; the spend of `cac` is a table."""
    return {} if function.__name__ in OWN_TABLES else MODELS


EVERY = list(_public())
ON_TABLES = [p for p in EVERY if _tables(p.values[0])]
FITS = [p for p in ON_TABLES if p.values[0].__name__.startswith("fit_")]
# baskets() makes a value, which has tests of its own
ANSWERING = [
    p
    for p in ON_TABLES
    if not p.values[0].__name__.startswith(("plot_", "fit_")) and p.values[0].__name__ != "baskets"
]
# the fit of opportunities needs a table of its own
GIFTS = pd.DataFrame(
    {
        "frequency": [0, 1, 1, 2, 3, 5, 6, 4, 2, 0] * 6,
        "recency": [0, 1, 4, 3, 5, 6, 6, 6, 6, 0] * 6,
        "n_opportunities": 6,
    }
)
PLOTS = [p for p in EVERY if p.values[0].__name__.startswith("plot_")]


def _given(function):
    if function.__name__ == "fit_bg_bb":
        return [GIFTS.copy()]
    if function.__name__ in OWN_TABLES:
        return [table.copy() for table in OWN_TABLES[function.__name__]]
    tables = TABLES | BY_KEYWORD.get(function.__name__, {})
    for name in _tables(function):
        assert name in tables, f"add a table for the argument {name!r} to TABLES"
    return [tables[name].copy() for name in _tables(function)]


def _call(function, tables, **options):
    parameters = inspect.signature(function).parameters
    if "as_of" in parameters:
        options.setdefault("as_of", AS_OF)
    options = REQUIRED.get(function.__name__, {}) | options
    rest = iter(tables)
    positional = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    models = _models(function)
    places = [models[name] if name in models else next(rest, ...) for name in positional]
    options |= dict(zip(BY_KEYWORD.get(function.__name__, ()), rest, strict=False))
    return function(*(place for place in places if place is not ...), **options)


def _with_lists(table):
    """Sets of products as sorted lists: what other libraries than pandas hold."""
    if not isinstance(table, pd.DataFrame):
        return table
    sets = [name for name in SETS if name in table]
    return table.assign(**{name: [sorted(one) for one in table[name]] for name in sets})


def _plain(answer):
    """Any answer as pandas, rows in one order, columns in theirs."""
    opened = nw.from_native(_with_lists(answer))
    if isinstance(opened, nw.LazyFrame):
        opened = opened.collect()
    table = opened.to_arrow().to_pandas(types_mapper=pd.ArrowDtype)
    texts = {name: table[name].map(lambda one: str(list(one))) for name in SETS if name in table}
    table = table.assign(**texts)
    keys = table.astype("string").fillna("")
    return table.iloc[keys.sort_values(list(keys.columns)).index].reset_index(drop=True)


def _same(one, other):
    pd.testing.assert_frame_equal(_plain(one), _plain(other), check_dtype=False, rtol=1e-12)


def _column_options(function):
    parameters = inspect.signature(function).parameters
    return {n: p.default for n, p in parameters.items() if n.endswith("_col")}


def _is_lazy(function):
    return "LazyFrame" in (function.__doc__ or "")


@pytest.mark.parametrize("function", EVERY)
def test_docstring_says_all(function):
    doc = inspect.getdoc(function)
    sections = re.findall(r"^([A-Z][A-Za-z ]+)\n-+$", doc, flags=re.MULTILINE)
    order = ["Parameters", "Returns", "Raises", "Warns", "See Also", "Notes", "References"]
    known = [*order, "Examples"]
    assert [s for s in known if s in sections] == sections, "sections out of order, or unknown"
    assert {"Returns", "Examples"} <= set(sections)
    assert ">>> " in doc.split("Examples\n")[1]
    parameters = inspect.signature(function).parameters
    if parameters:
        described = doc.split("Parameters\n----------\n")[1].split("\nReturns\n---")[0]
        named = set(re.findall(r"^([A-Za-z_][A-Za-z_0-9, ]*) :", described, flags=re.MULTILINE))
        named = {word.strip() for words in named for word in words.split(",")}
        assert named == set(parameters), "Parameters and the signature differ"
    if _tables(function):
        assert "Raises" in sections


@pytest.mark.parametrize("function", EVERY)
def test_options_are_keyword_only(function):
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            allowed = {*TABLES, *MODELS, *POSITIONAL.get(function.__name__, ())}
            assert parameter.name in allowed, f"{parameter.name} must be keyword-only"


@pytest.mark.parametrize("function", EVERY)
def test_column_words_are_in_the_glossary(function):
    for option, default in _column_options(function).items():
        assert option in GLOSSARY, f"{option} is no word of the glossary"
        assert default in GLOSSARY[option]


@pytest.mark.parametrize("function", EVERY)
def test_listed_in_the_reference(function):
    name = f"{function.__module__.rsplit('.', 1)[0]}.{function.__name__}"
    room = name.split(".")[1]
    page = (REFERENCE / f"{room}.md").read_text(encoding="utf-8")
    assert re.search(rf"^\s*{function.__name__}$", page, flags=re.MULTILINE), (
        f"{name} is not in docs/reference/{room}.md"
    )


@pytest.mark.parametrize("function", ANSWERING)
def test_input_is_unchanged(function):
    given = _given(function)
    before = [table.copy(deep=True) for table in given]
    _call(function, given)
    for table, copy in zip(given, before, strict=True):
        pd.testing.assert_frame_equal(table, copy)


@pytest.mark.parametrize("function", ANSWERING)
def test_two_runs_are_equal(function):
    one, other = _call(function, _given(function)), _call(function, _given(function))
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("function", ANSWERING)
def test_pandas_answer_has_a_fresh_index(function):
    given = [table.set_index(np.arange(len(table)) * 3 + 5) for table in _given(function)]
    answer = _call(function, given)
    assert isinstance(answer.index, pd.RangeIndex)
    assert answer.index.start == 0
    assert answer.index.step == 1
    _same(answer, _call(function, _given(function)))


@pytest.mark.parametrize("make", [pl.from_pandas, pa.Table.from_pandas])
@pytest.mark.parametrize("function", ANSWERING)
def test_kind_of_frame_is_kept(function, make):
    given = [make(_with_lists(table)) for table in _given(function)]
    answer = _call(function, given)
    assert isinstance(answer, type(given[0]))
    _same(answer, _call(function, _given(function)))


@pytest.mark.parametrize("function", ANSWERING)
def test_lazy_stays_lazy_or_is_refused(function):
    given = [pl.from_pandas(_with_lists(table)).lazy() for table in _given(function)]
    if _is_lazy(function) and "collect" not in inspect.signature(function).parameters:
        answer = _call(function, given)
        assert isinstance(answer, pl.LazyFrame)
        _same(answer, _call(function, _given(function)))
        return
    with pytest.raises(DataError, match=rf"^{function.__name__}: .*Polars LazyFrame.*\.collect"):
        _call(function, given)


@pytest.mark.parametrize("function", ANSWERING)
def test_rows_may_be_shuffled(function):
    if function.__name__ in {"check_segment_map", "match_rules"}:
        pytest.skip("the order of rules is part of the answer")
    if function.__name__ in {"explain_sentiment", "score_aspects"}:
        pytest.skip("the answer names texts by their place")
    shuffled = [table.sample(frac=1, random_state=3) for table in _given(function)]
    _same(_call(function, shuffled), _call(function, _given(function)))


@pytest.mark.parametrize("function", ANSWERING)
def test_customers_may_be_relabelled(function):
    ids = np.unique(LINES["customer_id"])
    label = dict(zip(ids, np.random.default_rng(1).permutation(ids), strict=True))
    given = _given(function)

    def relabel(table):
        return table.assign(**{name: table[name].map(label) for name in IDS if name in table})

    one, other = _call(function, given), _call(function, [relabel(table) for table in given])
    one = relabel(one)
    drop = [column for column in ("example", "person_id") if column in one]
    _same(one.drop(columns=drop), other.drop(columns=drop))


@pytest.mark.parametrize("function", ANSWERING)
def test_columns_may_have_any_name(function):
    if function.__name__ == "view_sources":
        pytest.skip("the answer names columns of the caller")
    defaults = _column_options(function)
    renamed = {name: f"ستون {name}" for name in defaults.values() if name}
    options = {option: renamed[name] for option, name in defaults.items() if name}
    given = [table.rename(columns=renamed) for table in _given(function)]
    here = {column for table in given for column in table.columns}
    options = {option: name for option, name in options.items() if name in here}
    answer = _call(function, given, **options)
    back = answer.rename(columns={new: old for old, new in renamed.items()})
    _same(back, _call(function, _given(function)))


@pytest.mark.parametrize("function", ANSWERING)
def test_missing_column_is_one_sentence(function):
    kind_of_table, repeats = {"end_col", "date_col", "amount_col"}, {"customer_col", "date_col"}
    amounts, lines = {"amount_col"}, {"amount_col", "quantity_col"}
    beside = {
        "amount_col", "product_col", "channel_col", "discount_col", "event_col", "opened_col",
        "answered_col", "resolved_col", "score_col",
    }  # fmt: skip
    optional = {
        "purchase_summary": {"order_col", "amount_col"},
        "clv": {"order_col"},
        "customer_value": {"customer_col"},
        "evaluate_holdout": amounts,
        "holdout_predictions": amounts,
        "tracking_table": amounts,
        "segment_profile": {"customer_col"},
        "repeat_rate": {"amount_col"},
        "conversion_rate": {"converted_col"},
        "complaint_rate": {"amount_col"},
        **dict.fromkeys(("purchase_gaps", "purchase_gap_summary"), amounts),
        # without ends the table is one of transactions, which is another sentence
        **dict.fromkeys(("churn_rate", "retention_rate"), kind_of_table),
        **dict.fromkeys(("frequent_itemsets", "mine_rules", "product_affinity"), lines),
        **dict.fromkeys(("validate_rules", "match_rules", "purchase_sequences"), lines),
        "cross_sell": {*lines, "category_col"},
        "up_sell": lines,
        "evaluate_suggestions": {*lines, "order_col"},
        **dict.fromkeys(("churn_labels", "inactivity_threshold"), amounts),
        **dict.fromkeys(("churn_risk", "backtest_churn"), beside),
        "churn_features": beside,
        **dict.fromkeys(("lifecycle_stages", "lifecycle_history"), beside | {"acquired_col"}),
        **dict.fromkeys(("lifecycle_thresholds", "purchase_kinds"), amounts),
        "population_drift": {"customer_col"},
        "purchase_frequency": {"amount_col"},
        **dict.fromkeys(("nps", "csat", "ces"), repeats),
        "nps_change": {"customer_col"},
        "contactable": {"expires_col"},
        **dict.fromkeys(("customer_view", "view_sources"), beside | {"treated_col"}),
        "customer_profit": {"discount_col"},
        "relationship_review": {"discount_col", "product_col", "disruptive_col"},
        "check_transactions": {"order_col", "amount_col", "quantity_col", "product_col"},
        "clean_transactions": {"order_col", "amount_col", "quantity_col", "product_col"},
    }.get(function.__name__, set())
    for option, column in _column_options(function).items():
        if column in {None, inspect.Parameter.empty} or option in optional:
            continue
        options = {}
        if function.__name__ == "cohort_table":  # which columns it needs depends on what it counts
            options["value"] = "orders" if option == "order_col" else "revenue"
        given = [table.drop(columns=column, errors="ignore") for table in _given(function)]
        sentence = rf"^{function.__name__}: no column '{column}' \({option}\) in \w+; it has \["
        with pytest.raises(ColumnError, match=sentence):
            _call(function, given, **options)


@pytest.mark.parametrize("function", [*ANSWERING, *FITS])
def test_wrong_options_are_one_sentence(function):
    parameters = inspect.signature(function).parameters
    for option, wrong in WRONG.items():
        if option not in parameters or option in _tables(function):
            continue
        if option in MODELS and parameters[option].kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        with pytest.raises(OptionError, match=rf"^{function.__name__}: .*{option}") as raised:
            _call(function, _given(function), **{option: wrong})
        assert str(raised.value).endswith((".", "?"))


@pytest.mark.parametrize("function", ANSWERING)
def test_empty_table(function):
    full = _call(function, _given(function))
    empty = [table.head(0) for table in _given(function)]
    if function.__name__ in NEEDS_ROWS:
        with pytest.raises(CrmlyticsError, match=rf"^{function.__name__}: "):
            _call(function, empty)
        return
    answer = _call(function, empty)
    assert list(answer.columns) == list(full.columns)
    estimates = {"value", "rate_from_first", "n_rows", "expected", "n_silences", "n_gaps"}
    estimates = (estimates | {"contacts", "nps", "change"}) & set(answer.columns)
    # one row of unknown values, or of checks that found nothing; otherwise no row
    assert len(answer) == 0 or estimates


@pytest.mark.parametrize("function", FITS)
def test_models_do_not_depend_on_the_table(function):
    """Neither the kind of table nor the order of rows changes a fit; the input is unchanged."""
    given = _given(function)
    before = [table.copy(deep=True) for table in given]
    model = _call(function, given)
    for table, copy in zip(given, before, strict=True):
        pd.testing.assert_frame_equal(table, copy)
    for change in (
        pl.from_pandas,
        pa.Table.from_pandas,
        lambda table: table.sample(frac=1, random_state=3),
    ):
        other = _call(function, [change(table) for table in given])
        assert type(other) is type(model)
        _same(other.summary(), model.summary())


@pytest.mark.parametrize("function", FITS)
def test_fits_refuse_lazy_and_empty_tables(function):
    with pytest.raises(DataError, match=rf"^{function.__name__}: .*Polars LazyFrame.*\.collect"):
        _call(function, [pl.from_pandas(table).lazy() for table in _given(function)])
    with pytest.raises(CrmlyticsError, match=rf"^{function.__name__}: "):
        _call(function, [table.head(0) for table in _given(function)])


@pytest.mark.parametrize("junk", [None, 3, [1, 2], {"customer_id": [1]}, np.zeros((2, 2))])
@pytest.mark.parametrize("function", [*ANSWERING, *FITS])
def test_what_is_no_table_is_refused(function, junk):
    if junk is None and function.__name__ in {"segment_migration"}:
        pytest.skip("the second table is optional")
    if isinstance(junk, int) and function.__name__ in NUMBERS_TOO:
        pytest.skip("a number is as good as a table")
    with pytest.raises(CrmlyticsError, match=rf"^{function.__name__}: "):
        _call(function, [junk for _ in _tables(function)])


@pytest.mark.parametrize("function", PLOTS)
def test_plots_draw_on_the_axes_they_are_given(function):
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert function(*_given(function), ax=ax) is ax
    assert isinstance(ax, Axes)
    assert ax.get_title() or ax.get_xlabel()
