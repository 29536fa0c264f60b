"""Plots are read back from their artists: what is drawn is what the table says."""

import subprocess
import sys
import warnings

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import crmlytics as crm
from crmlytics import _heat_map, _plot
from crmlytics.errors import ColumnError, DataError, OptionError

seg, kpi = crm.segmentation, crm.kpi
MAKERS = [pd.DataFrame, pl.DataFrame, pa.table]


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def lines(make=pd.DataFrame):
    # January: a, b, c; February: a, b; March: a, d; unfinished April: d
    days = ["01-05", "01-08", "01-20", "02-03", "02-09", "03-02", "03-30", "04-10"]
    columns = {
        "customer_id": list("abcabadd"),
        "order_id": list(range(8)),
        "date": pd.to_datetime([f"2026-{day}" for day in days]).to_pydatetime().tolist(),
        "amount": [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0],
    }
    return make(columns)


def scored(make=pd.DataFrame):
    columns = {
        "r_score": [1, 1, 3, 3, 3, None],
        "f_score": [1, 1, 3, 1, 3, 2],
        "monetary": [10.0, 30.0, 100.0, None, None, 7.0],
        "segment": ["b", "b", "a", "a", "a", None],
    }
    return make(columns)


def moves():
    before = pd.DataFrame({"customer_id": [1, 2, 3, 4], "segment": ["b", "b", "a", "a"]})
    after = pd.DataFrame({"customer_id": [1, 2, 3, 5], "segment": ["b", "a", "a", "a"]})
    return seg.segment_migration(before, after)


def history(make=pd.DataFrame):
    days = pd.to_datetime(["2026-01-31"] * 2 + ["2026-02-28"] * 2 + ["2026-03-31"] * 2)
    columns = {
        "as_of": days.to_pydatetime().tolist(),
        "customer_id": [1, 2] * 3,
        "segment": ["x", "x", "x", "y", "y", "y"],
    }
    return seg.segment_migration(make(columns))


# each plot with a small table of its own, as function of the kind of table
PLOTS = {
    "heat": lambda make, **o: seg.plot_rfm_heatmap(scored(make), **o),
    "segments": lambda make, **o: seg.plot_segments(scored(make), **o),
    "migration": lambda make, **o: seg.plot_migration(history(make), **o),
    "kpis": lambda make, **o: kpi.plot_kpis(kpi.kpi_table(lines(make)), **o),
    "growth": lambda make, **o: kpi.plot_growth(kpi.growth_accounting(lines(make)), **o),
    "cohorts": lambda make, **o: kpi.plot_cohorts(kpi.cohort_table(lines(make)), **o),
    "retention": lambda make, **o: kpi.plot_retention(
        kpi.retention_curve(kpi.cohort_table(lines(make))), **o
    ),
}
every_plot = pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)


def drawn(ax):
    """What can be read off a plot, for comparison."""
    legend = ax.get_legend()
    return {
        "title": ax.get_title(),
        "labels": (ax.get_xlabel(), ax.get_ylabel()),
        "ticks": [t.get_text() for t in (*ax.get_xticklabels(), *ax.get_yticklabels())],
        "texts": [text.get_text() for text in ax.texts],
        "lines": [np.asarray(line.get_xydata()).round(9).tolist().__repr__() for line in ax.lines],
        "bars": [(p.get_xy(), p.get_width(), p.get_height()) for p in ax.patches],
        "cells": [np.ma.filled(cells, -1).tolist() for cells in cells_of(ax)],
        "legend": [] if legend is None else [text.get_text() for text in legend.get_texts()],
    }  # fmt: skip


def cells_of(ax):
    return [c.get_array() for c in ax.collections if c.get_array() is not None]


def texts(ax):
    return [text.get_text() for text in ax.texts]


@every_plot
def test_same_artists_from_every_kind_of_table(plot):
    from_pandas, from_polars, from_arrow = (drawn(plot(make)) for make in MAKERS)
    assert from_polars == from_pandas
    assert from_arrow == from_pandas


@every_plot
def test_draws_on_the_axes_given_and_returns_it(plot):
    figure = Figure(layout="constrained")
    first, second = figure.subplots(1, 2)
    assert plot(pd.DataFrame, ax=second) is second
    assert second.get_title()
    assert not first.has_data()
    assert not plt.get_fignums()  # pyplot was not asked
    figure.draw_without_rendering()


@every_plot
def test_makes_a_figure_that_pyplot_shows(plot):
    ax = plot(pd.DataFrame)
    assert isinstance(ax, Axes)
    assert ax.figure.number in plt.get_fignums()
    assert ax.get_xlabel()
    assert ax.get_ylabel()


@every_plot
def test_ax_must_be_an_axes(plot):
    with pytest.raises(OptionError, match=r"plot_\w+: ax must be a matplotlib Axes; got ndarray"):
        plot(pd.DataFrame, ax=np.zeros(2))
    assert not plt.get_fignums()


@every_plot
@pytest.mark.parametrize("size", [(4, 3), (12, 8)])
def test_all_is_inside_the_figure(plot, size):
    figure = Figure(figsize=size, layout="constrained")
    ax = plot(pd.DataFrame, ax=figure.subplots())
    figure.draw_without_rendering()
    inside = figure.bbox.padded(2)
    parts = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        parts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    for part in parts:
        if part.get_text():
            box = part.get_window_extent()
            assert inside.x0 <= box.x0, part
            assert box.x1 <= inside.x1, part
            assert inside.y0 <= box.y0, part
            assert box.y1 <= inside.y1, part


@every_plot
def test_settings_of_matplotlib_stay(plot):
    before = dict(mpl.rcParams)
    plot(pd.DataFrame)
    assert dict(mpl.rcParams) == before


EMPTY = {
    "heat": (seg.plot_rfm_heatmap, ["r_score", "f_score", "monetary"]),
    "segments": (seg.plot_segments, ["segment", "monetary"]),
    "migration": (
        seg.plot_migration,
        ["from_as_of", "to_as_of", "from_segment", "to_segment", "customers", "share"],
    ),
    "kpis": (kpi.plot_kpis, ["period", "revenue", "complete"]),
    "growth": (
        kpi.plot_growth,
        ["period", "new", "retained", "resurrected", "churned", "complete"],
    ),
    "cohorts": (kpi.plot_cohorts, ["cohort", "age", "rate", "complete"]),
    "retention": (kpi.plot_retention, ["age", "rate", "lower", "upper", "complete"]),
}
every_empty = pytest.mark.parametrize(("plot", "columns"), EMPTY.values(), ids=EMPTY)


@every_empty
@pytest.mark.parametrize("make", MAKERS)
def test_empty_tables_say_no_data(plot, columns, make):
    ax = plot(make({name: [] for name in columns}))
    ax.figure.draw_without_rendering()
    assert texts(ax) == ["no data"]
    assert ax.get_title()
    assert not ax.patches
    assert not ax.lines


@pytest.mark.parametrize("name", ["kpis", "cohorts", "retention"])
def test_unknown_values_alone_are_no_data(name):
    tables = {
        "kpis": kpi.kpi_table(lines()).assign(revenue=np.nan),
        "cohorts": kpi.cohort_table(lines()).assign(rate=np.nan),
        "retention": kpi.retention_curve(kpi.cohort_table(lines())).assign(rate=np.nan),
    }
    assert texts(EMPTY[name][0](tables[name])) == ["no data"]


@every_empty
def test_a_wrong_table_is_refused_by_the_house_sentence(plot, columns):
    wrong = pd.DataFrame({name.upper(): [1] for name in columns})
    with pytest.raises(ColumnError, match=rf"^{plot.__name__}: no column '\w+'.* in \w+; it has"):
        plot(wrong)
    with pytest.raises(DataError, match=rf"^{plot.__name__}: \w+ must be a table"):
        plot([1, 2])
    assert not plt.get_fignums()


def test_columns_of_a_wrong_type_are_refused():
    growth = kpi.growth_accounting(lines()).assign(new="many")
    with pytest.raises(ColumnError, match=r"plot_growth: column 'new' holds .*, not numbers"):
        kpi.plot_growth(growth)
    with pytest.raises(ColumnError, match=r"plot_kpis: column 'revenue' .*not numbers"):
        kpi.plot_kpis(kpi.kpi_table(lines()).assign(revenue="much"))


# RFM heat map


def test_heatmap_cells_are_means_and_texts_are_counts():
    ax = seg.plot_rfm_heatmap(scored())
    mesh = ax.collections[0].get_array()
    # rows from r = 3 down to 1, columns f = 1 to 3; (3, 1) has a customer of unknown value
    assert mesh.mask.tolist() == [[True, True, False], [True] * 3, [False, True, True]]
    assert mesh[0, 2] == 100.0
    assert mesh[2, 0] == 20.0
    assert texts(ax) == ["1", "2", "2"]
    assert "1 without a score left out" in ax.get_xlabel()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["3", "2", "1"]


def test_heatmap_of_customers_needs_no_monetary():
    ax = seg.plot_rfm_heatmap(scored().drop(columns="monetary"), value="customers")
    assert ax.collections[0].get_array().compressed().tolist() == [1, 2, 2]
    with pytest.raises(ColumnError, match="no column 'monetary' in scores"):
        seg.plot_rfm_heatmap(scored().drop(columns="monetary"))
    with pytest.raises(OptionError, match="value must be one of 'monetary', 'customers'"):
        seg.plot_rfm_heatmap(scored(), value="money")


@pytest.mark.parametrize("odd", [2.5, 0, -1, 1000])
def test_heatmap_refuses_what_is_no_score(odd):
    with pytest.raises(DataError, match="1 of 1 values of 'r_score' are not whole scores"):
        seg.plot_rfm_heatmap(pd.DataFrame({"r_score": [odd], "f_score": 1, "monetary": 1.0}))


def test_heatmap_of_unknown_scores_is_no_data():
    unknown = pd.DataFrame({"r_score": [np.nan], "f_score": [1], "monetary": [1.0]})
    assert texts(seg.plot_rfm_heatmap(unknown)) == ["no data"]


def test_thousands_have_separators():
    many = pd.DataFrame({"r_score": np.ones(12_345, int), "f_score": 1, "monetary": 2.0})
    assert texts(seg.plot_rfm_heatmap(many)) == ["12,345"]


# segments


def test_segment_bars_are_shares_of_customers_and_revenue():
    ax = seg.plot_segments(scored())
    customers, revenue = ax.containers
    # a: 3 customers, 100; b: 2, 40; unknown: 1, 7
    assert [bar.get_width() for bar in customers] == pytest.approx([3 / 6, 2 / 6, 1 / 6])
    assert [bar.get_width() for bar in revenue] == pytest.approx([100 / 147, 40 / 147, 7 / 147])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "unknown"]
    assert texts(ax)[:3] == ["3 (50%)", "2 (33%)", "1 (17%)"]
    assert texts(ax)[3:] == ["100 (68%)", "40 (27%)", "7 (5%)"]
    assert ax.yaxis_inverted()  # the largest on top
    assert drawn(ax)["legend"] == ["customers", "revenue"]


def test_segments_without_money():
    ax = seg.plot_segments(scored().drop(columns="monetary"))
    assert len(ax.containers) == 1
    assert ax.get_legend() is None
    assert ax.get_title() == "Customers by segment"


def test_segments_of_other_columns_and_losses():
    table = pd.DataFrame({"cluster": [1, 1, 2], "profit": [5.0, 5.0, -2.0]})
    ax = seg.plot_segments(table, segment_col="cluster", monetary_col="profit")
    assert [bar.get_width() for bar in ax.containers[1]] == pytest.approx([10 / 8, -2 / 8])
    assert ax.get_xlim()[0] < -2 / 8
    assert drawn(ax)["legend"] == ["customers", "profit"]
    assert ax.get_ylabel() == "cluster"
    loss = seg.plot_segments(
        table.assign(profit=-1.0), segment_col="cluster", monetary_col="profit"
    )
    assert [bar.get_width() for bar in loss.containers[1]] == [0, 0]
    assert texts(loss)[2:] == ["-2 (–)", "-1 (–)"]


# migration


def test_migration_cells_are_shares_with_counts():
    ax = seg.plot_migration(moves())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "not_yet"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "gone"]
    cells = ax.collections[0].get_array()
    assert np.ma.filled(cells, 0).tolist() == [[0.5, 0, 0.5], [0.5, 0.5, 0], [1, 0, 0]]
    assert [text.split() for text in texts(ax)] == [["50%", "1"]] * 4 + [["100%", "1"]]


@pytest.mark.parametrize("share_of", ["before", "after", "all"])
def test_migration_adds_up_the_steps_of_a_history(share_of):
    table = pd.DataFrame(
        {
            "as_of": pd.to_datetime(["2026-01-31", "2026-02-28", "2026-03-31"]).repeat(2),
            "customer_id": [1, 2] * 3,
            "segment": ["x", "x", "x", "y", "y", "y"],
        }
    )
    ax = seg.plot_migration(seg.segment_migration(table, share_of=share_of))
    # x -> x once, x -> y twice, y -> y once
    want = {
        "before": [[1 / 3, 2 / 3], [0, 1]],
        "after": [[1, 2 / 3], [0, 1 / 3]],
        "all": [[0.25, 0.5], [0, 0.25]],
    }[share_of]
    assert np.ma.filled(ax.collections[0].get_array(), 0) == pytest.approx(np.array(want))
    assert ax.get_title() == "Moves between segments\n2026-01-31 to 2026-03-31 (2 steps)"


def test_migration_of_one_step():
    ax = seg.plot_migration(history(), to_as_of="2026-03-31")
    assert np.ma.filled(ax.collections[0].get_array(), 0).tolist() == [[1], [1]]
    assert ax.get_title().endswith("2026-02-28 to 2026-03-31")
    with pytest.raises(
        OptionError, match=r"no step ends on to_as_of 2026-04-30; .*2 days, 2026-02"
    ):
        seg.plot_migration(history(), to_as_of="2026-04-30")
    with pytest.raises(OptionError, match=r"no step ends on to_as_of 2026-04-30; .*no days"):
        seg.plot_migration(moves(), to_as_of="2026-04-30")


def test_migration_with_rows_left_out():
    one = seg.plot_migration(moves().iloc[:1])
    assert one.collections[0].get_array().tolist() == [[0.5]]  # the share that the table gives
    with pytest.raises(DataError, match="shares in migration do not add up to 1"):
        seg.plot_migration(history().iloc[1:])


def test_segments_of_a_built_in_map_stand_from_best_to_worst():
    names = ["hibernating", "loyal", "champions"]
    table = pd.DataFrame({"customer_id": [1, 2, 3], "segment": names})
    ax = seg.plot_migration(seg.segment_migration(table, table))
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "champions", "loyal", "hibernating",
    ]  # fmt: skip


# KPIs


@pytest.mark.parametrize(
    "value", ["revenue", "orders", "active", "new", "returning", "aov", "arpu"]
)
def test_kpi_line_is_the_column(value):
    table = kpi.kpi_table(lines())
    ax = kpi.plot_kpis(table, value=value)
    sure, hollow = ax.lines
    want = table[value].astype(float).to_numpy()
    assert np.asarray(sure.get_ydata()) == pytest.approx([*want[:3], np.nan], nan_ok=True)
    assert hollow.get_linestyle() == "None"  # an unfinished period is not drawn as a fall
    assert hollow.get_ydata() == pytest.approx(want[3:])
    assert hollow.get_markerfacecolor() == "white"
    assert drawn(ax)["legend"] == ["unfinished"]
    assert ax.get_xticklabels()[0].get_text() == "2026-01"


def test_finished_kpis_have_no_legend():
    ax = kpi.plot_kpis(kpi.kpi_table(lines(), as_of="2026-04-30"))
    assert len(ax.lines) == 1
    assert ax.get_legend() is None


def test_kpi_rows_in_any_order_draw_the_same():
    table = kpi.kpi_table(lines())
    assert drawn(kpi.plot_kpis(table.iloc[::-1])) == drawn(kpi.plot_kpis(table))


def test_kpis_by_group_draw_a_line_each():
    table = kpi.kpi_table(lines().assign(city=list("xyxyxyxy")), by="city")
    ax = kpi.plot_kpis(table, by="city")
    assert drawn(ax)["legend"] == ["x", "y", "unfinished"]
    with pytest.raises(DataError, match=r"4 of 8 rows of kpis repeat a period. Name the columns"):
        kpi.plot_kpis(table)
    months = kpi.kpi_table(lines().assign(city=range(8)), by="city")
    crowd = pd.concat([months, months.assign(city=months["city"] + 8)])
    with pytest.raises(DataError, match="by makes 16 groups, and more than 12"):
        kpi.plot_kpis(crowd, by="city")


def test_kpi_must_be_one_of_the_table():
    with pytest.raises(OptionError, match=r"value must be one of .*Did you mean value='revenue'"):
        kpi.plot_kpis(kpi.kpi_table(lines()), value="Revenue")


def test_gaps_in_time_stay_gaps():
    table = kpi.kpi_table(lines()).iloc[[0, 1, 3]]
    assert np.diff(kpi.plot_kpis(table).lines[0].get_xdata()).tolist() == [31, 59]


@pytest.mark.parametrize(
    ("period", "first", "word"),
    [("D", "2026-01-05", "day"), ("W", "2026-01-05", "week"), ("M", "2026-01", "month"),
     ("Q", "2026-Q1", "quarter"), ("Y", "2025", "year")],
)  # fmt: skip
def test_periods_are_named_by_their_kind(period, first, word):
    table = lines()
    if period == "Y":
        table.loc[0, "date"] = pd.Timestamp("2025-03-01")
    ax = kpi.plot_kpis(kpi.kpi_table(table, period=period))
    assert ax.get_xticklabels()[0].get_text() == first
    assert ax.get_title() == f"Revenue by {word}"


def test_ticks_of_months_stand_on_round_ones():
    days = pd.date_range("2019-11-01", periods=60, freq="MS")
    table = pd.DataFrame({"period": days, "revenue": 1.0, "complete": True})
    ax = kpi.plot_kpis(table, ax=Figure(figsize=(4, 3), layout="constrained").subplots())
    shown = [label.get_text() for label in ax.get_xticklabels()]
    assert shown == ["2020-01", "2022-01", "2024-01"]


# growth


def test_growth_bars_are_the_columns():
    table = kpi.growth_accounting(lines())
    ax = kpi.plot_growth(table)
    named = {bars.get_label(): bars for bars in ax.containers}
    for name in ("new", "retained", "resurrected"):
        want = table[name].fillna(0).tolist()
        assert [bar.get_height() for bar in named[name]] == want
    churned = table["churned"].where(table["complete"]).fillna(0).tolist()
    assert [-bar.get_height() for bar in named["churned"]] == churned
    tops = [bar.get_y() + bar.get_height() for bar in named["resurrected"]]
    assert tops == table["active"].tolist()


def test_growth_marks_the_unfinished_period():
    ax = kpi.plot_growth(kpi.growth_accounting(lines()))
    for bars in ax.containers:
        assert [bool(bar.get_hatch()) for bar in bars] == [False, False, False, True]
    assert drawn(ax)["legend"][-1] == "unfinished"
    over = kpi.plot_growth(kpi.growth_accounting(lines(), as_of="2026-04-30"))
    assert "unfinished" not in drawn(over)["legend"]


def test_growth_of_several_groups_is_refused():
    table = kpi.growth_accounting(lines().assign(city=list("xyxyxyxy")), by="city")
    with pytest.raises(DataError, match=r"repeat a period. Keep the rows of one group"):
        kpi.plot_growth(table)


# cohorts


def test_cohort_triangle():
    ax = kpi.plot_cohorts(kpi.cohort_table(lines()))
    cells = ax.collections[0].get_array()
    # cohorts January (a, b, c) and March (d); nobody new in February and April
    assert cells.mask.tolist() == [[False] * 4, [False, False, True, True]]
    assert cells.compressed().tolist() == pytest.approx([1, 2 / 3, 1 / 3, 0, 1, 1])
    assert texts(ax) == ["100%", "67%", "33%", "0%", "100%", "100%"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["2026-01", "2026-03"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "2", "3"]


def test_cohort_cells_of_an_unfinished_period_are_hatched():
    ax = kpi.plot_cohorts(kpi.cohort_table(lines()))
    hatched = [p.get_xy() for p in ax.patches if isinstance(p, Rectangle) and p.get_hatch()]
    assert hatched == [(3, 0), (1, 1)]
    assert drawn(ax)["legend"] == ["unfinished"]
    over = kpi.plot_cohorts(kpi.cohort_table(lines(), as_of="2026-04-30"))
    assert not over.patches
    assert over.get_legend() is None


def test_cohorts_by_value_and_their_errors():
    table = kpi.cohort_table(lines(), value="revenue")
    ax = kpi.plot_cohorts(table, value="value")
    assert ax.collections[0].get_array().compressed().tolist() == [60, 90, 60, 0, 70, 80]
    with pytest.raises(OptionError, match="value must be one of 'rate', 'value'"):
        kpi.plot_cohorts(table, value="size")
    with pytest.raises(DataError, match=r"repeat a cohort and age"):
        kpi.plot_cohorts(pd.concat([table, table]))
    with pytest.raises(DataError, match="age in cohorts is not a whole number"):
        kpi.plot_cohorts(table.assign(age=-1))


def test_text_that_does_not_fit_is_left_out():
    tiny = Figure(figsize=(1.6, 1.6)).subplots()
    days = pd.date_range("2024-01-01", periods=400, freq="D")
    many = pd.DataFrame({"customer_id": range(400), "date": days})
    ax = kpi.plot_cohorts(kpi.cohort_table(many, period="W"), ax=tiny)
    assert texts(ax) == []


# retention


def test_retention_line_and_band():
    curve = kpi.retention_curve(kpi.cohort_table(lines()))
    ax = kpi.plot_retention(curve)
    assert ax.lines[0].get_ydata() == pytest.approx(curve["rate"])
    assert ax.lines[0].get_xdata().tolist() == [0, 1, 2, 3]
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(curve["lower"].min())
    assert band[:, 1].max() == pytest.approx(curve["upper"].max())
    hollow = ax.lines[1]
    assert hollow.get_xdata().tolist() == curve.loc[~curve["complete"], "age"].tolist()
    assert drawn(ax)["legend"] == ["with an unfinished period"]


def test_retention_by_group():
    cohorts = kpi.cohort_table(lines().assign(city=list("xyxyxyxy")), by="city")
    curve = kpi.retention_curve(cohorts, unfinished="drop", by="city")
    ax = kpi.plot_retention(curve, by="city")
    assert drawn(ax)["legend"] == ["x", "y"]
    with pytest.raises(DataError, match="repeat an age"):
        kpi.plot_retention(curve)


# letters of other scripts, and odd names

NAMES = {
    "fa": ["مشتریان وفادار", "تازه‌وارد", "در خطر ۲۰٪"],
    "he": ["לקוחות נאמנים", "חדשים (20%)", "רדומים"],
    "odd": ["$5 to $10", "_hidden", "a very long name of a segment, longer than any label"],
}


@pytest.mark.parametrize("font", ["sans-serif", "STIXGeneral"])
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_names_in_persian_and_hebrew_have_their_letters(names, font):
    table = lines().assign(city=[names[i % 3] for i in range(8)])
    customers = pd.DataFrame({"customer_id": [1, 2, 3], "بخش": names, "monetary": 1.0})
    moved = seg.segment_migration(customers, customers, segment_col="بخش")
    with mpl.rc_context({"font.family": font}), warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing letter would warn
        segments = seg.plot_segments(customers, segment_col="بخش")
        cities = kpi.plot_kpis(kpi.kpi_table(table, by="city"), by="city")
        for ax in (segments, cities, seg.plot_migration(moved)):
            ax.figure.draw_without_rendering()
    shown, by_city = drawn(segments), drawn(cities)
    assert len(by_city["legend"]) == 4
    want = {_plot.label(name) for name in names}
    assert want <= set(shown["ticks"])
    assert want <= set(by_city["legend"])


def test_persian_letters_are_joined():
    # joined, a word is narrower than its letters on their own
    figure = Figure()
    style = {"fontfamily": _plot.fonts(), "fontsize": 20}
    figure.draw_without_rendering()

    def width(text):
        return figure.text(0, 0, text, **style).get_window_extent().width

    word = "مشتری"
    assert width(word) < 0.9 * sum(width(letter) for letter in word)


# formats


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (-0.0, "0"), (0.25, "0.25"), (9.5, "9.5"), (99.7, "100"), (950, "950"),
     (999.9, "1K"), (12_345, "12.3K"), (123_456, "123K"), (1_200_000, "1.2M"), (-1_500, "-1.5K"),
     (999_950, "1M"), (3e9, "3B")],
)  # fmt: skip
def test_compact_numbers(number, text):
    assert _plot.compact(number) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0%"), (0.001, "<1%"), (0.006, "1%"), (0.126, "13%"), (1, "100%")]
)
def test_percent(share, text):
    assert _plot.percent(share) == text


@pytest.mark.parametrize("place", np.linspace(0, 1, 11))
def test_text_on_colours_can_be_read(place):
    colour = mpl.colormaps["YlGnBu"](place)
    ink = np.array(to_rgba(_heat_map.ink_on(colour))[:3])

    def light(rgb):
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722] + 0.05

    pair = sorted([light(ink), light(np.array(colour[:3]))])
    assert pair[1] / pair[0] > 3.8  # WCAG asks for 3 in large letters, 4.5 in small ones


def test_importing_the_rooms_loads_no_matplotlib():
    code = (
        "import sys, crmlytics.segmentation, crmlytics.kpi; sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
