"""Recurring revenue whose numbers stand elsewhere: the dbt MRR playbook, ChartMogul's examples."""

import pandas as pd
import pytest

import crmlytics as crm

# dbt-labs/mrr-playbook (Apache-2.0), its SQL run in DuckDB on its 121 subscriptions of 55
# customers: start, new, reactivation, expansion, contraction, churn and end of some months
PLAYBOOK = {
    "2018-06": (190, 25, 0, 30, 10, 0, 235),
    "2018-09": (260, 30, 50, 0, 0, 0, 340),
    "2019-04": (660, 120, 50, 65, 0, 0, 895),
    "2019-11": (1680, 210, 0, 60, 110, 0, 1840),
    "2019-12": (1840, 100, 0, 50, 30, 705, 1255),
    "2020-01": (1255, 175, 0, 0, 0, 1255, 175),
    "2020-02": (175, 0, 0, 0, 0, 175, 0),
}
COLUMNS = ["start", "new", "reactivation", "expansion", "contraction", "churn", "end"]
# its words for movements
WORDS = {"upgrade": "expansion", "downgrade": "contraction"}
# its first customer: id, start, end, amount
EXTRACT = [
    (1, "2018-11-01", "2019-02-01", 50),
    (1, "2019-04-01", "2019-06-01", 50),
    (1, "2019-06-01", "2019-08-01", 75),
]


@pytest.fixture(scope="module")
def playbook(check_data):
    folder = check_data / "saas"
    table = pd.read_csv(folder / "subscription_periods.csv", parse_dates=["start_date", "end_date"])
    moves = pd.read_csv(folder / "expected_mrr_movements.csv", parse_dates=["date_month"])
    moves = moves.sort_values(["customer_id", "date_month"], ignore_index=True)
    return table.rename(columns={"monthly_amount": "amount"}), moves


def test_every_row_of_the_playbook(playbook):
    table, moves = playbook
    got = crm.kpi.monthly_revenue(table)
    assert len(got) == len(moves) == 417
    for mine, theirs in (
        ("customer_id", "customer_id"), ("month", "date_month"), ("mrr", "mrr"),
        ("previous_mrr", "previous_mrr"), ("change", "mrr_change"),
    ):  # fmt: skip
        assert got[mine].tolist() == moves[theirs].tolist()
    words = moves["change_category"].replace(WORDS).fillna("none")
    assert got["movement"].fillna("none").tolist() == words.tolist()


def test_movements_of_the_playbook_in_all(playbook):
    got = crm.kpi.monthly_revenue(playbook[0])
    summed = got.fillna({"movement": "none"}).groupby("movement")["change"].agg(["size", "sum"])
    assert summed.to_dict("index") == {
        "new": {"size": 55, "sum": 2295},
        "churn": {"size": 58, "sum": -2550},
        "expansion": {"size": 30, "sum": 660},
        "contraction": {"size": 27, "sum": -555},
        "reactivation": {"size": 3, "sum": 150},
        "none": {"size": 244, "sum": 0},
    }
    nothing = got[got["movement"].isna()]
    assert ((nothing["mrr"] == 0) & (nothing["previous_mrr"] == 0)).sum() == 7


@pytest.mark.parametrize("proration", ["month", "day"])
def test_months_of_the_playbook(playbook, proration):
    """All its dates are firsts of months, so that days change nothing."""
    moved = crm.kpi.mrr_movements(playbook[0], proration=proration)
    moved = moved.set_index(moved["month"].dt.strftime("%Y-%m"))
    for month, expected in PLAYBOOK.items():
        assert tuple(moved.loc[month, COLUMNS]) == expected
    assert moved["new_customers"].sum() == 55
    assert moved["churn_customers"].sum() == 58


def test_ratios_of_the_playbook(playbook):
    kept = crm.kpi.revenue_retention(crm.kpi.monthly_revenue(playbook[0]))
    row = kept.set_index("month").loc["2019-12-01"]
    # 735 / 1,840, 685 / 1,840, 150 / 735
    ratios = [row["gross_churn"], row["net_churn"], row["quick_ratio"]]
    assert ratios == pytest.approx([0.3995, 0.3723, 0.2041], abs=5e-5)
    assert ratios == pytest.approx([735 / 1840, 685 / 1840, 150 / 735])


def test_retention_of_the_playbook_over_a_year(playbook):
    """A year back, from the rows of the playbook by plain pandas."""
    table, moves = playbook
    levels = moves.pivot_table(index="customer_id", columns="date_month", values="mrr")
    calendar = pd.date_range("2017-09-01", "2020-02-01", freq="MS")  # no customer in some months
    levels = levels.reindex(columns=calendar).fillna(0)
    kept = crm.kpi.revenue_retention(crm.kpi.monthly_revenue(table)).set_index("month")
    for month in pd.date_range("2018-09-01", "2020-02-01", freq="MS"):
        then, now = levels[month - pd.DateOffset(years=1)], levels[month]
        paying = then > 0
        row = kept.loc[month]
        assert row["base_mrr"] == then.sum()
        assert row["now_mrr"] == now[paying].sum()
        assert row["kept_mrr"] == now[paying].clip(upper=then[paying]).sum()
        assert row["base_customers"] == paying.sum()
        assert row["kept_customers"] == (paying & (now > 0)).sum()
    assert kept["nrr"].iloc[:12].isna().all()


def test_extract_of_the_playbook():
    """Its first customer: back after two months without, upgraded in a renewal, gone."""
    table = pd.DataFrame(EXTRACT, columns=["customer_id", "start_date", "end_date", "amount"])
    for name in ("start_date", "end_date"):
        table[name] = pd.to_datetime(table[name])
    got = crm.kpi.monthly_revenue(table)
    assert got["mrr"].tolist() == [50, 50, 50, 0, 0, 50, 50, 75, 75, 0]
    moved = got.dropna(subset="movement")
    assert list(zip(moved["month"].dt.strftime("%Y-%m"), moved["movement"], strict=True)) == [
        ("2018-11", "new"), ("2019-02", "churn"), ("2019-04", "reactivation"),
        ("2019-06", "expansion"), ("2019-08", "churn"),
    ]  # fmt: skip


def test_examples_of_chartmogul():
    """Of 100 at the start 20 are lost and 10 won from old customers: gross 20 %, net 10 %."""
    rows = [
        ("a", "2026-01", 12.0), ("b", "2026-01", 38.0), ("b", "2026-02", 30.0),
        ("c", "2026-01", 50.0), ("c", "2026-02", 54.0),  # expansion 4
        ("d", "2025-12", 6.0), ("d", "2026-02", 6.0),  # reactivation 6
        ("e", "2026-02", 99.0),  # new customers are in neither
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["customer_id", "month", "mrr"])
    table["month"] = pd.to_datetime(table["month"])
    row = crm.kpi.revenue_retention(table).iloc[-1]
    assert (row["gross_churn"], row["net_churn"]) == (0.2, 0.1)
    apart = crm.kpi.revenue_retention(table, net_of_reactivation=False).iloc[-1]
    assert apart["net_churn"] == 0.16
    assert row["quick_ratio"] == (99 + 6 + 4) / 20
