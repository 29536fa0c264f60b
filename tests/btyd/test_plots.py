"""Plots read back: what is drawn is what the tables say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import crmlytics as crm
from crmlytics.errors import DataError, OptionError

HELD = {"calibration_end": "1997-09-30", "horizon": 39, "period": "W"}


@pytest.fixture(scope="module")
def purchases():
    return crm.datasets.load_cdnow()


@pytest.fixture(scope="module")
def model(purchases):
    return crm.btyd.fit_bg_nbd(crm.btyd.purchase_summary(purchases, period="W", as_of="1997-09-30"))


def _axes():
    return Figure(figsize=(7, 5), layout="constrained").subplots()


def test_grids_are_drawn_cell_by_cell(model):
    grid = crm.btyd.frequency_recency_grid(model, T=30, horizon=39, max_frequency=5, steps=10)
    for plot, column in (
        (crm.btyd.plot_p_alive, "p_alive"),
        (crm.btyd.plot_frequency_recency, "expected_purchases"),
    ):
        ax = plot(grid, ax=_axes())
        cells = ax.collections[0].get_array()
        assert cells.shape == (6, 11)
        # highest frequency on top, oldest last purchase to the left
        top = grid[grid["frequency"] == 5].sort_values("recency")[column]
        assert cells[0, 1:].data == pytest.approx(top.to_numpy())
        # one-time buyers have one cell, at recency 0
        assert cells.mask[5].sum() == 10
        assert cells.mask[0, 0]
        labels = [tick.get_text() for tick in ax.get_yticklabels()]
        assert labels[0] == "0"
    with pytest.raises(DataError, match=r"^plot_p_alive: .* repeat a frequency and recency"):
        crm.btyd.plot_p_alive(pd.concat([grid, grid]), ax=_axes())


def test_tracking_draws_both_lines(purchases, model):
    table = crm.btyd.tracking_table(purchases, model=model, calibration_end="1997-09-30")
    ax = crm.btyd.plot_tracking(table, ax=_axes())
    made, expected, end = ax.lines
    assert list(made.get_ydata()) == list(table["actual_cumulative"])
    assert list(expected.get_ydata()) == list(table["expected_cumulative"])
    days = pd.Timestamp("1997-09-30").toordinal() - pd.Timestamp("1970-01-01").toordinal()
    assert end.get_xdata()[0] == days
    ax = crm.btyd.plot_tracking(table, value="incremental", ax=_axes())
    assert list(ax.lines[0].get_ydata()) == list(table["actual"])
    whole = crm.btyd.tracking_table(purchases, model=model)
    assert len(crm.btyd.plot_tracking(whole, ax=_axes()).lines) == 2  # nothing was held back
    with pytest.raises(OptionError, match=r"^plot_tracking: value must be one of"):
        crm.btyd.plot_tracking(table, value="total", ax=_axes())


def test_calibration_draws_a_line_a_model(purchases):
    predictions = crm.btyd.holdout_predictions(purchases, models=("bg_nbd", "naive"), **HELD)
    groups = crm.btyd.holdout_groups(predictions, group="frequency")
    ax = crm.btyd.plot_calibration(groups, ax=_axes())
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["as expected", "bg_nbd", "naive"]
    one = groups[groups["model"] == "bg_nbd"].sort_values("expected")
    points = ax.containers[0].lines[0]
    assert list(points.get_xdata()) == list(one["expected"])
    assert list(points.get_ydata()) == list(one["actual"])
    shares = crm.btyd.holdout_groups(predictions, group="probability")
    ax = crm.btyd.plot_calibration(shares, ax=_axes())
    assert ax.get_ylabel() == "share of customers with a purchase"
    persian = groups.assign(model=groups["model"].replace({"naive": "ساده"}))
    labels = crm.btyd.plot_calibration(persian, ax=_axes()).get_legend().get_texts()
    assert "ساده" in [text.get_text() for text in labels]


def test_empty_tables_say_so(model):
    grid = crm.btyd.frequency_recency_grid(model, T=30, horizon=39).head(0)
    ax = crm.btyd.plot_p_alive(grid, ax=_axes())
    assert [text.get_text() for text in ax.texts] == ["no data"]
    assert np.isfinite(ax.get_xlim()).all()
