"""The drawing of recurring revenue: what is drawn is what the table says."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

MOVED = pd.DataFrame(
    {
        "month": pd.to_datetime(["2026-03-01", "2026-01-01", "2026-02-01"]),
        "new": [5.0, 100.0, 20.0],
        "reactivation": [0.0, 0.0, 0.0],
        "expansion": [0.0, 0.0, 10.0],
        "contraction": [15.0, 0.0, 5.0],
        "churn": [40.0, 0.0, 30.0],
        "end": [45.0, 100.0, 95.0],
        "complete": [False, True, True],
    }
)


def bars(ax):
    """Return the bars by name: bottom and height of each."""
    return {
        group.get_label(): [(bar.get_y(), bar.get_height()) for bar in group]
        for group in ax.containers
    }


def test_bars_stack_up_and_down_and_the_line_is_the_end():
    ax = crm.kpi.plot_mrr(MOVED)
    found = bars(ax)
    assert list(found) == ["new", "expansion", "contraction", "churn"]  # nobody came back
    assert found["new"] == [(0, 100), (0, 20), (0, 5)]
    assert found["expansion"] == [(100, 0), (20, 10), (5, 0)]
    assert found["contraction"] == [(0, 0), (0, -5), (0, -15)]
    assert found["churn"] == [(0, 0), (-5, -30), (-15, -40)]
    right = ax.figure.axes[-1]
    line = next(line for line in right.lines if line.get_label() == "MRR at the end")
    assert line.get_ydata().tolist() == [100, 95, 45]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend[-2:] == ["MRR at the end", "unfinished"]


def test_both_axes_have_zero_at_one_height():
    ax = crm.kpi.plot_mrr(MOVED)
    right = ax.figure.axes[-1]
    heights = [one.transData.transform((0, 0))[1] for one in (ax, right)]
    assert heights[0] == pytest.approx(heights[1])
    assert right.get_ylim()[1] > 100
    assert (np.array(right.get_yticks()) >= 0).all()


def test_the_month_that_was_not_over_is_hatched():
    ax = crm.kpi.plot_mrr(MOVED)
    for group in ax.containers:
        assert [bool(bar.get_hatch()) for bar in group] == [False, False, True]


@pytest.mark.parametrize("rows", [[1], [1, 2], []])
def test_few_rows(rows):
    ax = Figure().subplots()
    assert crm.kpi.plot_mrr(MOVED.iloc[rows], ax=ax) is ax
    assert ax.get_title() == "Recurring revenue by month"


def test_nothing_but_zeros():
    none = MOVED.assign(**dict.fromkeys(MOVED.columns[1:-1], 0.0))
    ax = crm.kpi.plot_mrr(none)
    assert bars(ax) == {}


BAD = [
    (pd.concat([MOVED, MOVED]), {}, DataError, "3 of 6 rows of movements repeat a month"),
    (MOVED.drop(columns="end"), {}, ColumnError, "no column 'end'.*mrr_movements"),
    (MOVED.assign(churn="x"), {}, ColumnError, "'churn'.*mrr_movements"),
    (MOVED, {"ax": 3}, OptionError, "ax must be a matplotlib Axes"),
]


@pytest.mark.parametrize(("table", "options", "error", "sentence"), BAD)
def test_bad_input(table, options, error, sentence):
    with pytest.raises(error, match=rf"^plot_mrr: .*{sentence}"):
        crm.kpi.plot_mrr(table, **options)
