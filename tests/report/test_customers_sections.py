"""The sections of the report on kinds of customers, stages of their life, and relationships."""

import numpy as np
import pandas as pd
import pytest

import crmlytics as crm
from crmlytics.report import _clusters, _inputs, _page

SHOP = crm.datasets.simulate_shop(n_customers=300, days=500, random_state=0)
COLUMNS = _inputs.Columns("customer_id", "order_id", "date", "amount")
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
    assert "There are no such groups" in made.body
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
