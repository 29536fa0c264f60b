"""The plot of survival curves is read back from its artists."""

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.figure import Figure

from crmlytics import _plot
from crmlytics.churn._plot_survival import plot_survival
from crmlytics.churn._survival import survival_curve
from crmlytics.errors import ColumnError, CrmlyticsError, DataError, OptionError

MAKERS = [pd.DataFrame, pl.DataFrame, pa.table]
PERSIAN, HEBREW = "اشتراک پایه", "מנוי מורחב לעסקים קטנים"


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def curve(make=pd.DataFrame, **more):
    return make({
        "tenure_days": [0, 10, 20, 40],
        "at_risk": [1234, 1234, 30, 9],
        "survival": [1.0, 0.75, 0.5, 0.5],
        "lower": [1.0, 0.6, 0.3, None],
        "upper": [1.0, 0.85, 0.7, None],
        **more,
    })  # fmt: skip


def groups(names):
    return pd.concat([curve().assign(plan=name) for name in names], ignore_index=True)


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("make", MAKERS)
def test_steps_band_and_numbers(make):
    ax = plot_survival(curve(make))
    (line,) = ax.get_lines()
    assert line.get_drawstyle() == "steps-post"
    assert line.get_xdata().tolist() == [0, 10, 20, 40]
    assert line.get_ydata().tolist() == [1, 0.75, 0.5, 0.5]
    (band,) = ax.collections
    corners = band.get_paths()[0].vertices
    assert corners[:, 0].max() == 20  # the bounds at 40 are unknown
    assert {0.3, 0.7} <= set(np.round(corners[:, 1], 6))
    assert same_color(line.get_color(), _plot.PALETTE[0])
    assert ax.get_xlim() == (0, 40)
    assert ax.get_ylim() == (0, 1.02)
    assert (ax.get_title(), ax.get_ylabel()) == ("Survival", "still there")
    assert ax.get_xlabel() == "days since the start"
    assert ax.get_legend() is None
    assert "100%" in [tick.get_text() for tick in ax.get_yticklabels()]
    # ticks 0, 5, 10 ... 40: those who reach the next tenure of the table
    assert texts(ax) == ["at risk", *["1,234"] * 3, *["30"] * 2, *["9"] * 4]


def test_order_of_rows_is_nothing():
    mixed = curve().sample(frac=1, random_state=1)
    (line,) = plot_survival(mixed).get_lines()
    assert line.get_xdata().tolist() == [0, 10, 20, 40]


def test_groups():
    ax = plot_survival(groups(["basic", PERSIAN, HEBREW]))
    assert len(ax.get_lines()) == len(ax.collections) == 3
    legend = {text.get_text() for text in ax.get_legend().get_texts()}
    assert legend == {"basic", PERSIAN, HEBREW}
    assert "at risk" in texts(ax)
    assert {"basic", PERSIAN, f"{HEBREW[:15]}…"} <= set(texts(ax))
    ax.figure.canvas.draw()  # fonts have the letters, or drawing would warn
    # nothing hangs out of the figure
    box = ax.figure.get_tightbbox()
    assert box.y0 >= -0.01
    assert box.x0 >= -0.01


def test_two_columns_of_groups_and_nulls():
    ax = plot_survival(
        pd.concat([curve(plan="a", k=1), curve(plan="a", k=2), curve(plan=None, k=1)])
    )
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sorted(legend) == ["a, 1", "a, 2", "unknown, 1"]


def test_many_groups_have_no_numbers():
    ax = plot_survival(groups([f"{k:02}" for k in range(12)]))
    assert texts(ax) == []
    looks = {(line.get_color(), line.get_linestyle()) for line in ax.get_lines()}
    assert len(looks) == 12
    with pytest.raises(DataError, match=r"^plot_survival: by makes 13 groups"):
        plot_survival(groups([f"{k:02}" for k in range(13)]))


def test_the_answer_of_survival_curve():
    day = pd.Timestamp("2026-03-01")
    table = pd.DataFrame({
        "customer_id": range(6),
        "start_date": day,
        "end_date": [day + pd.Timedelta(days=k) for k in (3, 3, 9, 20)] + [pd.NaT] * 2,
        "plan": ["a", "b"] * 3,
    })  # fmt: skip
    answer = survival_curve(table, by="plan")
    ax = plot_survival(answer)
    assert len(ax.get_lines()) == 2
    one = plot_survival(answer[answer["plan"] == "a"].drop(columns="plan"))
    assert one.get_lines()[0].get_ydata().tolist() == ax.get_lines()[0].get_ydata().tolist()


@pytest.mark.parametrize("make", MAKERS)
def test_no_data(make):
    empty = curve(pa.table).slice(0, 0)
    given = empty if make is pa.table else make(empty.to_pydict())
    assert texts(plot_survival(given)) == ["no data"]
    assert texts(plot_survival(curve(survival=[np.nan] * 4))) == ["no data"]


def test_only_the_start():
    ax = plot_survival(curve().head(1))
    assert ax.get_xlim() == (0, 1)


def test_axes_of_the_caller():
    ax = Figure().subplots()
    assert plot_survival(curve(), ax=ax) is ax
    assert isinstance(ax, Axes)
    with pytest.raises(OptionError, match=r"^plot_survival: ax must be a matplotlib Axes"):
        plot_survival(curve(), ax=3)


def test_bad_tables():
    with pytest.raises(
        DataError, match=r"^plot_survival: 4 of 8 rows of survival repeat a tenure\. Keep one"
    ):
        plot_survival(pd.concat([curve(), curve()]))
    with pytest.raises(DataError, match="1 of 4 rows of survival have no 'tenure_days'"):
        plot_survival(curve(tenure_days=[0, None, 2, 3]))
    sentence = (
        r"^plot_survival: no column 'upper' in survival; .* Make the table with survival_curve"
    )
    with pytest.raises(ColumnError, match=sentence):
        plot_survival(curve().drop(columns="upper"))
    with pytest.raises(ColumnError, match="holds String, not numbers"):
        plot_survival(curve(survival=["a", "b", "c", "d"]))
    with pytest.raises(CrmlyticsError, match=r"^plot_survival: "):
        plot_survival(None)
