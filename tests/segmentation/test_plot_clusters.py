import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from matplotlib.figure import Figure

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

seg = crm.segmentation
CHOICE = {
    "k": [2, 3, 4],
    "min_jaccard": [0.9, 0.95, None],
    "stability": [0.8, 0.9, None],
    "silhouette": [0.3, 0.5, None],
    "silhouette_se": [0.01, 0.02, None],
    "stable": [False, True, False],
    "chosen": [False, True, False],
}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def profile():
    customers = pd.DataFrame({
        "درآمد": [1.0, 2, 3, 21, 22, 23], "עיר": ["חיפה", "חיפה", "تهران", *["تهران"] * 3]
    })  # fmt: skip
    model = seg.fit_clusters(customers, features=["درآمد", "עיר"], n_clusters=2, n_stability=0)
    return model.profile()


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_lines_are_the_columns(make):
    ax = seg.plot_cluster_choice(make(CHOICE))
    assert ax.get_title() == "Number of clusters: 3"
    lines = {line.get_label(): line for line in ax.get_lines()}
    drawn = lines["silhouette"].get_ydata()
    assert list(drawn[:2]) == [0.3, 0.5]
    assert np.isnan(drawn[2])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(texts) == 4
    assert texts[3] == "not stable"
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(0.28)
    assert band.max() == pytest.approx(0.54)


def test_rows_of_a_choice_may_stand_in_any_order():
    one = seg.plot_cluster_choice(pd.DataFrame(CHOICE))
    other = seg.plot_cluster_choice(pd.DataFrame(CHOICE).iloc[::-1])
    for a, b in zip(one.get_lines(), other.get_lines(), strict=True):
        np.testing.assert_array_equal(a.get_ydata(), b.get_ydata())


def test_none_is_stable():
    table = pd.DataFrame(CHOICE).assign(stable=False, chosen=False)
    assert seg.plot_cluster_choice(table).get_title() == "Number of clusters: none is stable"


@pytest.mark.parametrize("plot", [seg.plot_cluster_choice, seg.plot_cluster_profile])
def test_empty_tables_say_so(plot, profile):
    table = pd.DataFrame(CHOICE) if plot is seg.plot_cluster_choice else profile
    assert plot(table.head(0)).texts[0].get_text() == "no data"


def test_cells_are_deviations_and_texts_are_means(profile):
    ax = seg.plot_cluster_profile(profile)
    cells = ax.collections[0].get_array()
    assert cells.shape == (2, 3)
    want = profile["z"].to_numpy().reshape(2, 3)
    np.testing.assert_allclose(np.asarray(cells), want)
    assert [text.get_text() for text in ax.texts] == ["2", "67%", "33%", "22", "0%", "100%"]
    named = [label.get_text() for label in ax.get_xticklabels()]
    assert set(named) == {"درآمد", "עיר = חיפה", "עיר = تهران"}
    assert ax.get_yticklabels()[0].get_text().endswith("cluster 1, 50%")


def test_names_of_other_letters_are_inside_the_figure(profile):
    ax = seg.plot_cluster_profile(profile)
    ax.figure.canvas.draw()
    whole = ax.figure.bbox
    for label in [*ax.get_yticklabels(), *ax.get_xticklabels()]:
        box = label.get_window_extent()
        assert box.x0 >= whole.x0
        assert box.x1 <= whole.x1


def test_what_tells_least_is_left_out_and_said():
    rng = np.random.default_rng(0)
    customers = pd.DataFrame({f"x{i}": rng.normal(size=30) for i in range(15)})
    customers["x7"] = np.repeat([0.0, 50.0], 15)
    model = seg.fit_clusters(customers, features=list(customers), n_clusters=2, n_stability=0)
    ax = seg.plot_cluster_profile(model.profile())
    assert len(ax.get_xticklabels()) == 12
    assert ax.get_xlabel() == "3 more that tell less"


@pytest.mark.parametrize("plot", [seg.plot_cluster_choice, seg.plot_cluster_profile])
def test_refusals(plot, profile):
    table = pd.DataFrame(CHOICE) if plot is seg.plot_cluster_choice else profile
    with pytest.raises(ColumnError, match=rf"^{plot.__name__}: no column"):
        plot(table.iloc[:, 1:].drop(columns=["z", "k"], errors="ignore"))
    with pytest.raises(DataError, match=rf"^{plot.__name__}: .* repeat"):
        plot(pd.concat([table, table]))
    with pytest.raises(OptionError, match=rf"^{plot.__name__}: ax must be"):
        plot(table, ax=3)
    ax = Figure().subplots()
    assert plot(table, ax=ax) is ax
