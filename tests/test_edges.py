"""Inputs at the edge of what a table can hold: the documented answer or one sentence."""

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

import crmlytics as crm
from crmlytics.errors import (
    ColumnError,
    CrmlyticsWarning,
    DataError,
    NotEnoughDataError,
    OptionError,
)

LINES = pd.DataFrame(
    {
        "customer_id": ["a", "a", "b", "c"],
        "order_id": [1, 2, 3, 4],
        "date": pd.to_datetime(["2026-01-02", "2026-02-09", "2026-01-05", "2026-03-01"]),
        "amount": [10.0, 30.0, 5.0, 7.0],
    }
)
SCORES = ["r_score", "f_score", "m_score"]


def relation(table):
    return duckdb.connect().from_arrow(pl.from_pandas(table).to_arrow())


@pytest.mark.parametrize(
    ("function", "name", "options"),
    [
        ("rfm_table", "monetary", {}),
        ("rfm", "segment", {}),
        ("rfm", "reason", {"explain": True}),
        ("rfm_history", "as_of", {}),
    ],
)
def test_an_id_cannot_have_the_name_of_a_result(function, name, options):
    lines = LINES.rename(columns={"customer_id": name})
    with pytest.raises(ColumnError, match=rf"^{function}: column '{name}' \(customer_col\) has"):
        getattr(crm.segmentation, function)(lines, customer_col=name, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"bins": np.int64(3)},
        {"bins": [0.5, 0.9]},
        {"cuts": {"recency_days": [30], "frequency": [1], "monetary": [50]}},
    ],
)
def test_built_in_maps_want_five_classes(options):
    with pytest.raises(OptionError, match="is made for scores from 1 to 5"):
        crm.segmentation.rfm(LINES, **options)
    with pytest.raises(OptionError, match=r"^rfm_history: .* is made for scores from 1 to 5"):
        crm.segmentation.rfm_history(LINES, **options)


def test_equal_means_are_equal_to_the_last_bit():
    every = np.array(np.meshgrid(*[range(1, 6)] * 3)).reshape(3, -1).T
    rfm = pd.DataFrame(every, columns=["recency_days", "frequency", "monetary"])
    scores = crm.segmentation.rfm_scores(rfm)
    sums = scores[SCORES].sum(axis=1)
    assert scores.groupby(sums)["rfm_score"].nunique().max() == 1


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ({"r_mn": [5]}, "Did you mean 'r_min'"),
        ({"label": [5]}, "segment_map has no bounds"),
    ],
)
def test_a_map_must_have_bounds(rows, sentence):
    scores = pd.DataFrame({name: [5] for name in SCORES})
    rules = pd.DataFrame({"segment": ["a"], **rows})
    with pytest.raises(ColumnError, match=rf"^rfm_segments: .*{sentence}"):
        crm.segmentation.rfm_segments(scores, segment_map=rules)


def test_history_without_a_known_amount_names_the_day():
    lines = LINES.assign(amount=[np.nan, 30.0, np.nan, 7.0])
    with pytest.raises(NotEnoughDataError, match=r"known monetary on 2026-01-31.*later start"):
        crm.segmentation.rfm_history(lines)
    with pytest.warns(CrmlyticsWarning, match="1 customers of transactions have returns only"):
        history = crm.segmentation.rfm_history(LINES.assign(amount=[-1.0, 30.0, -1.0, 7.0]))
    assert history["as_of"].min() == pd.Timestamp("2026-02-28")  # only returns before


def test_migration_between_two_days():
    before = pd.DataFrame(
        {"customer_id": [1], "segment": ["x"], "as_of": pd.to_datetime(["2026-01-31"])}
    )
    after = before.assign(as_of=pd.Timestamp("2026-02-28"))
    moved = crm.segmentation.segment_migration(before, after)
    assert moved["from_as_of"].tolist() == [pd.Timestamp("2026-01-31")]
    assert moved["to_as_of"].tolist() == [pd.Timestamp("2026-02-28")]
    with pytest.raises(DataError, match="holds numbers in before and texts in after"):
        crm.segmentation.segment_migration(before, after.assign(customer_id=["1"]))
    with pytest.raises(DataError, match=r"segments called \['gone'\]"):
        crm.segmentation.segment_migration(before, after.assign(segment="gone"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": lambda t: t["size"].astype(float).where(t["age"] > 0)}, "have no 'size'"),
        ({"age": lambda t: t["age"] - 1}, "whole numbers of 0 or more; the lowest is -1"),
        ({"age": lambda t: t["age"].astype(float).where(t["age"] > 0)}, "have no 'age'"),
        ({"age": lambda t: t["age"] + 0.5}, "whole numbers of 0 or more"),
        (
            {"complete": lambda t: t["complete"].astype("boolean").where(t["age"] > 0)},
            "have no 'complete'",
        ),
        ({"cohort": lambda t: t["cohort"].iloc[0]}, "more than once"),
    ],
)
def test_odd_cohorts_are_refused(change, sentence):
    cohorts = crm.kpi.cohort_table(LINES).assign(**change)
    with pytest.raises(DataError, match=rf"^retention_curve: .*{sentence}"):
        crm.kpi.retention_curve(cohorts)


@pytest.mark.parametrize("make", [pl.from_pandas, lambda t: t])
def test_zero_and_minus_zero_are_one_group(make):
    lines = make(LINES.assign(g=[0.0, -0.0, 0.0, -0.0]))
    assert len(crm.kpi.repeat_rate(lines, by="g")) == 1


@pytest.mark.parametrize("make", [lambda t: t, lambda t: pl.from_pandas(t).lazy(), relation])
@pytest.mark.parametrize(
    ("amount", "precision", "want"),
    [
        (5e13, 2, 5e13),  # beyond 2**51 units nothing is left to round
        (5e6, 9, 5e6),
        (0.004999999, 2, 0.0),  # floor(0.4999999 + 0.5)
        (0.125, 2, 0.13),  # a half goes up
        (-0.125, 2, -0.12),  # floor(-12.5 + 0.5)
        (1.005, 2, 1.01),  # held as 1.00499999999999989: what was written decides
    ],
)
def test_rounding_of_money(make, amount, precision, want):
    first = pd.DataFrame({**LINES.head(1), "amount": [1.0 + amount]})
    table = crm.segmentation.rfm_table(make(first), precision=precision)
    if not isinstance(table, pd.DataFrame):
        table = table.collect() if isinstance(table, pl.LazyFrame) else table.to_arrow_table()
        table = table.to_pandas()
    assert table["monetary"].tolist() == pytest.approx([1.0 + want], abs=1e-9)


@pytest.mark.parametrize("make", [lambda t: t, lambda t: pl.from_pandas(t).lazy(), relation])
def test_amounts_that_cannot_be_added(make):
    with pytest.raises(DataError, match=r"^rfm_table: 4 of 4 values .* are infinite \(or beyond"):
        crm.segmentation.rfm_table(make(LINES.assign(amount=1e308)))


def test_objects_with_na():
    lines = LINES.assign(amount=pd.Series([1.0, pd.NA, 2, 3], dtype=object))
    assert crm.segmentation.rfm_table(lines)["monetary"].isna().tolist() == [True, False, False]


def test_the_ends_of_time():
    far = crm.segmentation.rfm_table(relation(LINES), as_of="9999-12-31").to_arrow_table()
    assert far.num_rows == 3
    odd = relation(LINES).select("customer_id, order_id, 'infinity'::timestamp AS date, amount")
    with pytest.raises(DataError, match="outside the years 1 to 9999"):
        crm.segmentation.rfm_table(odd)


def test_lists_as_ids_are_counted():
    lines = pl.from_pandas(LINES).with_columns(customer_id=pl.Series([[1]] * 4))
    checks = crm.quality.check_transactions(lines.lazy()).collect().to_pandas()
    assert checks.set_index("check").loc["mixed_type_customers", "n_rows"] == 4


def test_netting_does_not_depend_on_the_order_of_rows():
    lines = pd.DataFrame(
        {
            "customer_id": "b",
            "order_id": 2,
            "product_id": "y",
            "date": pd.to_datetime(["2026-01-02", "2026-01-03", "2026-01-02"]),
            "amount": [2.0, -1.0, 2.0],
            "quantity": [-1, -1, 1],
        }
    )
    for table in (lines, lines.assign(amount=[2.001, -1.0, 2.004]).drop(columns="quantity")):
        one = crm.quality.clean_transactions(table)
        other = crm.quality.clean_transactions(table[::-1])
        columns = [name for name in ("amount", "quantity") if name in table]
        assert sorted(one[columns].to_numpy().tolist()) == sorted(
            other[columns].to_numpy().tolist()
        )
