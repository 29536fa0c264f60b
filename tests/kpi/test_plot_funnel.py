"""The picture of a funnel is read back from its bars and texts."""

import matplotlib.pyplot as plt
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from matplotlib.figure import Figure

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

STEPS = ["دیدن", "סל", "buy"]


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def events(make=pd.DataFrame):
    rows = [
        (who, step) for who, n in {"a": 3, "b": 2, "c": 2, "d": 1}.items() for step in STEPS[:n]
    ]
    days = pd.date_range("2026-01-01", periods=len(rows)).to_pydatetime().tolist()
    columns = {
        "customer_id": [row[0] for row in rows],
        "event": [row[1] for row in rows],
        "date": days,
        "channel": ["_web" if row[0] in "ab" else "app" for row in rows],
    }
    return make(columns)


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_bars_are_the_customers_of_each_step(make):
    ax = crm.kpi.plot_funnel(crm.kpi.funnel(events(make), steps=STEPS))
    assert [bar.get_width() for bar in ax.patches] == [4, 3, 1]
    assert [label.get_text() for label in ax.get_yticklabels()] == STEPS
    assert texts(ax) == ["4", "3 (75%)", "1 (25%, 33% of the step before)"]
    assert ax.get_legend() is None
    low, high = ax.get_ylim()
    assert low > high  # the first step on top


def test_groups_stand_side_by_side():
    made = crm.kpi.funnel(events(), steps=STEPS, by="channel")
    ax = crm.kpi.plot_funnel(made.sample(frac=1, random_state=1), by="channel")
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == [" _web", "app"]  # matplotlib hides what begins with _
    centres = {
        name: sorted((bar.get_y() + bar.get_height() / 2, bar.get_width()) for bar in bars)
        for name, bars in zip(legend, ax.containers, strict=True)
    }
    assert [width for _, width in centres[" _web"]] == [2, 2, 1]
    assert [width for _, width in centres["app"]] == [2, 1, 0]
    assert [round(y) for y, _ in centres["app"]] == [0, 1, 2]


def test_nobody_at_the_first_step():
    none = events().query("event == 'buy'")
    with pytest.warns(crm.errors.CrmlyticsWarning, match="never occur"):
        made = crm.kpi.funnel(none, steps=STEPS)
    assert texts(crm.kpi.plot_funnel(made)) == ["0", "0 (–)", "0 (–)"]
    empty = crm.kpi.plot_funnel(made.head(0))
    assert texts(empty) == ["no data"]


def test_texts_stay_inside_the_axes():
    for size in ((7, 4), (4, 3)):
        ax = Figure(figsize=size, layout="constrained").subplots()
        crm.kpi.plot_funnel(crm.kpi.funnel(events(), steps=STEPS), ax=ax)
        ax.figure.canvas.draw()
        edge = ax.get_window_extent().x1
        assert all(text.get_window_extent().x1 <= edge + 2 for text in ax.texts)


@pytest.mark.parametrize(
    ("change", "options", "error", "sentence"),
    [
        (lambda t: t.drop(columns="place"), {}, ColumnError, "Make the table with funnel"),
        (lambda t: pd.concat([t, t]), {}, DataError, "3 of 6 rows of funnel repeat a step"),
        (
            lambda t: t.assign(customers=float("nan")),
            {},
            DataError,
            "place or customers in funnel is null",
        ),
        (lambda t: t, {"by": "shop"}, ColumnError, "no column 'shop'"),
        (lambda t: t, {"ax": 3}, OptionError, "ax must be a matplotlib Axes"),
    ],
)
def test_refusals(change, options, error, sentence):
    made = crm.kpi.funnel(events(), steps=STEPS)
    with pytest.raises(error, match=f"^plot_funnel: .*{sentence}"):
        crm.kpi.plot_funnel(change(made), **options)
