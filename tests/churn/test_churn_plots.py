"""Plots read back: what is drawn is what the tables say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from crmlytics.churn._lift import calibration_table, lift_table
from crmlytics.churn._plot import plot_churn_calibration, plot_lift, plot_profit
from crmlytics.churn._profit import profit_curve
from crmlytics.errors import ColumnError, DataError, OptionError

MADE = {
    plot_lift: lift_table,
    plot_profit: profit_curve,
    plot_churn_calibration: calibration_table,
}
BOTH = list(MADE.items())


def _axes():
    return Figure(figsize=(7, 5), layout="constrained").subplots()


@pytest.fixture(scope="module")
def predictions():
    rng = np.random.default_rng(0)
    p = 1 / (1 + np.exp(-(-1 + rng.normal(size=1_500))))
    return pd.DataFrame({"churned": rng.random(1_500) < p, "churn_probability": p})


def test_lift_draws_a_bar_a_class(predictions):
    lift = lift_table(predictions)
    ax = plot_lift(lift, ax=_axes())
    bars = ax.containers[0]
    assert [bar.get_height() for bar in bars] == list(lift["rate"])
    middles = [bar.get_x() + bar.get_width() / 2 for bar in bars]
    assert middles == pytest.approx(list(range(1, 11)))
    ends = np.array([each[:, 1] for each in ax.containers[1].lines[2][0].get_segments()])
    assert ends == pytest.approx(lift[["lower", "upper"]].to_numpy())
    assert [text.get_text() for text in ax.texts] == [f"{each:.1f}×" for each in lift["lift"]]
    of_all = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert of_all[0].get_ydata()[0] == pytest.approx(predictions["churned"].mean())
    assert ax.get_ylim()[1] > lift["upper"].max()


def test_profit_draws_curve_band_and_best(predictions):
    profit = profit_curve(predictions)
    ax = plot_profit(profit.sample(frac=1, random_state=1), ax=_axes())
    curve, best, chance = ax.lines[:3]
    assert list(curve.get_xdata()) == list(profit["contacted_share"])
    assert list(curve.get_ydata()) == list(profit["profit"])
    row = profit[profit["best"]].iloc[0]
    assert best.get_xdata()[0] == row["contacted_share"]
    assert best.get_ydata()[0] == row["profit"]
    assert list(chance.get_ydata()) == [0, profit["profit"].iloc[-1]]
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(profit["upper"].max())
    assert band.min() == pytest.approx(profit["lower"].min())
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts[0] == "by predicted risk"
    assert texts[1].startswith("best: contact ")
    nobody = plot_profit(profit_curve(predictions, accept_rate=0), ax=_axes())
    texts = [text.get_text() for text in nobody.get_legend().get_texts()]
    assert texts[1] == "best: contact nobody, 0 per customer"


def test_calibration_draws_points_and_bars(predictions):
    table = calibration_table(predictions, bins=5)
    ax = plot_churn_calibration(table, ax=_axes())
    points = ax.containers[0].lines[0]
    assert list(points.get_xdata()) == list(table["mean_probability"])
    assert list(points.get_ydata()) == list(table["rate"])
    ends = np.array([each[:, 1] for each in ax.containers[0].lines[2][0].get_segments()])
    assert ends == pytest.approx(table[["lower", "upper"]].to_numpy())
    right = ax.lines[0]
    assert list(right.get_xdata()) == list(right.get_ydata())


@pytest.mark.parametrize(("plot", "make"), BOTH)
def test_every_kind_of_table(plot, make, make_eager, predictions):
    few = predictions.head(60)
    answer = make(make_eager(few.to_dict("list")))
    ax = plot(answer, ax=_axes())
    like = plot(make(few), ax=_axes())
    assert ax.get_title() == like.get_title()
    drawn, wanted = ([line.get_ydata() for line in each.lines] for each in (ax, like))
    for one, other in zip(drawn, wanted, strict=True):
        assert np.asarray(one, float) == pytest.approx(np.asarray(other, float))
    empty = plot(make(make_eager(few.to_dict("list"))[:0]), ax=_axes())
    assert [text.get_text() for text in empty.texts] == ["no data"]


@pytest.mark.parametrize(("plot", "make"), BOTH)
@pytest.mark.parametrize("churned", [[0], [1], [0, 0, 0], [1, 1, 1], [1, 0, 1]])
def test_small_tables_can_be_drawn(plot, make, churned):
    scores = np.linspace(0.1, 0.9, len(churned))
    figure = Figure(figsize=(3, 2), layout="constrained")
    table = make(pd.DataFrame({"churned": churned, "churn_probability": scores}))
    plot(table, ax=figure.subplots())
    figure.canvas.draw()


@pytest.mark.parametrize(("plot", "make"), BOTH)
def test_bad_input_is_one_sentence(plot, make, predictions):
    name, answer = plot.__name__, make(predictions.head(50))
    with pytest.raises(DataError, match=rf"^{name}: .* repeat a .*\. Keep one"):
        plot(pd.concat([answer, answer]), ax=_axes())
    with pytest.raises(
        ColumnError, match=rf"^{name}: no column .* Make the table with {make.__name__}"
    ):
        plot(predictions, ax=_axes())
    with pytest.raises(OptionError, match=rf"^{name}: ax must be a matplotlib Axes"):
        plot(answer, ax=3)


def test_a_new_figure_by_default(predictions):
    for plot, make in BOTH:
        ax = plot(make(predictions))
        assert ax.figure.get_layout_engine() is not None
        plt.close(ax.figure)
