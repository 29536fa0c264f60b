"""Plots of rules, pairs and suggestions are read back from their artists."""

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyArrowPatch, FancyBboxPatch

from crmlytics.errors import ColumnError, DataError, OptionError
from crmlytics.rules import _network
from crmlytics.rules._itemsets import frequent_itemsets
from crmlytics.rules._plot import plot_affinity, plot_rules, plot_suggestions
from crmlytics.rules._plot_network import plot_rule_network
from crmlytics.rules._rules import association_rules

MAKERS = [pd.DataFrame, pl.DataFrame, pa.table]
PERSIAN, HEBREW = "نان سنگک", "לחם שחור"


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def rules(make=pd.DataFrame):
    sets = [[["tea"], ["milk"]], [["milk"], ["tea"]], [["halva", "tea"], ["milk"]]]
    sets += [[[PERSIAN], [HEBREW]], [["tea"], ["halva"]]]
    columns = {
        "antecedents": [left for left, _ in sets],
        "consequents": [right for _, right in sets],
        "support": [0.3, 0.3, 0.1, 0.05, 0.2],
        "confidence": [0.6, 0.5, 0.9, 0.7, None],
        "lift": [1.5, 1.5, 2.5, 4.0, 1.2],
    }
    if make is pd.DataFrame:
        columns["antecedents"] = [frozenset(left) for left, _ in sets]
        columns["consequents"] = [frozenset(right) for _, right in sets]
    return make(columns)


def pairs(make=pd.DataFrame):
    return make({
        "product_a": ["halva", "milk", "halva", "bread"],
        "product_b": ["tea", "tea", "milk", "tea"],
        "count": [30, 50, 20, 10],
        "lift": [1.25, 2.0, 0.5, 12.0],
    })  # fmt: skip


def evaluation(make=pd.DataFrame):
    return make({
        "method": ["ease", "ease", "popular", "popular", "buy_again", "buy_again"],
        "kind": ["all", "new"] * 3,
        "hit_rate": [0.4, 0.15, 0.3, 0.1, 0.6, None],
        "lower": [0.35, 0.1, 0.25, 0.05, 0.55, None],
        "upper": [0.46, 0.21, 0.36, 0.16, 0.66, None],
    })  # fmt: skip


PLOTS = {
    "rules": (plot_rules, rules),
    "network": (plot_rule_network, rules),
    "affinity": (plot_affinity, pairs),
    "suggestions": (plot_suggestions, evaluation),
}
every_plot = pytest.mark.parametrize(("plot", "table"), PLOTS.values(), ids=PLOTS)


def drawn(ax):
    """What can be read off a plot, for comparison."""
    legend = ax.get_legend()
    return {
        "title": ax.get_title(),
        "labels": (ax.get_xlabel(), ax.get_ylabel()),
        "limits": np.round([*ax.get_xlim(), *ax.get_ylim()], 6).tolist(),
        "ticks": [t.get_text() for t in (*ax.get_xticklabels(), *ax.get_yticklabels())],
        "texts": [(text.get_text(), np.round(text.get_position(), 6)) for text in ax.texts],
        "patches": [np.round(patch.get_window_extent().extents, 3) for patch in ax.patches],
        "points": [np.round(c.get_offsets(), 6) for c in ax.collections],
        "colours": [np.ma.filled(colours, -1) for colours in colours_of(ax)],
        "legend": [] if legend is None else [text.get_text() for text in legend.get_texts()],
    }  # fmt: skip


def colours_of(ax):
    return [c.get_array() for c in ax.collections if c.get_array() is not None]


def texts(ax):
    return [text.get_text() for text in ax.texts]


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
    assert texts(ax) == ["no data"]
    assert ax.get_title()


@every_plot
def test_a_missing_column_is_named(plot, table):
    whole = table()
    unused = {"antecedents", "consequents"} if plot is plot_rules else set()
    for name in set(whole.columns) - unused:
        with pytest.raises(ColumnError, match=rf"plot_\w+: no column '{name}' .*Make the table"):
            plot(whole.drop(columns=name))


@every_plot
def test_numbers_must_be_numbers(plot, table):
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
    shown = [text for text in ax.texts if text.get_text()]
    for text in (*shown, ax.title):
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


def test_rules_are_points_with_the_highest_lift_last():
    ax = plot_rules(rules())
    (points,) = ax.collections
    # the rule whose confidence is unknown is not there
    assert points.get_array().tolist() == [1.5, 1.5, 2.5, 4.0]
    assert points.get_offsets().tolist() == [[0.3, 0.5], [0.3, 0.6], [0.1, 0.9], [0.05, 0.7]]
    assert ax.get_title() == "4 association rules"
    assert ax.get_ylim() == (0.4, 1.0)


def test_rules_that_are_not_drawn_are_counted():
    ax = plot_rules(rules(), most=2)
    assert ax.collections[0].get_array().tolist() == [2.5, 4.0]
    assert ax.get_title() == "2 of 4 association rules\nthose of the highest lift"
    assert plot_rule_network(rules(), most=2).get_title().startswith("2 of 4 association rules")


def test_supports_far_apart_are_on_a_logarithmic_axis():
    table = rules()
    assert plot_rules(table).get_xscale() == "linear"
    assert plot_rules(table.assign(support=[0.3, 0.001, 0.1, 0.05, 0.2])).get_xscale() == "log"


def boxes(ax):
    return [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]


def test_network_has_a_box_a_product_and_arrows_to_consequents():
    ax = plot_rule_network(rules())
    assert texts(ax) == ["halva", "milk", "tea", HEBREW, PERSIAN]
    assert len(boxes(ax)) == 5
    assert sum(isinstance(patch, Ellipse) for patch in ax.patches) == 1  # of halva, tea -> milk
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    heads = ["|>" in repr(patch.get_arrowstyle()) or patch.get_arrowstyle().arrow == "-|>"
             for patch in arrows]  # fmt: skip
    # three rules of two products; two lines into the dot and one arrow out of it
    assert len(arrows) == 6
    assert sum(heads) == 4


def overlaps(ax):
    """Return the pairs of labels that overlap once they are drawn."""
    ax.figure.draw_without_rendering()
    found = []
    shown = [(text.get_text(), text.get_window_extent()) for text in ax.texts]
    for place, (name, box) in enumerate(shown):
        found += [(name, other) for other, there in shown[:place] if box.overlaps(there)]
    return found


@pytest.mark.parametrize("words", [
    ["sparkling water", "rye bread", "cheddar", "plums", "vegetables, frozen and cut"],
    ["نان سنگک", "پنیر لیقوان", "گوجه‌فرنگی", "چای", "آب‌معدنی گازدار"],
    ["לחם שחור", "גבינה צהובה", "עגבניות", "תה", "מים־מינרליים"],
], ids=["English", "Persian", "Hebrew"])  # fmt: skip
@pytest.mark.parametrize("n", [3, 30])
def test_labels_do_not_overlap(words, n):
    rng = np.random.default_rng(n)
    names = [f"{word} {letter}" for letter in "abcdefg" for word in words]
    left = [frozenset(rng.choice(names, size=1 + place % 2, replace=False)) for place in range(n)]
    right = [frozenset([rng.choice(sorted(set(names) - each))]) for each in left]
    table = pd.DataFrame({
        "antecedents": left, "consequents": right, "support": rng.uniform(0.01, 0.1, n),
        "confidence": rng.uniform(0.3, 1, n), "lift": rng.uniform(1, 9, n),
    })  # fmt: skip
    ax = plot_rule_network(table)
    assert len(ax.texts) == len(set().union(*left, *right))
    assert overlaps(ax) == []


def test_network_of_what_the_room_makes():
    lists = [["tea", "milk", "halva"], ["tea", "milk"], ["halva", "tea"], ["bread"]] * 3
    for make in (
        list,
        lambda given: long(given, pl.DataFrame),
        lambda given: long(given, pa.table),
    ):
        found = frequent_itemsets(make(lists), min_support=2)
        ax = plot_rule_network(association_rules(found, min_confidence=0.1))
        assert texts(ax) == ["halva", "milk", "tea"]


def long(lists, make):
    orders = [order for order, items in enumerate(lists) for _ in items]
    return make({"order_id": orders, "product_id": [item for items in lists for item in items]})


def test_places_are_apart_where_there_is_room():
    rng = np.random.default_rng(0)
    sizes = np.column_stack([rng.uniform(5, 80, 40), rng.uniform(5, 20, 40)])
    edges = rng.integers(0, 40, (60, 2))
    at = _network.places(edges, sizes, (600.0, 450.0))
    near = np.abs(at[:, None] - at[None]) < (sizes[:, None] + sizes[None]) / 2 - 1e-3
    assert near.all(axis=2).sum() == 40  # each with itself
    assert (at >= sizes / 2 - 1e-9).all()
    assert (at <= [600, 450] - sizes / 2 + 1e-9).all()


@pytest.mark.parametrize("n", [1, 2])
def test_places_of_few(n):
    at = _network.places(np.zeros((0, 2), dtype=np.int64), np.full((n, 2), 10.0), (100.0, 100.0))
    assert np.isfinite(at).all()


def test_affinity_has_a_cell_a_pair_both_ways_round():
    ax = plot_affinity(pairs())
    # by the largest count of their pairs: 50 (tea with 90 in all, milk with 70), 30, 10
    assert [label.get_text() for label in ax.get_yticklabels()] == ["tea", "milk", "halva", "bread"]
    cells = np.ma.filled(ax.collections[0].get_array(), np.nan)
    none = np.nan
    np.testing.assert_array_equal(cells, [
        [none, 2.0, 1.25, 12.0], [2.0, none, 0.5, none],
        [1.25, 0.5, none, none], [12.0, none, none, none],
    ])  # fmt: skip
    assert set(texts(ax)) == {"2.00", "1.25", "0.50", "12"}


def test_affinity_of_the_commonest_says_how_many_there_are():
    ax = plot_affinity(pairs(), most=2)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["tea", "milk"]
    assert ax.get_title() == "Affinity of 2 of 4 products"


def test_affinity_refuses_a_pair_twice():
    table = pairs()
    table.loc[3] = ["tea", "milk", 5, 1.0]  # as the second, the other way round
    with pytest.raises(DataError, match="plot_affinity: 1 of 4 rows of affinity repeat a pair"):
        plot_affinity(table)


def test_keys_must_be_keys():
    with pytest.raises(ColumnError, match="plot_affinity: column 'product_a'"):
        plot_affinity(pairs().assign(product_a=[["a"], ["b"], ["c"], ["d"]]))
    with pytest.raises(ColumnError, match="plot_suggestions: column 'method'"):
        plot_suggestions(evaluation().assign(method=[["a"]] * 6))
    with pytest.raises(ColumnError, match="plot_rule_network: column 'antecedents' must hold sets"):
        plot_rule_network(rules().assign(antecedents="tea"))


def test_suggestions_are_bars_by_kind_with_the_best_first():
    ax = plot_suggestions(evaluation())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "buy_again", "ease", "popular",
    ]  # fmt: skip
    assert [label.get_text() for label in ax.get_xticklabels()] == ["all", "new"]
    bars = [container for container in ax.containers if hasattr(container, "patches")]
    heights = [[round(float(bar.get_height()), 9) for bar in each.patches] for each in bars]
    assert heights == [[0.6], [0.4, 0.15], [0.3, 0.1]]  # buy_again makes no new suggestions
    assert texts(ax) == ["60%", "40%", "15%", "30%", "10%"]
    bounds = [
        segment[:, 1].round(9).tolist() for c in ax.collections for segment in c.get_segments()
    ]
    assert bounds == [[0.55, 0.66], [0.35, 0.46], [0.1, 0.21], [0.25, 0.36], [0.05, 0.16]]


def test_suggestions_without_intervals_or_rates():
    table = evaluation().assign(lower=None, upper=None).astype({"lower": float, "upper": float})
    assert len(texts(plot_suggestions(table))) == 5
    assert texts(plot_suggestions(table.assign(hit_rate=np.nan))) == ["no data"]


def test_suggestions_refuse_a_method_twice():
    twice = pd.concat([evaluation(), evaluation().head(1)])
    with pytest.raises(
        DataError, match="plot_suggestions: 1 of 7 rows of evaluation repeat a meth"
    ):
        plot_suggestions(twice)


@pytest.mark.parametrize(("plot", "table", "wrong"), [
    (plot_rules, rules, 0), (plot_rule_network, rules, 201), (plot_rule_network, rules, 0),
    (plot_affinity, pairs, 1), (plot_affinity, pairs, 101), (plot_rules, rules, 2.5),
])  # fmt: skip
def test_most_is_checked(plot, table, wrong):
    with pytest.raises(OptionError, match=r"plot_\w+: most must be a whole number"):
        plot(table(), most=wrong)
