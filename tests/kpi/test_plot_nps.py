"""The picture of promoters and detractors, by its artists."""

import pandas as pd
import pytest
from matplotlib import pyplot as plt

import crmlytics as crm
from crmlytics.errors import ColumnError, DataError, OptionError

FEEDBACK = pd.DataFrame(
    {
        "score": [10, 9, 8, 3, 9, 2, 1, 7, 10, 10],
        "shop": [*["فروشگاه"] * 3, *["טלפון"] * 3, *["web"] * 3, "$x$"],
    }
)  # fmt: skip


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def widths(ax):
    return [[round(float(bar.get_width()), 3) for bar in part] for part in ax.containers]


def test_bars_scores_and_names():
    table = crm.kpi.nps(FEEDBACK, by="shop")
    ax = crm.kpi.plot_nps(table)
    ax.figure.draw_without_rendering()
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == [f"{name} ({n})" for name, n in zip(table["shop"], table["n"], strict=True)]
    assert widths(ax)[0] == table["detractor_share"].round(3).tolist()
    assert widths(ax)[2] == table["promoter_share"].round(3).tolist()
    assert [sum(parts) for parts in zip(*widths(ax), strict=True)] == pytest.approx(
        [1] * 4, abs=0.002
    )
    marks = next(line for line in ax.lines if line.get_marker() == "D")
    assert list(marks.get_xdata()) == pytest.approx(((table["nps"] + 100) / 200).tolist())
    ends = [path.vertices[:, 0].tolist() for path in ax.collections[0].get_paths()]
    want = ((table[["lower", "upper"]] + 100) / 200).to_numpy().tolist()
    assert [end for pair in ends for end in pair] == pytest.approx([e for p in want for e in p])
    shown = [text.get_text() for text in ax.get_legend().get_texts()]
    assert shown == ["detractors", "passives", "promoters", "NPS and its interval"]


def test_a_single_group():
    ax = crm.kpi.plot_nps(crm.kpi.nps(FEEDBACK))
    assert ax.get_xlabel() == "share of 10 answers"
    assert not len(ax.get_yticks())
    assert "+20" in [text.get_text() for text in ax.texts]


def test_groups_stand_in_the_order_of_the_table_and_periods_are_days():
    table = crm.kpi.nps(
        FEEDBACK.assign(period=pd.to_datetime(["2026-02-01", "2026-01-01"] * 5)), by="period"
    )
    ax = crm.kpi.plot_nps(table.iloc[::-1], by="period")
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == ["2026-02-01 (5)", "2026-01-01 (5)"]


def test_a_group_without_answers_is_an_empty_row(engines):
    feedback = {"score": [10, None], "shop": ["a", "b"]}
    ax = crm.kpi.plot_nps(crm.kpi.nps(engines["polars"](feedback), by="shop"))
    assert widths(ax)[2] == [1, 0]
    nothing = crm.kpi.plot_nps(crm.kpi.nps(pd.DataFrame({"score": pd.Series([None], dtype=float)})))
    assert nothing.texts[0].get_text() == "no data"


def test_refusals():
    table = crm.kpi.nps(FEEDBACK, by="shop")
    with pytest.raises(DataError, match=r"^plot_nps: 1 of 5 rows of nps_table repeat a group\."):
        crm.kpi.plot_nps(pd.concat([table, table.head(1)]))
    with pytest.raises(
        DataError, match=r"^plot_nps: nps_table has 31 groups, and more than 30 can"
    ):
        crm.kpi.plot_nps(crm.kpi.nps(pd.DataFrame({"score": [9] * 31, "k": range(31)}), by="k"))
    with pytest.raises(ColumnError, match=r"^plot_nps: .*'promoter_share'"):
        crm.kpi.plot_nps(table.drop(columns="promoter_share"))
    with pytest.raises(OptionError, match=r"^plot_nps: ax must be a matplotlib Axes; got int\."):
        crm.kpi.plot_nps(table, ax=3)
