"""Plots of feedback are read back from their artists."""

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from crmlytics.errors import ColumnError, DataError, OptionError
from crmlytics.sentiment._plot import (
    BLAME,
    PRAISE,
    plot_aspects,
    plot_nps_drivers,
    plot_sentiment_trend,
)
from crmlytics.sentiment._plot_terms import plot_key_terms

MAKERS = [pd.DataFrame, pl.DataFrame, pa.table]
PERSIAN, HEBREW = "ارسال و تحویل", "שירות לקוחות"


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def trend(make=pd.DataFrame):
    return make({
        "period": pd.date_range("2026-01-01", periods=4, freq="MS").to_pydatetime().tolist(),
        "alert": [False, False, True, False],
        "complete": [True, True, True, False],
        "lower": [0.1, 0.2, 0.4, 0.1],
        "upper": [0.3, 0.4, 0.6, 0.8],
        "lower_limit": [0.05, 0.05, 0.1, None],
        "upper_limit": [0.35, 0.4, 0.45, None],
        "share_negative": [0.2, 0.3, 0.5, 0.4],
    })  # fmt: skip


def terms(make=pd.DataFrame):
    return make({
        "group": ["promoter"] * 5,
        "term": ["good", PERSIAN, HEBREW, "awful", "late $5 or $6"],
        "z": [4.0, 2.5, 1.0, -3.0, -2.0],
    })  # fmt: skip


def scored(make=pd.DataFrame):
    return make({
        "aspect": [PERSIAN] * 4 + [HEBREW] * 2 + ["price", "size"],
        "label": ["positive", "negative", "negative", "neutral", *["positive"] * 2,
                  "negative", None],
    })  # fmt: skip


def drivers(make=pd.DataFrame):
    return make({
        "aspect": ["price", PERSIAN, HEBREW, "size"],
        "n": [40, 100, 20, 0],
        "nps_effect": [1.2, -4.0, 0.01, None],
        "positive_effect": [1.0, 0.5, 2.0, None],
        "positive_lower": [0.5, -0.2, None, None],
        "positive_upper": [1.5, 1.2, None, None],
        "negative_effect": [-1.0, -3.0, None, None],
        "negative_lower": [-2.0, -3.5, None, None],
        "negative_upper": [0.1, -2.5, None, None],
    })  # fmt: skip


PLOTS = {
    "trend": (plot_sentiment_trend, trend),
    "terms": (plot_key_terms, terms),
    "aspects": (plot_aspects, scored),
    "drivers": (plot_nps_drivers, drivers),
}
every_plot = pytest.mark.parametrize(("plot", "table"), PLOTS.values(), ids=PLOTS)


def drawn(ax):
    """What can be read off a plot, for comparison."""
    legend = ax.get_legend()
    return {
        "title": ax.get_title(),
        "labels": (ax.get_xlabel(), ax.get_ylabel()),
        "limits": np.round([*ax.get_xlim(), *ax.get_ylim()], 9).tolist(),
        "ticks": ticks(ax, "x") + ticks(ax, "y"),
        "texts": [(text.get_text(), np.round(text.get_position(), 6)) for text in ax.texts],
        "patches": [np.round(patch.get_extents().extents, 3) for patch in ax.patches],
        "lines": [np.round(line.get_xydata().astype(float), 9) for line in ax.lines],
        "legend": [] if legend is None else [text.get_text() for text in legend.get_texts()],
    }  # fmt: skip


def ticks(ax, axis):
    return [tick.get_text() for tick in getattr(ax, f"get_{axis}ticklabels")()]


def by_label(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


@every_plot
def test_same_artists_from_every_kind_of_table_and_order_of_rows(plot, table):
    backwards = table().iloc[::-1]
    seen = [drawn(plot(each)) for each in (*(table(make) for make in MAKERS), backwards)]
    for other in seen[1:]:
        np.testing.assert_equal(other, seen[0])


@every_plot
def test_draws_on_the_axes_given_and_returns_it(plot, table):
    figure = Figure(layout="constrained")
    first, second = figure.subplots(1, 2)
    assert plot(table(), ax=second) is second
    assert second.get_title()
    assert not first.has_data()
    assert not plt.get_fignums()  # pyplot was not asked
    figure.draw_without_rendering()


@every_plot
def test_ax_must_be_an_axes(plot, table):
    with pytest.raises(OptionError, match=r"plot_\w+: ax must be a matplotlib Axes; got ndarray"):
        plot(table(), ax=np.zeros(2))


@every_plot
@pytest.mark.parametrize("make", MAKERS)
def test_empty_tables_say_so(plot, table, make):
    empty = table(make)
    empty = empty.head(0) if hasattr(empty, "head") else empty.slice(0, 0)
    ax = plot(empty)
    assert isinstance(ax, Axes)
    assert [text.get_text() for text in ax.texts] == ["no data"]
    assert ax.get_title()


@every_plot
def test_a_missing_column_is_named(plot, table):
    whole = table()
    for name in set(whole.columns) - {"group"}:
        with pytest.raises(ColumnError, match=rf"plot_\w+: no column '{name}' .*Make the table"):
            plot(whole.drop(columns=name))


@every_plot
def test_numbers_must_be_numbers(plot, table):
    if plot is plot_aspects:
        pytest.skip("has no numbers")
    whole = table()
    name = whole.columns[-1]
    with pytest.raises(ColumnError, match=rf"plot_\w+: column '{name}' .*holds .*not numbers"):
        plot(whole.assign(**{name: "many"}))


@every_plot
@pytest.mark.parametrize("size", [(4, 3), (12, 8)])
def test_all_is_inside_the_figure(plot, table, size):
    figure = Figure(figsize=size, layout="constrained")
    ax = plot(table(), ax=figure.subplots())
    figure.draw_without_rendering()
    whole = figure.bbox
    names = ax.get_yticklabels() if plot is not plot_sentiment_trend else []
    shown = (*ax.texts, *names, ax.title, ax.xaxis.label, ax.yaxis.label)
    for text in [each for each in shown if each.get_text()]:
        box = text.get_window_extent()
        assert whole.x0 - 1 <= box.x0, text.get_text()
        assert box.x1 <= whole.x1 + 1, text.get_text()
        assert whole.y0 - 1 <= box.y0, text.get_text()
        assert box.y1 <= whole.y1 + 1, text.get_text()


@every_plot
def test_a_table_is_not_changed(plot, table):
    given = table()
    before = given.copy()
    plot(given)
    pd.testing.assert_frame_equal(given, before)


@every_plot
def test_names_of_the_caller_are_no_formulae(plot, table):
    ax = plot(table())
    for text in ax.get_yticklabels() if plot is not plot_sentiment_trend else ():
        assert not text.get_parse_math()
    assert "DejaVu Sans" in ax.get_yticklabels()[0].get_fontfamily() or plot is plot_sentiment_trend


def test_trend_shows_shares_limits_alerts_and_the_unfinished_period():
    ax = plot_sentiment_trend(trend())
    days = [(pd.Timestamp(f"2026-0{month}-01") - pd.Timestamp(0)).days for month in (1, 2, 3, 4)]
    line = by_label(ax, "share negative")
    np.testing.assert_equal(line.get_ydata(), [0.2, 0.3, 0.5, np.nan])
    assert by_label(ax, "alert").get_xydata().tolist() == [[days[2], 0.5]]
    hollow = next(one for one in ax.lines if one.get_markerfacecolor() == "white")
    assert hollow.get_xydata().tolist() == [[days[3], 0.4]]
    limits = [one for one in ax.lines if one.get_linestyle() == "--"]
    np.testing.assert_equal(limits[0].get_ydata(), [0.35, 0.4, 0.45, np.nan])
    np.testing.assert_equal(limits[1].get_ydata(), [0.05, 0.05, 0.1, np.nan])
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == 0.1
    assert band[:, 1].max() == 0.8
    assert ax.get_title() == "Negative texts by month"
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["share negative", "control limits", "alert", "unfinished"]


def test_trend_of_several_lines_has_no_bands():
    both = pd.concat([trend().assign(aspect=PERSIAN), trend().assign(aspect=HEBREW)])
    ax = plot_sentiment_trend(both, by="aspect")
    assert not ax.collections
    assert not [one for one in ax.lines if one.get_linestyle() == "--"]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == [PERSIAN, HEBREW, "alert", "unfinished"]
    assert len(by_label(ax, "alert").get_xdata()) == 2
    with pytest.raises(DataError, match=r"plot_sentiment_trend: 4 of 8 rows of trend repeat a per"):
        plot_sentiment_trend(both)


def test_trend_without_limits_and_with_gaps():
    alone = trend().assign(upper_limit=np.nan, lower_limit=np.nan)
    alone.loc[1, ["share_negative", "lower", "upper"]] = np.nan
    ax = plot_sentiment_trend(alone)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["share negative", "alert", "unfinished"]
    unknown = plot_sentiment_trend(trend().assign(share_negative=np.nan))
    assert [text.get_text() for text in unknown.texts] == ["no data"]


def test_terms_stand_from_the_most_to_the_least_typical():
    ax = plot_key_terms(terms())
    assert ticks(ax, "y") == ["good", PERSIAN, HEBREW, "late $5 or $6", "awful"]
    assert [bar.get_width() for bar in ax.patches] == [4.0, 2.5, 1.0, -2.0, -3.0]
    assert [to_hex(bar.get_facecolor()) for bar in ax.patches[2:4]] == [
        PRAISE.lower(),
        BLAME.lower(),
    ]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first at the top
    assert ax.get_title() == "Key terms of group: promoter"
    assert ticks(plot_key_terms(terms(), top=1), "y") == ["good", "awful"]


def test_terms_of_several_groups_are_refused():
    both = pd.concat([terms(), terms().assign(group="detractor")])
    with pytest.raises(DataError, match=r"5 of 10 rows of terms repeat a term\. .*in 'group'"):
        plot_key_terms(both)
    apart = pd.concat([terms()[:2], terms()[2:].assign(group="$$")])
    assert plot_key_terms(apart).get_title() == "Key terms"
    odd = plot_key_terms(terms().assign(group="$x_$^")).figure
    odd.draw_without_rendering()  # a name, and no formula
    with pytest.raises(OptionError, match="plot_key_terms: top must be a whole number of 1 or"):
        plot_key_terms(terms(), top=0)


def test_aspects_diverge_from_the_middle_of_what_is_neither():
    ax = plot_aspects(scored())
    assert ticks(ax, "y") == [f"{PERSIAN} (4)", f"{HEBREW} (2)", "price (1)"]
    negative, neutral, positive = ax.containers
    assert [bar.get_width() for bar in negative] == [0.5, 0, 1]
    assert [bar.get_x() for bar in negative] == [-0.625, 0, -1]
    assert [bar.get_width() for bar in neutral] == [0.25, 0, 0]
    assert [bar.get_x() for bar in neutral] == [-0.125, 0, 0]
    assert [bar.get_x() for bar in positive] == [0.125, 0, 0]
    assert [bar.get_width() for bar in positive] == [0.25, 1, 0]
    assert ax.xaxis.get_major_formatter()(-0.5, 0) == "50%"
    assert to_hex(negative[0].get_facecolor()) == BLAME.lower()


def test_drivers_are_points_on_intervals_by_what_they_take_from_nps():
    ax = plot_nps_drivers(drivers())
    assert ticks(ax, "y") == [f"{PERSIAN} (100)", f"{HEBREW} (20)", "price (40)"]
    assert [text.get_text() for text in ax.texts] == [
        "\N{MINUS SIGN}4.0 NPS",
        "0.0 NPS",
        "+1.2 NPS",
    ]
    np.testing.assert_allclose(by_label(ax, "when blamed").get_xydata(), [[-3, -0.14], [-1, 1.86]])
    np.testing.assert_allclose(by_label(ax, "when praised").get_xydata(), [[0.5, 0.14], [1, 2.14]])
    hollow = next(one for one in ax.lines if one.get_markerfacecolor() == "white")
    np.testing.assert_allclose(hollow.get_xydata(), [[2, 1.14]])  # an effect without an interval
    blamed = [segment[:, 0].tolist() for segment in ax.collections[0].get_segments()]
    assert blamed == [[-3.5, -2.5], [-2.0, 0.1]]
    with pytest.raises(
        DataError, match=r"plot_nps_drivers: 1 of 5 rows of drivers repeat an aspec"
    ):
        plot_nps_drivers(pd.concat([drivers(), drivers()[:1]]))


def test_a_very_long_interval_does_not_flatten_the_others():
    wide = drivers()
    wide.loc[0, ["negative_lower", "negative_upper"]] = [-10.0, 10.0]
    low, high = plot_nps_drivers(wide).get_xlim()
    assert low > -6
    assert high < 6
