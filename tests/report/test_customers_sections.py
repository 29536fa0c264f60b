"""The sections of the report on kinds of customers, stages of their life, and relationships."""

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.errors import CrmlyticsWarning
from crmlytics.report import _clusters, _inputs, _lifecycle, _page, _relationships

SHOP = crm.datasets.simulate_shop(n_customers=300, days=500, random_state=0)
COLUMNS = _inputs.Columns("customer_id", "order_id", "date", "amount")
LAST = SHOP.transactions["date"].max()
TRAITS = ["income", "monthly_budget", "distance_km"]


def gathered(transactions=SHOP.transactions, **others):
    return _inputs.gather(
        transactions, columns=COLUMNS, as_of=None, duplicates="keep", others=others
    )


@pytest.fixture(scope="module")
def found():
    return kinds()


def kinds(customers=SHOP.customers, transactions=SHOP.transactions):
    return _clusters.section(gathered(transactions, customers=customers))


def test_kinds_are_those_of_fit_clusters(found):
    made = found
    table = crm.segmentation.rfm_table(SHOP.transactions).merge(SHOP.customers, on="customer_id")
    features = ["recency_days", "frequency", "monetary", *TRAITS]
    model = crm.segmentation.fit_clusters(table, features=features, n_clusters=4, n_stability=10)
    want = model.predict(table)
    assert list(made.customers.columns) == ["customer_id", "cluster", "cluster_name"]
    assert made.customers["customer_id"].tolist() == want["customer_id"].tolist()
    assert made.customers["cluster"].tolist() == want["cluster"].tolist()
    share = table["monetary"][want["cluster"].to_numpy() == 1].sum() / table["monetary"].sum()
    row = made.body.split(f"<bdi>{model.names[0]}</bdi>")[1].split("</tr>")[0]
    assert _page.percent(share) in row
    assert _page.number(model.summary()["customers"].iloc[0]) in row
    assert "Customers fall into 4 kinds" in made.headlines[0]
    assert made.body.count("<svg") == 2
    assert "Left out: \N{FIRST STRONG ISOLATE}age" in made.body


def test_kinds_do_not_depend_on_the_order_of_rows(found):
    mixed = kinds(
        SHOP.customers.sample(frac=1, random_state=1),
        SHOP.transactions.sample(frac=1, random_state=2),
    )
    assert mixed.body == found.body
    pd.testing.assert_frame_equal(mixed.customers, found.customers)


def test_where_there_are_no_kinds_none_are_shown():
    made = kinds(SHOP.customers[["customer_id", "language"]])
    assert "No number of groups holds all of that" in made.body
    assert "holds no numbers that tell them apart" in made.body
    assert made.body.count("<svg") == 1
    assert (made.customers, made.headlines) == (None, ())


def test_what_names_customers_is_no_figure():
    n = len(SHOP.customers)
    rng = np.random.default_rng(1)
    customers = SHOP.customers[["customer_id", *TRAITS]].assign(
        card=rng.permutation(10**6)[:n], postal_code=rng.integers(0, 90, n) * 100,
        children=rng.integers(0, 4, n), member=rng.random(n) < 0.5, unknown=np.nan,
        endless=np.where(np.arange(n) < 3, np.inf, rng.random(n)),
        visits=pd.array([*range(40), *[None] * (n - 40)], "Int64"),
    )  # fmt: skip
    figures, ids = _clusters._figures(customers.drop(columns="customer_id"))
    assert (list(figures), ids) == (TRAITS, ["card", "postal_code"])
    names = "\N{FIRST STRONG ISOLATE}card\N{POP DIRECTIONAL ISOLATE}"
    assert f"not for figures: {names}" in kinds(customers).body


def test_figures_known_of_most_customers_come_first():
    half = SHOP.customers[["customer_id", "age", *TRAITS]].copy()
    half.loc[half.index[:100], "income"] = np.nan
    figures, _ = _clusters._figures(half.drop(columns="customer_id"))
    assert list(figures) == ["monthly_budget", "distance_km", "age", "income"]


def test_names_that_run_from_right_to_left(found):
    names = dict(zip(TRAITS, ("درآمد", "תקציב", "فاصله"), strict=True))
    made = kinds(SHOP.customers.rename(columns=names))
    assert made.customers["cluster"].tolist() == found.customers["cluster"].tolist()
    assert "\N{FIRST STRONG ISOLATE}תקציב\N{POP DIRECTIONAL ISOLATE} &gt; " in made.body
    for name in names.values():
        assert f"{name} &" not in made.body  # a sign beside it would turn around


@pytest.mark.parametrize(
    "customers",
    [
        SHOP.customers.head(60),
        SHOP.customers.drop(columns="customer_id"),
        pd.concat([SHOP.customers, SHOP.customers]),
        SHOP.customers.assign(customer_id=SHOP.customers["customer_id"].astype("str")),
    ],
)
def test_without_customers_enough_there_are_no_kinds(customers):
    assert kinds(customers) is None
    assert _clusters.section(gathered()) is None


def test_customers_without_a_purchase_have_no_kind():
    more = SHOP.customers.assign(customer_id=SHOP.customers["customer_id"] + 200)
    made = kinds(pd.concat([SHOP.customers, more]).drop_duplicates("customer_id"))
    n = len(set(SHOP.transactions["customer_id"]))
    assert f"{500 - n} customers of that table have not bought" in made.body


def test_customers_all_alike_are_a_sentence():
    lines = pd.DataFrame(
        {
            "customer_id": np.arange(150), "order_id": np.arange(150), "amount": 5.0,
            "date": pd.Timestamp("2026-01-02"),
        }
    )  # fmt: skip
    body = kinds(pd.DataFrame({"customer_id": np.arange(150)}), lines).body
    assert "The customers do not allow it: features has no column that differs" in body


def test_kinds_join_the_customer_table(found, tmp_path):
    made = crm.report.build_report(
        transactions=SHOP.transactions.drop(columns="product_id"),
        customers=SHOP.customers,
        out_dir=tmp_path,
    )
    text = made.report.read_text(encoding="utf-8")
    assert text.index('id="segments"') < text.index('id="kinds"') < text.index('id="value"')
    table = pd.read_parquet(made.customers).set_index("customer_id")
    want = found.customers.set_index("customer_id")
    assert table.loc[want.index, "cluster_name"].tolist() == want["cluster_name"].tolist()
    assert table.loc[want.index, "cluster"].tolist() == want["cluster"].tolist()


def test_stages_are_those_of_lifecycle_stages():
    made = _lifecycle.section(gathered(customers=SHOP.customers, feedback=SHOP.feedback))
    want = crm.segmentation.lifecycle_stages(
        SHOP.transactions, customers=SHOP.customers, feedback=SHOP.feedback, as_of=LAST
    )
    assert list(made.customers.columns) == ["customer_id", "stage", "days_in_stage"]
    assert made.customers["stage"].tolist() == want["stage"].tolist()
    assert made.customers["days_in_stage"].tolist() == want["days_in_stage"].tolist()
    counts = want["stage"].value_counts()
    figures = made.body.split("The stages in figures")[1].split("What is usually done")[0]
    for stage, count in counts.items():
        row = figures.split(f"<bdi>{stage}</bdi>")[1].split("</tr>")[0]
        assert f">{count:,}<" in row
    assert made.headlines[0].startswith(f"{counts['at_risk']} customers are silent")
    limits = crm.segmentation.lifecycle_thresholds(SHOP.transactions).set_index("threshold")
    row = made.body.split("<bdi>lost</bdi>")[1].split("</tr>")[0]
    assert f">{_page.number(limits.loc['lost', 'days'])}<" in row
    assert "Advocates are active customers" in made.body
    assert "referral programme" in made.body


def test_stages_without_other_tables_that_can_be_used():
    plain = _lifecycle.section(gathered())
    twice = pd.concat([SHOP.customers, SHOP.customers])
    made = _lifecycle.section(gathered(customers=twice, feedback=pd.DataFrame({"text": ["a"]})))
    assert "Prospects and advocates are not told from the others" in made.body
    pd.testing.assert_frame_equal(made.customers, plain.customers)
    assert "Advocates" not in plain.body


def test_prospects_have_a_stage():
    more = SHOP.customers.assign(customer_id=SHOP.customers["customer_id"] + 10_000)
    made = _lifecycle.section(gathered(customers=pd.concat([SHOP.customers, more])))
    stages = made.customers.set_index("customer_id")["stage"]
    assert set(stages.loc[more["customer_id"]]) == {"prospect"}
    assert "Prospects stand in the customers table" in made.body


def test_stages_of_one_purchase():
    one = pd.DataFrame(
        {"customer_id": ["a"], "order_id": [1], "date": pd.to_datetime(["2026-01-02"])}
    )
    made = _lifecycle.section(gathered(one.assign(amount=9.5)))
    assert made.customers["stage"].tolist() == ["new"]
    assert made.headlines == ()


def shop_with_losses():
    """Ten who return nearly all and cost more than they pay, twenty who only cost more."""
    days = pd.date_range("2026-01-01", periods=10)
    lines = pd.DataFrame(
        {
            "customer_id": np.repeat(np.arange(100), 10), "order_id": np.arange(1000),
            "date": np.tile(days, 100), "amount": 100.0, "product_id": 1,
        }
    )  # fmt: skip
    lines["cost"] = np.where(lines["customer_id"] < 30, 130.0, 60.0)
    back = lines[(lines["customer_id"] < 10) & (lines["date"] < days[9])]
    back = back.assign(amount=-100.0, cost=-60.0, order_id=back["order_id"] + 5000)
    tickets = back.assign(opened_at=back["date"], event="complaint", channel="phone")
    return pd.concat([lines, back]), tickets[["customer_id", "date", "opened_at", "event"]]


def test_profit_and_proposals():
    lines, tickets = shop_with_losses()
    made = _relationships.section(gathered(lines, interactions=tickets))
    # 70 customers bring 400 each, 20 lose 300, 10 lose 300 and 9 * 40 on what came back
    assert made.headlines == (
        "All customers together bring a profit of 15,400; 30 of 100 (30.0\N{NO-BREAK SPACE}%) lose "
        "money, 12,600 together.",
    )
    table = made.customers.set_index("customer_id")
    assert list(table.columns) == ["profit", "relationship_action", "relationship_reason"]
    assert table["profit"].tolist() == [-660.0] * 10 + [-300.0] * 20 + [400.0] * 70
    assert set(table["relationship_action"].iloc[:10]) == {"end"}
    assert set(table["relationship_action"].iloc[10:30]) == {"reprice"}
    assert set(table["relationship_action"].iloc[30:]) == {"keep"}
    assert "serial complainer, heavy returner, loses money (10)" in made.body
    assert "Not known, and not taken off: what service costs" in made.body


def test_the_best_fifth():
    made = _relationships.section(gathered(interactions=SHOP.interactions, feedback=SHOP.feedback))
    with pytest.warns(CrmlyticsWarning, match="before service_cost"):
        profit = crm.customers.customer_profit(SHOP.transactions, cost_col="cost", as_of=LAST)
    best = profit["profit"].sort_values(ascending=False)
    fifth = best.head(len(best) // 5)
    share, part = len(fifth) / len(best), fifth.sum() / best.sum()
    assert made.headlines[0].startswith(
        f"The best {_page.percent(share, 0)} of customers bring {_page.percent(part, 0)} of the "
        f"profit of {_page.money(best.sum())}; "
    )
    table = made.customers.set_index("customer_id")
    assert table["profit"].to_dict() == profit.set_index("customer_id")["profit"].to_dict()
    assert "satisfied" in made.body


def test_tickets_alone_allow_a_review_and_no_profit():
    lines, tickets = shop_with_losses()
    made = _relationships.section(gathered(lines.drop(columns="cost"), interactions=tickets))
    assert list(made.customers.columns)[1:] == ["relationship_action", "relationship_reason"]
    assert made.headlines == ()
    assert "end" not in set(made.customers["relationship_action"])


@pytest.mark.parametrize(
    "interactions",
    [None, SHOP.interactions.drop(columns="opened_at"), SHOP.interactions.assign(opened_at=pd.NaT)],
)
def test_without_costs_and_tickets_there_is_no_section(interactions):
    lines = SHOP.transactions.drop(columns="cost")
    assert _relationships.section(gathered(lines, interactions=interactions)) is None


def test_costs_or_tickets_that_cannot_be_read_are_a_sentence():
    lines, tickets = shop_with_losses()
    odd = tickets.assign(opened_at="soon")
    made = _relationships.section(gathered(lines.assign(cost="much"), interactions=odd))
    assert "The costs give no profit: column &#x27;cost&#x27;" in made.body
    assert "The tables allow no review of relationships: column &#x27;opened_at&#x27;" in made.body
    assert made.customers is None


def test_stages_and_profit_join_the_customer_table(tmp_path):
    lines, tickets = shop_with_losses()
    made = crm.report.build_report(transactions=lines, interactions=tickets, out_dir=tmp_path)
    text = made.report.read_text(encoding="utf-8")
    assert text.index('id="segments"') < text.index('id="lifecycle"') < text.index('id="value"')
    assert text.index('id="service"') < text.index('id="relationships"')
    table = pd.read_parquet(made.customers)
    for column in ("stage", "days_in_stage", "profit", "relationship_action"):
        assert table[column].notna().all()
